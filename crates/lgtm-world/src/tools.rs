//! Where the programs that lgtmctl runs are found: helm, and the control plane of simulated clusters.
//!
//! The module knows names and folders. It refuses to know what the programs are run for, reads no
//! environment variable but `PATH` (the folder that `LGTMCTL_TOOLS` names is handed over by the
//! command line), and never downloads anything.

use std::{
    fmt,
    path::{Path, PathBuf},
};

/// A program that lgtmctl runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tool {
    /// Renders charts.
    Helm,
    /// Makes, starts and removes simulated clusters.
    Kwokctl,
    /// Plays the kubelets of simulated nodes.
    Kwok,
    /// The store of a simulated cluster.
    Etcd,
    /// The API server of a simulated cluster.
    KubeApiserver,
    /// The built-in controllers of a simulated cluster.
    KubeControllerManager,
    /// The scheduler of a simulated cluster.
    KubeScheduler,
}

impl Tool {
    /// Every tool.
    pub const ALL: [Self; 7] = [
        Self::Helm,
        Self::Kwokctl,
        Self::Kwok,
        Self::Etcd,
        Self::KubeApiserver,
        Self::KubeControllerManager,
        Self::KubeScheduler,
    ];

    /// The program's file name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Helm => "helm",
            Self::Kwokctl => "kwokctl",
            Self::Kwok => "kwok",
            Self::Etcd => "etcd",
            Self::KubeApiserver => "kube-apiserver",
            Self::KubeControllerManager => "kube-controller-manager",
            Self::KubeScheduler => "kube-scheduler",
        }
    }

    /// What lgtmctl cannot do without it, for the error's reader.
    pub fn purpose(self) -> &'static str {
        match self {
            Self::Helm => "renders charts",
            Self::Kwokctl => "makes simulated clusters",
            Self::Kwok => "plays the nodes of simulated clusters",
            Self::Etcd | Self::KubeApiserver | Self::KubeControllerManager | Self::KubeScheduler => {
                "is part of every simulated cluster"
            }
        }
    }
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A tool that is nowhere to be found. The command line answers with exit code 5.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{tool}, which {purpose}, was not found in {looked_in}", purpose = tool.purpose())]
pub struct MissingTool {
    /// What is missing.
    pub tool: Tool,
    /// Where it was looked for, in words.
    pub looked_in: String,
}

impl MissingTool {
    /// What to do about it.
    pub const HELP: &'static str =
        "run `make tools` in a checkout of lgtmctl, then set LGTMCTL_TOOLS to its .tools/bin folder";
}

/// The place where tools are looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tools {
    /// The one folder to look in; `PATH` when there is none. A folder that was named is not backed up
    /// by `PATH`: a version that nobody asked for would be worse than an error.
    pub dir: Option<PathBuf>,
}

impl Tools {
    /// Tools in one folder only.
    pub fn in_dir(dir: impl Into<PathBuf>) -> Self {
        Self { dir: Some(dir.into()) }
    }

    /// The program, with links resolved, so that what it starts keeps working when a link moves on to
    /// another set of tools.
    pub fn find(&self, tool: Tool) -> Result<PathBuf, MissingTool> {
        match &self.dir {
            Some(dir) => program_in(dir, tool)
                .ok_or_else(|| MissingTool { tool, looked_in: dir.display().to_string() }),
            None => std::env::var_os("PATH")
                .and_then(|path| std::env::split_paths(&path).find_map(|dir| program_in(&dir, tool)))
                .ok_or_else(|| MissingTool { tool, looked_in: "the folders of PATH".to_owned() }),
        }
    }
}

fn program_in(dir: &Path, tool: Tool) -> Option<PathBuf> {
    let path = dir.join(tool.name()).canonicalize().ok()?;
    let metadata = path.metadata().ok()?;
    (metadata.is_file() && is_executable(&metadata)).then_some(path)
}

#[cfg(unix)]
fn is_executable(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn is_executable(_metadata: &std::fs::Metadata) -> bool {
    true
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn place(dir: &Path, name: &str, mode: u32) -> PathBuf {
        let path = dir.join(name);
        std::fs::write(&path, "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path.canonicalize().unwrap()
    }

    #[test]
    fn a_named_folder_is_the_only_one() {
        let dir = tempfile::tempdir().unwrap();
        let helm = place(dir.path(), "helm", 0o755);
        let tools = Tools::in_dir(dir.path());
        assert_eq!(tools.find(Tool::Helm), Ok(helm));

        let missing = tools.find(Tool::Etcd).unwrap_err();
        assert_eq!(missing.tool, Tool::Etcd);
        let text = missing.to_string();
        assert!(!text.contains("make tools") && MissingTool::HELP.contains("make tools"), "{text}");
        assert!(text.contains(&dir.path().display().to_string()), "{text}");
    }

    #[test]
    fn what_cannot_be_run_is_missing() {
        let dir = tempfile::tempdir().unwrap();
        place(dir.path(), "kwok", 0o644);
        std::fs::create_dir(dir.path().join("etcd")).unwrap();
        let tools = Tools::in_dir(dir.path());
        assert!(tools.find(Tool::Kwok).is_err());
        assert!(tools.find(Tool::Etcd).is_err());
    }

    #[test]
    fn links_are_resolved() {
        let (real, linked) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let helm = place(real.path(), "helm", 0o755);
        symlink(real.path(), linked.path().join("bin")).unwrap();
        assert_eq!(Tools::in_dir(linked.path().join("bin")).find(Tool::Helm), Ok(helm));
    }

    #[test]
    fn without_a_folder_path_is_searched() {
        let missing = Tools { dir: Some("/nonexistent".into()) }.find(Tool::Kwokctl).unwrap_err();
        assert!(missing.looked_in.contains("/nonexistent"));
        // Every machine that runs these tests has no program of this name anywhere.
        match Tools::default().find(Tool::KubeScheduler) {
            Ok(path) => assert!(path.is_absolute()),
            Err(missing) => assert_eq!(missing.looked_in, "the folders of PATH"),
        }
    }
}
