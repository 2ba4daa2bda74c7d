//! The values of the `grafana` chart: one set of data sources per tenant, and where the admin's password is.
//!
//! The module knows the password's Secret by name only, and refuses to know the password: its digest is handed in
//! by whoever has read the Secret.

use lgtm_topology::{AdminPassword, Profile, TenantId, Topology};
use serde_json::{Value, json};

use crate::{digest::Digest, unit::ServicePort};

/// Grafana's namespace.
pub const NAMESPACE: &str = "observability";
/// The Secret in Grafana's namespace that lgtmctl makes, unless the topology names one of the user's.
pub const ADMIN_SECRET: &str = "grafana-admin";
/// The key of [`ADMIN_SECRET`] that holds the password.
pub const ADMIN_SECRET_KEY: &str = "password";

/// The tenant whose data sources bear no tenant in their uid: the hub's own, by long custom.
const HUB_TENANT: &str = "_local";
/// Grafana takes uids of at most this length.
const UID_MAX: usize = 40;
/// Digits of a digest in a uid; 48 bits keep apart more tenants than any hub can hold.
const DIGEST_DIGITS: usize = 12;

/// The values for the hub's Grafana. `admin_digest` is a digest of the admin's password where it is known already;
/// with a new one the pod starts again, and so takes the new password.
pub fn values(topology: &Topology, admin_digest: Option<&str>) -> Value {
    let (secret_name, secret_key) = admin_secret(topology);
    let mut values = json!({
        "admin": {
            "secretName": secret_name,
            "secretKey": secret_key,
            "digest": admin_digest.unwrap_or_default(),
        },
        "tenants": tenants(topology),
    });
    if let (Some(entrance), Some(values)) = (&topology.hub.grafana.entrance, values.as_object_mut()) {
        values.insert("host".to_owned(), json!(entrance.host));
    }
    values
}

/// Grafana's Service in its namespace, and the port that speaks HTTP.
pub fn service(topology: &Topology) -> ServicePort {
    let service = match topology.profile {
        Profile::Compact => "grafana",
        Profile::Distributed(_) => "monitor-grafana",
    };
    ServicePort { namespace: NAMESPACE.to_owned(), service: service.to_owned(), port: 80 }
}

/// The values for data sources and dashboards alone, which a Grafana of another chart picks up.
pub fn provisioning(topology: &Topology) -> Value {
    json!({
        "workload": {"enabled": false},
        "queries": {
            "mimir": "http://mimir-gateway.mimir.svc/prometheus",
            "loki": "http://loki-gateway.loki.svc",
            "tempo": "http://tempo-query-frontend.tempo.svc:3200",
        },
        "tenants": tenants(topology),
    })
}

/// The Secret with the administrator's password, and the key in it.
pub fn admin_secret(topology: &Topology) -> (&str, &str) {
    match &topology.hub.grafana.admin {
        AdminPassword::Generated | AdminPassword::Given(_) => (ADMIN_SECRET, ADMIN_SECRET_KEY),
        AdminPassword::Secret { name, key } => (name, key),
    }
}

fn tenants(topology: &Topology) -> Vec<Value> {
    // The hub's own tenant comes first, since the first one's Mimir is Grafana's default data source.
    let hub_tenant = &topology.hub.cluster.tenant;
    let others = topology.tenants.keys().filter(|tenant| *tenant != hub_tenant);
    std::iter::once(hub_tenant).chain(others).map(data_sources).collect()
}

fn data_sources(tenant: &TenantId) -> Value {
    json!({
        "id": tenant.as_str(),
        "uids": {
            "mimir": data_source_uid("mimir", tenant),
            "loki": data_source_uid("loki", tenant),
            "tempo": data_source_uid("tempo", tenant),
        },
    })
}

/// The uid of a tenant's data source for a backend: `mimir_ds` for `_local`, else `mimir_<tenant>_ds`. Different
/// tenants have different uids, and none is longer than Grafana allows.
pub fn data_source_uid(backend: &str, tenant: &TenantId) -> String {
    if tenant.as_str() == HUB_TENANT {
        return format!("{backend}_ds");
    }
    // `mimir_` and `_ds`; the same room for every backend, so that a tenant is called alike in all three.
    let room = UID_MAX - "mimir_".len() - "_ds".len();
    format!("{backend}_{}_ds", uid_part(tenant.as_str(), room))
}

