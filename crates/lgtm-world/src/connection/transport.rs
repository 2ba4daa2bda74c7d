//! How requests travel to an API server: one HTTP/2 connection that is watched, as client-go has it.
//!
//! The library's own client speaks HTTP/1.1 and lets the kernel gather small writes. There each request
//! beside another one opens a connection, and now and then one waits 40 ms for an acknowledgement that
//! the server is in no hurry to send. So the client is put together here, from the library's parts. Only
//! what becomes another protocol, such as the stream to a Pod's port, still goes by HTTP/1.1, which
//! alone has upgrades; and what goes by a proxy is left to the library as a whole.
//!
//! It knows no cluster and no object, and sends nothing again.

use std::{
    task::{Context, Poll},
    time::Duration,
};

use http::{Request, Response, header};
use hyper::body::Incoming;
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_timeout::TimeoutConnector;
use hyper_util::{
    client::legacy::{Client as Http, ResponseFuture, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use kube::{
    Config,
    client::{Body, ClientBuilder, ConfigExt as _, DynBody},
};
use rustls::{ClientConfig, pki_types::ServerName};
use tower::{BoxError, Service, ServiceBuilder, ServiceExt as _, util::BoxService};

/// A connection on which nothing is heard for this long while a request waits is asked whether it lives.
const ASKED_AFTER: Duration = Duration::from_secs(10);
/// A connection that does not answer in this time is given up, and its requests fail. Both figures are
/// below client-go's (30 s and 15 s): what goes over a dead connection until then is tried in vain.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(10);

/// Requests go in, answers come out.
type Exchange = BoxService<Request<Body>, Response<Box<DynBody>>, BoxError>;

/// A client's inside, ready for layers.
pub(super) fn builder(config: Config) -> Result<ClientBuilder<Exchange>, kube::Error> {
    if config.proxy_url.is_some() {
        return ClientBuilder::try_from(config);
    }
    // Once: a credential plugin may run for it.
    let tls = config.rustls_client_config()?;
    let transport = Transport {
        shared: http(&config, tls.clone(), Versions::Both)?,
        upgrading: http(&config, tls, Versions::One)?,
    };
    let namespace = config.default_namespace.clone();
    let exchange = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(transport)
        .map_response(|answer: Response<Incoming>| {
            answer
                .map(|body| Box::new(http_body_util::BodyExt::map_err(body, BoxError::from)) as Box<DynBody>)
        })
        .boxed();
    Ok(ClientBuilder::new(exchange, namespace))
}

/// What may be agreed on with the server.
#[derive(Clone, Copy)]
enum Versions {
    /// HTTP/1.1 alone.
    One,
    /// HTTP/2 where the server has it.
    Both,
}

type Connector = TimeoutConnector<HttpsConnector<HttpConnector>>;

fn http(
    config: &Config,
    tls: ClientConfig,
    versions: Versions,
) -> Result<Http<Connector, Body>, kube::Error> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    let mut tls = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http();
    if let Some(name) = &config.tls_server_name {
        let is_none = |error| format!("`{name}` is no server's name: {error}");
        let name = ServerName::try_from(name.clone())
            .map_err(|error| kube::Error::Service(is_none(error).into()))?;
        tls = tls.with_server_name_resolver(FixedServerNameResolver::new(name));
    }
    let tls = match versions {
        Versions::One => tls.enable_http1().wrap_connector(tcp),
        Versions::Both => tls.enable_http1().enable_http2().wrap_connector(tcp),
    };
    let mut connector = TimeoutConnector::new(tls);
    connector.set_connect_timeout(config.connect_timeout);
    Ok(Http::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .http2_keep_alive_interval(ASKED_AFTER)
        .http2_keep_alive_timeout(GIVEN_UP_AFTER)
        .build(connector))
}

/// Chooses the connection by what the request wants to become.
#[derive(Clone)]
struct Transport {
    shared: Http<Connector, Body>,
    upgrading: Http<Connector, Body>,
}

impl Service<Request<Body>> for Transport {
    type Response = Response<Incoming>;
    type Error = hyper_util::client::legacy::Error;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let upgrades = request.headers().contains_key(header::UPGRADE);
        if upgrades { self.upgrading.request(request) } else { self.shared.request(request) }
    }
}

#[cfg(test)]
mod tests;
