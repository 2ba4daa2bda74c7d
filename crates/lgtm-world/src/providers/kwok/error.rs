//! What can go wrong with a simulated cluster, and what to do then.

use std::path::PathBuf;

use crate::tools::MissingTool;

/// Why a simulated cluster is not what it shall be.
#[derive(Debug, thiserror::Error)]
pub enum KwokError {
    /// A program is not installed.
    #[error(transparent)]
    MissingTool(#[from] MissingTool),

    /// The name cannot be a folder's and a cluster's.
    #[error(
        "`{name}` cannot name a simulated cluster: it must be at most 63 of a-z, 0-9 and `-`, and start \
         and end with a letter or digit; choose a shorter or simpler topology or cluster name"
    )]
    Name {
        /// The refused name.
        name: String,
    },

    /// The state folder could not be read or written.
    #[error("the files of simulated cluster {name} under {folder} could not be read or written; check the folder's owner and free space", folder = folder.display())]
    StateFolder {
        /// The cluster.
        name: String,
        /// The provider's state folder.
        folder: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },

    /// All ports are in use.
    #[error(
        "no free ports between 22000 and 29999 on 127.0.0.1 are left for simulated cluster {name}; \
         destroy simulated clusters that are no longer needed"
    )]
    NoPorts {
        /// The cluster.
        name: String,
    },

    /// Somebody took a port of a cluster that was stopped.
    #[error(
        "simulated cluster {name} cannot be started: port {port} of its {component} is taken by another \
         process; end that process (`ss -ltnp 'sport = :{port}'` names it), or destroy the cluster and \
         apply again"
    )]
    PortTaken {
        /// The cluster.
        name: String,
        /// Whose port it is.
        component: &'static str,
        /// The port.
        port: u16,
    },

    /// kwokctl could not be run at all.
    #[error("kwokctl could not be run to {action} simulated cluster {name}")]
    Spawn {
        /// The cluster.
        name: String,
        /// What it was run for.
        action: &'static str,
        /// What the system said.
        source: std::io::Error,
    },

    /// kwokctl said that it failed, or did not end.
    #[error("kwokctl could not {action} simulated cluster {name} ({outcome}): {output}")]
    Kwokctl {
        /// The cluster.
        name: String,
        /// What it was run for.
        action: &'static str,
        /// How it ended.
        outcome: String,
        /// The end of what it said.
        output: String,
    },

    /// The API server never became ready.
    #[error(
        "the API server of simulated cluster {name} did not become ready within {seconds} s; its logs \
         are in {logs}; applying again makes a half-made cluster anew",
        logs = logs.display()
    )]
    NoAnswer {
        /// The cluster.
        name: String,
        /// How long it was waited for.
        seconds: u64,
        /// The folder of the components' logs.
        logs: PathBuf,
    },

    /// Components end by themselves.
    #[error(
        "components of simulated cluster {name} end as soon as they are started: {stopped}; their logs in \
         {logs} say why",
        logs = logs.display()
    )]
    Dies {
        /// The cluster.
        name: String,
        /// Which components.
        stopped: String,
        /// The folder of the components' logs.
        logs: PathBuf,
    },

    /// The nodes never became ready.
    #[error(
        "the nodes of simulated cluster {name} did not become ready within {seconds} s; kwok-controller.log \
         and kube-controller-manager.log in {logs} say why",
        logs = logs.display()
    )]
    NodesNotReady {
        /// The cluster.
        name: String,
        /// How long they were waited for.
        seconds: u64,
        /// The folder of the components' logs.
        logs: PathBuf,
    },

    /// A network of a cluster that exists shall be another.
    #[error(
        "simulated cluster {name} was made with {what} {found}, which cannot be changed to {wanted} in \
         place; destroy the cluster, then apply again"
    )]
    OtherNetwork {
        /// The cluster.
        name: String,
        /// Which network.
        what: &'static str,
        /// What it is.
        found: String,
        /// What it shall be.
        wanted: String,
    },

    /// There is no such cluster.
    #[error("simulated cluster {name} does not exist; apply makes it")]
    Absent {
        /// The cluster.
        name: String,
    },

    /// A process did not end.
    #[error("processes of simulated cluster {name} do not end; they may belong to another user")]
    StillRunning {
        /// The cluster.
        name: String,
    },

    /// The kubeconfig could not be made use of.
    #[error("no client could be made for simulated cluster {name}; destroy the cluster, then apply again")]
    Client {
        /// The cluster.
        name: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    /// The API server answered with an error.
    #[error("simulated cluster {name} refused {doing}")]
    Kubernetes {
        /// The cluster.
        name: String,
        /// What was asked of it.
        doing: &'static str,
        /// What it said.
        source: Box<kube::Error>,
    },
}

impl KwokError {
    pub(crate) fn no_client(name: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Client { name: name.to_owned(), source: source.into() }
    }
}
