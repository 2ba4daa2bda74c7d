//! The test bed: a topology on simulated clusters of its own, with real API servers.
//!
//! Every bed has folders of its own, so beds never meet each other or a user's clusters. What a bed
//! made is deleted when it ends; `LGTMCTL_KEEP=1` keeps it for a look.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use lgtm_executor::{
    ApplyOptions, Events, Outcome, Prepared, Report, World as _, apply, prepare, prepare::PrepareError,
    prepare_destroy, world::ClusterRef,
};
use lgtm_planner::{
    plan::{PlanOptions, Target},
    unit::ClusterContent,
};
use lgtm_topology::{ClusterName, Topology};
use lgtm_world::{
    ClusterWorld, Settings,
    charts::{lock::Lock, upstream::ChartSource},
    providers::kwok::Kwok,
};
use serde_json::Value;
use tokio::sync::watch;

use crate::tools::tools;

pub(crate) struct Bed {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) topology: Topology,
    pub(crate) world: Arc<ClusterWorld>,
}

impl Bed {
    pub(crate) fn new(source: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("lgtmctl-e2e-").tempdir().unwrap();
        let topology = parse(source);
        let world = Arc::new(world(folder.path(), &topology));
        Self { folder, topology, world }
    }

    /// Puts another topology in the place of the first, as an edit of the file does. A new world means
    /// that nothing is remembered but what is in the clusters.
    pub(crate) fn edit(&mut self, source: &str) {
        self.topology = parse(source);
        self.restart();
    }

    /// Forgets everything that a process would forget.
    pub(crate) fn restart(&mut self) {
        self.world = Arc::new(world(self.folder.path(), &self.topology));
    }

    pub(crate) async fn plan(&self) -> Prepared {
        self.plan_with(PlanOptions::default()).await
    }

    pub(crate) async fn plan_with(&self, options: PlanOptions) -> Prepared {
        prepare(&self.world, &self.topology, options).await.unwrap()
    }

    /// A plan, or why there is none.
    pub(crate) async fn try_plan(&self) -> Result<Prepared, PrepareError> {
        self.try_plan_with(PlanOptions::default()).await
    }

    pub(crate) async fn try_plan_with(&self, options: PlanOptions) -> Result<Prepared, PrepareError> {
        prepare(&self.world, &self.topology, options).await
    }

    /// Applies one unit with what it needs, and expects that it is done.
    pub(crate) async fn converge_unit(&self, unit: &str) -> Report {
        let report = self.apply_with(only(unit), ApplyOptions::default()).await;
        assert!(report.is_complete(), "{report:#?}");
        report
    }

    /// Writes a file that the topology names.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Writes objects into a file that the topology names.
    pub(crate) fn write_objects(&self, name: &str, objects: &[Value]) {
        let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": objects});
        self.write(name, &list.to_string());
    }

    pub(crate) async fn apply(&self) -> Report {
        self.apply_with(PlanOptions::default(), ApplyOptions::default()).await
    }

    pub(crate) async fn apply_with(&self, options: PlanOptions, how: ApplyOptions) -> Report {
        self.world.lock(&self.topology.name).await.unwrap();
        let prepared = self.plan_with(options).await;
        let report = perform(&self.world, prepared, how).await;
        self.world.release_lock().await;
        report
    }

    /// Applies and expects that everything is done.
    pub(crate) async fn converge(&self) -> Report {
        let report = self.apply().await;
        assert!(report.is_complete(), "{report:#?}");
        report
    }

    pub(crate) async fn destroy(&self) -> Report {
        self.destroy_with(PlanOptions::default()).await
    }

    pub(crate) async fn destroy_with(&self, options: PlanOptions) -> Report {
        self.world.lock(&self.topology.name).await.unwrap();
        let prepared = prepare_destroy(&self.world, &self.topology, options).await.unwrap();
        let report = perform(&self.world, prepared, ApplyOptions::default()).await;
        self.world.release_lock().await;
        report
    }

    pub(crate) fn reference(&self, cluster: &str) -> ClusterRef {
        let cluster = self.topology.clusters().find(|found| found.name.as_str() == cluster).unwrap();
        ClusterRef::Wanted(content(cluster))
    }

    /// A client of the test's own, as an administrator by hand would have it.
    pub(crate) async fn by_hand(&self, cluster: &str) -> kube::Client {
        let text = self.world.kubeconfig(&ClusterName::new(cluster), &self.reference(cluster)).await.unwrap();
        let kubeconfig = kube::config::Kubeconfig::from_yaml(&text).unwrap();
        let config = kube::Config::from_custom_kubeconfig(kubeconfig, &Default::default()).await.unwrap();
        kube::Client::try_from(config).unwrap()
    }

