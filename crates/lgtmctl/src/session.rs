//! A command's dealings with the world: one topology, one world, one terminal.
//!
//! Generic over the world, so that tests run whole commands without a cluster. Here is the one place
//! that makes the real one.

mod clusters;

use std::{future::Future, net::Ipv4Addr, path::PathBuf, sync::Arc};

use ipnet::Ipv4Net;
use lgtm_executor::{
    ApplyOptions, Failure, Kind, Prepared, prepare, prepare::PrepareError, prepare_destroy,
    scheduler::Limits, world::ClusterRef,
};
use lgtm_planner::{
    desired::{Capabilities, Desired, desire},
    plan::PlanOptions,
};
use lgtm_topology::{ClusterName, KWOK_NODE_NETWORK, Provider, Segment, Topology};
use lgtm_world::{
    ClusterWorld, Settings,
    charts::{Charts, lock::Lock, upstream::ChartSource},
    tools::Tools,
};

use crate::{
    cli::{FileArgs, RunArgs},
    error::CommandError,
    input::Document,
    interrupt::Interrupt,
    printer::Printer,
    render::problem,
    values,
};

pub use self::clusters::{Clusters, Way};

/// Names the clusters of a rehearsal apart from the topology's own.
const REHEARSAL: &str = "rehearsal";

/// One command's surroundings.
#[derive(Debug)]
pub struct Session<'a, W> {
    /// Everything outside.
    pub world: Arc<W>,
    /// What the user said.
    pub topology: Topology,
    /// Where the user said it.
    pub document: Document,
    /// Where to say something.
    pub printer: &'a Printer,
    /// Whether to stop.
    pub interrupt: Interrupt,
}

/// What the user said, and what must exist by it.
pub(crate) struct Given {
    pub(crate) document: Document,
    pub(crate) topology: Topology,
    pub(crate) desired: Desired,
}

impl Given {
    /// Reads a topology; `rehearse` puts a simulated cluster in the place of each.
    pub(crate) fn read(file: &FileArgs, rehearse: bool, printer: &Printer) -> Result<Self, CommandError> {
        let document = Document::read(&file.file)?;
        let mut topology = document.topology(printer)?;
        if rehearse {
            simulate(&mut topology);
        }
        let desired = desired(&topology, &document, printer)?;
        Ok(Self { document, topology, desired })
    }
}

impl<'a> Session<'a, ClusterWorld> {
    /// Reads the topology and makes the world for it.
    pub fn open(
        file: &FileArgs,
        rehearse: bool,
        printer: &'a Printer,
        interrupt: Interrupt,
    ) -> Result<Self, CommandError> {
        let given = Given::read(file, rehearse, printer)?;
        let charts = locked_charts(file, &given.document)?;
        Self::with(given, charts, rehearse, printer, interrupt)
    }

    /// The same for commands that render: warns of values of the user's that their charts do not know.
    pub async fn open_checked(
        file: &FileArgs,
        rehearse: bool,
        printer: &'a Printer,
        interrupt: Interrupt,
    ) -> Result<Self, CommandError> {
        let given = Given::read(file, rehearse, printer)?;
        let source = locked_charts(file, &given.document)?;
        let Given { document, topology, desired } = &given;
        if !topology.overrides.is_empty() || !topology.extra_releases.is_empty() {
            let charts = charts(document, source.clone())?;
            interrupt.or(values::check(&charts, topology, desired, document, printer)).await?;
        }
        Self::with(given, source, rehearse, printer, interrupt)
    }

    fn with(
        Given { document, topology, desired }: Given,
        charts: ChartSource,
        rehearse: bool,
        printer: &'a Printer,
        interrupt: Interrupt,
    ) -> Result<Self, CommandError> {
        let world = world(&document, &desired, charts, rehearse)?;
        Ok(Self { world, topology, document, printer, interrupt })
    }
}

/// Charts of others as the lock file fixes them.
fn locked_charts(file: &FileArgs, document: &Document) -> Result<ChartSource, CommandError> {
    // Where there is no lock file, no chart is locked, which is said when one is asked for.
    let lock = Some(chart_lock(document)?.unwrap_or_default());
    Ok(ChartSource { mirror: file.chart_mirror.clone(), lock })
}

