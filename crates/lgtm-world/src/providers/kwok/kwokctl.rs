//! Running kwokctl: with an environment of our own, away from the user's files, and out of reach of the
//! terminal's signals.

use std::{
    io,
    path::Path,
    process::{Output, Stdio},
    time::Duration,
};

use tokio::process::Command;

use super::{KwokError, processes::COMPONENTS, record::Layout};
use crate::tools::Tools;

/// kwokctl itself waits two minutes for the API server before it gives up.
const TIMEOUT: Duration = Duration::from_secs(150);
/// How much of what kwokctl said goes into an error.
const OUTPUT_LIMIT: usize = 2_000;

pub(super) async fn create(
    program: &Path,
    state_dir: &Path,
    layout: &Layout,
    name: &str,
) -> Result<(), KwokError> {
    let mut command = command(program, state_dir);
    command.arg("--config").arg(layout.kwokctl_config());
    // An empty kubeconfig path keeps kwokctl from touching any but the cluster's own.
    command.args(["create", "cluster", "--name", name, "--kubeconfig="]);
    // kwok plays the nodes whose Leases it holds, and one that was started anew would wait for minutes until
    // those of its dead forerunner have run out. There is one of it, so none are needed. (In the file above
    // a zero would be taken for the default.)
    command.args(["--node-lease-duration-seconds", "0"]);
    run(command, "create", name).await
}

pub(super) async fn start(program: &Path, state_dir: &Path, name: &str) -> Result<(), KwokError> {
    let mut command = command(program, state_dir);
    command.args(["start", "cluster", "--name", name]);
    run(command, "start", name).await
}

fn command(program: &Path, state_dir: &Path) -> Command {
    let mut command = Command::new(program);
    command
        // Settings that the user has for a kwok or Kubernetes of their own must not reach this one,
        // nor the processes that outlive us.
        .env_clear()
        .env("KWOK_WORKDIR", state_dir)
        .env("HOME", state_dir)
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    // Ctrl-C in the terminal ends lgtmctl, not the clusters that it just started.
    #[cfg(unix)]
    command.process_group(0);
    command
}

async fn run(mut command: Command, action: &'static str, name: &str) -> Result<(), KwokError> {
    let failed = |outcome: String, output: String| KwokError::Kwokctl {
        name: name.to_owned(),
        action,
        outcome,
        output,
    };
    match tokio::time::timeout(TIMEOUT, command.output()).await {
        Err(_) => Err(failed(format!("no end after {} s", TIMEOUT.as_secs()), String::new())),
        Ok(Err(source)) => Err(KwokError::Spawn { name: name.to_owned(), action, source }),
        Ok(Ok(output)) if output.status.success() => Ok(()),
        Ok(Ok(output)) => Err(failed(output.status.to_string(), last_words(&output))),
    }
}

fn last_words(output: &Output) -> String {
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let text = text.trim();
    let skipped = text.chars().count().saturating_sub(OUTPUT_LIMIT);
    text.chars().skip(skipped).collect()
}

/// Points the cluster's link to a component's program to the tools in use now.
pub(super) fn link_program(
    tools: &Tools,
    cluster_dir: &Path,
    component: &str,
    failed: impl Fn(io::Error) -> KwokError,
) -> Result<(), KwokError> {
    let Some((_, tool)) = COMPONENTS.iter().find(|(name, _)| *name == component) else { return Ok(()) };
    let program = tools.find(*tool)?;
    let link = cluster_dir.join("bin").join(component);
    if std::fs::read_link(&link).is_ok_and(|target| target == program) {
        return Ok(());
    }
    match std::fs::remove_file(&link) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        Ok(()) | Err(_) => {}
    }
    symlink(&program, &link).map_err(failed)
}

#[cfg(unix)]
fn symlink(program: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(program, link)
}

#[cfg(not(unix))]
fn symlink(program: &Path, link: &Path) -> io::Result<()> {
    std::fs::copy(program, link).map(|_| ())
}