    /// What lgtmctl asked of a cluster since `mark`, counted by verb; reads are left out.
    pub(crate) fn writes(&self, cluster: &str, mark: usize) -> BTreeMap<String, usize> {
        let mut verbs = BTreeMap::new();
        for event in self.audit(cluster).into_iter().skip(mark) {
            let text =
                |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
            if text("/userAgent").starts_with("lgtmctl/")
                && !matches!(text("/verb").as_str(), "get" | "list" | "watch")
            {
                let dry = text("/requestURI").contains("dryRun=All");
                let what = format!(
                    "{}{} {}",
                    if dry { "dry-run " } else { "" },
                    text("/verb"),
                    text("/objectRef/resource")
                );
                *verbs.entry(what).or_default() += 1;
            }
        }
        verbs
    }

    pub(crate) fn mark(&self, cluster: &str) -> usize {
        self.audit(cluster).len()
    }

    pub(crate) fn audit(&self, cluster: &str) -> Vec<Value> {
        let path = self.world.audit_log(&ClusterName::new(cluster), &self.reference(cluster)).unwrap();
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    pub(crate) fn clusters(&self) -> Vec<String> {
        self.topology.clusters().map(|cluster| cluster.name.to_string()).collect()
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        if std::env::var_os("LGTMCTL_KEEP").is_some() {
            return;
        }
        // Clusters are processes, and must go also when a test has failed.
        let state = self.folder.path().join("state/kwok");
        let kwok = Kwok::new(tools(), &state);
        let names: Vec<String> = std::fs::read_dir(self.folder.path().join("state/simulated"))
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| Some(entry.path().file_stem()?.to_str()?.to_owned()))
            .collect();
        let ended = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                for name in names {
                    drop(kwok.delete(&name).await);
                }
            });
        })
        .join();
        drop(ended);
    }
}

pub(crate) async fn perform(world: &Arc<ClusterWorld>, prepared: Prepared, how: ApplyOptions) -> Report {
    let (events, mut heard) = Events::channel();
    let printing = tokio::spawn(async move {
        while let Some(event) = heard.recv().await {
            if std::env::var_os("LGTMCTL_TRACE").is_some() {
                eprintln!("{event:?}");
            }
        }
    });
    let (_interrupt, interrupted) = watch::channel(false);
    let report = apply(world, prepared, how, &events, interrupted).await;
    drop(events);
    printing.await.unwrap();
    report
}

pub(crate) fn content(cluster: &lgtm_topology::Cluster) -> ClusterContent {
    ClusterContent {
        provider: cluster.provider.clone(),
        workers: cluster.workers,
        pod_cidr: cluster.pod_cidr,
        service_cidr: cluster.service_cidr,
        segment: cluster.segment,
    }
}

pub(crate) fn parse(source: &str) -> Topology {
    let parsed = lgtm_topology::parse("topology.yaml", source);
    parsed.topology.unwrap_or_else(|| panic!("{:#?}", parsed.diagnostics))
}

pub(crate) fn world(folder: &Path, topology: &Topology) -> ClusterWorld {
    world_on(folder, "state", topology)
}

/// A world with a state folder of its own, as another machine has.
pub(crate) fn world_on(folder: &Path, machine: &str, topology: &Topology) -> ClusterWorld {
    ClusterWorld::new(Settings {
        base_dir: folder.to_owned(),
        tools: tools(),
        state_dir: folder.join(machine),
        cache_dir: Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"),
        topology: topology.name.clone(),
        hub: topology.hub.cluster.name.clone(),
        hub_content: content(&topology.hub.cluster),
        charts: ChartSource { mirror: Some(folder.join("mirror")), lock: read_lock(folder) },
        rehearsal: None,
    })
}

/// What `topology.lock` in the folder fixes; without it nothing is checked.
fn read_lock(folder: &Path) -> Option<Lock> {
    Some(Lock::parse(&std::fs::read_to_string(folder.join("topology.lock")).ok()?).unwrap())
}

/// The steps of a plan as text, for assertions that show what went wrong.
pub(crate) fn steps(prepared: &Prepared) -> Vec<String> {
    prepared.plan.steps.iter().map(|step| format!("{:?} {}", step.change, step.id)).collect()
}

/// All that a plan would change, object by object.
pub(crate) fn changes(prepared: &Prepared) -> Vec<String> {
    prepared
        .plan
        .steps
        .iter()
        .flat_map(|step| {
            step.objects.iter().flat_map(|change| {
                let fields: Vec<&str> = change.fields.iter().map(|field| field.path.as_str()).collect();
                [format!(
                    "{:?} {} {} [{}]",
                    change.verb,
                    step.id.unit.cluster,
                    change.object,
                    fields.join(" ")
                )]
            })
        })
        .collect()
}

pub(crate) fn outcomes(report: &Report) -> BTreeMap<String, Outcome> {
    report.done.iter().map(|(step, outcome)| (step.to_string(), *outcome)).collect()
}

/// Everything about one unit and what it needs, and nothing else.
pub(crate) fn only(unit: &str) -> PlanOptions {
    PlanOptions { targets: vec![Target::Unit(unit.parse().unwrap())], ..PlanOptions::default() }
}
