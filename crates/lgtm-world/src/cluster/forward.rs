//! A stream to a Pod's port, which the API server and the kubelet carry.

use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    Cluster, REQUEST_TIMEOUT,
    answer::{Answer, ApiError},
};

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
}
