//! What controllers say at each stage, and what is made of it.

use serde_json::json;

use super::*;

const GATEWAY_API: &str = "gateway.networking.k8s.io";
const PROMETHEUS: &str = "monitoring.coreos.com";

fn waiting(text: &str) -> Option<Readiness> {
    Some(Readiness::Waiting(text.to_owned()))
}

#[test]
fn a_gateway_is_ready_when_this_generation_is_programmed() {
    let gateway = |status: Value| {
        readiness(GATEWAY_API, "Gateway", &json!({"metadata": {"generation": 2}, "status": status}))
    };
    let programmed = |status: &str, seen: i64| {
        json!({"conditions": [
            {"type": "Accepted", "status": "True", "observedGeneration": seen},
            {"type": "Programmed", "status": status, "observedGeneration": seen,
                "reason": "AddressNotAssigned", "message": "no address yet"},
        ]})
    };
    assert_eq!(gateway(json!({})), waiting("not Programmed"));
    assert_eq!(
        gateway(programmed("False", 2)),
        waiting("not Programmed (AddressNotAssigned: no address yet)")
    );
    assert_eq!(gateway(programmed("True", 1)), waiting(UNSEEN));
    assert_eq!(gateway(programmed("True", 2)), Some(Readiness::Ready));
}

#[test]
fn a_route_is_ready_when_every_gateway_that_it_names_takes_it() {
    let route = |parents: Value| {
        let route = json!({
            "metadata": {"generation": 1, "namespace": "observability"},
            "spec": {"parentRefs": [{"name": "one", "sectionName": "https"}, {"name": "two", "namespace": "infra"}]},
            "status": {"parents": parents},
        });
        readiness(GATEWAY_API, "HTTPRoute", &route)
    };
    let says = |parent: Value, accepted: &str, resolved: &str| {
        json!({"parentRef": parent, "conditions": [
            {"type": "Accepted", "status": accepted, "reason": "NotAllowedByListeners"},
            {"type": "ResolvedRefs", "status": resolved, "reason": "BackendNotFound"},
        ]})
    };
    let one = json!({"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "one",
        "namespace": "observability", "sectionName": "https"});
    let two = json!({"name": "two", "namespace": "infra"});
    let yes = |parent: &Value| says(parent.clone(), "True", "True");
    assert_eq!(route(json!([])), waiting("one has not answered for it yet"));
    assert_eq!(route(json!([yes(&one)])), waiting("two has not answered for it yet"));
    assert_eq!(route(json!([yes(&one), yes(&two)])), Some(Readiness::Ready));
    let refused = says(two.clone(), "False", "True");
    assert_eq!(route(json!([yes(&one), refused])), waiting("not Accepted (NotAllowedByListeners)"));
    let unresolved = says(one.clone(), "True", "False");
    assert_eq!(route(json!([unresolved, yes(&two)])), waiting("not ResolvedRefs (BackendNotFound)"));
    // A controller that is gone left its last word behind.
    let of_old = says(json!({"name": "old"}), "False", "False");
    assert_eq!(route(json!([of_old, yes(&one), yes(&two)])), Some(Readiness::Ready));
    let nobody = json!({"metadata": {"generation": 1}, "spec": {}});
    assert_eq!(readiness(GATEWAY_API, "HTTPRoute", &nobody), Some(Readiness::Ready));
}

#[test]
fn what_the_prometheus_operator_runs_is_ready_when_its_new_pods_are() {
    let seen = |available: &str, generation: i64, updated: i64| {
        let object = json!({
            "metadata": {"generation": 2},
            "status": {
                "replicas": 2, "updatedReplicas": updated,
                "conditions": [
                    {"type": "Available", "status": available, "reason": "NoPodReady",
                        "observedGeneration": generation},
                    {"type": "Reconciled", "status": "True", "observedGeneration": generation},
                ],
            },
        });
        readiness(PROMETHEUS, "Prometheus", &object)
    };
    for kind in ["Alertmanager", "Prometheus", "PrometheusAgent", "ThanosRuler"] {
        assert_eq!(
            readiness(PROMETHEUS, kind, &json!({"metadata": {"generation": 1}})),
            waiting("not Reconciled")
        );
    }
    assert_eq!(seen("True", 1, 2), waiting(UNSEEN));
    assert_eq!(seen("False", 2, 2), waiting("not Available (NoPodReady)"));
    // The operator's word for some pods of several.
    assert_eq!(seen("Degraded", 2, 2), waiting("not Available (NoPodReady)"));
    assert_eq!(seen("True", 2, 1), waiting("1 old pods left"));
    assert_eq!(seen("True", 2, 2), Some(Readiness::Ready));
    let paused = json!({"spec": {"paused": true}});
    assert_eq!(readiness(PROMETHEUS, "Prometheus", &paused), Some(Readiness::Ready));
    assert_eq!(readiness(PROMETHEUS, "ServiceMonitor", &json!({})), Some(Readiness::Ready));
}

