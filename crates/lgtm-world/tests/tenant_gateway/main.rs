//! The tenant gateway end to end: certificates from `pki`, values from the catalog, the chart rendered
//! by the pinned helm, and a real HAProxy on loopback between a spoke and three stand-in backends.
//!
//! It needs `.tools/bin/helm` (`make tools`) and `haproxy`; without them it fails and says so.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should stop where it stands"
)]

mod backend;
mod chart;
mod gateway;
mod hub;
mod spoke;
#[path = "../e2e/tools.rs"]
mod tools;

use std::time::Duration as Wait;

use http_body_util::Full;
use hyper::{Method, Request, StatusCode, Version, body::Bytes};
use lgtm_world::pki::{CertificateRequest, Issued};
use rustls::{
    HandshakeKind,
    version::{TLS12, TLS13},
};
use serde_json::json;
use time::{Duration, OffsetDateTime};

use backend::{Backend, Dns, Protocol};
use gateway::{Gateway, free_port};
use hub::{Hub, authority, client, fingerprint, inputs, push, server};
use spoke::Spoke;

const GRPC_EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

#[tokio::test(flavor = "multi_thread")]
async fn every_route_reaches_its_backend_under_the_certificates_tenant() {
    let hub = Hub::start().await;
    let (one, two) = (hub.issue("lgtm-remote"), hub.issue("lgtm-remote-otel"));
    let gateway = hub.gateway(&[("remote01", fingerprint(&one)), ("remote03", fingerprint(&two))]);
    let routes = [
        ("/api/v1/push", &hub.mimir, "/api/v1/push"),
        ("/v1/metrics", &hub.mimir, "/otlp/v1/metrics"),
        ("/loki/api/v1/push", &hub.loki, "/loki/api/v1/push"),
        ("/v1/logs", &hub.loki, "/otlp/v1/logs"),
        ("/v1/traces", &hub.tempo, "/v1/traces"),
        ("/alertmanager/api/v2/alerts", &hub.alertmanager, "/api/v2/alerts"),
    ];
    for (identity, tenant) in [(&one, "remote01"), (&two, "remote03")] {
        let spoke = hub.spoke(&gateway, identity);
        for (path, backend, expected) in routes {
            let answer = spoke.post(path).await.unwrap();
            assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, "stored"), "{path}");
            let received = backend.take();
            assert_eq!(received.len(), 1, "{path}: {received:#?}");
            assert_eq!(received[0].method, Method::POST);
            assert_eq!(received[0].path, expected);
            assert_eq!(received[0].tenants(), [tenant], "{path}");
            assert_eq!(received[0].body, "samples");
            hub.received_nothing();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn grpc_passes_over_http2_with_its_trailers() {
    let hub = Hub::start().await;
    let identity = hub.issue("lgtm-remote");
    let gateway = hub.gateway(&[("remote01", fingerprint(&identity))]);
    let spoke = hub.spoke(&gateway, &identity);
    // A gRPC frame: uncompressed, two bytes long.
    let frame = Bytes::from_static(&[0, 0, 0, 0, 2, 0x0a, 0]);
    let request = Request::post(format!("https://gateway.test{GRPC_EXPORT}"))
        .header("te", "trailers")
        .header("content-type", "application/grpc")
        .header("x-scope-orgid", "remote03")
        .header("x-scope-orgid", "_local")
        .body(Full::from(frame.clone()))
        .unwrap();
    let answer = spoke.send_http2(request).await.unwrap();
    assert_eq!(answer.status, StatusCode::OK);
    let trailers = answer.trailers.expect("trailers");
    assert_eq!(trailers["grpc-status"], "0");
    assert_eq!(trailers["grpc-message"], "stored");

    let received = hub.tempo_grpc.take();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].version, Version::HTTP_2);
    assert_eq!(received[0].path, GRPC_EXPORT);
    assert_eq!(received[0].headers["content-type"], "application/grpc");
    assert_eq!(received[0].headers["te"], "trailers");
    assert_eq!(received[0].tenants(), ["remote01"]);
    assert_eq!(received[0].body, frame);
    hub.received_nothing();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_client_says_of_its_tenant_is_dropped() {
    let hub = Hub::start().await;
    let identity = hub.issue("lgtm-remote");
    let gateway = hub.gateway(&[("remote01", fingerprint(&identity))]);
    let spoke = hub.spoke(&gateway, &identity);
    let claims = [
        "X-Scope-OrgID: remote03\r\n",
        "x-scope-orgid: remote03\r\n",
        "X-SCOPE-ORGID: remote03\r\n",
        "X-Scope-OrgID: remote03\r\nx-scope-orgid: _local\r\nX-SCOPE-ORGID: remote02\r\n",
        "X-Scope-OrgID: remote03|_local\r\n",
        "X-Scope-OrgID:\r\n",
        // An attempt to have the gateway's own header stripped as a hop's.
        "Connection: X-Scope-OrgID\r\n",
        "Connection: keep-alive, x-scope-orgid\r\nX-Scope-OrgID: remote03\r\n",
    ];
    for claim in claims {
        let request = format!(
            "POST /api/v1/push HTTP/1.1\r\nHost: gateway.test\r\n{claim}Connection: close\r\n\
             Content-Length: 7\r\n\r\nsamples"
        );
        let answer = spoke.send_raw(&request).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{claim}: {answer}");
        let received = hub.mimir.take();
        assert_eq!(received.len(), 1, "{claim}");
        assert_eq!(received[0].tenants(), ["remote01"], "{claim}");
        let connection = received[0].headers.get_all("connection");
        let named = connection.iter().any(|value| value.to_str().unwrap().to_lowercase().contains("orgid"));
        assert!(!named, "{claim}: {:?}", received[0].headers);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_not_listed_is_refused_and_named_in_the_log() {
    let hub = Hub::start().await;
    let (known, unknown) = (hub.issue("lgtm-remote"), hub.issue("lgtm-stranger"));
    let gateway = hub.gateway(&[("remote01", fingerprint(&known))]);
    let answer = hub.spoke(&gateway, &unknown).post("/api/v1/push").await.unwrap();
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(answer.body, "this client certificate belongs to no tenant of this hub\n");
    gateway.logged(&[
        "subject=\"lgtm-stranger\"",
        fingerprint(&unknown),
        "refused=\"certificate-of-no-tenant\"",
        "status=403",
    ]);
    // It learns nothing of the paths either.
    let answer = hub.spoke(&gateway, &unknown).post("/nowhere").await.unwrap();
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    hub.received_nothing();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_handshake_refuses_everyone_without_a_valid_client_certificate() {
    let hub = Hub::start().await;
    let now = OffsetDateTime::now_utc();
    let foreign = authority().issue(&client("lgtm-remote"), now).unwrap();
    let expired = hub.authority.issue(&client("lgtm-remote"), now - Duration::days(91)).unwrap();
    let early = hub.authority.issue(&client("lgtm-remote"), now + Duration::days(1)).unwrap();
    let of_a_server = hub.authority.issue(&server(), now).unwrap();
    // All are listed, so that only the handshake stands between them and the backends.
    let gateway = hub.gateway(&[
        ("remote01", fingerprint(&foreign)),
        ("remote02", fingerprint(&expired)),
        ("remote03", fingerprint(&early)),
        ("remote04", fingerprint(&of_a_server)),
    ]);
    let refused = [
        ("none", None),
        ("of another authority", Some(&foreign)),
        ("expired", Some(&expired)),
        ("not yet valid", Some(&early)),
        ("a server's", Some(&of_a_server)),
    ];
    for versions in [[&TLS13], [&TLS12]] {
        for (what, identity) in refused {
            let authority = hub.authority.certificate_pem();
            let spoke = Spoke::with_versions(gateway.port, authority, identity, &versions);
            let answer = spoke.post("/api/v1/push").await;
            assert!(answer.is_err(), "{what}: {answer:?}");
        }
    }
    // 10: X509_V_ERR_CERT_HAS_EXPIRED.
    gateway.logged(&["refused=\"handshake\"", "certificate_error=10"]);
    hub.received_nothing();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_connection_does_not_outlive_its_certificate() {
    let hub = Hub::start().await;
    let brief = CertificateRequest { validity: Duration::seconds(4), ..client("lgtm-remote") };
    let identity = hub.authority.issue(&brief, OffsetDateTime::now_utc()).unwrap();
    let gateway = hub.gateway(&[("remote01", fingerprint(&identity))]);
    let mut connection = hub.spoke(&gateway, &identity).open().await.unwrap();
    assert_eq!(connection.send(push()).await.unwrap().status, StatusCode::OK);
    assert_eq!(hub.mimir.take().len(), 1);
    let left = identity.facts.not_after - OffsetDateTime::now_utc() + Duration::milliseconds(1100);
    tokio::time::sleep(Wait::try_from(left).unwrap_or_default()).await;
    let answer = connection.send(push()).await.unwrap();
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(answer.body, "this client certificate has expired\n");
    gateway.logged(&["tenant=\"remote01\"", "refused=\"certificate-expired\"", "status=403"]);
    hub.received_nothing();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_session_is_resumed_past_the_check_of_its_certificate() {
    let hub = Hub::start().await;
    let identity = hub.issue("lgtm-remote");
    let gateway = hub.gateway(&[("remote01", fingerprint(&identity))]);
    for versions in [[&TLS13], [&TLS12]] {
        let authority = hub.authority.certificate_pem();
        let spoke = Spoke::with_versions(gateway.port, authority, Some(&identity), &versions);
        for _ in 0..3 {
            assert_eq!(spoke.handshake().await.unwrap(), HandshakeKind::Full);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_paths_methods_and_sizes_are_refused() {
    let hub = Hub::start().await;
    let identity = hub.issue("lgtm-remote");
    let gateway = hub.gateway(&[("remote01", fingerprint(&identity))]);
    let spoke = hub.spoke(&gateway, &identity);
    let others = [
        "/",
        "/api/v1/push/",
        "/api/v1/push/x",
        "/API/V1/PUSH",
        "/api/v1/%70ush",
        "/x/../api/v1/push",
        "/prometheus/api/v1/query",
        "/loki/api/v1/query_range",
        "/otlp/v1/metrics",
        "/distributor/ring",
        "/healthz",
        "/metrics",
        "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        "/api/v2/alerts",
        "/alertmanager/api/v2/silences",
    ];
    for path in others {
        let answer = spoke.post(path).await.unwrap();
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let request = Request::builder().method(method.clone()).uri("/api/v1/push");
        let request = request.header("host", "gateway.test").body(Full::default()).unwrap();
        let answer = spoke.open().await.unwrap().send(request).await.unwrap();
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
        assert_eq!(answer.headers["allow"], "POST");
    }
    let large = Request::post("/api/v1/push").header("host", "gateway.test");
    let large = large.body(Full::from("x".repeat(4097))).unwrap();
    let answer = spoke.open().await.unwrap().send(large).await.unwrap();
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    hub.received_nothing();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_certificate_is_accepted_beside_the_old_one_and_then_alone() {
    let hub = Hub::start().await;
    let (old, new) = (hub.issue("lgtm-remote"), hub.issue("lgtm-remote"));
    let mut gateway = hub.gateway(&[("remote01", fingerprint(&old))]);
    let status = async |gateway: &Gateway, identity: &Issued| {
        hub.spoke(gateway, identity).post("/api/v1/push").await.unwrap().status
    };
    assert_eq!(status(&gateway, &old).await, StatusCode::OK);
    assert_eq!(status(&gateway, &new).await, StatusCode::FORBIDDEN);

    gateway.roll(&inputs(&[("remote01", fingerprint(&old)), ("remote01", fingerprint(&new))]));
    assert_eq!(status(&gateway, &old).await, StatusCode::OK);
    assert_eq!(status(&gateway, &new).await, StatusCode::OK);

    gateway.roll(&inputs(&[("remote01", fingerprint(&new))]));
    assert_eq!(status(&gateway, &old).await, StatusCode::FORBIDDEN);
    assert_eq!(status(&gateway, &new).await, StatusCode::OK);
    let received = hub.mimir.take();
    assert_eq!(received.len(), 4);
    assert!(received.iter().all(|request| request.tenants() == ["remote01"]), "{received:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_spoke_is_refused_while_its_certificate_is_still_valid() {
    let hub = Hub::start().await;
    let (staying, leaving) = (hub.issue("lgtm-remote"), hub.issue("lgtm-remote-otel"));
    let all = [("remote01", fingerprint(&staying)), ("remote03", fingerprint(&leaving))];
    let mut gateway = hub.gateway(&all);
    let spoke = hub.spoke(&gateway, &leaving);
    let mut open = spoke.open().await.unwrap();
    assert_eq!(open.send(push()).await.unwrap().status, StatusCode::OK);
    hub.mimir.take();

    gateway.roll(&inputs(&all[..1]));
    assert!(leaving.facts.not_after > OffsetDateTime::now_utc());
    let answer = spoke.post("/api/v1/push").await.unwrap();
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    gateway.logged(&["subject=\"lgtm-remote-otel\"", fingerprint(&leaving), "status=403"]);
    // Nor does the connection that it had opened before serve it any longer.
    let late = open.send(push()).await;
    assert!(late.is_err(), "{late:?}");
    hub.received_nothing();

    let answer = hub.spoke(&gateway, &staying).post("/api/v1/push").await.unwrap();
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_starts_before_its_backends_and_their_names_exist() {
    let authority = authority();
    let now = OffsetDateTime::now_utc();
    let identity = authority.issue(&client("lgtm-remote"), now).unwrap();
    let dns = Dns::start().await;
    let port = free_port();
    let extra = json!({
        "nameservers": [dns.address.to_string()],
        "upstreams": {
            "mimir": {"host": "mimir-distributor.mimir.svc.cluster.local", "port": port},
            "loki": {"host": "loki-write.loki.svc.cluster.local", "port": port},
            "tempo": {
                "host": "tempo-distributor.tempo.svc.cluster.local", "httpPort": port, "grpcPort": port,
            },
        },
    });
    let certificate = authority.issue(&server(), now).unwrap();
    let gateway = Gateway::start(&inputs(&[("remote01", fingerprint(&identity))]), certificate, extra);
    let spoke = Spoke::new(gateway.port, authority.certificate_pem(), Some(&identity));
    let (status, _) = gateway.probe("/healthz").unwrap();
    assert!(status.ends_with(" 200 OK"), "{status}");
    let answer = spoke.post("/api/v1/push").await.unwrap();
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);

    let mimir = Backend::start_on(Protocol::Http, port).await;
    dns.learn();
    let mut answers = 0;
    while spoke.post("/api/v1/push").await.unwrap().status != StatusCode::OK {
        answers += 1;
        assert!(answers < 200, "the backend's name is never resolved");
        tokio::time::sleep(Wait::from_millis(100)).await;
    }
    assert_eq!(mimir.take()[0].tenants(), ["remote01"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_offered_on_the_plain_port_only() {
    let hub = Hub::start().await;
    let identity = hub.issue("lgtm-remote");
    let gateway = hub.gateway(&[("remote01", fingerprint(&identity))]);
    assert_eq!(hub.spoke(&gateway, &identity).post("/api/v1/push").await.unwrap().status, StatusCode::OK);
    let (status, text) = gateway.probe("/metrics").unwrap();
    assert!(status.contains(" 200 "), "{status}");
    assert!(text.contains("haproxy_backend_http_responses_total{proxy=\"mimir\",code=\"2xx\"} 1"), "{text}");
    let (status, _) = gateway.probe("/api/v1/push").unwrap();
    assert!(status.contains(" 404 "), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopping_gateway_fails_its_probe_and_still_serves_for_its_grace() {
    let hub = Hub::start().await;
    let identity = hub.issue("lgtm-remote");
    let slow = json!({"shutdown": {"graceSeconds": 3, "hardStopSeconds": 5}});
    let mut gateway = hub.gateway_with(&[("remote01", fingerprint(&identity))], slow);
    let spoke = hub.spoke(&gateway, &identity);
    gateway.begin_to_stop();
    let mut probes = 0;
    while gateway.probe("/healthz").unwrap().0.contains(" 200 ") {
        probes += 1;
        assert!(probes < 100, "a stopping gateway stays ready");
        tokio::time::sleep(Wait::from_millis(20)).await;
    }
    assert_eq!(spoke.post("/api/v1/push").await.unwrap().status, StatusCode::OK);
    assert_eq!(hub.mimir.take().len(), 1);
    let mut waits = 0;
    while !gateway.has_ended() {
        waits += 1;
        assert!(waits < 100, "the gateway does not end");
        tokio::time::sleep(Wait::from_millis(100)).await;
    }
    assert!(spoke.post("/api/v1/push").await.is_err());
}
