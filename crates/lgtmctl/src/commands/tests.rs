//! Whole commands against a world in memory.

use std::sync::{Arc, Mutex};

use clap::Parser as _;
use lgtm_executor::Kind;
use lgtm_planner::{
    inventory::{Connection, FleetEntry},
    observed::ClusterObserved,
};
use lgtm_topology::ClusterName;
use serde_json::{Value, json};

use self::memory::Memory;
use super::*;
use crate::{
    cli::Cli,
    input::Document,
    printer::{Terminal, Wishes, tests::Kept},
    render::fixture::PLAIN,
};

mod memory;

const TOPOLOGY: &str = "apiVersion: lgtmctl.dev/v1alpha1\nkind: Topology\nmetadata: {name: small}\nspec:\n  \
    provider: {kwok: {}}\n  hub: {name: hub, segment: 248/29}\n  \
    spokes: [{name: west, tenant: west, scenario: alloy}]\n";

/// What a command gave.
struct Ran {
    result: Result<ExitCode, CommandError>,
    out: String,
    err: String,
    world: Arc<Memory>,
}

impl Ran {
    fn code(&self) -> u8 {
        match &self.result {
            Ok(code) => code.number(),
            Err(error) => error.exit_code().number(),
        }
    }

    fn lines(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

async fn run_as(line: &str, world: Arc<Memory>, interrupted: bool) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("topology.yaml");
    std::fs::write(&path, TOPOLOGY).unwrap();
    let (out, err) = (Kept::default(), Kept::default());
    let printer = Printer::to(Terminal::default(), Wishes::default(), out.clone(), err.clone());
    let document = Document::read(&path).unwrap();
    let topology = document.topology(&printer).unwrap();
    let (stop, interrupt) = Interrupt::scripted();
    stop.send_replace(interrupted);
    let session = Session { world: Arc::clone(&world), topology, document, printer: &printer, interrupt };
    let arguments = ["lgtmctl"].into_iter().chain(line.split_whitespace());
    let result = match Cli::try_parse_from(arguments).unwrap().command {
        Command::Plan(args) => plan::run(&session, &args).await,
        Command::Apply(args) => apply::run(&session, &args).await,
        Command::Status(args) => status::run(&session, &args).await,
        Command::Destroy(args) => destroy::run(&session, &args).await,
        Command::Render(args) => super::render::run(&session, &args).await,
        Command::Access(args) => access::run(&session, &args).await,
        Command::Kubeconfig(args) => kubeconfig::run(&session, &args).await,
        Command::Unlock(args) => unlock::run(&session, &args).await,
        other @ (Command::Validate(_)
        | Command::Graph(_)
        | Command::Lock(_)
        | Command::Vendor(_)
        | Command::Schema
        | Command::Completions { .. }) => {
            panic!("{other:?} needs no world")
        }
    };
    Ran { result, out: out.text(), err: err.text(), world }
}

async fn run(line: &str, world: Memory) -> Ran {
    run_as(line, Arc::new(world), false).await
}

fn unreachable(names: &[&str]) -> Memory {
    let gone = |name: &&str| {
        (ClusterName::new(*name), ClusterObserved::Unreachable { reason: "refused".to_owned() })
    };
    Memory { clusters: Mutex::new(names.iter().map(gone).collect()), ..Memory::default() }
}

#[tokio::test]
async fn a_plan_takes_no_lock_and_writes_nothing() {
    let ran = run("plan", Memory::default()).await;
    assert_eq!(ran.code(), 0);
    assert!(ran.out.starts_with("Plan for topology small:"), "{}", ran.out);
    assert!(ran.world.log().is_empty(), "{:?}", ran.world.log());
    assert_eq!(run("plan --exit-code", Memory::default()).await.code(), 4);
    assert_eq!(run("plan --exit-code", unreachable(&["west"])).await.code(), 6);
    assert_eq!(run("plan --target nowhere", Memory::default()).await.code(), 2);
}

#[tokio::test]
async fn an_apply_locks_does_everything_and_releases() {
    let ran = run("apply --yes", Memory::default()).await;
    assert_eq!(ran.code(), 0, "{}{}", ran.out, ran.err);
    let log = ran.world.log();
    assert_eq!(
        (log.first().map(String::as_str), log.last().map(String::as_str)),
        (Some("lock"), Some("release"))
    );
    assert!(log.contains(&"perform west/cluster".to_owned()), "{log:?}");
    assert!(
        ran.err.contains("Plan for topology small:") && ran.err.contains("hub/cluster: created in"),
        "{}",
        ran.err
    );
    assert!(ran.out.starts_with("Topology small is applied."), "{}", ran.out);
}

#[tokio::test]
async fn scripts_can_follow_an_apply() {
    let ran = run("apply --yes --output json", Memory::default()).await;
    let lines = ran.lines();
    let count = |kind: &str| lines.iter().filter(|line| line["type"] == kind).count();
    assert!(count("step") > 0 && count("plan") == 1 && count("started") == 1 && count("report") == 1);
    assert_eq!(count("stepDone"), count("step"));
    assert_eq!(lines.last().unwrap()["complete"], json!(true));
    assert_eq!(ran.err, "");
}

#[tokio::test]
async fn scripts_get_a_report_even_when_nothing_is_to_be_done() {
    // A world without a topology has nothing to remove.
    let ran = run("destroy --yes --output json", Memory::default()).await;
    let types: Vec<Value> = ran.lines().into_iter().map(|line| line["type"].clone()).collect();
    assert_eq!(types, [json!("plan"), json!("report")]);
    assert_eq!(ran.lines()[1]["complete"], json!(true));
}

#[tokio::test]
async fn a_failure_is_told_with_what_it_stopped() {
    let fails = Some("hub/namespaces".parse().unwrap());
    let ran = run("apply --yes", Memory { fails, ..Memory::default() }).await;
    assert_eq!(ran.code(), 1);
    for expected in [
        "is not fully applied",
        "hub/namespaces\n",
        "it was refused",
        "help: allow it",
        "because hub/namespaces failed",
    ] {
        assert!(ran.out.contains(expected), "{expected}: {}", ran.out);
    }
    assert_eq!(ran.world.log().last().map(String::as_str), Some("release"));
}

#[tokio::test]
async fn nothing_is_written_anywhere_while_the_hub_does_not_answer() {
    let ran = run("apply --yes", unreachable(&["hub"])).await;
    assert_eq!(ran.code(), 6);
    assert!(ran.world.writes().is_empty(), "{:?}", ran.world.log());
    assert_eq!(ran.world.log().last().map(String::as_str), Some("release"));
    assert_eq!(run("destroy --yes", unreachable(&["hub"])).await.code(), 6);
}

#[tokio::test]
async fn an_unreachable_spoke_is_never_a_success() {
    let ran = run("apply --yes", unreachable(&["west"])).await;
    assert_eq!(ran.code(), 6, "{}", ran.out);
    assert!(
        ran.world.writes().iter().all(|write| write.starts_with("perform hub/")),
        "{:?}",
        ran.world.log()
    );
    assert!(ran.out.contains("Unreachable:\n  west: refused"), "{}", ran.out);
}

#[tokio::test]
async fn a_held_lock_stops_before_anything_is_read() {
    let world = Memory { locked_by: Some("eve@elsewhere".to_owned()), ..Memory::default() };
    let ran = run("apply --yes", world).await;
    assert_eq!(ran.code(), 1);
    assert!(matches!(&ran.result, Err(CommandError::World(failure)) if failure.kind == Kind::Locked));
    assert!(ran.world.log().is_empty());
}

#[tokio::test]
async fn an_interrupted_command_says_so_by_its_code() {
    let ran = run_as("apply --yes", Arc::new(Memory::default()), true).await;
    assert_eq!(ran.code(), 130);
    assert!(ran.world.writes().is_empty());
}

#[tokio::test]
async fn what_was_applied_is_destroyed_again() {
    let world = run("apply --yes", Memory::default()).await.world;
    let ran = run_as("destroy --yes", Arc::clone(&world), false).await;
    assert_eq!(ran.code(), 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.starts_with("Topology small is removed."), "{}", ran.out);
    assert!(world.fleet.lock().unwrap().is_empty());
    let again = run_as("destroy --yes", world, false).await;
    assert_eq!(again.code(), 0);
    assert!(again.err.contains("there is nothing to remove"), "{}", again.err);
}

#[tokio::test]
async fn a_rehearsal_removes_its_clusters_unless_they_are_kept() {
    let ran = run("apply --rehearse", Memory::default()).await;
    assert_eq!(ran.code(), 0, "{}{}", ran.out, ran.err);
    assert!(ran.world.fleet.lock().unwrap().is_empty());
    let locks = ran.world.log().iter().filter(|line| *line == "lock").count();
    assert_eq!(locks, 2);
    let kept = run("apply --rehearse --keep", Memory::default()).await;
    assert_eq!(kept.world.fleet.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_rehearsal_that_fails_is_a_failure_and_is_cleaned_up_too() {
    let fails = Some("west/namespaces".parse().unwrap());
    let ran = run("apply --rehearse", Memory { fails, ..Memory::default() }).await;
    assert_eq!(ran.code(), 1);
    assert!(ran.world.fleet.lock().unwrap().is_empty());
}

#[tokio::test]
async fn status_gives_scripts_the_audit_log() {
    let world = run("apply --yes", Memory::default()).await.world;
    let ran = run_as("status --output json", Arc::clone(&world), false).await;
    let lines = ran.lines();
    assert_eq!(lines[0]["name"], json!("hub"));
    assert_eq!(lines[0]["auditLog"], json!("/logs/hub"));
    let human = run_as("status", world, false).await;
    assert!(human.out.starts_with("hub hub · ready"), "{}", human.out);
}

#[tokio::test]
async fn objects_are_rendered_into_a_folder_without_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().display();
    let ran = run(&format!("render --all --to {to}"), Memory::default()).await;
    assert_eq!(ran.code(), 0, "{}", ran.err);
    let secret = std::fs::read_to_string(folder.path().join("hub/mimir/secret-default-mimir.yaml")).unwrap();
    assert!(secret.contains("(redacted)") && !secret.contains("hunter2"), "{secret}");
    assert!(secret.contains("lgtmctl.dev/unit: mimir"), "{secret}");
    assert!(ran.err.contains("is rendered with names in place of west/"), "{}", ran.err);
    let gateway = folder.path().join("hub/tenant-gateway/configmap-default-tenant-gateway.yaml");
    let gateway = std::fs::read_to_string(gateway).unwrap();
    let mut words = gateway.split(|c: char| !c.is_ascii_hexdigit());
    assert!(words.any(|word| word.len() == 64), "nothing stands for the certificate: {gateway}");
}

#[tokio::test]
async fn units_are_named_with_or_without_their_cluster() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().display();
    let count = |ran: &Ran| ran.err.lines().last().unwrap_or_default().to_owned();
    let both = run(&format!("render namespaces --to {to}"), Memory::default()).await;
    assert!(count(&both).starts_with("wrote 2 objects of 2 units"), "{}", both.err);
    let one = run(&format!("render hub/namespaces --to {to}"), Memory::default()).await;
    assert!(count(&one).starts_with("wrote 1 object of 1 unit"), "{}", one.err);
    let none = run(&format!("render hub/namespace --to {to}"), Memory::default()).await;
    assert_eq!(none.code(), 2);
    assert_eq!(none.result.unwrap_err().help().as_deref(), Some("did you mean `hub/namespaces`?"));
}

#[tokio::test]
async fn a_kubeconfig_goes_to_stdout() {
    let ran = run("kubeconfig west", Memory::default()).await;
    assert_eq!((ran.code(), ran.out.as_str(), ran.err.as_str()), (0, "kubeconfig of west\n", ""));
    let wrong = run("kubeconfig wast", Memory::default()).await;
    assert_eq!(wrong.code(), 2);
    assert_eq!(wrong.result.unwrap_err().help().as_deref(), Some("did you mean `west`?"));
}

#[tokio::test]
async fn grafana_is_opened_on_this_machine_and_no_password_is_shown() {
    let ran = run("access", Memory::default()).await;
    assert_eq!(ran.code(), 0, "{}{}", ran.out, ran.err);
    assert!(
        ran.out.starts_with("http://grafana.small.localhost:") && ran.out.lines().count() == 1,
        "{}",
        ran.out
    );
    assert_eq!(ran.world.log(), ["way to observability/grafana:80 on hub"]);
    for said in ["kubectl -n observability get secret grafana-admin", "the next one has no luck", "Ctrl-C"] {
        assert!(ran.err.contains(said), "{said}: {}", ran.err);
    }
    let ran = run("access grafana --output json", Memory::default()).await;
    let line = &ran.lines()[0];
    assert_eq!((&line["type"], &line["cluster"]), (&json!("access"), &json!("hub")));
    let secret = json!({"namespace": "observability", "name": "grafana-admin", "key": "password"});
    assert_eq!(line["passwordSecret"], secret);
    assert!(line["address"].as_str().unwrap().starts_with("127.0.0.1:"), "{line}");
}

#[tokio::test]
async fn without_a_way_there_is_no_url() {
    let ran = run("access", unreachable(&["hub"])).await;
    assert_eq!((ran.code(), ran.out.as_str()), (6, ""));
    let ran = run_as("access", Arc::new(Memory::default()), true).await;
    assert_eq!((ran.code(), ran.out.as_str()), (130, ""));
}

#[tokio::test]
async fn grafana_is_opened_on_the_recorded_hub_alone() {
    let world = run("apply --yes", Memory::default()).await.world;
    assert_eq!(run_as("access", Arc::clone(&world), false).await.code(), 0);

    let hub = ClusterName::new("hub");
    let recorded = world.fleet.lock().unwrap().get(&hub).cloned().unwrap();
    let moved = FleetEntry { hub: ClusterName::new("old"), ..recorded.clone() };
    let remade = FleetEntry { uid: "2".to_owned(), ..recorded.clone() };
    let connection = Connection::Existing { kubeconfig: None, context: "one".to_owned() };
    let others = [
        (None, "the cluster that answers as hub holds no record of the topology small"),
        (Some(remade), "the cluster hub is not the one of the last apply: kube-system had uid 2, now 1"),
        (Some(moved), "cluster hub belongs to the hub old, and the topology names hub as its hub"),
        (Some(FleetEntry { connection, ..recorded }), "the provider of cluster hub has changed"),
    ];
    for (entry, said) in others {
        world.fleet.lock().unwrap().remove(&hub);
        world.fleet.lock().unwrap().extend(entry.map(|entry| (hub.clone(), entry)));
        let ways = || world.log().iter().filter(|line| line.starts_with("way")).count();
        let before = ways();
        let ran = run_as("access", Arc::clone(&world), false).await;
        assert_eq!((ran.code(), ran.out.as_str(), ways()), (1, "", before));
        let error = crate::words(&ran.result.unwrap_err(), PLAIN());
        assert!(error.contains(said) && error.contains("help:"), "{error}");
    }
}

#[tokio::test]
async fn a_lock_is_shown_before_it_is_broken() {
    let running =
        || Mutex::new([(ClusterName::new("hub"), ClusterObserved::Reachable(Box::default()))].into());
    let held = || Memory {
        locked_by: Some("eve@elsewhere, process 7".to_owned()),
        clusters: running(),
        ..Memory::default()
    };
    let ran = run("unlock --yes", held()).await;
    assert_eq!(
        ran.out,
        "eve@elsewhere, process 7 holds the lock of topology small since 2025-12-31 23:00 UTC, at hub/mimir; renewed 1 min 30 s ago\n"
    );
    assert_eq!(ran.world.log(), ["break lock"]);
    let asked = run("unlock", held()).await;
    assert_eq!(asked.code(), 2);
    assert!(asked.world.log().is_empty());
    let free = run("unlock", Memory { clusters: running(), ..Memory::default() }).await;
    assert_eq!(free.code(), 0);
    assert!(free.err.contains("nobody holds the lock"), "{}", free.err);
    let absent = run("unlock", Memory::default()).await;
    assert_eq!(absent.code(), 0);
    assert!(absent.err.contains("the hub hub does not run"), "{}", absent.err);
}
