//! No private key, password or token in anything that the program says, writes or keeps.
//!
//! The test reads every Secret of every cluster past the program, so it knows each secret byte string,
//! and looks for all of them, as they are and in base64, in all outputs at trace level.

use std::{collections::BTreeSet, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

use crate::program::{Program, get};

const GIVEN: &str = "correct-horse-battery-staple-42";
const IN_MANIFEST: &str = "a-token-in-the-users-manifest";

const TOPOLOGY: &str = "
apiVersion: lgtmctl.dev/v1alpha1
kind: Topology
metadata: {name: hush}
spec:
  provider: {kwok: {}}
  hub:
    name: hub
    segment: 248/29
    grafana: {adminPassword: correct-horse-battery-staple-42}
  spokes:
    - {name: edge, tenant: remote01, scenario: alloy}
  extraManifests:
    - {name: own, clusters: [edge], files: [own.yaml], namespace: default}
";

const MANIFEST: &str = "
apiVersion: v1
kind: Secret
metadata: {name: own}
stringData: {token: a-token-in-the-users-manifest}
";

#[tokio::test(flavor = "multi_thread")]
async fn no_output_holds_a_secret() {
    let program = Program::new(TOPOLOGY, &["hub", "edge"]);
    std::fs::write(program.folder().join("own.yaml"), MANIFEST).unwrap();
    let mut said = Vec::new();
    let mut hear = |arguments: &[&str]| {
        let output = program.command(arguments).env("RUST_LOG", "trace").output().unwrap();
        said.push((format!("{arguments:?} stdout"), output.stdout));
        said.push((format!("{arguments:?} stderr"), output.stderr));
    };
    hear(&["plan", "-vv"]);
    hear(&["plan", "-vv", "--output", "json"]);
    let trace = program.folder().join("trace.json");
    hear(&["apply", "-vv", "--yes", "--output", "json", "--trace-to", trace.to_str().unwrap()]);
    let mut secrets = secrets(&program).await;
    hear(&["plan", "-vv", "--refresh=full", "--output", "json"]);
    hear(&["status", "-vv"]);
    hear(&["status", "-vv", "--output", "json"]);
    hear(&["graph", "--format", "json"]);

    // Changed by hand and by the file: a plan shows that something changed, and not what.
    let edge = program.client("edge").await;
    replace(&edge, "/api/v1/namespaces/default/secrets/own", "token", "another-hand-was-here").await;
    let hub = program.client("hub").await;
    replace(&hub, "/api/v1/namespaces/observability/secrets/grafana-admin", "password", "and-here-as-well")
        .await;
    let other = "the-next-password-of-the-file";
    std::fs::write(&program.topology, TOPOLOGY.replace(GIVEN, other)).unwrap();
    secrets
        .extend(["another-hand-was-here", "and-here-as-well", other, IN_MANIFEST, GIVEN].map(str::to_owned));
    hear(&["plan", "-vv"]);
    hear(&["plan", "-vv", "--output", "json"]);
    let rendered = program.folder().join("rendered");
    hear(&["render", "--all", "--to", rendered.to_str().unwrap()]);
    hear(&["apply", "-vv", "--yes"]);
    secrets.extend(self::secrets(&program).await);

    // Things that cannot work, for their errors.
    std::fs::write(
        &program.topology,
        TOPOLOGY.replace("adminPassword: ", "adminPassword: [").replace("42}", "42]}"),
    )
    .unwrap();
    hear(&["validate"]);
    hear(&["plan", "-vv"]);
    std::fs::write(&program.topology, TOPOLOGY.replace("adminPassword", "adminPasword")).unwrap();
    hear(&["validate", "--output", "json"]);
    std::fs::write(&program.topology, TOPOLOGY).unwrap();
    hear(&["destroy", "-vv", "--yes"]);

    assert!(secrets.len() > 10, "only {} secrets are known", secrets.len());
    read_all(&rendered, &mut said);
    said.push(("the trace".to_owned(), std::fs::read(&trace).unwrap()));
    read_all(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"), &mut said);
    assert!(
        said.iter().map(|(_, bytes)| bytes.len()).sum::<usize>() > 50_000,
        "the outputs are too small to mean anything"
    );
    for (place, bytes) in &said {
        for secret in &secrets {
            let forms = [secret.clone(), STANDARD.encode(secret)];
            for form in forms {
                let found = bytes.windows(form.len()).any(|window| window == form.as_bytes());
                // The secret itself is not printed here either.
                assert!(
                    !found,
                    "{place} holds a secret of {} bytes that begins with {:?}",
                    form.len(),
                    form.chars().take(4).collect::<String>()
                );
            }
        }
    }
}

/// Every secret value of every Secret on every cluster. Certificates are public and left out; of a
/// private key each line counts, so that a part of one is found as well.
pub(crate) async fn secrets(program: &Program) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for cluster in &program.clusters {
        let list = get(&program.client(cluster).await, "/api/v1/secrets").await;
        for secret in list["items"].as_array().into_iter().flatten() {
            for (key, value) in secret["data"].as_object().into_iter().flatten() {
                let decoded = String::from_utf8(STANDARD.decode(value.as_str().unwrap()).unwrap()).unwrap();
                if key.ends_with(".crt") {
                    continue;
                }
                let lines = decoded.lines().filter(|line| line.len() >= 12 && !line.starts_with("-----"));
                found.extend(lines.map(str::to_owned));
            }
        }
    }
    found
}

async fn replace(client: &kube::Client, path: &str, key: &str, value: &str) {
    let patch = serde_json::json!({"data": {key: STANDARD.encode(value)}});
    let request = http::Request::patch(path)
        .header("content-type", "application/merge-patch+json")
        .body(patch.to_string().into_bytes())
        .unwrap();
    client.request::<Value>(request).await.unwrap();
}

fn read_all(folder: &Path, said: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_all(&path, said);
        } else {
            said.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
}