#[test]
fn a_collector_is_ready_when_its_operator_says_so_and_its_workload_is() {
    let of = |live: &Value| readiness(OPEN_TELEMETRY, "OpenTelemetryCollector", live);
    assert_eq!(of(&json!({"metadata": {"generation": 1}})), waiting(UNSEEN));
    let said = |status: &str, seen: i64| {
        json!({
            "metadata": {"generation": 2},
            "status": {"version": "0.158.0", "conditions": [
                {"type": "Ready", "status": status, "reason": "ReconcileError", "observedGeneration": seen},
            ]},
        })
    };
    assert_eq!(of(&said("False", 2)), waiting("not Ready (ReconcileError)"));
    assert_eq!(of(&said("True", 1)), waiting(UNSEEN));
    assert_eq!(of(&said("True", 2)), Some(Readiness::Ready));
    assert_eq!(of(&json!({"status": {"version": "0.120.0"}})), Some(Readiness::Ready));
    let unmanaged = json!({"spec": {"managementState": "unmanaged", "mode": "daemonset"}});
    assert_eq!(of(&unmanaged), Some(Readiness::Ready));

    let key = |kind: &str, name: &str| ObjectKey {
        group: OPEN_TELEMETRY.to_owned(),
        kind: kind.to_owned(),
        namespace: Some("observability".to_owned()),
        name: name.to_owned(),
    };
    let behind = |name: &str, live: &Value| {
        workload(&key("OpenTelemetryCollector", name), live)
            .map(|(key, plural)| format!("{plural} {}", key.name))
    };
    assert_eq!(
        behind("a", &json!({"spec": {"mode": "daemonset"}})).as_deref(),
        Some("daemonsets a-collector")
    );
    assert_eq!(behind("a", &json!({})).as_deref(), Some("deployments a-collector"));
    assert_eq!(behind("a", &json!({"spec": {"mode": "sidecar"}})), None);
    assert_eq!(behind("a", &unmanaged), None);
    assert_eq!(behind(&"a".repeat(60), &json!({})), None);
    assert_eq!(workload(&key("Instrumentation", "a"), &json!({})), None);
}

#[test]
fn what_cert_manager_makes_must_be_called_ready() {
    for kind in ["Certificate", "ClusterIssuer", "Issuer"] {
        assert_eq!(readiness("cert-manager.io", kind, &json!({})), waiting("not Ready"));
    }
}

#[test]
fn any_other_kind_is_ready_unless_it_says_otherwise() {
    let of = |status: Value| {
        readiness("example.com", "Database", &json!({"metadata": {"generation": 3}, "status": status}))
    };
    assert_eq!(of(json!({})), Some(Readiness::Ready));
    assert_eq!(of(json!({"observedGeneration": 2})), waiting(UNSEEN));
    let said = |name: &str, status: &str, seen: i64| json!({"conditions": [{"type": name, "status": status, "observedGeneration": seen, "reason": "Starts"}]});
    for name in ["Available", "Ready"] {
        assert_eq!(of(said(name, "False", 3)), waiting(&format!("not {name} (Starts)")));
        assert_eq!(of(said(name, "True", 2)), waiting(UNSEEN));
        assert_eq!(of(said(name, "True", 3)), Some(Readiness::Ready));
    }
    assert_eq!(of(said("Degraded", "False", 3)), Some(Readiness::Ready));
    // Built-in kinds have rules of their own.
    assert_eq!(readiness("networking.k8s.io", "Ingress", &json!({})), None);
    assert_eq!(readiness("apps", "Deployment", &json!({})), None);
}
