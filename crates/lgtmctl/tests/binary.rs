//! The program itself, where it needs no cluster: streams, exit codes and the environment.
#![expect(clippy::unwrap_used, reason = "clippy allows it in test functions, and not in what these call")]

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Output, Stdio},
};

const VALID: &str = "apiVersion: lgtmctl.dev/v1alpha1\nkind: Topology\nmetadata: {name: small}\nspec:\n  \
    provider: {kwok: {}}\n  hub: {name: hub, segment: 248/29}\n  \
    spokes: [{name: west, tenant: west, scenario: alloy}]\n";

const BROKEN: &str = "apiVersion: lgtmctl.dev/v1alpha1\nkind: Topology\nmetadata: {name: small}\nspec:\n  \
    provider: {kwok: {}}\n  hub:\n    name: hub\n    segment: 248/29\n    \
    grafana: {adminPassword: correct-horse-battery, hots: x}\n  \
    spokes: [{name: west, tenant: west, scenario: aloy}]\n";

/// The program in an empty environment and a folder of its own.
fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lgtmctl"));
    command.env_clear().env("COLUMNS", "100").env("HOME", folder).current_dir(folder).stdin(Stdio::null());
    command
}

fn run_with(topology: &str, arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("topology.yaml"), topology).unwrap();
    program(folder.path()).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Exit code, stdout and stderr as one text, for snapshots.
