//! Files by HTTPS, and what it means for another try when one cannot be had.
//!
//! The module refuses to know what is in a file.

use std::{
    path::Path,
    sync::{Arc, LazyLock},
    time::Duration,
};

use lgtm_executor::Kind;
use ureq::{
    Agent,
    tls::{RootCerts, TlsConfig},
};

use super::fetch::{ELSEWHERE, Why};
use crate::whole_file;

/// The API server takes objects of at most 1.5 MB, and no set of them has reason to be as large as this.
const LARGEST: u64 = 64 * 1024 * 1024;
/// How long a file may take, redirects included.
const TIMEOUT: Duration = Duration::from_secs(120);

const MISSING: &str = "see that the URL is right and that its file is still published";
const LOCKED_AWAY: &str = "lgtmctl sends no credentials: name a URL that anyone may read, or fetch the file yourself \
                           and name its path";
const MISTRUSTED: &str =
    "see that the URL's host is right and that this machine trusts the authority of its certificate";
const TOO_LARGE: &str = "see that the URL leads to a file of manifests and not to something else";
const UNSOUND: &str = "mend the URL in the topology; it is `https://`, a host and a path, with other characters \
                       percent-encoded";
const PLACE: &str = "name the URL at which the file itself is, without a detour";
const PROXY: &str = "mend HTTPS_PROXY, or unset it";

/// Goes by the machine's own root certificates and proxy, as helm and kubectl do.
static AGENT: LazyLock<Agent> = LazyLock::new(|| {
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::PlatformVerifier)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build();
    let config = Agent::config_builder().tls_config(tls).https_only(true).timeout_global(Some(TIMEOUT));
    config.user_agent(crate::connection::USER_AGENT).build().new_agent()
});

/// Downloads a file.
pub(super) async fn download(url: &str, path: &Path) -> Result<(), Why> {
    let (url, path) = (url.to_owned(), path.to_owned());
    let work = move || {
        let mut answer = AGENT.get(&url).call().map_err(why)?;
        let body = answer.body_mut().with_config().limit(LARGEST).read_to_vec().map_err(why)?;
        whole_file::write(&path, &body).map_err(|error| Why::local(&error))
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Why { kind: Kind::Transient, reason: error.to_string(), help: ELSEWHERE }),
    }
}

/// What the library says. Its words are not shown where they name the place that a URL leads to: that may hold a
/// signature.
fn why(error: ureq::Error) -> Why {
    use ureq::Error;
    let (kind, help) = match &error {
        Error::StatusCode(status) => of_status(*status),
        Error::Io(error) => of_io(error),
        Error::Timeout(_)
        | Error::HostNotFound
        | Error::ConnectionFailed
        | Error::ConnectProxyFailed(_)
        // An answer that is cut short or garbled on its way is not read as one.
        | Error::Protocol(_)
        | Error::Other(_) => (Kind::Transient, ELSEWHERE),
        Error::Http(_) | Error::BadUri(_) => (Kind::Permanent, UNSOUND),
        Error::RedirectFailed | Error::TooManyRedirects | Error::RequireHttpsOnly(_) => {
            (Kind::Permanent, PLACE)
        }
        Error::BodyExceedsLimit(_) | Error::LargeResponseHeader(..) => (Kind::Permanent, TOO_LARGE),
        Error::Tls(_) | Error::Pem(_) | Error::Rustls(_) | Error::TlsRequired => {
            (Kind::Permanent, MISTRUSTED)
        }
        Error::InvalidProxyUrl => (Kind::Environment, PROXY),
        // The library may get more, and it is no reason to give up for good.
        _ => (Kind::Transient, ELSEWHERE),
    };
    let reason = if let Error::RequireHttpsOnly(_) = error {
        "it leads to a place without TLS".to_owned()
    } else if let Error::BodyExceedsLimit(limit) = error {
        format!("it is larger than {} MiB, and no file of manifests is", limit / (1024 * 1024))
    } else {
        error.to_string()
    };
    Why { kind, reason, help }
}

/// What the server means by its answer.
fn of_status(status: u16) -> (Kind, &'static str) {
    match status {
        // It was slow, asks for patience, or is broken itself.
        408 | 429 | 500.. => (Kind::Transient, ELSEWHERE),
        401 | 403 | 407 => (Kind::Permanent, LOCKED_AWAY),
        ..=400 | 402 | 404..=406 | 409..=428 | 430..=499 => (Kind::Permanent, MISSING),
    }
}

/// A handshake that fails comes as an error of the stream; all others are of the network.
fn of_io(error: &std::io::Error) -> (Kind, &'static str) {
    type Inner = dyn std::error::Error + Send + Sync;
    if error.get_ref().is_some_and(<Inner>::is::<rustls::Error>) {
        (Kind::Permanent, MISTRUSTED)
    } else {
        (Kind::Transient, ELSEWHERE)
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use ureq::Error;

    use super::*;

    #[test]
    fn a_status_says_whether_to_try_again_and_what_to_do() {
        for status in [408, 429, 500, 502, 503, 504, 599] {
            assert_eq!(of_status(status), (Kind::Transient, ELSEWHERE), "{status}");
        }
        for status in [401, 403, 407] {
            assert_eq!(of_status(status), (Kind::Permanent, LOCKED_AWAY), "{status}");
        }
        for status in [304, 400, 404, 406, 409, 410, 428, 430, 451] {
            assert_eq!(of_status(status), (Kind::Permanent, MISSING), "{status}");
        }
    }

    #[test]
    fn what_the_network_does_passes_and_what_people_wrote_does_not() {
        let io = |kind| Error::Io(io::Error::from(kind));
        let passing = [
            Error::StatusCode(503),
            Error::HostNotFound,
            Error::ConnectionFailed,
            Error::Timeout(ureq::Timeout::Global),
            io(io::ErrorKind::ConnectionRefused),
            io(io::ErrorKind::ConnectionReset),
            io(io::ErrorKind::UnexpectedEof),
        ];
        for error in passing {
            let why = why(error);
            assert!(why.kind == Kind::Transient && why.help == ELSEWHERE, "{why:?}");
        }
        let unknown = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let lasting = [
            (Error::StatusCode(404), MISSING),
            (Error::Io(io::Error::new(io::ErrorKind::InvalidData, unknown.clone())), MISTRUSTED),
            (Error::Rustls(unknown), MISTRUSTED),
            (Error::BodyExceedsLimit(LARGEST), TOO_LARGE),
            (Error::BadUri("x".to_owned()), UNSOUND),
            (Error::TooManyRedirects, PLACE),
        ];
        for (error, help) in lasting {
            let why = why(error);
            assert!(why.kind == Kind::Permanent && why.help == help, "{why:?}");
        }
        assert!(why(Error::BodyExceedsLimit(LARGEST)).reason.contains("64 MiB"));
        let signed = why(Error::RequireHttpsOnly("http://example.com/?signature=abc".to_owned()));
        assert!(signed.kind == Kind::Permanent && !signed.reason.contains("abc"), "{signed:?}");
    }

    #[tokio::test]
    async fn an_unsound_url_is_not_tried_again_and_a_silent_host_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for url in
            ["https://exa mple.com/a", "https://example.com/a b", "https:///a", "https://ex\u{e4}mple/a"]
        {
            let why = download(url, &path).await.unwrap_err();
            assert!(why.kind == Kind::Permanent && why.help == UNSOUND, "{url}: {why:?}");
        }
        let why = download("https://127.0.0.1:1/a", &path).await.unwrap_err();
        assert!(why.kind == Kind::Transient, "{why:?}");
        assert!(!path.exists());
    }
}
