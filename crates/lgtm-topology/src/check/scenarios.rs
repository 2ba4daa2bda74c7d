//! Scenarios and profiles: which agents a cluster runs, with what reads its logs where that is a choice of its
//! own.

use crate::{
    LogShipper, Profile, Scenario,
    diagnostic::Code,
    input::{
        At,
        file::{SpecInput, SpokeInput},
        scalars::{ProfileName, ScenarioName},
    },
    problems::{Problem, Problems},
};

/// The profile; `compact` where it is not given or could not be read.
pub(super) fn profile(spec: &SpecInput) -> Profile {
    match spec.profile.value() {
        Some(ProfileName::Distributed) => Profile::Distributed(general_shipper(spec)),
        Some(ProfileName::Compact) | None => Profile::Compact,
    }
}

fn general_shipper(spec: &SpecInput) -> LogShipper {
    spec.log_shipper.value().copied().unwrap_or(LogShipper::Vector)
}

/// The scenario of each spoke, in file order; none where it could not be read.
pub(super) fn check(spec: &SpecInput, problems: &mut Problems) -> Vec<Option<Scenario>> {
    let general = spec.log_shipper.get();
    let spokes: Vec<&SpokeInput> =
        spec.spokes.value().into_iter().flatten().map(|spoke| &spoke.value).collect();
    for spoke in &spokes {
        if let (Some(scenario), Some(shipper)) = (spoke.scenario.value(), spoke.log_shipper.get())
            && *scenario != ScenarioName::Traditional
        {
            problems.report_at(
                &shipper.path,
                without_effect(shipper, "this scenario's agents read logs themselves"),
            );
        }
    }
    let chooses = |spoke: &&SpokeInput| {
        // What could not be read may be the scenario that was meant.
        spoke.scenario.value().is_none_or(|scenario| *scenario == ScenarioName::Traditional)
            && spoke.log_shipper.is_absent()
    };
    // What could not be read may be the profile whose hub reads its logs so.
    let hub_chooses = spec
        .profile
        .value()
        .map_or(!spec.profile.is_absent(), |profile| *profile == ProfileName::Distributed);
    if let Some(shipper) = general.filter(|_| !hub_chooses && !spokes.iter().any(chooses)) {
        problems.warn_at(&shipper.path, without_effect(shipper, "no spoke leaves the choice to it"));
    }
    let general = general_shipper(spec);
    let scenario = |spoke: &&SpokeInput| {
        Some(match spoke.scenario.value()? {
            ScenarioName::Alloy => Scenario::Alloy,
            ScenarioName::Otel => Scenario::Otel,
            ScenarioName::Traditional => {
                Scenario::Traditional(spoke.log_shipper.value().copied().unwrap_or(general))
            }
        })
    };
    spokes.iter().map(scenario).collect()
}

fn without_effect(shipper: &At<LogShipper>, why: &str) -> Problem {
    Problem {
        code: Code::NoEffect,
        at: shipper.key,
        message: "`logShipper` has no effect here".to_owned(),
        label: why.to_owned(),
        help: "remove it, or use `scenario: traditional`, which ships logs with an agent of its own"
            .to_owned(),
    }
}
