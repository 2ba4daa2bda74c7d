//! The processes of a simulated cluster, recognised by the program path that they were started with.
//!
//! A pid alone proves nothing: after a reboot it may be somebody else's, and kwokctl, which trusts its
//! pid files, would then take a dead cluster for a live one, or kill a stranger. So a pid counts only
//! when the process runs a program from the cluster's own folder.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rustix::process::{Pid, Signal};

use crate::tools::Tool;

/// The components of a cluster: what kwokctl calls them, and the program behind each.
pub(super) const COMPONENTS: [(&str, Tool); 5] = [
    ("etcd", Tool::Etcd),
    ("kube-apiserver", Tool::KubeApiserver),
    ("kube-controller-manager", Tool::KubeControllerManager),
    ("kube-scheduler", Tool::KubeScheduler),
    (PLAYER, Tool::Kwok),
];
/// The component that plays the nodes.
const PLAYER: &str = "kwok-controller";

/// The components of the cluster in this folder that do not run.
pub(super) fn stopped_components(cluster_dir: &Path) -> Vec<&'static str> {
    COMPONENTS
        .iter()
        .map(|(component, _)| *component)
        .filter(|component| !runs(cluster_dir, component))
        .collect()
}

fn runs(cluster_dir: &Path, component: &str) -> bool {
    recorded_pid(cluster_dir, component)
        .is_some_and(|pid| runs_program(pid, &cluster_dir.join("bin").join(component)))
}

fn pid_file(cluster_dir: &Path, component: &str) -> PathBuf {
    cluster_dir.join("pids").join(format!("{component}.pid"))
}

fn recorded_pid(cluster_dir: &Path, component: &str) -> Option<Pid> {
    let text = fs::read_to_string(pid_file(cluster_dir, component)).ok()?;
    Pid::from_raw(text.trim().parse().ok()?)
}

/// The first argument is the path that kwokctl started; a dead process that nobody has waited for has
/// no arguments left, and so does not count as running.
fn runs_program(pid: Pid, program: &Path) -> bool {
    if !Path::new("/proc/self/cmdline").exists() {
        // Without /proc the pid file is all there is to go by.
        return rustix::process::test_kill_process(pid).is_ok();
    }
    arguments(pid).first().is_some_and(|path| path == program)
}

fn arguments(pid: Pid) -> Vec<PathBuf> {
    fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero()))
        .unwrap_or_default()
        .split(|byte| *byte == 0)
        .filter(|argument| !argument.is_empty())
        .map(|argument| PathBuf::from(String::from_utf8_lossy(argument).into_owned()))
        .collect()
}

/// Removes the pid files that name no process of this cluster, before kwokctl acts on them.
pub(super) fn forget_dead(cluster_dir: &Path) -> std::io::Result<()> {
    for component in stopped_components(cluster_dir) {
        match fs::remove_file(pid_file(cluster_dir, component)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

/// Ends the controller that plays the nodes of a cluster whose API server has died, and says whether it did.
///
/// kwok tries again what was refused, but a step of a Pod's life that was cut in the middle of its request
/// it never takes again (`shouldRetry` in kwok's `pkg/kwok/controllers`). Started anew, it looks at every
/// Pod.
pub(super) fn end_player_without_server(cluster_dir: &Path) -> bool {
    // Without /proc a pid may be a stranger's, and is never ended.
    let known = Path::new("/proc/self/cmdline").exists();
    if !known || runs(cluster_dir, "kube-apiserver") || !runs(cluster_dir, PLAYER) {
        return false;
    }
    // The only failure is a process that ended by itself meanwhile.
    recorded_pid(cluster_dir, PLAYER)
        .is_some_and(|pid| rustix::process::kill_process(pid, Signal::KILL).is_ok())
}

/// Every process that runs a program of this cluster, whether a pid file names it or not, and a kwokctl
/// that still makes the cluster for a run that was killed.
pub(super) fn running(cluster_dir: &Path, kwokctl_config: &Path) -> Vec<Pid> {
    let programs = cluster_dir.join("bin");
    let Ok(entries) = fs::read_dir("/proc") else {
        return COMPONENTS
            .iter()
            .filter(|(component, _)| runs(cluster_dir, component))
            .filter_map(|(component, _)| recorded_pid(cluster_dir, component))
            .collect();
    };
    entries
        .filter_map(Result::ok)
        .filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?))
        .filter(|pid| {
            let arguments = arguments(*pid);
            arguments.first().is_some_and(|program| program.starts_with(&programs))
                || arguments.iter().any(|argument| argument == kwokctl_config)
        })
        .collect()
}

/// Ends what is left of a cluster. A simulated cluster that is being deleted has nothing to save.
pub(super) fn kill_all(cluster_dir: &Path, kwokctl_config: &Path) {
    for pid in running(cluster_dir, kwokctl_config) {
        // The only failure is a process that ended by itself meanwhile.
        let _ = rustix::process::kill_process(pid, Signal::KILL);
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::process::{Child, Command};

    use super::*;

    fn cluster_with(component: &str) -> (tempfile::TempDir, Child) {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["bin", "pids"] {
            fs::create_dir(dir.path().join(folder)).unwrap();
        }
        let program = dir.path().join("bin").join(component);
        std::os::unix::fs::symlink("/bin/sleep", &program).unwrap();
        let child = Command::new(&program).arg("60").spawn().unwrap();
        fs::write(pid_file(dir.path(), component), child.id().to_string()).unwrap();
        // The kernel shows the new arguments a moment after the program was started.
        while !runs(dir.path(), component) {
            std::thread::yield_now();
        }
        (dir, child)
    }

    #[test]
    fn a_live_component_is_found_and_ended() {
        let (dir, mut child) = cluster_with("etcd");
        assert!(!stopped_components(dir.path()).contains(&"etcd"));
        assert_eq!(stopped_components(dir.path()).len(), 4);
        assert_eq!(running(dir.path(), Path::new("/none")).len(), 1);

        kill_all(dir.path(), Path::new("/none"));
        // Not waited for yet, so the pid still exists: it must count as stopped all the same.
        while !running(dir.path(), Path::new("/none")).is_empty() {
            std::thread::yield_now();
        }
        assert!(stopped_components(dir.path()).contains(&"etcd"));
        child.wait().unwrap();
    }

    #[test]
    fn a_pid_that_went_to_a_stranger_is_forgotten_and_spared() {
        let (dir, mut child) = cluster_with("etcd");
        let mut stranger = Command::new("/bin/sleep").arg("60").spawn().unwrap();
        fs::write(pid_file(dir.path(), "kube-apiserver"), stranger.id().to_string()).unwrap();

        assert!(stopped_components(dir.path()).contains(&"kube-apiserver"));
        forget_dead(dir.path()).unwrap();
        assert!(!pid_file(dir.path(), "kube-apiserver").exists());
        assert!(pid_file(dir.path(), "etcd").exists());

        kill_all(dir.path(), Path::new("/none"));
        assert!(stranger.try_wait().unwrap().is_none(), "a process that is not the cluster's was ended");
        stranger.kill().unwrap();
        stranger.wait().unwrap();
        child.wait().unwrap();
    }
}
