//! Paths and URLs: where files, manifests and charts are.
//!
//! A URL may name a place and nothing more, since it is shown wherever the place is spoken of. Whether anything is
//! there is for others to find out.

use serde_json::{Value, json};

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
    path_schema()
);
text_input!(
    /// Where manifests are: a path, or an `https://` URL of one file.
    ManifestPlace,
    manifests_fault,
    "write a path relative to the topology file, an absolute one, or the `https://` URL of one YAML file; `~` and \
     variables are not expanded, and what asks for a password is best kept as a file",
    json!({"anyOf": [path_schema(), manifests_url_schema()]})
);
text_input!(
    /// A chart's path.
    ChartPath,
    path_fault,
    "write a path relative to the topology file, or an absolute one; `~` and variables are not expanded, and a \
     chart from a repository is written as `{name: …, repository: https://…, version: …}`",
    path_schema()
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
    } else if host.is_empty()
        || host.starts_with('/')
        || file.is_empty()
        || !rest.bytes().all(|byte| byte.is_ascii_graphic())
    {
        "not the URL of a file"
    } else if place.len() > LONGEST_URL {
        "too long"
    } else {
        return None;
    };
    Some(fault.to_owned())
}

/// The same as a schema: printing characters of ASCII, but not `@`, `?`, `#`, `\` and no `..`.
fn manifests_url_schema() -> Value {
    const PART: &str = r#"[!"$-.0->A-\[\]-~]"#;
    json!({
        "type": "string",
        "pattern": format!(r"^https://{PART}({PART}|/)*/{PART}+$"),
        "not": {"pattern": r"\.\."},
        "maxLength": LONGEST_URL,
    })
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

/// The same as a schema. What begins with white space has something else after it.
fn path_schema() -> Value {
    const CONTROL: &str = r"\x00-\x1f\x7f-\x9f";
    let begins = format!(r"([^~$\s{CONTROL}]|[^\S{CONTROL}]+[^\s{CONTROL}])");
    json!({"type": "string", "pattern": format!("^{begins}[^{CONTROL}]*$"), "not": {"pattern": "://"}})
}
