//! Values of the `tenant-gateway` chart: which certificate speaks for which tenant.
//!
//! The module sees fingerprints and names only. It knows neither certificates nor keys, nor when a
//! certificate is renewed: whoever calls lists the old and the new one for as long as both may be used.

use std::{collections::BTreeMap, net::Ipv4Addr};

use lgtm_topology::TenantId;
use serde_json::{Value, json};

use super::upstream::merge;

/// What the gateway's values depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayInputs {
    /// The planned LoadBalancer address; `None` where the provider assigns one.
    pub address: Option<Ipv4Addr>,
    /// Each tenant's client certificates: SHA-256 of the DER in lower-case hexadecimal.
    pub tenants: BTreeMap<TenantId, Vec<String>>,
    /// The Secret with the gateway's certificate and key and the clients' authority.
    pub server_secret: String,
    /// Where logs go; `None` where that is the chart's own choice.
    pub loki: Option<String>,
    /// Where alerts go that spokes raise; `None` where nobody takes them.
    pub alertmanager: Option<String>,
    /// A digest of that Secret's public certificates; the pods are replaced when it changes.
    pub certificate_digest: String,
}

/// The chart's values. Only what the topology decides is set; everything else is the chart's default.
///
/// Fingerprints are sorted and listed once, so that the order in which they became known rolls no pod.
/// A tenant without a certificate yet is left out: it changes nothing that the gateway does.
pub fn values(inputs: &GatewayInputs) -> Value {
    let tenants: BTreeMap<&str, Vec<&str>> = inputs
        .tenants
        .iter()
        .filter(|(_, fingerprints)| !fingerprints.is_empty())
        .map(|(tenant, fingerprints)| (tenant.as_str(), sorted(fingerprints)))
        .collect();
    let mut values = json!({
        "service": {"address": inputs.address.map(|address| address.to_string()).unwrap_or_default()},
        "serverSecret": inputs.server_secret,
        "certificateDigest": inputs.certificate_digest,
        "tenants": tenants,
    });
    for (upstream, host) in [("loki", &inputs.loki), ("alertmanager", &inputs.alertmanager)] {
        if let Some(host) = host {
            merge(&mut values, json!({"upstreams": {upstream: {"host": host}}}));
        }
    }
    values
}

fn sorted(fingerprints: &[String]) -> Vec<&str> {
    let mut sorted: Vec<&str> = fingerprints.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    sorted.dedup();
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(tenants: &[(&str, &[&str])]) -> GatewayInputs {
        let listed = |fingerprints: &[&str]| fingerprints.iter().map(ToString::to_string).collect();
        GatewayInputs {
            address: Some(Ipv4Addr::new(172, 18, 255, 249)),
            tenants: tenants
                .iter()
                .map(|(tenant, fingerprints)| (TenantId::new(*tenant), listed(fingerprints)))
                .collect(),
            server_secret: "tenant-gateway-server".to_owned(),
            loki: None,
            alertmanager: None,
            certificate_digest: "0123456789ab".to_owned(),
        }
    }

    #[test]
    fn the_values_hold_what_the_topology_decides_and_nothing_else() {
        assert_eq!(
            values(&inputs(&[("remote01", &["aa"]), ("remote02", &["bb"])])),
            json!({
                "service": {"address": "172.18.255.249"},
                "serverSecret": "tenant-gateway-server",
                "certificateDigest": "0123456789ab",
                "tenants": {"remote01": ["aa"], "remote02": ["bb"]},
            })
        );
    }

    #[test]
    fn alerts_are_taken_where_somebody_takes_them() {
        let with = GatewayInputs { alertmanager: Some("am.svc.cluster.local".to_owned()), ..inputs(&[]) };
        assert_eq!(values(&with)["upstreams"], json!({"alertmanager": {"host": "am.svc.cluster.local"}}));
        let both = GatewayInputs { loki: Some("loki.svc.cluster.local".to_owned()), ..with };
        assert_eq!(values(&both).pointer("/upstreams/loki/host"), Some(&json!("loki.svc.cluster.local")));
        assert!(values(&both).pointer("/upstreams/alertmanager/host").is_some());
    }

    #[test]
    fn no_address_is_requested_where_the_provider_assigns_one() {
        let unplanned = GatewayInputs { address: None, ..inputs(&[]) };
        assert_eq!(values(&unplanned).pointer("/service/address"), Some(&json!("")));
    }

    #[test]
    fn old_and_new_certificates_stand_side_by_side_in_one_order() {
        let renewal = values(&inputs(&[("remote01", &["new", "old"])]));
        assert_eq!(renewal.pointer("/tenants/remote01"), Some(&json!(["new", "old"])));
        assert_eq!(renewal, values(&inputs(&[("remote01", &["old", "new", "old"])])));
    }

    #[test]
    fn a_tenant_without_a_certificate_changes_nothing() {
        assert_eq!(
            values(&inputs(&[("remote01", &["aa"]), ("remote02", &[])])),
            values(&inputs(&[("remote01", &["aa"])]))
        );
    }

    #[test]
    fn a_removed_tenant_leaves_no_fingerprint_behind() {
        let before = values(&inputs(&[("remote01", &["aa"]), ("remote02", &["bb"])]));
        let after = values(&inputs(&[("remote01", &["aa"])]));
        assert!(before.to_string().contains("bb"));
        assert!(!after.to_string().contains("bb") && !after.to_string().contains("remote02"));
    }
}