/// A tenant as part of a uid: itself where that is possible, else what can be kept of it and a digest. A tenant that
/// itself ends like a digest gets one too, so that no tenant can take the name made for another.
fn uid_part(tenant: &str, room: usize) -> String {
    let fits = tenant.len() <= room && tenant.chars().all(is_uid_char);
    if fits && !ends_like_a_digest(tenant) {
        return tenant.to_owned();
    }
    let digest = Digest::of_bytes(tenant.as_bytes());
    let digits: String = digest.as_str().chars().take(DIGEST_DIGITS).collect();
    let kept: String = tenant
        .chars()
        .map(|c| if is_uid_char(c) { c } else { '-' })
        .take(room.saturating_sub(DIGEST_DIGITS + 1))
        .collect();
    format!("{kept}_{digits}")
}

fn is_uid_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '_'
}

fn ends_like_a_digest(tenant: &str) -> bool {
    tenant.rsplit_once('_').is_some_and(|(_, end)| {
        end.len() == DIGEST_DIGITS && end.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use lgtm_topology::{AdminPassword, Sensitive, TenantId};
    use proptest::prelude::*;

    use super::{UID_MAX, data_source_uid, is_uid_char, values};
    use crate::{catalog::fixture::topology, digest::Digest};

    fn uid(tenant: &str) -> String {
        data_source_uid("mimir", &TenantId::new(tenant))
    }

    #[test]
    fn every_tenant_has_its_data_sources_and_the_hub_is_first() {
        insta::assert_snapshot!(format!(
            "{:#}",
            values(&topology(), Some(Digest::of_bytes(b"of a password").as_str()))
        ));
    }

    #[test]
    fn a_password_that_is_not_known_yet_leaves_the_digest_empty() {
        assert_eq!(values(&topology(), None)["admin"]["digest"], "");
    }

    #[test]
    fn the_users_own_secret_is_named_and_a_given_password_is_not_shown() {
        let mut topology = topology();
        topology.hub.grafana.admin = AdminPassword::Secret { name: "mine".into(), key: "pw".into() };
        assert_eq!(values(&topology, None)["admin"]["secretName"], "mine");
        assert_eq!(values(&topology, None)["admin"]["secretKey"], "pw");
        topology.hub.grafana.admin = AdminPassword::Given(Sensitive::new("open sesame"));
        let values = values(&topology, None);
        assert_eq!(values["admin"]["secretName"], super::ADMIN_SECRET);
        assert!(!values.to_string().contains("open sesame"));
    }

    #[test]
    fn uids_that_users_rely_on() {
        assert_eq!(uid("_local"), "mimir_ds");
        assert_eq!(uid("remote01"), "mimir_remote01_ds");
        assert_eq!(data_source_uid("loki", &TenantId::new("remote02")), "loki_remote02_ds");
        assert_eq!(data_source_uid("tempo", &TenantId::new("_local")), "tempo_ds");
    }

    #[test]
    fn what_is_changed_or_too_long_bears_a_digest() {
        assert_eq!(uid("team.a"), "mimir_team-a_dc6273296fb8_ds");
        assert_ne!(uid("team.a"), uid("team-a"));
        assert_ne!(uid("team.a"), uid("team!a"));
        let (long, longer) = ("x".repeat(31), "x".repeat(32));
        assert_eq!(uid(&long).len(), UID_MAX);
        assert_eq!(uid(&longer).len(), UID_MAX);
        assert_ne!(uid(&long), uid(&longer));
    }

    #[test]
    fn a_tenant_cannot_take_the_uid_made_for_another() {
        let taken = uid("team.a");
        let imposter = taken.trim_start_matches("mimir_").trim_end_matches("_ds");
        assert_ne!(uid(imposter), taken);
    }

    /// Any tenant at all, and short ones that differ only in what a uid cannot hold.
    fn tenant() -> impl Strategy<Value = String> {
        prop_oneof!["[A-Za-z0-9!_.*'()-]{1,150}", "[ab.!*-]{1,3}"]
    }

    proptest! {
        #[test]
        fn uids_are_valid_and_differ(tenants in prop::collection::btree_set(tenant(), 1..20)) {
            let uids: BTreeSet<String> = tenants.iter().map(|tenant| uid(tenant)).collect();
            prop_assert_eq!(uids.len(), tenants.len());
            for uid in &uids {
                prop_assert!(uid.len() <= UID_MAX && uid.chars().all(is_uid_char), "{}", uid);
            }
        }
    }
}
