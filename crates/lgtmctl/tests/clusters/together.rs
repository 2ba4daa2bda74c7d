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

/// An apply at work. It is killed when the test ends before it does.
struct Applying(Option<Child>);

impl Applying {
    fn id(&self) -> u32 {
        self.0.as_ref().unwrap().id()
    }

    fn ended(mut self) -> Output {
        self.0.take().unwrap().wait_with_output().unwrap()
    }
}

impl Drop for Applying {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// Starts an apply; each machine has locks of its own.
fn start(program: &Program, machine: &str) -> Applying {
    let state = program.folder().join(machine);
    Applying(Some(program.command(&["apply", "--yes"]).env("XDG_STATE_HOME", state).spawn().unwrap()))
}

/// One of the two did it, and the other says who has the lock and since when.
fn one_of(first: Applying, second: Applying) {
    let (one, other) = (first.id(), second.id());
    let (first, second) = (first.ended(), second.ended());
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

/// Kills the API server in the middle of an apply, and returns how that ended. What it left to do, one more
/// apply does.
async fn interrupted(program: &Program, ground: &mut Ground, retention: &str, stays_down: bool) -> i32 {
    std::fs::write(&program.topology, topology(retention)).unwrap();
    let applying = start(program, "here");
    let client = ground.client().await;
    until_intended(&client).await;
    ground.kill_api_server().await;
    let output = if stays_down {
        let output = applying.ended();
        ground.start_again().await;
        output
    } else {
        ground.start_again().await;
        applying.ended()
    };
    let (code, text) = (output.status.code().unwrap(), said(&output));
    match code {
        0 if !stays_down => {}
        6 => assert!(text.contains("cluster hub"), "{text}"),
        _ => panic!("{text}"),
    }
    program.succeed(&["apply", "--yes"]);
    let plan = program.run(&["plan", "--exit-code", "--refresh=full"]);
    assert_eq!(plan.status.code(), Some(0), "{}", said(&plan));
    assert_eq!(leases(ground).await, 0);
    code
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_dies_under_an_apply() {
    let program = Program::new(&topology("7d"), &[]);
    let mut ground = Ground::make(program.folder()).await;
    // An apply gets through a restart when the server is back before its tries are used up. How long that
    // takes is the machine's affair, so there is more than one restart to get through.
    let mut ended = Vec::new();
    for retention in ["7d", "14d", "7d", "14d", "7d"] {
        ended.push(interrupted(&program, &mut ground, retention, false).await);
        if ended.ends_with(&[0]) {
            break;
        }
    }
    assert!(ended.ends_with(&[0]), "no apply got through a restart: {ended:?}");
    // When it comes back only after the apply has given up, that says which cluster does not answer.
    assert_eq!(interrupted(&program, &mut ground, "21d", true).await, 6);
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
