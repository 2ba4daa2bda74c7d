//! Two processes that apply one topology at once, and an API server that dies under one: nobody writes over
//! the other, and what is there at the end is what one undisturbed run leaves.

use std::{
    process::{Child, Output},
    time::Duration,
};

use serde_json::Value;

use crate::{
    ground::{Ground, PROVIDER},
    program::{Program, get},
};

fn topology(retention: &str) -> String {
    format!(
        "apiVersion: lgtmctl.dev/v1alpha1\nkind: Topology\nmetadata: {{name: together}}\nspec:\n  \
         provider: {{existing: {{kubeconfig: ground.yaml}}}}\n  retention: {{metrics: {retention}}}\n  \
         hub: {{name: hub, segment: 172.20.0.248/29, provider: {{{PROVIDER}}}}}\n  spokes: []\n"
    )
}

fn said(output: &Output) -> String {
    format!(
        "{}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Starts an apply; each machine has locks of its own.
fn start(program: &Program, machine: &str) -> Child {
    let state = program.folder().join(machine);
    program.command(&["apply", "--yes"]).env("XDG_STATE_HOME", state).spawn().unwrap()
}

/// One of the two did it, and the other says who has the lock and since when.
fn one_of(first: Child, second: Child) {
    let (one, other) = (first.id(), second.id());
    let (first, second) = (first.wait_with_output().unwrap(), second.wait_with_output().unwrap());
    let both = format!("{}\n---\n{}", said(&first), said(&second));
    let (refused, holder) = match (first.status.code(), second.status.code()) {
        (Some(0), Some(1)) => (second, one),
        (Some(1), Some(0)) => (first, other),
        _ => panic!("{both}"),
    };
    let error = String::from_utf8(refused.stderr).unwrap();
    assert!(error.contains(&format!(" process {holder} ")), "{both}");
    assert!(error.contains(" since 2"), "{both}");
}

async fn leases(ground: &Ground) -> usize {
    let path = "/apis/coordination.k8s.io/v1/namespaces/lgtmctl-system/leases";
    get(&ground.client().await, path).await["items"].as_array().unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_at_once_and_one_does_it() {
    let program = Program::new(&topology("7d"), &[]);
    let ground = Ground::make(program.folder()).await;
    // From two machines: at first onto a hub that has not even a place for a Lease, then as an update.
    for retention in ["7d", "14d"] {
        std::fs::write(&program.topology, topology(retention)).unwrap();
        one_of(start(&program, "here"), start(&program, "there"));
        assert_eq!(leases(&ground).await, 0);
        let plan = program.run(&["plan", "--exit-code"]);
        assert_eq!(plan.status.code(), Some(0), "{}", said(&plan));
    }
    // From one machine, where a file is the first lock.
    std::fs::write(&program.topology, topology("7d")).unwrap();
    one_of(start(&program, "here"), start(&program, "here"));
    let plan = program.run(&["plan", "--exit-code"]);
    assert_eq!(plan.status.code(), Some(0), "{}", said(&plan));
    let status = program.succeed(&["status"]);
    assert!(status.contains("Everything is as the topology says"), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_dies_under_an_apply() {
    let program = Program::new(&topology("7d"), &[]);
    let mut ground = Ground::make(program.folder()).await;
    let mut ended = Vec::new();
    // In the middle of the first apply, and again in the middle of what it left to do; once it comes back
    // while the apply still tries, and once only when that has given up.
    for (retention, stays_down) in [("7d", false), ("14d", true)] {
        std::fs::write(&program.topology, topology(retention)).unwrap();
        let child = start(&program, "here");
        let client = ground.client().await;
        until_intended(&client).await;
        ground.kill_api_server().await;
        let output = if stays_down {
            let output = child.wait_with_output().unwrap();
            ground.start_again().await;
            output
        } else {
            ground.start_again().await;
            child.wait_with_output().unwrap()
        };
        let code = output.status.code().unwrap();
        let text = said(&output);
        if stays_down {
            assert_eq!(code, 6, "{text}");
            assert!(text.contains("cluster hub"), "{text}");
        } else {
            assert!([0, 6].contains(&code), "{text}");
        }
        ended.push(code);
        program.succeed(&["apply", "--yes"]);
        let plan = program.run(&["plan", "--exit-code", "--refresh=full"]);
        assert_eq!(plan.status.code(), Some(0), "{}", said(&plan));
        assert_eq!(leases(&ground).await, 0);
    }
    assert_eq!(ended.len(), 2);
}

/// Waits until a unit's intent is written, and so the apply is at work.
async fn until_intended(client: &kube::Client) {
    let path = "/api/v1/namespaces/lgtmctl-system/configmaps";
    let begun = async {
        loop {
            let found = get(client, path).await;
            let records = found["items"].as_array().into_iter().flatten();
            let intended = |record: &Value| {
                record["data"]["record"].as_str().is_some_and(|text| text.contains("\"intended\""))
            };
            if records.filter(|record| intended(record)).count() > 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), begun).await.unwrap();
}
