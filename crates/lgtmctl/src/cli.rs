//! The command line as the user writes it.
//!
//! Only words, defaults and what excludes what; what a command does is in [`crate::commands`].

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use lgtm_planner::{
    plan::{PlanOptions, Target},
    unit::UnitId,
};
use lgtm_topology::ClusterName;

use crate::printer::{Color, Output};

mod access;
mod charts;

pub use access::{AccessArgs, KubeconfigArgs, Place};
pub use charts::{LockArgs, VendorArgs};

const EXIT_CODES: &str = "Exit codes:
  0    done
  1    failed, or not everything was done
  2    usage
  3    the topology is invalid
  4    changes are pending (plan --exit-code)
  5    a program, folder or kubeconfig is missing
  6    a cluster does not answer
  70   a bug in lgtmctl
  130  interrupted";

/// Installs the Grafana LGTM stack on a hub cluster and its agents on spoke clusters, from one file.
#[derive(Debug, Parser)]
#[command(name = "lgtmctl", version, after_help = EXIT_CODES, arg_required_else_help = true)]
pub struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Clone, Copy, Debug, Args)]
pub struct GlobalArgs {
    /// When to use colours.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub color: Color,
    /// Say nothing on stderr but errors and questions.
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// List every object and cut nothing; trace to stderr (-vv traces more).
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check the topology file and report everything that is wrong with it.
    Validate(ValidateArgs),
    /// Show what an apply would do.
    Plan(PlanArgs),
    /// Make the clusters as the topology says.
    Apply(ApplyArgs),
    /// Show units, drift, certificates and addresses.
    Status(StatusArgs),
    /// Remove everything that lgtmctl made.
    Destroy(DestroyArgs),
    /// Print the graph of units.
    Graph(GraphArgs),
    /// Write the objects of units as files.
    Render(RenderArgs),
    /// Open Grafana on this machine, through the hub's API server, until Ctrl-C.
    Access(AccessArgs),
    /// Print a kubeconfig for a cluster.
    Kubeconfig(KubeconfigArgs),
    /// Show who holds the lock of the topology, and break it.
    Unlock(UnlockArgs),
    /// Fix charts from repositories and manifests from the web: write their digests into the lock file beside the
    /// topology.
    Lock(LockArgs),
    /// Copy what is locked into a folder, for `--chart-mirror` where nothing can be fetched.
    Vendor(VendorArgs),
    /// Print the JSON schema of topology files.
    Schema,
    /// Print completions for a shell.
    Completions {
        /// The shell.
        #[arg(value_enum)]
        shell: Shell,
    },
}

impl Command {
    /// The form of data that the user wants.
    pub fn output(&self) -> Output {
        match self {
            Self::Validate(args) => args.output.output,
            Self::Plan(args) => args.output.output,
            Self::Apply(args) => args.output.output,
            Self::Status(args) => args.output.output,
            Self::Destroy(args) => args.output.output,
            Self::Access(args) => args.output.output,
            Self::Graph(_)
            | Self::Render(_)
            | Self::Kubeconfig(_)
            | Self::Unlock(_)
            | Self::Lock(_)
            | Self::Vendor(_)
            | Self::Schema
            | Self::Completions { .. } => Output::Human,
        }
    }
}

impl Command {
    /// The file for a trace, where the user wants one.
    pub fn trace_to(&self) -> Option<&Path> {
        let trace = match self {
            Self::Plan(args) => &args.trace,
            Self::Apply(args) => &args.trace,
            Self::Destroy(args) => &args.trace,
            Self::Validate(_)
            | Self::Access(_)
            | Self::Status(_)
            | Self::Graph(_)
            | Self::Render(_)
            | Self::Kubeconfig(_)
            | Self::Unlock(_)
            | Self::Lock(_)
            | Self::Vendor(_)
            | Self::Schema
            | Self::Completions { .. } => return None,
        };
        trace.trace_to.as_deref()
    }
}

