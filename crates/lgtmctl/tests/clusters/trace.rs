//! `--trace-to`: the trace of a real apply can be read, holds every step, and no secret.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{program::Program, secrets::secrets};

const TOPOLOGY: &str = "
apiVersion: lgtmctl.dev/v1alpha1
kind: Topology
metadata: {name: traced}
spec:
  provider: {kwok: {}}
  hub:
    name: hub
    segment: 248/29
    grafana: {adminPassword: a-password-that-no-trace-may-hold}
  spokes:
    - {name: edge, tenant: remote01, scenario: otel}
";

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_holds_every_step_and_no_secret() {
    let program = Program::new(TOPOLOGY, &["hub", "edge"]);
    let file = program.folder().join("apply.trace.json");
    let to = ["--trace-to", file.to_str().unwrap()];
    let said = program.succeed(&["apply", "--yes", "--output", "json", to[0], to[1]]);
    let done: BTreeSet<String> = said
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|line| line["type"] == "stepDone")
        .map(|line| line["step"]["unit"].as_str().unwrap().to_owned())
        .collect();
    assert!(done.len() > 15, "{done:?}");

    let text = std::fs::read_to_string(&file).unwrap();
    let events: Vec<Value> = serde_json::from_str(&text).unwrap();
    let spans = |kind: &str| {
        let spans = events.iter().filter(|event| event["ph"] == "X" && event["cat"] == kind);
        spans.map(|event| event["name"].as_str().unwrap().to_owned()).collect::<BTreeSet<String>>()
    };
    assert_eq!(spans("step"), done);
    for kind in ["survey", "inspect", "render", "plan", "request", "wait until ready"] {
        assert!(!spans(kind).is_empty(), "no span of kind {kind}");
    }
    let of_kind = |kind: &'static str| events.iter().filter(move |event| event["cat"] == kind);
    let number = |event: &Value, field: &str| event[field].as_u64().unwrap();
    for wait in of_kind("wait until ready") {
        let covers = |step: &&Value| {
            step["pid"] == wait["pid"]
                && step["tid"] == wait["tid"]
                && number(step, "ts") <= number(wait, "ts")
                && number(step, "ts") + number(step, "dur") >= number(wait, "ts") + number(wait, "dur")
        };
        assert!(of_kind("step").any(|step| covers(&step)), "a wait outside of its step: {wait}");
    }
    let requests: Vec<&Value> = events.iter().filter(|event| event["cat"] == "request").collect();
    assert!(requests.iter().any(|request| request["args"]["status"] == 201), "nothing was created");
    assert!(requests.iter().any(|request| request["args"]["bytes"].as_u64() > Some(1_000)));
    assert!(requests.iter().all(|request| !request["name"].as_str().unwrap().contains("labelSelector")));
    let names: BTreeSet<&str> = events
        .iter()
        .filter(|event| event["name"] == "process_name")
        .map(|event| event["args"]["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, BTreeSet::from(["edge", "hub", "lgtmctl"]));

    let secrets = secrets(&program).await;
    assert!(secrets.len() > 10, "only {} secrets are known", secrets.len());
    for secret in &secrets {
        assert!(!text.contains(secret.as_str()), "the trace holds a secret of {} bytes", secret.len());
    }
}
