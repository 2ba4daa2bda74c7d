//! A stream to a Pod's port, which the API server and the kubelet carry, and the Pods behind a Service.
//!
//! Refuses to know what is said on the way.

use std::collections::BTreeSet;

use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use lgtm_executor::Failure;
use lgtm_planner::unit::ServicePort;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    Cluster, REQUEST_TIMEOUT, Resource,
    answer::{Answer, ApiError, first_line},
};

/// A Pod that is ready, and the port that a Service leads to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PodPort {
    pub(crate) name: String,
    pub(crate) port: u16,
}

/// What is said when the port cannot be had any more; none when nothing will be said.
pub(crate) type Closed = BoxFuture<'static, Option<String>>;

impl Cluster {
    /// Opens a stream to a Pod's port. It ends when it is dropped.
    pub(crate) async fn forward(
        &self,
        namespace: &str,
        pod: &str,
        port: u16,
    ) -> Answer<(impl AsyncRead + AsyncWrite + Send + Unpin + 'static, Closed)> {
        let pods: Api<Pod> = Api::namespaced(self.link.current(), namespace);
        let opening = tokio::time::timeout(REQUEST_TIMEOUT, pods.portforward(pod, &[port])).await;
        let slow = || ApiError::NoAnswer(format!("no stream within {} s", REQUEST_TIMEOUT.as_secs()));
        let mut forwarder = opening.map_err(|_| slow())?.map_err(ApiError::from_kube)?;
        let missing = || ApiError::Other("the library gave no stream".to_owned());
        let stream = forwarder.take_stream(port).ok_or_else(missing)?;
        let closed = forwarder.take_error(port).ok_or_else(missing)?;
        Ok((stream, Box::pin(closed)))
    }

    /// The ready Pods behind a Service, by name; none where there is no such Service.
    pub(crate) async fn pods_behind(&self, wanted: &ServicePort) -> Result<BTreeSet<PodPort>, Failure> {
        let ServicePort { namespace, service, port } = wanted;
        let failed =
            |error| self.failure(&format!("looking for the Pods of Service {namespace}/{service}"), error);
        let found = self.object(&Resource::core("services"), Some(namespace), service).await;
        let Some(found) = found.map_err(failed)? else { return Ok(BTreeSet::new()) };
        let slices = Resource {
            group: "discovery.k8s.io".to_owned(),
            version: "v1".to_owned(),
            plural: "endpointslices".to_owned(),
            namespaced: true,
        };
        let selector = format!("kubernetes.io/service-name={service}");
        let slices = self.list(&slices, Some(namespace), &selector).await.map_err(failed)?;
        Ok(behind(&found, &slices, *port))
    }
}

/// The ready Pods of a Service, and what its port is there.
fn behind(service: &Value, slices: &[Value], port: u16) -> BTreeSet<PodPort> {
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
                pods.insert(PodPort { name: pod.to_owned(), port: number });
            }
        }
    }
    pods
}

/// What the kubelet says, in a line.
pub(crate) fn reason(said: &str) -> String {
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
