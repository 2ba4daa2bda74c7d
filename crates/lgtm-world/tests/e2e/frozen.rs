//! API servers that take connections and never answer: their processes are stopped, not killed.

use std::{path::Path, process::Command};

/// A frozen API server; it thaws when this goes.
pub(crate) struct Frozen(String);

/// Freezes the API server of a cluster whose files are below `folder`.
pub(crate) fn freeze(folder: &Path, cluster: &str) -> Frozen {
    let folder = folder.to_str().unwrap();
    let pids: Vec<String> = std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
        .filter(|pid| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line);
            let program = line.split('\0').next().unwrap_or_default();
            program.ends_with("kube-apiserver")
                && line.contains(folder)
                && line.contains(&format!("{cluster}/pki"))
        })
        .collect();
    let [pid] = pids.as_slice() else { panic!("the API server of {cluster}: {pids:?}") };
    signal("-STOP", pid);
    Frozen(pid.clone())
}

impl Drop for Frozen {
    fn drop(&mut self) {
        signal("-CONT", &self.0);
    }
}

fn signal(which: &str, pid: &str) {
    assert!(Command::new("kill").args([which, pid]).status().unwrap().success());
}
