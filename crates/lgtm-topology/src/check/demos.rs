//! Demo applications: each is for the scenarios whose agents take what it sends.

use crate::{
    Demo,
    diagnostic::Code,
    input::{
        file::{SpecInput, SpokeInput},
        scalars::ScenarioName,
    },
    problems::{Problem, Problems},
};

/// The demo of each spoke, in file order; none where there is none, or where it could not be read.
pub(super) fn check(spec: &SpecInput, problems: &mut Problems) -> Vec<Option<Demo>> {
    let spokes = spec.spokes.value().into_iter().flatten();
    spokes.map(|spoke| check_one(&spoke.value, problems)).collect()
}

fn check_one(spoke: &SpokeInput, problems: &mut Problems) -> Option<Demo> {
    let demo = spoke.demo.get()?;
    // What could not be read may be the scenario that fits.
    let scenario = spoke.scenario.get()?;
    let (called, label, help) = match (demo.value, scenario.value) {
        (Demo::Tns, ScenarioName::Alloy | ScenarioName::Traditional)
        | (Demo::OpenTelemetry, ScenarioName::Otel) => return Some(demo.value),
        (Demo::Tns, ScenarioName::Otel) => (
            ("tns", "otel"),
            "its spans are Jaeger's, and this scenario's collectors take OTLP",
            "write `demo: opentelemetry`, or use `scenario: alloy` or `scenario: traditional`",
        ),
        (Demo::OpenTelemetry, scenario) => (
            ("opentelemetry", scenario.name()),
            "it sends all that it has to the collectors of the scenario `otel`, which are not here",
            "write `demo: tns`, or use `scenario: otel`",
        ),
    };
    let (demo_name, scenario_name) = called;
    problems.report_pair(
        &demo.path,
        Problem {
            code: Code::Conflict,
            at: demo.place,
            message: format!("the demo `{demo_name}` does not fit the scenario `{scenario_name}`"),
            label: label.to_owned(),
            help: help.to_owned(),
        },
        scenario.place,
        "the scenario".to_owned(),
    );
    None
}
