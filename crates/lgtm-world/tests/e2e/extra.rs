//! A bed with one cluster and manifests of the user's own on it, for what is about single objects.

use lgtm_planner::plan::PlanOptions;
use serde_json::{Value, json};

use crate::{
    bed::{Bed, changes, only},
    hand::Hand,
};

/// The unit of the manifests.
pub(crate) const UNIT: &str = "hub/mine";
const FILE: &str = "mine.json";

const TOPOLOGY: &str = "
apiVersion: lgtmctl.dev/v1alpha1
kind: Topology
metadata: {name: extra}
spec:
  provider: {kwok: {}}
  hub: {name: hub, segment: 248/29}
  spokes: []
  extraManifests:
    - {name: mine, clusters: [hub], namespace: apps, files: [mine.json]}
";

pub(crate) struct Extra {
    pub(crate) bed: Bed,
    pub(crate) hand: Hand,
}

impl Extra {
    /// Applies these objects to a new cluster.
    pub(crate) async fn new(objects: &[Value]) -> Self {
        let bed = Bed::new(TOPOLOGY);
        bed.write_objects(FILE, objects);
        bed.converge_unit(UNIT).await;
        let hand = Hand::new(bed.by_hand("hub").await);
        Self { bed, hand }
    }

    /// Puts other objects in their place.
    pub(crate) fn edit(&self, objects: &[Value]) {
        self.bed.write_objects(FILE, objects);
    }

    /// What a plan would do to them.
    pub(crate) async fn changes(&self) -> Vec<String> {
        changes(&self.bed.plan_with(only(UNIT)).await)
    }

    pub(crate) async fn converge(&self) {
        self.bed.converge_unit(UNIT).await;
        assert_eq!(self.changes().await, [""; 0]);
    }

    /// The plan as text, as far as it is about refusals.
    pub(crate) async fn refusal(&self, options: PlanOptions) -> String {
        format!("{:?}", self.bed.try_plan_with(options).await.unwrap_err())
    }
}

pub(crate) fn config_map(name: &str, data: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})
}

pub(crate) fn deployment(name: &str, image: &str, replicas: Option<u32>) -> Value {
    let labels = json!({"app": name});
    let mut object = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "main", "image": image}]},
            },
        },
    });
    if let Some(replicas) = replicas {
        object["spec"]["replicas"] = json!(replicas);
    }
    object
}
