//! The way to a Pod of the storage: through the API server, so that no network path to Pods is needed.
//!
//! Knows Services and EndpointSlices, and refuses to know what is said on the way.

use std::collections::BTreeSet;

use futures::FutureExt as _;
use lgtm_executor::Failure;
use lgtm_planner::unit::ObjectStorage;
use serde_json::Value;

use super::{
    ask::{Broken, Line},
    trouble::Trouble,
};
use crate::cluster::{Cluster, Resource, answer::first_line};

/// A Pod that is ready, and its port that speaks S3.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pod {
    pub(super) name: String,
    pub(super) port: u16,
}

/// The ready Pods behind the storage's Service, by name.
pub(super) async fn pods(cluster: &Cluster, storage: &ObjectStorage) -> Result<BTreeSet<Pod>, Failure> {
    let ObjectStorage { namespace, service, port, .. } = storage;
    let failed =
        |error| cluster.failure(&format!("looking for the Pods of Service {namespace}/{service}"), error);
    let found =
        cluster.object(&Resource::core("services"), Some(namespace), service).await.map_err(failed)?;
    let Some(found) = found else { return Ok(BTreeSet::new()) };
    let slices = Resource {
        group: "discovery.k8s.io".to_owned(),
        version: "v1".to_owned(),
        plural: "endpointslices".to_owned(),
        namespaced: true,
    };
    let selector = format!("kubernetes.io/service-name={service}");
    let slices = cluster.list(&slices, Some(namespace), &selector).await.map_err(failed)?;
    Ok(behind(&found, &slices, *port))
}

/// The ready Pods of a Service, and what its port is there.
fn behind(service: &Value, slices: &[Value], port: u16) -> BTreeSet<Pod> {
    let list =
        |value: &Value, field: &str| value.get(field).and_then(Value::as_array).cloned().unwrap_or_default();
    let name = |port: &Value| port.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let ports = service.get("spec").map(|spec| list(spec, "ports")).unwrap_or_default();
    let is_wanted = |found: &&Value| found.get("port").and_then(Value::as_u64) == Some(u64::from(port));
    let Some(wanted) = ports.iter().find(is_wanted).map(name) else { return BTreeSet::new() };
    let mut pods = BTreeSet::new();
    for slice in slices {
        let found = list(slice, "ports").into_iter().find(|found| name(found) == wanted);
        let number = found.and_then(|found| u16::try_from(found.get("port")?.as_u64()?).ok());
        let Some(number) = number else { continue };
        for endpoint in list(slice, "endpoints") {
            let text = |pointer: &str| endpoint.pointer(pointer).and_then(Value::as_str);
            // Not said means ready.
            let ready = endpoint.pointer("/conditions/ready").and_then(Value::as_bool).unwrap_or(true);
            if let (true, Some("Pod"), Some(pod)) = (ready, text("/targetRef/kind"), text("/targetRef/name"))
            {
                pods.insert(Pod { name: pod.to_owned(), port: number });
            }
        }
    }
    pods
}

/// A connection to one Pod.
pub(super) async fn line(cluster: &Cluster, storage: &ObjectStorage, pod: &Pod) -> Result<Line, Trouble> {
    let unreached = |reason: String| Trouble::Unreached { pod: pod.name.clone(), reason };
    let forwarded = cluster.forward(&storage.namespace, &pod.name, pod.port).await;
    let (stream, error) = forwarded.map_err(|error| {
        if error.may_pass() {
            return unreached(error.message());
        }
        let doing = format!("opening a connection to Pod {}/{}", storage.namespace, pod.name);
        Trouble::Said(Box::new(cluster.failure(&doing, error)))
    })?;
    let broken: Broken = error.map(|said| said.map(|said| reason(&said))).boxed();
    Line::over(stream, storage.port, broken).await.map_err(|error| unreached(error.to_string()))
}

/// What the kubelet says, in a line.
fn reason(said: &str) -> String {
    first_line(said).unwrap_or_else(|| "the way to it is closed".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn service() -> Value {
        json!({"spec": {"ports": [{"name": "console", "port": 9001}, {"name": "endpoint", "port": 9000}]}})
    }

    fn slice(number: u16, endpoints: Value) -> Value {
        json!({"ports": [{"name": "console", "port": 1}, {"name": "endpoint", "port": number}], "endpoints": endpoints})
    }

    fn pod(name: &str, ready: Option<bool>) -> Value {
        json!({"conditions": {"ready": ready}, "targetRef": {"kind": "Pod", "name": name}})
    }

    #[test]
    fn ready_pods_are_found_with_the_port_that_they_have() {
        let slices = [
            slice(9999, json!([pod("b", Some(true)), pod("going", Some(false)), pod("a", None)])),
            slice(8888, json!([pod("c", Some(true)), {"targetRef": {"kind": "Node", "name": "n"}}, {}])),
            json!({"ports": [{"name": "other", "port": 7}], "endpoints": [pod("d", Some(true))]}),
        ];
        let found = behind(&service(), &slices, 9000);
        let found: Vec<(&str, u16)> = found.iter().map(|pod| (pod.name.as_str(), pod.port)).collect();
        assert_eq!(found, [("a", 9999), ("b", 9999), ("c", 8888)]);
        assert!(behind(&service(), &slices, 9002).is_empty());
        assert!(behind(&json!({}), &slices, 9000).is_empty());
    }

    #[test]
    fn a_single_port_needs_no_name() {
        let service = json!({"spec": {"ports": [{"port": 9000}]}});
        let slices = [json!({"ports": [{"port": 9000}], "endpoints": [pod("a", None)]})];
        assert_eq!(behind(&service, &slices, 9000).len(), 1);
    }

    #[test]
    fn of_what_the_kubelet_says_one_line_is_shown() {
        assert_eq!(reason("\n connection refused \nmore"), "connection refused");
        assert_eq!(reason(""), "the way to it is closed");
        assert_eq!(reason(&"a".repeat(500)).len(), 200);
    }
}
