//! Accounts that may not do everything: a plan needs no right to write, and whoever lacks a right is told
//! which, as a rule that can be pasted.

use std::collections::{BTreeMap, BTreeSet};

use lgtm_executor::Kind;
use lgtm_planner::plan::PlanOptions;
use serde_json::{Value, json};

use crate::{
    bed::{Bed, changes, steps},
    front::{Front, PROXIED},
    hand::Hand,
};

const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";

fn topology(retention: &str) -> String {
    format!(
        "apiVersion: lgtmctl.dev/v1alpha1\nkind: Topology\nmetadata: {{name: rights}}\nspec:\n  \
         provider: {{existing: {{kubeconfig: {PROXIED}}}}}\n  retention: {{metrics: {retention}}}\n  \
         hub: {{name: hub, segment: 172.20.0.248/29, provider: {{existing: {{context: hub}}}}}}\n  spokes: []\n"
    )
}

/// Gives a user rights on the whole cluster.
async fn grant(hub: &Hand, user: &str, rules: &Value) {
    hub.create(&format!("{RBAC}/clusterroles"), &json!({"metadata": {"name": user}, "rules": rules})).await;
    let binding = json!({
        "metadata": {"name": user},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": user},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
    });
    hub.create(&format!("{RBAC}/clusterrolebindings"), &binding).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_needs_no_right_to_write() {
    let mut bed = Bed::new(&topology("7d"));
    let front = Front::make(bed.folder.path(), &["hub"]).await;
    let (hub, proxy) = (front.hand("hub").await, front.proxy("hub"));
    bed.converge().await;
    let rules = json!([
        {"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list"]},
        {"nonResourceURLs": ["*"], "verbs": ["get"]},
    ]);
    grant(&hub, "auditor", &rules).await;

    // Without changes nothing is compared, and with all compared nothing differs.
    front.act_as(bed.folder.path(), Some("auditor"));
    bed.restart();
    let prepared = bed.plan().await;
    assert_eq!(steps(&prepared), [""; 0]);
    assert!(!prepared.plan.notes.concat().contains("dry run"), "{:?}", prepared.plan.notes);
    bed.restart();
    let full = PlanOptions { refresh_full: true, ..PlanOptions::default() };
    let prepared = bed.plan_with(full).await;
    assert_eq!(changes(&prepared), [""; 0], "what the server fills in is no change");

    // Of edits by hand, and of an edited file, it sees what a plan with all rights sees.
    let service = "/api/v1/namespaces/mimir/services/mimir-distributor";
    hub.merge(service, &json!({"metadata": {"labels": {"app.kubernetes.io/name": "other"}}})).await;
    let mimir = "/apis/apps/v1/namespaces/mimir/statefulsets/mimir";
    hub.merge(mimir, &json!({"spec": {"replicas": 3}})).await;
    hub.delete("/api/v1/namespaces/loki/services/loki-write").await;
    let mut seen = BTreeMap::new();
    for user in [None, Some("auditor")] {
        front.act_as(bed.folder.path(), user);
        bed.edit(&topology("14d"));
        proxy.play(|_| None);
        let prepared = bed.plan().await;
        let verbs: BTreeSet<&str> = proxy.seen().into_iter().map(|seen| seen.verb).collect();
        assert!(verbs.iter().all(|verb| ["get", "list", "discover", "dry-run"].contains(verb)), "{verbs:?}");
        let note = prepared.plan.notes.join("");
        assert_eq!(
            note.contains("without a dry run") && note.contains("context `hub`"),
            user.is_some(),
            "{note}"
        );
        seen.insert(user, (steps(&prepared), changes(&prepared)));
    }
    let wanted = &seen[&None];
    assert!(wanted.1.iter().any(|change| change.contains("StatefulSet mimir/mimir [")), "{wanted:#?}");
    assert!(wanted.1.len() >= 4, "{wanted:#?}");
    assert_eq!(wanted, &seen[&Some("auditor")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forbidden_kind_is_named_with_the_missing_rule() {
    let mut bed = Bed::new(&topology("7d"));
    let front = Front::make(bed.folder.path(), &["hub"]).await;
    let (hub, proxy) = (front.hand("hub").await, front.proxy("hub"));
    let groups = [
        "",
        "apps",
        "batch",
        "autoscaling",
        "policy",
        "storage.k8s.io",
        "coordination.k8s.io",
        "rbac.authorization.k8s.io",
        "apiextensions.k8s.io",
        "admissionregistration.k8s.io",
    ];
    let rules = json!([
        {"apiGroups": groups, "resources": ["*"], "verbs": ["*"]},
        {"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list"]},
        {"nonResourceURLs": ["*"], "verbs": ["*"]},
    ]);
    grant(&hub, "installer", &rules).await;
    front.act_as(bed.folder.path(), Some("installer"));
    proxy.play(|_| None);
    let report = bed.apply().await;
    assert!(!report.failed.is_empty() && !report.is_complete(), "{report:#?}");
    for failure in report.failed.values() {
        assert_eq!(failure.kind, Kind::Permanent, "{failure}");
    }
    let (step, failure) = report.failed.iter().find(|(step, _)| step.to_string() == "hub/mimir").unwrap();
    for part in ["NetworkPolicy mimir/", "on cluster hub", "installer", "cannot patch", "namespace \"mimir\""]
    {
        assert!(failure.message.contains(part), "{step}: {part}: {failure}");
    }
    let help = failure.help.as_deref().unwrap();
    for part in [
        r#"{apiGroups: ["networking.k8s.io"], resources: ["networkpolicies"], verbs: ["patch"]}"#,
        "in namespace mimir",
        "kubeconfig context `hub`",
    ] {
        assert!(help.contains(part), "{part}: {help}");
    }
    // What can never work is not tried again.
    let mut tries: BTreeMap<String, usize> = BTreeMap::new();
    for seen in proxy
        .seen()
        .into_iter()
        .filter(|seen| seen.path.contains("/networkpolicies/") && seen.verb == "apply")
    {
        *tries.entry(seen.path).or_default() += 1;
    }
    assert!(!tries.is_empty() && tries.values().all(|tries| *tries == 1), "{tries:#?}");
    // What needs no such right is done.
    assert!(report.done.keys().any(|step| step.to_string() == "hub/namespaces"), "{report:#?}");

    paste_the_rules(&mut bed, &hub).await;
}

/// Applies again and again, each time with the rules that the messages name, as a person would.
async fn paste_the_rules(bed: &mut Bed, hub: &Hand) {
    let path = format!("{RBAC}/clusterroles/installer");
    for _ in 0..4 {
        bed.restart();
        let report = bed.apply().await;
        if report.is_complete() {
            return;
        }
        let mut role = hub.get(&path).await.unwrap();
        for failure in report.failed.values() {
            let help = failure.help.as_deref().unwrap();
            let rule = &help[help.find('{').unwrap()..];
            let rule: Value = serde_saphyr::from_str(rule).unwrap();
            role["rules"].as_array_mut().unwrap().push(rule);
        }
        hub.put(&path, &role).await;
    }
    panic!("the rules that were named are not enough");
}
