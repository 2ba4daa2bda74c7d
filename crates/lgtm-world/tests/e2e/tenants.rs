//! What is particular to one tenant changes one field of one object of each backend, and no pod.

use crate::bed::{Bed, changes, steps};

fn topology(tenants: &str) -> String {
    format!(
        "apiVersion: lgtmctl.dev/v1alpha1\nkind: Topology\nmetadata: {{name: tenants}}\nspec:\n  \
         provider: {{kwok: {{}}}}\n  tenants: {tenants}\n  hub: {{name: hub, segment: 248/29}}\n  \
         spokes: [{{name: edge, tenant: edge, scenario: traditional}}]\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_retention_is_one_field_of_each_backend() {
    let mut bed = Bed::new(&topology("[]"));
    bed.converge().await;
    bed.edit(&topology("[{name: edge, retention: {metrics: 30d, logs: 14d, traces: 3d}}]"));
    let planned = changes(&bed.plan().await);
    assert_eq!(
        planned,
        [
            "Update hub ConfigMap loki/loki-overrides [data[overrides.yaml]]",
            "Update hub ConfigMap mimir/mimir-overrides [data[overrides.yaml]]",
            "Update hub ConfigMap tempo/tempo-overrides [data[overrides.yaml]]",
        ]
    );
    bed.converge().await;
    assert_eq!(steps(&bed.plan().await), [""; 0]);
    bed.edit(&topology("[{name: edge, retention: {metrics: 30d, logs: 7d, traces: 3d}}]"));
    let planned = changes(&bed.plan().await);
    assert_eq!(planned, ["Update hub ConfigMap loki/loki-overrides [data[overrides.yaml]]"]);
}