fn shown(output: &Output) -> String {
    let code = output.status.code().unwrap();
    format!("exit code: {code}\n--- stdout\n{}--- stderr\n{}", text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_valid_topology() {
    insta::assert_snapshot!(shown(&run_with(VALID, &["validate"])), @r"
    exit code: 0
    --- stdout
    --- stderr
    valid: topology small: hub hub and 1 spoke
    ");
}

#[test]
fn the_examples_are_valid_with_all_that_they_need() {
    let examples = [
        include_str!("../../../topology.example.yaml"),
        include_str!("../../../examples/quickstart.yaml"),
        include_str!("../../../examples/distributed.yaml"),
    ];
    for example in examples {
        let output = run_with(example, &["validate"]);
        assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
    }
}

#[test]
fn a_broken_topology_shows_everything_at_once_and_no_password() {
    let output = run_with(BROKEN, &["validate"]);
    let shown = shown(&output);
    assert!(!shown.contains("correct-horse"), "{shown}");
    insta::assert_snapshot!(shown);
}

#[test]
fn a_broken_topology_for_scripts() {
    let output = run_with(BROKEN, &["validate", "--output", "json"]);
    assert_eq!(output.status.code(), Some(3));
    let lines: Vec<serde_json::Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().all(|line| line["version"] == 1));
    let types: Vec<&str> = lines.iter().filter_map(|line| line["type"].as_str()).collect();
    assert_eq!(types, ["diagnostic", "diagnostic", "validation"]);
    assert_eq!(lines[0]["path"], "spec.hub.grafana");
    assert_eq!(lines[2]["errors"], 2);
}

#[test]
fn a_need_that_is_no_unit_makes_a_topology_invalid() {
    let topology = format!(
        "{VALID}  extraManifests: [{{name: more, clusters: [hub], files: [a.yaml], needs: [mimr]}}]\n"
    );
    for command in [&["validate"][..], &["graph"], &["plan"]] {
        let output = run_with(&topology, command);
        assert_eq!(output.status.code(), Some(3), "{command:?}");
        assert!(text(&output.stderr).contains("did you mean `mimir`?"), "{}", text(&output.stderr));
    }
}

#[test]
fn stdin_is_read_where_the_file_is_a_dash() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = program(folder.path())
        .args(["validate", "-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(BROKEN.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stdout).contains("<stdin>:9"), "{}", text(&output.stdout));
}

#[test]
fn a_file_that_is_not_there_is_a_usage_error() {
    let folder = tempfile::tempdir().unwrap();
    let output = program(folder.path()).arg("plan").output().unwrap();
    insta::assert_snapshot!(shown(&output), @r"
    exit code: 2
    --- stdout
    --- stderr
    error: the topology topology.yaml cannot be read
      cause: No such file or directory (os error 2)
      help: name the file with -f FILE
    ");
}

#[test]
fn nobody_to_ask_and_no_yes_is_a_usage_error() {
    insta::assert_snapshot!(shown(&run_with(VALID, &["apply"])), @r"
    exit code: 2
    --- stdout
    --- stderr
    error: apply asks before it changes anything, and this is no terminal
      help: look at `lgtmctl plan` first, then use `lgtmctl apply --yes`
    ");
    assert_eq!(run_with(VALID, &["destroy"]).status.code(), Some(2));
}

#[test]
fn usage_errors_and_help() {
    let wrong = run_with(VALID, &["plan", "--targets", "hub"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert_eq!(text(&wrong.stdout), "");
    assert!(text(&wrong.stderr).contains("--target"), "{}", text(&wrong.stderr));
    let help = run_with(VALID, &["apply", "--help"]);
    assert_eq!(help.status.code(), Some(0));
    assert!(text(&help.stdout).contains("--allow-replace"), "{}", text(&help.stdout));
    let version = run_with(VALID, &["--version"]);
    assert_eq!(text(&version.stdout), format!("lgtmctl {}\n", env!("CARGO_PKG_VERSION")));
    let nothing = run_with(VALID, &[]);
    assert_eq!(nothing.status.code(), Some(2));
}

#[test]
fn missing_tools_are_named_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("topology.yaml"), VALID).unwrap();
    let tools = folder.path().join("no-tools");
    let output =
        program(folder.path()).args(["plan", "-o", "json"]).env("LGTMCTL_TOOLS", &tools).output().unwrap();
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(5), "{error}");
    assert!(error.contains("no-tools") && error.contains("make tools"), "{error}");
    let line: serde_json::Value = serde_json::from_str(text(&output.stdout)).unwrap();
    assert_eq!((&line["type"], &line["exitCode"]), (&"error".into(), &5.into()));
}

#[test]
fn without_a_home_there_is_nowhere_to_keep_files() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("topology.yaml"), VALID).unwrap();
    let output = program(folder.path()).arg("plan").env_remove("HOME").output().unwrap();
    assert_eq!(output.status.code(), Some(5));
    assert!(text(&output.stderr).contains("XDG_STATE_HOME"), "{}", text(&output.stderr));
}

#[test]
fn the_schema_and_completions() {
    let schema = run_with(VALID, &["schema"]);
    let schema: serde_json::Value = serde_json::from_slice(&schema.stdout).unwrap();
    assert_eq!(schema["title"], "lgtmctl topology");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run_with(VALID, &["completions", shell]);
        assert_eq!(script.status.code(), Some(0));
        assert!(text(&script.stdout).contains("kubeconfig"), "{shell}");
    }
}

#[test]
fn graphs_go_to_stdout_and_nothing_else_does() {
    for (format, start) in [("dot", "digraph \"small\" {"), ("mermaid", "flowchart LR"), ("json", "{")] {
        let output = run_with(VALID, &["graph", "--format", format]);
        assert_eq!(output.status.code(), Some(0));
        assert!(text(&output.stdout).starts_with(start));
        assert_eq!(text(&output.stderr), "");
    }
}

#[test]
fn colours_only_when_wanted() {
    let escape = |output: Output| text(&output.stdout).contains('\u{1b}');
    assert!(!escape(run_with(BROKEN, &["validate"])));
    assert!(escape(run_with(BROKEN, &["validate", "--color", "always"])));
}

#[test]
fn quiet_leaves_only_errors() {
    let output = run_with(VALID, &["validate", "--quiet"]);
    assert_eq!(shown(&output), "exit code: 0\n--- stdout\n--- stderr\n");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut child =
        program(folder.path()).arg("schema").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
}

#[test]
fn values_that_a_chart_does_not_know_are_underlined() {
    let folder = tempfile::tempdir().unwrap();
    let chart = folder.path().join("charts/app");
    std::fs::create_dir_all(&chart).unwrap();
    std::fs::write(chart.join("Chart.yaml"), "apiVersion: v2\nname: app\nversion: 1.0.0\n").unwrap();
    std::fs::write(chart.join("values.yaml"), "server:\n  port: 80\n  host: a\n").unwrap();
    let topology = format!(
        "{VALID}  overrides:\n  - {{release: mimir, values: {{storage: {{sise: 1Gi}}}}}}\n  extraReleases:\n  \
         - {{name: app, clusters: [hub, west], chart: charts/app, namespace: app, values: {{server: {{prot: 1}}}}}}\n"
    );
    std::fs::write(folder.path().join("topology.yaml"), topology).unwrap();
    // There are no tools in this environment, so there is no plan either; the warnings come first.
    let output = program(folder.path()).arg("plan").output().unwrap();
    insta::assert_snapshot!(shown(&output));
}

/// A topology whose hub exists, behind a port that nobody listens on.
const EXISTING: &str = "apiVersion: lgtmctl.dev/v1alpha1\nkind: Topology\nmetadata: {name: small}\nspec:\n  \
    provider: {existing: {kubeconfig: clusters.yaml}}\n  \
    hub: {name: hub, provider: {existing: {context: one}}}\n  spokes: []\n";

const CLUSTERS: &str = "apiVersion: v1\nkind: Config\nclusters: [{name: one, cluster: {server: \"http://127.0.0.1:1\"}}]\n\
    users: [{name: one, user: {}}]\ncontexts: [{name: one, context: {cluster: one, user: one}}]\n";

#[test]
fn grafana_is_not_opened_where_it_cannot_be() {
    let folder = tempfile::tempdir().unwrap();
    let access = |topology: &str| {
        std::fs::write(folder.path().join("topology.yaml"), topology).unwrap();
        let output = program(folder.path()).arg("access").output().unwrap();
        assert_eq!(text(&output.stdout), "", "no URL leads anywhere");
        (output.status.code().unwrap(), text(&output.stderr).to_owned())
    };
    let (code, said) = access(VALID);
    assert!(code == 1 && said.contains("cluster hub is simulated"), "{code} {said}");
    let (code, said) = access(EXISTING);
    assert!(code == 5 && said.contains("clusters.yaml"), "{code} {said}");
    std::fs::write(folder.path().join("clusters.yaml"), CLUSTERS).unwrap();
    let (code, said) = access(EXISTING);
    assert!(code == 6 && said.contains("hub"), "{code} {said}");
}
