//! `access`: Grafana on a port of this machine, carried through the hub's API server.
//!
//! The name in the URL ends in `.localhost`, which leads to this machine without an entry in any file (RFC 6761), and
//! holds the topology's name, since browsers keep cookies by name and not by port.

use std::{path::Path, process::Stdio};

use lgtm_executor::{Failure, Kind, prepare::PrepareError};
use lgtm_planner::{catalog::grafana, desired::Desired, plan::PlanError};
use lgtm_topology::Provider;
use lgtm_world::access::{
    Identity,
    loopback::{Loopback, Taken},
};
use serde_json::json;

use super::{json_lines, stdout_failed};
use crate::{
    cli::{AccessArgs, Place},
    error::CommandError,
    exit_code::ExitCode,
    printer::Output,
    render::{json, problem},
    session::{Clusters, Session, Way as _, hub},
};

/// What shows a URL on a desktop.
const BROWSER: &str = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
/// Grafana's own port, which people expect.
const PORT: u16 = 3000;

/// Opens the way, says where it begins, and carries what comes until the user has enough.
pub(super) async fn run<W: Clusters>(
    session: &Session<'_, W>,
    args: &AccessArgs,
) -> Result<ExitCode, CommandError> {
    let Place::Grafana = args.what;
    let Session { topology, printer, interrupt, .. } = session;
    let desired = session.desired()?;
    let how = hub(&desired)?;
    if let Some(found) = interrupt.or(session.world.identity(&desired.topology, &desired.hub, &how)).await?? {
        require_hub(&desired, &topology.hub.cluster.provider, found)?;
    }
    let service = grafana::service(topology);
    let way = interrupt.or(session.world.way(&desired.hub, &how, &service)).await??;
    let from = listen(args.port)?;
    let port = from.port();
    let url = format!("http://grafana.{}.localhost:{port}", topology.name);
    let (secret, key) = grafana::admin_secret(topology);
    match args.output.output {
        Output::Human => printer.data(&format!("{url}\n")).map_err(stdout_failed)?,
        Output::Json => {
            let content = json!({
                "topology": topology.name,
                "cluster": desired.hub,
                "url": url,
                "address": format!("127.0.0.1:{port}"),
                "user": "admin",
                "passwordSecret": {"namespace": grafana::NAMESPACE, "name": secret, "key": key},
            });
            json_lines(printer, &[json::line("access", content)])?;
        }
    }
    printer.talk(&format!(
        "Grafana on cluster {}; where a browser does not know names in .localhost: http://127.0.0.1:{port}\n\
         user admin, and the password is what this prints:\n  {}\nCtrl-C ends it\n",
        desired.hub,
        password_command(&topology.hub.cluster.provider, &session.document.base_dir(), secret, key),
    ));
    let carry = async {
        let tell = |failure: &Failure| printer.talk(&problem::failure(failure, printer.talk_style()));
        let opening = async {
            if args.open
                && let Err(why) = open(BROWSER, &url).await
            {
                printer.talk(&format!("no browser is opened: {BROWSER}: {why}\n"));
            }
        };
        tokio::join!(way.carry(from, tell), opening);
    };
    match interrupt.or(carry).await {
        // That is how it ends; nothing was left half done.
        Ok(()) | Err(CommandError::Interrupted) => Ok(ExitCode::Done),
        Err(error) => Err(error),
    }
}

/// Refuses whom a plan would refuse, and whoever is not recorded at all: people give a password to what answers.
fn require_hub(desired: &Desired, provider: &Provider, found: Identity) -> Result<(), CommandError> {
    let hub = &desired.hub;
    let Some(entry) = found.entry else {
        let message =
            format!("the cluster that answers as {hub} holds no record of the topology {}", desired.topology);
        let help =
            format!("check the kubeconfig context of {hub}; if it is the right one, apply the topology");
        return Err(Failure::new(Kind::Permanent, message).with_help(help).into());
    };
    let mut problems = Vec::new();
    if entry.hub != *hub {
        problems.push(PlanError::AnotherHub {
            cluster: hub.clone(),
            recorded: entry.hub.clone(),
            wanted: hub.clone(),
        });
    }
    if !entry.connection.is_kind_of(provider) {
        problems.push(PlanError::AnotherProvider { cluster: hub.clone() });
    }
    if entry.uid != found.uid {
        problems.push(PlanError::AnotherCluster {
            cluster: hub.clone(),
            recorded: entry.uid,
            found: found.uid,
        });
    }
    if problems.is_empty() { Ok(()) } else { Err(PrepareError::Plan(problems).into()) }
}

