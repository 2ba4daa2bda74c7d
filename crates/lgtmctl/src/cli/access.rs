//! What the commands take that open a way to a cluster.

use clap::{Args, ValueEnum};

use super::{FileArgs, OutputArgs};

/// What can be opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Place {
    /// The hub's Grafana.
    #[default]
    Grafana,
}

/// See [`super::Command::Access`].
#[derive(Debug, Args)]
#[expect(missing_docs, reason = "the flattened fields are documented where they are declared")]
pub struct AccessArgs {
    #[command(flatten)]
    pub file: FileArgs,
    #[command(flatten)]
    pub output: OutputArgs,
    /// What to open.
    #[arg(value_enum, default_value_t)]
    pub what: Place,
    /// The port on this machine; 3000 when absent, or another one when that is taken.
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,
    /// Also open it in the browser.
    #[arg(long)]
    pub open: bool,
}

/// See [`super::Command::Kubeconfig`].
#[derive(Debug, Args)]
#[expect(missing_docs, reason = "the flattened fields are documented where they are declared")]
pub struct KubeconfigArgs {
    #[command(flatten)]
    pub file: FileArgs,
    /// The cluster.
    pub cluster: String,
    /// Take the cluster of a rehearsal that was kept.
    #[arg(long)]
    pub rehearse: bool,
}