/// The topology file.
#[derive(Clone, Debug, Args)]
pub struct FileArgs {
    /// The topology file; `validate` also reads `-`, which is stdin.
    #[arg(long, short, default_value = "topology.yaml", value_name = "FILE")]
    pub file: PathBuf,
    /// A folder that `vendor` filled, to use in place of chart repositories and the web: packaged charts
    /// (NAME-VERSION.tgz), and manifests by their URL with `-` for each `/` and `:`.
    #[arg(long, value_name = "DIR")]
    pub chart_mirror: Option<PathBuf>,
}

/// The form of data on stdout.
#[derive(Clone, Copy, Debug, Args)]
pub struct OutputArgs {
    /// The form of what is written to stdout.
    #[arg(long, short, value_enum, default_value_t, value_name = "FORM")]
    pub output: Output,
}

/// Where time goes.
#[derive(Clone, Debug, Default, Args)]
pub struct TraceArgs {
    /// Write where time went to a file, which ui.perfetto.dev and chrome://tracing open. It holds no secret.
    #[arg(long, value_name = "FILE")]
    pub trace_to: Option<PathBuf>,
}

/// See [`Command::Validate`].
#[derive(Debug, Args)]
#[expect(missing_docs, reason = "the fields are documented where they are declared")]
pub struct ValidateArgs {
    #[command(flatten)]
    pub file: FileArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

/// What decides what is planned.
#[derive(Clone, Debug, Default, Args)]
pub struct PlanningArgs {
    /// Plan only a cluster or a unit, and what it needs; repeatable.
    #[arg(long, value_name = "CLUSTER[/UNIT]", value_parser = target)]
    pub target: Vec<Target>,
    /// How much to compare with the clusters: what seems to have changed, or everything.
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    pub refresh: Refresh,
    /// Allow this unit to be replaced although something is lost by it; repeatable.
    #[arg(long, value_name = "CLUSTER/UNIT")]
    pub allow_replace: Vec<UnitId>,
    /// What to do about values that other field managers hold.
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    pub conflicts: Conflicts,
    /// List every object of the plan.
    #[arg(long)]
    pub verbose_objects: bool,
}

impl PlanningArgs {
    /// For the planner.
    pub fn options(&self) -> PlanOptions {
        PlanOptions {
            refresh_full: self.refresh == Refresh::Full,
            allow_replace: self.allow_replace.iter().cloned().collect(),
            targets: self.target.clone(),
            conflicts_fail: self.conflicts == Conflicts::Fail,
            delete_data: false,
        }
    }
}

fn target(text: &str) -> Result<Target, String> {
    match text.split_once('/') {
        None if text.is_empty() => Err("write CLUSTER or CLUSTER/UNIT".to_owned()),
        None => Ok(Target::Cluster(ClusterName::new(text))),
        Some(_) => text.parse().map(Target::Unit).map_err(|_| "write CLUSTER or CLUSTER/UNIT".to_owned()),
    }
}

/// How much to compare with the clusters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Refresh {
    /// Units whose digest or whose fields' ownership moved.
    #[default]
    Changed,
    /// Every object, by a server-side dry run.
    Full,
}

/// What to do about values that other field managers hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Conflicts {
    /// Take them over on apply, and say so in the plan.
    #[default]
    TakeOver,
    /// Refuse to plan.
    Fail,
}

/// See [`Command::Plan`].
#[derive(Debug, Args)]
#[expect(missing_docs, reason = "the flattened fields are documented where they are declared")]
pub struct PlanArgs {
    #[command(flatten)]
    pub file: FileArgs,
    #[command(flatten)]
    pub planning: PlanningArgs,
    #[command(flatten)]
    pub output: OutputArgs,
    #[command(flatten)]
    pub trace: TraceArgs,
    /// End with code 4 when there are changes.
    #[arg(long)]
    pub exit_code: bool,
}

