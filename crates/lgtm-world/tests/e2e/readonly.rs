//! An account that may only read: a plan with nothing to do works, and one with changes says which
//! permission is missing for which object.

use lgtm_executor::{Kind, prepare::PrepareError};
use serde_json::{Value, json};

use crate::{
    bed::{Bed, steps},
    existing::{Existing, KUBECONFIG},
};

const TOPOLOGY: &str = "
apiVersion: lgtmctl.dev/v1alpha1
kind: Topology
metadata: {name: reader}
spec:
  provider: {existing: {kubeconfig: clusters.yaml}}
  hub: {name: hub, segment: 172.20.0.248/29, provider: {existing: {context: hub}}}
  spokes: []
";

/// Lets the administrator of the kubeconfig act as an account that may read everything and write
/// nothing.
async fn only_read(bed: &Bed, clusters: &Existing) {
    let hub = clusters.hand("hub").await;
    let rules = json!([
        {"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list"]},
        {"nonResourceURLs": ["*"], "verbs": ["get"]},
    ]);
    let rbac = "/apis/rbac.authorization.k8s.io/v1";
    hub.create(&format!("{rbac}/clusterroles"), &json!({"metadata": {"name": "reader"}, "rules": rules}))
        .await;
    let binding = json!({
        "metadata": {"name": "reader"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "reader"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "auditor"}],
    });
    hub.create(&format!("{rbac}/clusterrolebindings"), &binding).await;
    let path = bed.folder.path().join(KUBECONFIG);
    let mut kubeconfig: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    for user in kubeconfig["users"].as_array_mut().unwrap() {
        user["user"]["as"] = json!("auditor");
    }
    std::fs::write(path, kubeconfig.to_string()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_needs_to_write_only_where_something_changed() {
    let mut bed = Bed::new(TOPOLOGY);
    let clusters = Existing::make(bed.folder.path(), &["hub"]).await;
    bed.converge().await;
    only_read(&bed, &clusters).await;
    bed.restart();
    assert_eq!(steps(&bed.plan().await), [""; 0]);

    // The dry run of an apply is a PATCH, which the account may not send.
    let hub = clusters.hand("hub").await;
    let service = "/api/v1/namespaces/mimir/services/mimir-distributor";
    hub.merge(service, &json!({"metadata": {"labels": {"app.kubernetes.io/name": "other"}}})).await;
    let PrepareError::World(failures) = bed.try_plan().await.unwrap_err() else {
        panic!("not a world's failure")
    };
    let [failure] = failures.as_slice() else { panic!("{failures:?}") };
    assert_eq!(failure.kind, Kind::Permanent);
    for part in [
        "Service mimir/mimir-distributor",
        "cluster hub",
        "auditor",
        "patch",
        "\"services\"",
        "namespace \"mimir\"",
    ] {
        assert!(failure.message.contains(part), "{part}: {}", failure.message);
    }
    assert!(failure.help.as_deref().unwrap().contains("permission"), "{failure:?}");
}