/// The one place where the real world is made.
fn world(
    document: &Document,
    desired: &Desired,
    charts: ChartSource,
    rehearse: bool,
) -> Result<Arc<ClusterWorld>, CommandError> {
    let settings = Settings {
        base_dir: document.base_dir(),
        tools: tools(),
        state_dir: user_folder("XDG_STATE_HOME", ".local/state")?,
        cache_dir: cache_dir()?,
        charts,
        topology: desired.topology.clone(),
        hub: desired.hub.clone(),
        hub_content: desired.cluster(&desired.hub).cloned().ok_or_else(no_hub)?,
        rehearsal: rehearse.then(|| REHEARSAL.to_owned()),
    };
    Ok(Arc::new(ClusterWorld::new(settings)))
}

fn tools() -> Tools {
    std::env::var_os("LGTMCTL_TOOLS").map_or_else(Tools::default, Tools::in_dir)
}

fn cache_dir() -> Result<PathBuf, Failure> {
    user_folder("XDG_CACHE_HOME", ".cache")
}

/// Charts from repositories, without a world.
pub(crate) fn charts(document: &Document, source: ChartSource) -> Result<Charts, CommandError> {
    Ok(Charts::new(source, tools(), document.base_dir(), cache_dir()?))
}

/// The lock file beside the topology; none where there is no such file.
pub(crate) fn chart_lock(document: &Document) -> Result<Option<Lock>, CommandError> {
    let path = document.lock_path();
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(CommandError::Unreadable { path, source }),
    };
    match Lock::parse(&text) {
        Ok(lock) => Ok(Some(lock)),
        Err(error) => {
            let message = format!("the chart lock file {} cannot be used: {error}", path.display());
            let help = "restore it from version control, or delete it and run `lgtmctl lock`";
            Err(Failure::new(Kind::Permanent, message).with_help(help).into())
        }
    }
}

fn no_hub() -> Failure {
    Failure::new(Kind::Permanent, "the topology has no hub")
}

/// lgtmctl's folder among the user's. The base directory specification asks that a relative path in
/// a variable be passed over.
fn user_folder(variable: &str, below_home: &str) -> Result<PathBuf, Failure> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute(variable)
        .or_else(|| absolute("HOME").map(|home| home.join(below_home)))
        .map(|folder| folder.join("lgtmctl"))
        .ok_or_else(|| {
            Failure::new(
                Kind::Environment,
                format!("neither {variable} nor HOME names a folder to keep files in"),
            )
            .with_help(format!("set {variable} to an absolute path"))
        })
}

/// The last addresses of the simulated node network.
fn simulated_segment() -> Option<Segment> {
    let node_network = KWOK_NODE_NETWORK;
    let last = u32::from(node_network.broadcast()) & !0b111;
    let range = Ipv4Net::new(Ipv4Addr::from(last), 29).ok()?;
    Some(Segment { range, node_network: Some(node_network) })
}

/// The same topology with every cluster simulated.
fn simulate(topology: &mut Topology) {
    let spokes = topology.spokes.iter_mut().map(|spoke| &mut spoke.cluster);
    for cluster in std::iter::once(&mut topology.hub.cluster).chain(spokes) {
        cluster.provider = Provider::Kwok;
        cluster.workers = cluster.workers.max(1);
        // Where a real provider assigns addresses itself, lgtmctl has to, and any will do: nothing leaves
        // this machine, and simulated clusters do not see each other.
        cluster.segment = cluster.segment.or_else(simulated_segment);
    }
}

/// What a rehearsal of the topology would make; none where that is nothing that can be.
pub(crate) fn rehearsed(topology: &Topology) -> Option<Desired> {
    let mut simulated = topology.clone();
    simulate(&mut simulated);
    desire(&simulated, &Capabilities::default()).ok()
}

/// How steps are run.
pub(crate) fn apply_options(run: &RunArgs) -> ApplyOptions {
    let per_cluster = ApplyOptions::default().limits.per_cluster.min(run.concurrency);
    ApplyOptions { limits: Limits { total: run.concurrency, per_cluster }, tries: run.tries }
}

