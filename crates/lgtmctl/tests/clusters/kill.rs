//! `kill -9` at random moments of an apply. Whatever the moment, running the same command again ends in
//! the state of an undisturbed run, with nothing left over and no lock that needs a person.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::program::{Program, get};

const TOPOLOGY: &str = "
apiVersion: lgtmctl.dev/v1alpha1
kind: Topology
metadata: {name: killed}
spec:
  provider: {kwok: {}}
  hub: {name: hub, segment: 248/29}
  spokes:
    - {name: edge, tenant: remote01, scenario: otel}
";
const ROUNDS: u64 = 30;

#[tokio::test(flavor = "multi_thread")]
async fn thirty_random_moments() {
    let program = Program::new(TOPOLOGY, &["hub", "edge"]);
    let begun = Instant::now();
    program.succeed(&["apply", "--yes"]);
    let mut whole = begun.elapsed();
    let undisturbed = state(&program).await;
    assert!(undisturbed.len() > 60, "{:#?}", undisturbed.keys());
    program.succeed(&["destroy", "--yes"]);

    let mut seed = 20_261_121_u64;
    let mut kills = Vec::new();
    for round in 0..ROUNDS {
        // A linear congruential generator (Knuth's MMIX): the same shares in every run.
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let share = f64::from(u32::try_from(seed >> 33).unwrap()) / f64::from(1_u32 << 31);
        let moment = whole.mul_f64(share);
        let mut child = program.start(&["apply", "--yes"]);
        tokio::time::sleep(moment).await;
        let finished = child.try_wait().unwrap().is_some();
        child.kill().unwrap();
        child.wait().unwrap();
        kills.push((round, moment, finished));
        if finished {
            // The machine has less to do than when the first apply was timed.
            whole = whole.mul_f64(0.7);
        }

        // At once: the lock of the dead must not be in the way.
        program.succeed(&["apply", "--yes"]);
        let again = state(&program).await;
        assert_same(&undisturbed, &again, round, moment);
        if round % 3 == 2 {
            program.succeed(&["destroy", "--yes"]);
        } else {
            // Part of the rounds begin with clusters that are there and empty of lgtmctl's objects.
            unmake(&program, round).await;
        }
    }
    let early = kills.iter().filter(|(_, _, finished)| !finished).count();
    assert!(early >= 20, "most kills must come while the apply runs: {kills:?}");
}

/// Deletes by hand what an apply made on one of the clusters, so that the next one has work to do.
async fn unmake(program: &Program, round: u64) {
    let cluster = if round.is_multiple_of(2) { "hub" } else { "edge" };
    let client = program.client(cluster).await;
    for namespace in ["observability", "mimir", "loki", "tempo", "lgtm-gateway"] {
        let path = format!("/api/v1/namespaces/{namespace}");
        let request = http::Request::delete(&path).body(Vec::new()).unwrap();
        match client.request::<Value>(request).await {
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            Err(error) => panic!("{path}: {error}"),
        }
    }
}

fn assert_same(
    wanted: &BTreeMap<String, String>,
    found: &BTreeMap<String, String>,
    round: u64,
    moment: Duration,
) {
    let names = |state: &BTreeMap<String, String>| state.keys().cloned().collect::<BTreeSet<_>>();
    let (wanted_names, found_names) = (names(wanted), names(found));
    let missing: Vec<_> = wanted_names.difference(&found_names).collect();
    let left_over: Vec<_> = found_names.difference(&wanted_names).collect();
    assert!(
        missing.is_empty() && left_over.is_empty(),
        "round {round}, killed after {moment:?}: missing {missing:#?}, left over {left_over:#?}"
    );
    for (name, value) in wanted {
        assert_eq!(value, &found[name], "round {round}, killed after {moment:?}: {name}");
    }
}

