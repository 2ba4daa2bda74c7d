//! What the chart renders, without running it: addresses, digests, refusals, and the promises of its
//! security review.

use lgtm_planner::catalog::tenant_gateway::{GatewayInputs, values};
use serde_json::{Value, json};

use crate::{
    gateway::{chart, helm, only, render},
    hub::inputs,
};

fn fingerprint(character: char) -> String {
    std::iter::repeat_n(character, 64).collect()
}

fn rendered(tenants: &[(&str, &str)]) -> Vec<Value> {
    render(&values(&inputs(tenants))).unwrap()
}

fn annotations(objects: &[Value]) -> Value {
    only(objects, "Deployment")["spec"]["template"]["metadata"]["annotations"].clone()
}

#[test]
fn helm_finds_nothing_to_complain_of() {
    let output = helm().args(["lint", "--strict"]).arg(chart()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn the_same_values_render_the_same_bytes() {
    let tenants = [("remote02", fingerprint('b')), ("remote01", fingerprint('a'))];
    let tenants = tenants.each_ref().map(|(tenant, fingerprint)| (*tenant, fingerprint.as_str()));
    assert_eq!(rendered(&tenants), rendered(&tenants));
    let objects = rendered(&tenants);
    let map = only(&objects, "ConfigMap")["data"]["tenants.map"].as_str().unwrap();
    let lines: Vec<_> = map.lines().skip(1).map(str::to_owned).collect();
    assert_eq!(lines, [fingerprint('a') + " remote01", fingerprint('b') + " remote02"]);
}

#[test]
fn the_chart_asks_for_no_rights_and_no_hooks_and_names_its_namespace() {
    let objects = rendered(&[]);
    let kinds: Vec<_> = objects.iter().map(|object| object["kind"].as_str().unwrap()).collect();
    let expected =
        ["NetworkPolicy", "PodDisruptionBudget", "ServiceAccount", "ConfigMap", "Service", "Deployment"];
    assert_eq!(kinds, expected);
    for object in &objects {
        assert_eq!(object["metadata"]["namespace"], "lgtm-gateway", "{object}");
        assert!(object.pointer("/metadata/annotations/helm.sh~1hook").is_none(), "{object}");
    }
    let pod = &only(&objects, "Deployment")["spec"]["template"]["spec"];
    assert_eq!(pod["automountServiceAccountToken"], false);
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    let container = &pod["containers"][0]["securityContext"];
    assert_eq!(container["readOnlyRootFilesystem"], true);
    assert_eq!(container["allowPrivilegeEscalation"], false);
    assert_eq!(container["capabilities"]["drop"], json!(["ALL"]));
}

#[test]
fn a_planned_address_is_requested_from_either_load_balancer() {
    let service = rendered(&[]);
    let service = only(&service, "Service");
    let expected = json!({
        "lbipam.cilium.io/ips": "172.18.255.249",
        "metallb.universe.tf/loadBalancerIPs": "172.18.255.249",
    });
    assert_eq!(service["metadata"]["annotations"], expected);
    // MetalLB refuses a Service that asks in both ways.
    assert_eq!(service["spec"].get("loadBalancerIP"), None);
    assert_eq!(service["spec"]["ports"][0]["port"], 443);

    let unplanned = render(&values(&lgtm_planner::catalog::tenant_gateway::GatewayInputs {
        address: None,
        ..inputs(&[])
    }));
    assert_eq!(only(&unplanned.unwrap(), "Service")["metadata"].get("annotations"), None);
}

#[test]
fn pods_are_replaced_when_the_map_or_the_certificate_changes() {
    let before = annotations(&rendered(&[("remote01", &fingerprint('a'))]));
    let other_map = annotations(&rendered(&[("remote01", &fingerprint('b'))]));
    assert_ne!(before["lgtmctl.dev/config-digest"], other_map["lgtmctl.dev/config-digest"]);
    assert_eq!(before["lgtmctl.dev/certificate-digest"], other_map["lgtmctl.dev/certificate-digest"]);

    let mut renewed = inputs(&[("remote01", &fingerprint('a'))]);
    renewed.certificate_digest = "another".to_owned();
    let renewed = annotations(&render(&values(&renewed)).unwrap());
    assert_eq!(before["lgtmctl.dev/config-digest"], renewed["lgtmctl.dev/config-digest"]);
    assert_ne!(before["lgtmctl.dev/certificate-digest"], renewed["lgtmctl.dev/certificate-digest"]);
}

#[test]
fn a_certificate_of_two_tenants_fails_the_render() {
    let shared = fingerprint('a');
    let error = render(&values(&inputs(&[("remote01", &shared), ("remote02", &shared)]))).unwrap_err();
    assert!(error.contains("listed for the tenants remote01 and remote02"), "{error}");
}

#[test]
fn values_that_could_break_out_of_the_map_are_refused() {
    let good = fingerprint('a');
    let spaced = json!({"tenants": {"remote01 remote02": [good]}});
    let newline = json!({"tenants": {"remote01": [format!("{good}\n{good}")]}});
    let upper_case = json!({"tenants": {"remote01": [good.to_uppercase()]}});
    let unknown_key = json!({"tenant": {}});
    let host = json!({"upstreams": {"mimir": {"host": "a b"}}});
    for values in [spaced, newline, upper_case, unknown_key, host] {
        let error = render(&values).unwrap_err();
        assert!(error.contains("schema"), "{values}: {error}");
    }
}

#[test]
fn there_is_no_route_for_alerts_where_nobody_takes_them() {
    let with = GatewayInputs { alertmanager: Some("am.svc.cluster.local".to_owned()), ..inputs(&[]) };
    for (inputs, routed) in [(inputs(&[]), false), (with, true)] {
        let objects = render(&values(&inputs)).unwrap();
        let config = only(&objects, "ConfigMap")["data"]["haproxy.cfg"].as_str().unwrap().to_owned();
        assert_eq!(config.contains("alertmanager"), routed, "{config}");
        let ports = only(&objects, "NetworkPolicy")["spec"]["egress"][1]["ports"].to_string();
        assert_eq!(ports.contains("9093"), routed, "{ports}");
    }
}
