//! A span for every request to an API server: verb, path, status and size.
//!
//! The span opens when the request is sent and closes when the answer has been read. It holds no header
//! and no body, and of a query only the field manager, so it can be written to a file that is shown
//! around.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use futures::{TryFutureExt as _, future::BoxFuture};
use http::{Request, Response, Uri};
use hyper::body::{Body, Frame, SizeHint};
use lgtm_topology::ClusterName;
use tower::{Layer, Service};
use tracing::{Instrument as _, Span, field::Empty};

/// Opens the spans of one cluster's requests.
pub(super) struct Traced(pub(super) ClusterName);

impl<S> Layer<S> for Traced {
    type Service = TracedService<S>;

    fn layer(&self, inner: S) -> TracedService<S> {
        TracedService { cluster: self.0.clone(), inner }
    }
}

/// See [`Traced`].
#[derive(Clone)]
pub(super) struct TracedService<S> {
    cluster: ClusterName,
    inner: S,
}

impl<S, Sent, Answered> Service<Request<Sent>> for TracedService<S>
where
    S: Service<Request<Sent>, Response = Response<Answered>>,
    S::Future: Send + 'static,
    S::Error: 'static,
    Answered: 'static,
{
    type Response = Response<Counted<Answered>>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Sent>) -> Self::Future {
        let span = tracing::debug_span!(
            "request",
            cluster = %self.cluster,
            what = format!("{} {}", request.method(), public(request.uri())),
            status = Empty,
            bytes = Empty,
        );
        let body_span = span.clone();
        let answer = self.inner.call(request).map_ok(move |answer| {
            body_span.record("status", answer.status().as_u16());
            answer.map(|body| Counted { body, bytes: 0, span: body_span })
        });
        Box::pin(answer.instrument(span))
    }
}

/// The path, and of the query what says nothing but who writes.
fn public(uri: &Uri) -> String {
    let pairs = uri.query().into_iter().flat_map(|query| query.split('&'));
    let manager = pairs.into_iter().find(|pair| pair.starts_with("fieldManager="));
    [Some(uri.path()), manager].into_iter().flatten().collect::<Vec<_>>().join("?")
}

/// An answer's body, whose bytes are counted as they are read.
pub(super) struct Counted<B> {
    body: B,
    bytes: usize,
    span: Span,
}

impl<B: Body + Unpin> Body for Counted<B>
where
    B::Data: AsRef<[u8]>,
{
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &frame {
            self.bytes += frame.data_ref().map_or(0, |data| data.as_ref().len());
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B> Drop for Counted<B> {
    fn drop(&mut self) {
        self.span.record("bytes", self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::public;

    #[test]
    fn only_the_field_manager_is_told_of_a_query() {
        let told = |uri: &str| public(&uri.parse().unwrap());
        assert_eq!(told("https://host/api/v1/pods?watch=1&token=x"), "/api/v1/pods");
        assert_eq!(
            told("/api/v1/pods/a?dryRun=All&fieldManager=lgtmctl&force=true"),
            "/api/v1/pods/a?fieldManager=lgtmctl"
        );
    }
}