/// How steps are performed.
#[derive(Clone, Copy, Debug, Args)]
pub struct RunArgs {
    /// Do it without asking.
    #[arg(long, short)]
    pub yes: bool,
    /// How many steps may run at once.
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = at_least_one)]
    pub concurrency: usize,
    /// How often a step is tried before it has failed.
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..))]
    pub tries: u32,
    /// Write a line per event in place of live lines.
    #[arg(long)]
    pub no_progress: bool,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("at least 1".to_owned()),
        Ok(number) => Ok(number),
        Err(error) => Err(format!("{error}")),
    }
}

/// See [`Command::Apply`].
#[derive(Debug, Args)]
#[expect(missing_docs, reason = "the flattened fields are documented where they are declared")]
pub struct ApplyArgs {
    #[command(flatten)]
    pub file: FileArgs,
    #[command(flatten)]
    pub planning: PlanningArgs,
    #[command(flatten)]
    pub run: RunArgs,
    #[command(flatten)]
    pub output: OutputArgs,
    #[command(flatten)]
    pub trace: TraceArgs,
    /// Apply to simulated clusters of their own in place of the topology's, then remove these again.
    #[arg(long)]
    pub rehearse: bool,
    /// Keep the clusters of a rehearsal.
    #[arg(long, requires = "rehearse")]
    pub keep: bool,
}

/// See [`Command::Status`].
#[derive(Debug, Args)]
#[expect(missing_docs, reason = "the flattened fields are documented where they are declared")]
pub struct StatusArgs {
    #[command(flatten)]
    pub file: FileArgs,
    #[command(flatten)]
    pub output: OutputArgs,
    /// Look at the clusters of a rehearsal that was kept.
    #[arg(long)]
    pub rehearse: bool,
}

/// See [`Command::Destroy`].
#[derive(Debug, Args)]
#[expect(missing_docs, reason = "the flattened fields are documented where they are declared")]
pub struct DestroyArgs {
    #[command(flatten)]
    pub file: FileArgs,
    #[command(flatten)]
    pub run: RunArgs,
    #[command(flatten)]
    pub output: OutputArgs,
    #[command(flatten)]
    pub trace: TraceArgs,
    /// Also delete volume claims, those of StatefulSets too, and so their data.
    #[arg(long)]
    pub delete_data: bool,
    /// List every object of the plan.
    #[arg(long)]
    pub verbose_objects: bool,
    /// Remove the clusters of a rehearsal that was kept.
    #[arg(long)]
    pub rehearse: bool,
}

/// The language of a graph.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum GraphFormat {
    /// Graphviz.
    #[default]
    Dot,
    /// Mermaid.
    Mermaid,
    /// One JSON object.
    Json,
}

/// See [`Command::Graph`].
#[derive(Debug, Args)]
#[expect(missing_docs, reason = "the flattened fields are documented where they are declared")]
pub struct GraphArgs {
    #[command(flatten)]
    pub file: FileArgs,
    /// The language.
    #[arg(long, value_enum, default_value_t)]
    pub format: GraphFormat,
}

/// See [`Command::Render`].
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["units", "all"]))]
#[expect(missing_docs, reason = "the flattened fields are documented where they are declared")]
pub struct RenderArgs {
    #[command(flatten)]
    pub file: FileArgs,
    /// Units; without a cluster, on every cluster that has one of that name.
    #[arg(value_name = "[CLUSTER/]UNIT")]
    pub units: Vec<String>,
    /// All units.
    #[arg(long)]
    pub all: bool,
    /// The folder; files in it are overwritten.
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
}

/// See [`Command::Unlock`].
#[derive(Debug, Args)]
#[expect(missing_docs, reason = "the flattened fields are documented where they are declared")]
pub struct UnlockArgs {
    #[command(flatten)]
    pub file: FileArgs,
    /// Break it without asking.
    #[arg(long, short)]
    pub yes: bool,
}

#[cfg(test)]
mod tests;