impl<W: Clusters> Session<'_, W> {
    /// Looks at everything and plans.
    pub async fn prepare(&self, options: PlanOptions) -> Result<Prepared, CommandError> {
        self.reading(prepare(&self.world, &self.topology, options)).await
    }

    /// Looks at everything and plans its removal.
    pub async fn prepare_destroy(&self, options: PlanOptions) -> Result<Prepared, CommandError> {
        self.reading(prepare_destroy(&self.world, &self.topology, options)).await
    }

    async fn reading(
        &self,
        work: impl Future<Output = Result<Prepared, PrepareError>>,
    ) -> Result<Prepared, CommandError> {
        let spinner = self.printer.is_live().then(|| {
            let spinner =
                indicatif::ProgressBar::new_spinner().with_message("reading clusters and rendering charts");
            spinner.enable_steady_tick(std::time::Duration::from_millis(120));
            spinner
        });
        let result = self.interrupt.or(work).await;
        if let Some(spinner) = spinner {
            spinner.finish_and_clear();
        }
        match result? {
            Err(PrepareError::Desire(problems)) => {
                let text = self.document.desire_errors(&problems, self.printer.talk_style());
                self.printer.insist(&text);
                Err(CommandError::Invalid)
            }
            result => Ok(result?),
        }
    }

    /// What must exist, without a look at any cluster.
    pub fn desired(&self) -> Result<Desired, CommandError> {
        desired(&self.topology, &self.document, self.printer)
    }

    /// How a cluster of the topology, or one that is still recorded, is reached.
    pub async fn cluster(&self, name: &ClusterName) -> Result<ClusterRef, CommandError> {
        let desired = self.desired()?;
        if let Some(content) = desired.cluster(name) {
            return Ok(ClusterRef::Wanted(content.clone()));
        }
        let hub = hub(&desired)?;
        let fleet = self.interrupt.or(self.world.fleet(&desired.topology, &desired.hub, &hub)).await??;
        let known = fleet.keys().chain(desired.clusters().map(|(name, _)| name));
        let known: std::collections::BTreeSet<&str> = known.map(ClusterName::as_str).collect();
        match fleet.get(name) {
            Some(entry) => Ok(ClusterRef::Recorded(entry.clone())),
            None => Err(unknown("cluster", name.as_str(), known)),
        }
    }
}

/// How the hub is reached.
pub(crate) fn hub(desired: &Desired) -> Result<ClusterRef, CommandError> {
    let content = desired.cluster(&desired.hub).cloned().map(ClusterRef::Wanted);
    Ok(content.ok_or_else(no_hub)?)
}

/// What must exist, without a look at any cluster.
pub(crate) fn desired(
    topology: &Topology,
    document: &Document,
    printer: &Printer,
) -> Result<Desired, CommandError> {
    desire(topology, &Capabilities::default()).map_err(|problems| {
        printer.insist(&document.desire_errors(&problems, printer.talk_style()));
        CommandError::Invalid
    })
}

/// A usage error for a name that means nothing.
pub(crate) fn unknown<'n>(
    what: &str,
    name: &str,
    known: impl IntoIterator<Item = &'n str> + Clone,
) -> CommandError {
    let all = || format!("known are {}", known.clone().into_iter().collect::<Vec<_>>().join(", "));
    CommandError::usage(
        format!("the topology has no {what} `{name}`"),
        problem::nearest(name, known.clone(), all),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rehearsal_leaves_real_clusters_alone() {
        let source = "apiVersion: lgtmctl.dev/v1alpha1\nkind: Topology\nmetadata: {name: small}\nspec:\n  \
            provider: {existing: {}}\n  hub: {name: hub, provider: {existing: {context: one}}, segment: 192.0.2.0/29}\n  \
            spokes: [{name: west, tenant: west, scenario: alloy, provider: {existing: {context: two}}}]\n";
        let parsed = lgtm_topology::parse("small.yaml", source);
        let mut topology = parsed.topology.unwrap_or_else(|| panic!("{:#?}", parsed.diagnostics));
        simulate(&mut topology);
        for cluster in topology.clusters() {
            assert_eq!(cluster.provider, Provider::Kwok, "{}", cluster.name);
            assert!(cluster.workers >= 1);
        }
    }

    #[test]
    fn one_cluster_never_has_more_than_all() {
        let run = |concurrency| RunArgs { yes: true, concurrency, tries: 3, no_progress: true };
        assert_eq!(apply_options(&run(2)).limits.per_cluster, 2);
        assert_eq!(apply_options(&run(64)).limits.per_cluster, 6);
        assert_eq!(apply_options(&run(64)).limits.total, 64);
    }
}
