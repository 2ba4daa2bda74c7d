//! Credentials that end in the middle: they are had anew where the kubeconfig can give new ones, and
//! otherwise the error says whose they are and that they are no longer taken. An apply that meets that calls
//! nothing unreachable; a plan treats a spoke that lets nobody in like one that is silent.

use std::{path::Path, time::Duration};

use lgtm_executor::{ApplyOptions, Kind, Report, World as _, prepare::PrepareError};
use lgtm_planner::plan::Change;
use serde_json::{Value, json};

use crate::{
    bed::{Bed, only, perform, steps},
    existing::{Existing, KUBECONFIG},
    hand::Hand,
};

const TOPOLOGY: &str = "
apiVersion: lgtmctl.dev/v1alpha1
kind: Topology
metadata: {name: expiry}
spec:
  provider: {existing: {kubeconfig: clusters.yaml}}
  hub: {name: hub, segment: 172.20.0.248/29, provider: {existing: {context: hub}}}
  spokes: []
";

/// Tells the token of the file `token`, and counts in the file `runs`. Whatever it says may hold a secret.
const PLUGIN: &str = r#"#!/bin/sh
cd "$(dirname "$0")" || exit 1
echo run >> runs
if [ -e broken ]; then
    echo "token: $(cat token)"
    echo "your session has ended; log in again" >&2
    exit 1
fi
printf '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": "%s"%s}}' "$(cat token)" "$(cat until)"
"#;