/// Listens on this machine alone.
fn listen(wanted: Option<u16>) -> Result<Loopback, Failure> {
    let bound = match Loopback::bind(wanted.unwrap_or(PORT)) {
        Err(taken) if wanted.is_none() && taken.by_another() => Loopback::bind_any(),
        bound => bound,
    };
    bound.map_err(|taken| cannot_listen(&taken))
}

fn cannot_listen(taken: &Taken) -> Failure {
    let help = if taken.by_another() {
        "end the program that listens there, or choose another port with --port"
    } else {
        "choose another port with --port"
    };
    Failure::new(Kind::Environment, format!("{taken}: {}", taken.source)).with_help(help)
}

/// What a person types to see the password, which is not lgtmctl's to show.
fn password_command(provider: &Provider, base_dir: &Path, secret: &str, key: &str) -> String {
    let to = match provider {
        Provider::Kwok => String::new(),
        Provider::Existing { kubeconfig, context } => {
            // The path is relative to the topology file, and this shell is taken, so another one is asked.
            let file = kubeconfig.as_ref().map(|file| base_dir.join(file));
            let file = file.map(|file| std::path::absolute(&file).unwrap_or(file).display().to_string());
            let file = file.map(|file| format!(" --kubeconfig {}", quoted(&file)));
            format!("{} --context {}", file.unwrap_or_default(), quoted(context))
        }
    };
    let template = quoted(&format!("{{{{index .data \"{key}\" | base64decode}}}}"));
    format!("kubectl{to} -n {} get secret {secret} -o go-template={template}", grafana::NAMESPACE)
}

/// A word for a shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@=".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// Asks the desktop to show the URL, and waits until it has taken it or says why not.
async fn open(program: &str, url: &str) -> Result<(), String> {
    let mut command = tokio::process::Command::new(program);
    command.arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // Some desktops make the browser a child of the program, and Ctrl-C goes to all of a group.
    #[cfg(unix)]
    command.process_group(0);
    match command.status().await {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(status.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_asked_for_where_it_is() {
        let existing = |kubeconfig: Option<&str>, context: &str| Provider::Existing {
            kubeconfig: kubeconfig.map(str::to_owned),
            context: context.to_owned(),
        };
        assert_eq!(
            password_command(&existing(None, "prod"), Path::new(""), "grafana-admin", "password"),
            "kubectl --context prod -n observability get secret grafana-admin \
             -o go-template='{{index .data \"password\" | base64decode}}'"
        );
        let odd = password_command(&existing(Some("k.yaml"), "it's"), Path::new("/my files"), "mine", "a.b");
        assert!(
            odd.starts_with(r"kubectl --kubeconfig '/my files/k.yaml' --context 'it'\''s' -n observability"),
            "{odd}"
        );
        let near = password_command(&existing(Some("k.yaml"), "prod"), Path::new("near"), "mine", "a");
        let place = std::env::current_dir().unwrap().join("near/k.yaml");
        assert!(near.contains(&format!("--kubeconfig {} ", quoted(&place.display().to_string()))), "{near}");
        assert!(odd.contains(r#"index .data "a.b""#), "{odd}");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_browser_is_in_a_group_of_its_own_and_its_failure_is_told() {
        let folder = tempfile::tempdir().unwrap();
        // The browser is a shell, and the place that it is to show what it does.
        let place = |name: &str, code: u8| {
            let path = folder.path().join(name).display().to_string();
            std::fs::write(&path, format!("echo $$ $(ps -o pgid= -p $$) >\"$0.said\"; exit {code}")).unwrap();
            path
        };
        let good = place("good", 0);
        open("sh", &good).await.unwrap();
        let said = std::fs::read_to_string(format!("{good}.said")).unwrap();
        let (own, group) = said.trim().split_once(' ').unwrap();
        assert_eq!(own, group, "Ctrl-C would reach it");
        let why = open("sh", &place("bad", 3)).await.unwrap_err();
        assert!(why.contains('3'), "{why}");
        open("/no/such/program", "url").await.unwrap_err();
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_an_error_when_it_was_asked_for() {
        let taken = Loopback::bind_any().unwrap();
        let failure = listen(Some(taken.port())).unwrap_err();
        assert_eq!(ExitCode::of_failure(&failure), ExitCode::Environment);
        assert!(failure.message.contains(&format!("127.0.0.1:{} ", taken.port())), "{failure}");
        assert!(failure.help.is_some_and(|help| help.contains("--port")));
        // Whoever has the usual port, there is one.
        let _usual = Loopback::bind(PORT);
        assert_ne!(listen(None).unwrap().port(), PORT);
    }
}