/// Everything with our label, without what differs from run to run: identities, times, key material and
/// its digests. Checks on the way that every object is in exactly one inventory and that no lock is left.
async fn state(program: &Program) -> BTreeMap<String, String> {
    let found = program.labelled("killed").await;
    let mut owners: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, object) in &found {
        let Some(record) = object["data"]["record"].as_str() else { continue };
        let record: Value = serde_json::from_str(record).unwrap();
        for owned in record["objects"].as_array().into_iter().flatten() {
            assert_eq!(record["state"], "applied", "{name}");
            let key = &owned["key"];
            let cluster = name.split(' ').next().unwrap();
            let text = |field: &str| key[field].as_str().unwrap_or_default();
            owners
                .entry(format!(
                    "{cluster} {} {}/{}",
                    owned["plural"].as_str().unwrap(),
                    text("namespace"),
                    text("name")
                ))
                .or_default()
                .push(name.clone());
        }
    }
    let mut state = BTreeMap::new();
    for (name, object) in found {
        if object["data"]["record"].is_string() {
            state.insert(name, String::new());
            continue;
        }
        let mut parts = name.splitn(3, ' ');
        let (cluster, path, object_name) =
            (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
        let plural = path.rsplit('/').next().unwrap();
        // Controllers copy a Service's labels to these two.
        if matches!(plural, "endpoints" | "endpointslices") {
            continue;
        }
        // Pods, ReplicaSets and the like bear no label of ours; what does must be in an inventory.
        let held = owners.remove(&format!("{cluster} {plural} {object_name}")).unwrap_or_default();
        assert_eq!(held.len(), 1, "{name} is in the inventories {held:?}");
        state.insert(name, masked(&object));
    }
    assert!(owners.is_empty(), "inventories hold objects that are not there: {owners:#?}");
    for cluster in &program.clusters {
        let leases = get(
            &program.client(cluster).await,
            "/apis/coordination.k8s.io/v1/namespaces/lgtmctl-system/leases",
        )
        .await;
        assert_eq!(leases["items"].as_array().map(Vec::len), Some(0), "{cluster}: {leases}");
    }
    state
}

fn masked(object: &Value) -> String {
    let mut object = object.clone();
    let map = object.as_object_mut().unwrap();
    map.remove("status");
    // Of what lists return, only Secrets have a type beside their data.
    if let (Some(_), Some(Value::Object(data))) = (map.get("type"), map.get("data")) {
        let keys: Vec<String> = data.keys().cloned().collect();
        map.insert("data".to_owned(), keys.into());
    }
    let metadata = map["metadata"].as_object_mut().unwrap();
    for field in ["uid", "resourceVersion", "creationTimestamp", "generation", "managedFields"] {
        metadata.remove(field);
    }
    if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
        // How often pods were rolled depends on what had to be made anew.
        annotations.remove("deployment.kubernetes.io/revision");
        annotations.remove("deprecated.daemonset.template.generation");
    }
    if metadata.get("annotations").and_then(Value::as_object).is_some_and(serde_json::Map::is_empty) {
        metadata.remove("annotations");
    }
    if let Some(spec) = map.get_mut("spec").and_then(Value::as_object_mut) {
        // Given by the server, from whatever is free.
        for field in ["clusterIP", "clusterIPs", "healthCheckNodePort"] {
            spec.remove(field);
        }
        for port in spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
            port.as_object_mut().unwrap().remove("nodePort");
        }
    }
    mask_digests(&object.to_string())
}

/// Fingerprints and digests are runs of at least twelve hexadecimal digits. A certificate's map may hold
/// the one before as well, so runs of masked lines count once.
fn mask_digests(text: &str) -> String {
    let mut masked = String::new();
    let mut run = String::new();
    for character in text.chars().chain(std::iter::once('\0')) {
        if character.is_ascii_digit() || ('a'..='f').contains(&character) {
            run.push(character);
            continue;
        }
        masked.push_str(if run.len() >= 12 { "#" } else { &run });
        run.clear();
        masked.push(character);
    }
    let mut previous = "";
    let mut lines = Vec::new();
    for line in masked.split("\\n") {
        if line != previous || !line.contains('#') {
            lines.push(line);
        }
        previous = line;
    }
    lines.join("\n")
}
