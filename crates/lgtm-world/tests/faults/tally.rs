//! Requests counted by verb, with the bytes of their bodies: what tests and figures of scale say about
//! the load that a run puts on an API server.

use std::{collections::BTreeMap, fmt};

use hyper::Method;

/// The requests of one verb.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) requests: usize,
    /// Bytes of bodies to the server.
    pub(crate) sent: usize,
    /// Bytes of bodies from the server.
    pub(crate) received: usize,
}

/// All requests of a span, by verb.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally(pub(crate) BTreeMap<&'static str, Count>);

impl Tally {
    pub(crate) fn sent(&mut self, verb: &'static str, bytes: usize) {
        let count = self.0.entry(verb).or_default();
        count.requests += 1;
        count.sent += bytes;
    }

    pub(crate) fn received(&mut self, verb: &'static str, bytes: usize) {
        self.0.entry(verb).or_default().received += bytes;
    }

    /// All verbs together.
    pub(crate) fn total(&self) -> Count {
        self.0.values().fold(Count::default(), |sum, one| Count {
            requests: sum.requests + one.requests,
            sent: sum.sent + one.sent,
            received: sum.received + one.received,
        })
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = [("total", self.total())];
        for (verb, count) in self.0.iter().map(|(verb, count)| (*verb, *count)).chain(total) {
            writeln!(
                f,
                "{verb:<9} {:>6} requests {:>9} B out {:>11} B in",
                count.requests, count.sent, count.received
            )?;
        }
        Ok(())
    }
}

/// What a request asks for, in the words of audit logs, with server-side apply told from other patches
/// and a dry run from what is meant.
pub(crate) fn verb(method: &Method, path_and_query: &str) -> &'static str {
    let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
    let has = |parameter: &str| query.split('&').any(|part| part == parameter);
    match *method {
        Method::GET if has("watch=true") || has("watch=1") => "watch",
        Method::GET => read(path),
        _ if has("dryRun=All") => "dry-run",
        Method::POST => "create",
        Method::PUT => "update",
        Method::DELETE => "delete",
        Method::PATCH if query.contains("force=") => "apply",
        _ => "patch",
    }
}

/// A read of one object, of all of a kind, or of what there is to read.
fn read(path: &str) -> &'static str {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let rest = match parts.as_slice() {
        ["api", _, rest @ ..] | ["apis", _, _, rest @ ..] => rest,
        _ => return "discover",
    };
    match rest {
        [] => "discover",
        ["namespaces", _] => "get",
        ["namespaces", _, _] | [_] => "list",
        _ => "get",
    }
}

#[test]
fn verbs_are_told_apart() {
    for (method, path, wanted) in [
        (Method::GET, "/version", "discover"),
        (Method::GET, "/apis/apps/v1", "discover"),
        (Method::GET, "/api/v1/namespaces/kube-system", "get"),
        (Method::GET, "/api/v1/namespaces", "list"),
        (Method::GET, "/api/v1/configmaps?limit=500", "list"),
        (Method::GET, "/apis/apps/v1/namespaces/a/deployments?watch=true", "watch"),
        (Method::GET, "/apis/apps/v1/namespaces/a/deployments/b", "get"),
        (Method::PATCH, "/api/v1/namespaces/a?fieldManager=x&force=true", "apply"),
        (Method::PATCH, "/api/v1/namespaces/a?fieldManager=x&force=false&dryRun=All", "dry-run"),
        (Method::PATCH, "/api/v1/namespaces/a?fieldManager=x", "patch"),
        (Method::DELETE, "/api/v1/namespaces/a", "delete"),
    ] {
        assert_eq!(verb(&method, path), wanted, "{method} {path}");
    }
}
