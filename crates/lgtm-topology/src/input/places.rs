//! Paths and URLs: where files, manifests and charts are.
//!
//! A URL may name a place and nothing more, since it is shown wherever the place is spoken of. Whether anything is
//! there is for others to find out.

use serde_json::json;

use super::{Input, invalid, scalars::text_input, text};
use crate::{
    problems::{Problems, quoted},
    tree::Node,
};

text_input!(
    /// A path relative to the topology file, or an absolute one.
    FilePath,
    path_fault,
    "write the path of a file on this machine, relative to the topology file or absolute; \
     `~` and variables are not expanded",
    json!({"type": "string", "minLength": 1})
);
text_input!(
    /// Where manifests are: a path, or an `https://` URL of one file.
    ManifestPlace,
    manifests_fault,
    "write a path relative to the topology file, an absolute one, or the `https://` URL of one YAML file; `~` and \
     variables are not expanded, and what asks for a password is best kept as a file",
    json!({"type": "string", "minLength": 1})
);
text_input!(
    /// A chart's path.
    ChartPath,
    path_fault,
    "write a path relative to the topology file, or an absolute one; `~` and variables are not expanded, and a \
     chart from a repository is written as `{name: …, repository: https://…, version: …}`",
    json!({"type": "string", "minLength": 1})
);
text_input!(
    /// A chart repository.
    RepositoryUrl,
    |url: &str| {
        let rest = ["https://", "oci://"].iter().find_map(|scheme| url.strip_prefix(scheme));
        match rest {
            None => Some("neither `https://…` nor `oci://…`".to_owned()),
            // A password or a token in a URL would end up wherever the URL is shown.
            Some(rest) if rest.contains(['@', '?', '#']) => Some("holds more than a place".to_owned()),
            Some(rest) if rest.is_empty() || rest.contains(char::is_whitespace) => Some("not a URL".to_owned()),
            Some(_) => None,
        }
    },
    "write the URL that `helm repo add` takes, or `oci://registry/folder` without the chart's name; what asks for \
     a password is best vendored, see `lgtmctl vendor`",
    json!({"type": "string", "pattern": r"^(https|oci)://[^@?#\s]+$"})
);

/// The longest URL of manifests: it becomes the name of a file.
const LONGEST_URL: usize = 240;

fn manifests_fault(place: &str) -> Option<String> {
    let Some(rest) = place.strip_prefix("https://") else { return path_fault(place) };
    let (host, file) = rest.rsplit_once('/').unwrap_or((rest, ""));
    let fault = if rest.contains(['@', '?', '#', '\\']) || rest.contains("..") {
        // A password or a token in a URL would end up wherever the URL is shown.
        "holds more than a place"
    } else if host.is_empty() || file.is_empty() || !rest.bytes().all(|byte| byte.is_ascii_graphic()) {
        "not the URL of a file"
    } else if place.len() > LONGEST_URL {
        "too long"
    } else {
        return None;
    };
    Some(fault.to_owned())
}

fn path_fault(path: &str) -> Option<String> {
    let fault = if path.trim().is_empty() {
        "empty"
    } else if path.contains("://") {
        "a URL, not a path"
    } else if path.starts_with('~') || path.starts_with('$') {
        "not expanded"
    } else if path.chars().any(char::is_control) {
        "holds a control character"
    } else {
        return None;
    };
    Some(fault.to_owned())
}
