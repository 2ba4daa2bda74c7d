//! What the topology implies for the upstream charts of agents.
//!
//! They run programs whose configuration, ServiceAccount and permissions our own chart of the same program renders
//! in a release beside them, so the module knows where those charts take volumes and host names, and refuses to know
//! any configuration. Everything else about them is in `charts-values/`.

use serde_json::{Map, Value, json};

use super::{
    push::{Gateway, Push},
    upstream::{ALLOY_DAEMONSET, ALLOY_DEPLOYMENT, Upstream, merge},
};

/// The annotation that rolls an agent's pods when its configuration is another.
const CONFIGURATION: &str = "lgtmctl.dev/configuration";
/// Where the configurations look for the client certificate.
const CERTIFICATE_FOLDER: &str = "/etc/tenant-certificate";
/// 0440.
const CERTIFICATE_MODE: u32 = 288;

/// The name of the release with the configuration for the release `program`, as `charts-values/` has it.
pub fn configuration_release(program: &str) -> String {
    format!("{program}-config")
}

/// Values of our own chart that are to configure pods of another chart's.
pub fn without_workload(mut values: Value) -> Value {
    merge(&mut values, json!({"workload": {"enabled": false}}));
    values
}

/// Values of `vector`.
///
/// Vector compares the gateway's certificate with the host of the URL, which therefore is the name in the
/// certificate; the pod's hosts file says where that is.
pub fn vector(push: &Push) -> Value {
    let mut values = Map::new();
    if let Push::Gateway(gateway) = push {
        values.insert(
            "hostAliases".to_owned(),
            json!([{"ip": gateway.address, "hostnames": [gateway.server_name]}]),
        );
        values.insert("extraVolumes".to_owned(), json!([certificate_volume(gateway)]));
        values.insert("extraVolumeMounts".to_owned(), json!([certificate_mount()]));
    }
    Value::Object(values)
}

/// Values of `fluent-bit`.
pub fn fluent_bit(push: &Push) -> Value {
    match push {
        Push::Direct { .. } => json!({}),
        Push::Gateway(gateway) => json!({
            "extraVolumes": [certificate_volume(gateway)],
            "extraVolumeMounts": [certificate_mount()],
        }),
    }
}

/// Values of `alloy`, in either of its roles.
pub fn alloy(chart: &Upstream, push: &Push) -> Value {
    match push {
        Push::Direct { .. } => json!({}),
        Push::Gateway(gateway) => json!({
            "alloy": {"mounts": {"extra": chart.list_with("/alloy/mounts/extra", [certificate_mount()])}},
            "controller": {"volumes": {
                "extra": chart.list_with("/controller/volumes/extra", [certificate_volume(gateway)]),
            }},
        }),
    }
}

/// The chart of Alloy for a release of it.
pub fn alloy_chart(role: super::alloy::Role) -> &'static Upstream {
    use super::alloy::Role;
    match role {
        Role::DaemonSet => &ALLOY_DAEMONSET,
        Role::Deployment { .. } | Role::Traces => &ALLOY_DEPLOYMENT,
    }
}

/// Where an upstream chart takes the annotations of its pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Annotations {
    /// `podAnnotations`.
    AtTheTop,
    /// `controller.podAnnotations`.
    OfTheController,
}

impl Annotations {
    /// The value that rolls the pods when `configuration` changes, which may hold placeholders for facts.
    pub fn of(self, configuration: &str) -> Value {
        let annotations = json!({"podAnnotations": {CONFIGURATION: configuration}});
        match self {
            Self::AtTheTop => annotations,
            Self::OfTheController => json!({"controller": annotations}),
        }
    }
}

fn certificate_volume(gateway: &Gateway) -> Value {
    json!({
        "name": "tenant-certificate",
        "secret": {"secretName": gateway.secret_name, "defaultMode": CERTIFICATE_MODE},
    })
}

fn certificate_mount() -> Value {
    json!({"name": "tenant-certificate", "mountPath": CERTIFICATE_FOLDER, "readOnly": true})
}

#[cfg(test)]
mod tests {
    use lgtm_topology::LogShipper;

    use super::*;
    use crate::catalog::{log_shipper, push::fixture, upstream};

    fn on_a_spoke() -> Push {
        Push::Gateway(fixture::gateway())
    }

    #[test]
    fn vector_finds_the_gateway_by_its_name() {
        insta::assert_snapshot!(format!("{:#}", upstream::VECTOR.values(vector(&on_a_spoke()))));
    }

    #[test]
    fn fluent_bit_has_the_certificate() {
        insta::assert_snapshot!(format!("{:#}", upstream::FLUENT_BIT.values(fluent_bit(&on_a_spoke()))));
    }

    #[test]
    fn alloy_keeps_its_own_volumes_beside_the_certificate() {
        let values = |chart: &Upstream| chart.values(alloy(chart, &on_a_spoke()));
        insta::assert_snapshot!(format!("{:#}\n{:#}", values(&ALLOY_DAEMONSET), values(&ALLOY_DEPLOYMENT)));
    }

    #[test]
    fn the_hubs_agents_need_no_certificate() {
        let hub = fixture::direct();
        let all = json!([vector(&hub), fluent_bit(&hub), alloy(&ALLOY_DEPLOYMENT, &hub)]);
        assert_eq!(all, json!([{}, {}, {}]));
    }

    #[test]
    fn the_files_name_the_releases_with_the_configurations() {
        let named = |chart: &Upstream, pointer: &str, program: &str| {
            let values = chart.values(json!({}));
            let wanted = json!(configuration_release(program));
            assert_eq!(values.pointer(pointer), Some(&wanted), "{program} {pointer}");
            assert_eq!(values.pointer("/serviceAccount/name"), Some(&wanted), "{program}");
        };
        named(&upstream::VECTOR, "/existingConfigMaps/0", log_shipper::release(LogShipper::Vector));
        named(&upstream::FLUENT_BIT, "/existingConfigMap", log_shipper::release(LogShipper::FluentBit));
        for role in [crate::catalog::alloy::Role::DaemonSet, crate::catalog::alloy::Role::Traces] {
            named(alloy_chart(role), "/alloy/configMap/name", role.release());
        }
    }
}