/// Makes the plugin and lets the kubeconfig use it.
fn use_plugin(folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let plugin = folder.join("plugin");
    std::fs::write(&plugin, PLUGIN).unwrap();
    std::fs::set_permissions(&plugin, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::write(folder.join("until"), "").unwrap();
    let path = folder.join(KUBECONFIG);
    let mut kubeconfig: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    kubeconfig["users"][0]["user"] = json!({"exec": {
        "apiVersion": "client.authentication.k8s.io/v1", "command": plugin, "interactiveMode": "Never",
        "env": [{"name": "PLUGIN_PASSWORD", "value": "correct-horse"}],
    }});
    std::fs::write(path, kubeconfig.to_string()).unwrap();
}

fn runs(folder: &Path) -> usize {
    std::fs::read_to_string(folder.join("runs")).unwrap_or_default().lines().count()
}

/// A token of an account that may do everything. The account is made anew, so that older tokens end.
async fn token(hub: &Hand, name: &str) -> String {
    let accounts = "/api/v1/namespaces/default/serviceaccounts";
    hub.create(accounts, &json!({"metadata": {"name": name}})).await;
    let binding = json!({
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": "default"}],
    });
    hub.create("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", &binding).await;
    let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
    let answer = hub.create(&format!("{accounts}/{name}/token"), &request).await;
    answer["status"]["token"].as_str().unwrap().to_owned()
}

/// Takes an account away and returns when its token is no longer taken; the server remembers tokens for
/// some seconds.
async fn end(hub: &Hand, folder: &Path, name: &str, token: &str) {
    hub.delete(&format!("/api/v1/namespaces/default/serviceaccounts/{name}")).await;
    let text = std::fs::read_to_string(folder.join(KUBECONFIG)).unwrap();
    let kubeconfig = kube::config::Kubeconfig::from_yaml(&text).unwrap();
    let options = kube::config::KubeConfigOptions { context: Some("hub".to_owned()), ..Default::default() };
    let mut config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap();
    config.auth_info = kube::config::AuthInfo { token: Some(token.to_owned().into()), ..Default::default() };
    let client = kube::Client::try_from(config).unwrap();
    let refused = async {
        loop {
            let request = http::Request::get("/api/v1/namespaces").body(Vec::new()).unwrap();
            match client.request::<Value>(request).await {
                Err(kube::Error::Api(status)) if status.code == 401 => return,
                Ok(_) => tokio::time::sleep(Duration::from_millis(200)).await,
                Err(error) => panic!("{error}"),
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), refused).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spoke_that_lets_nobody_in_holds_up_no_other() {
    let bed = Bed::new(&TOPOLOGY.replace("expiry", "refused").replace(
        "spokes: []",
        "spokes: [{name: spoke, tenant: t, scenario: alloy, provider: {existing: {context: spoke}}}]",
    ));
    let folder = bed.folder.path().to_owned();
    let _clusters = Existing::make(&folder, &["hub", "spoke"]).await;
    let path = folder.join(KUBECONFIG);
    let mut kubeconfig: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let context =
        kubeconfig["contexts"].as_array().unwrap().iter().find(|context| context["name"] == "spoke");
    let user = context.unwrap()["context"]["user"].clone();
    for known in kubeconfig["users"].as_array_mut().unwrap().iter_mut().filter(|known| known["name"] == user)
    {
        known["user"] = json!({"token": "of-another-time"});
    }
    std::fs::write(path, kubeconfig.to_string()).unwrap();

    let plan = bed.plan().await.plan;
    let spoke = &lgtm_topology::ClusterName::new("spoke");
    let reason = &plan.unreachable[spoke];
    assert!(reason.contains("does not accept the credentials of kubeconfig context `spoke`"), "{reason}");
    for step in plan.steps {
        assert_eq!(step.change == Change::Blocked, &step.id.unit.cluster == spoke, "{step:#?}");
    }
}

fn all_say_that_it_is_refused(report: &Report) {
    assert!(report.unreachable.is_empty() && report.done.is_empty(), "{report:#?}");
    for failure in report.failed.values() {
        assert_eq!(failure.kind, Kind::Permanent, "{failure}");
        let words =
            "on cluster hub: the API server no longer accepts the credentials of kubeconfig context `hub`";
        assert!(failure.message.contains(words), "{failure}");
        assert!(
            failure.help.as_deref().unwrap().contains("renew the credentials of kubeconfig context `hub`")
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn new_credentials_are_had_and_old_ones_are_named() {
    let mut bed = Bed::new(TOPOLOGY);
    let folder = bed.folder.path().to_owned();
    let clusters = Existing::make(&folder, &["hub"]).await;
    let hub = clusters.hand("hub").await;
    use_plugin(&folder);
    let first = token(&hub, "first").await;
    let second = token(&hub, "second").await;
    std::fs::write(folder.join("token"), &first).unwrap();

    // The plugin says no end, so its token is kept until the server refuses it; then there is another.
    bed.converge_unit("hub/namespaces").await;
    let once = runs(&folder);
    end(&hub, &folder, "first", &first).await;
    std::fs::write(folder.join("token"), &second).unwrap();
    bed.converge_unit("hub/mimir").await;
    // One client has its plugin run more than once when it is made, and not while its token is taken.
    assert_eq!(runs(&folder), 2 * once);

    // It ends in the middle of an apply, and there is no other.
    bed.restart();
    bed.world.lock(&bed.topology.name).await.unwrap();
    let prepared = bed.plan_with(only("hub/loki")).await;
    assert!(!prepared.plan.is_empty(), "{:?}", steps(&prepared));
    end(&hub, &folder, "second", &second).await;
    all_say_that_it_is_refused(&perform(&bed.world, prepared, ApplyOptions::default()).await);
    bed.world.release_lock().await;
    let refused =
        |failure: &str| failure.contains("does not accept the credentials of kubeconfig context `hub`");
    bed.restart();
    let PrepareError::World(failures) = bed.try_plan().await.unwrap_err() else { panic!("no failure") };
    assert!(
        failures.iter().all(|failure| failure.kind == Kind::Permanent && refused(&failure.message)),
        "{failures:#?}"
    );

    // The plugin has nothing to give. What it prints may hold a token, and is not shown.
    std::fs::write(folder.join("broken"), "").unwrap();
    bed.restart();
    let failure = bed.world.lock(&bed.topology.name).await.unwrap_err();
    let shown = format!("{failure:?}");
    assert!(shown.contains("exit status: 1: your session has ended; log in again"), "{shown}");
    assert!(!shown.contains(&second) && !shown.contains("correct-horse"), "{shown}");
    std::fs::remove_file(folder.join("broken")).unwrap();

    // With new credentials all goes on. These end soon, and the plugin is run again before they do.
    let third = token(&hub, "third").await;
    std::fs::write(folder.join("token"), &third).unwrap();
    let until = time::OffsetDateTime::now_utc() + time::Duration::seconds(61);
    let until = until.format(&time::format_description::well_known::Rfc3339).unwrap();
    std::fs::write(folder.join("until"), format!(r#", "expirationTimestamp": "{until}""#)).unwrap();
    let before = runs(&folder);
    bed.restart();
    bed.converge().await;
    assert!(runs(&folder) > before + once, "{}", runs(&folder) - before);
    bed.restart();
    assert_eq!(steps(&bed.plan().await), [""; 0]);
}
