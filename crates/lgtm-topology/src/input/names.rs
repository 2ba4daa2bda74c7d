//! Names: DNS labels of several lengths, tenants and namespaces.
//!
//! Whether a name is used twice is for `check` to say.

use serde_json::json;

use super::{Input, invalid, text};
use crate::{
    ClusterName, ExtraName, ReleaseName, TenantId, TopologyName,
    problems::{Problems, quoted},
    tenant,
    tree::Node,
};

/// Why the text is no DNS label of at most `longest` characters.
pub(super) fn label_fault(label: &str, longest: usize) -> Option<String> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if label.is_empty() {
        return Some("it is empty".to_owned());
    }
    if let Some(other) = label.chars().find(|c| !allowed(*c)) {
        return Some(format!("`{}` is not allowed in it", other.escape_debug()));
    }
    if label.len() > longest {
        return Some(format!("it has {} characters and at most {longest} are allowed", label.len()));
    }
    (label.starts_with('-') || label.ends_with('-')).then(|| "it starts or ends with `-`".to_owned())
}

/// The nearest DNS label, if anything is left of the text.
fn nearest_label(text: &str, longest: usize) -> Option<String> {
    let mut label = String::new();
    // Twice the length is enough: characters that are dropped are rare.
    for character in text.chars().take(longest * 2) {
        match character.to_ascii_lowercase() {
            c if c.is_ascii_lowercase() || c.is_ascii_digit() => label.push(c),
            _ if !label.is_empty() && !label.ends_with('-') => label.push('-'),
            _ => {}
        }
    }
    label.truncate(longest);
    let label = label.trim_matches('-');
    (!label.is_empty()).then(|| label.to_owned())
}

/// Reads a DNS label.
fn label<'a>(node: &'a Node, what: &str, longest: usize, problems: &mut Problems) -> Option<&'a str> {
    let label = text(node, problems)?;
    let Some(fault) = label_fault(label, longest) else { return Some(label) };
    let rule = format!("use a-z, 0-9 and `-`, at most {longest} characters, no `-` at either end");
    let help = match nearest_label(label, longest) {
        Some(nearest) => format!("write {}, for example: {rule}", quoted(&nearest)),
        None => rule,
    };
    invalid(node, format!("{} is not {what}: {fault}", quoted(label)), "not a DNS label", help, problems);
    None
}

fn label_schema(longest: usize) -> serde_json::Value {
    json!({"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "maxLength": longest})
}

/// Declares a name that is a DNS label.
macro_rules! label_input {
    ($name:ident, $what:literal, $longest:literal) => {
        impl Input for $name {
            fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
                label(node, $what, $longest, problems).map(Self::new)
            }

            fn schema() -> serde_json::Value {
                label_schema($longest)
            }
        }
    };
}

label_input!(TopologyName, "a topology's name", 40);
// Helm's own limit for names of releases.
label_input!(ExtraName, "an extra's name", 53);
label_input!(ReleaseName, "a release's name", 53);

impl Input for ClusterName {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        let name = label(node, "a cluster's name", 32, problems)?;
        if name == "default" {
            invalid(
                node,
                "no cluster can be called `default`",
                "reserved",
                "choose another name: Cilium keeps this one for a cluster that is in no mesh",
                problems,
            );
            return None;
        }
        Some(Self::new(name))
    }

    fn schema() -> serde_json::Value {
        label_schema(32)
    }
}

impl Input for TenantId {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        let name = text(node, problems)?;
        let Some(fault) = tenant::fault(name) else { return Some(Self::new(name)) };
        invalid(
            node,
            format!("{} is not a tenant: {fault}", quoted(name)),
            "not a tenant's name",
            format!("use a-z, A-Z, 0-9 and `!-_.*'()`, at most {} characters", tenant::LONGEST),
            problems,
        );
        None
    }

    fn schema() -> serde_json::Value {
        json!({"type": "string", "pattern": r"^[a-zA-Z0-9!_.*'()-]+$", "maxLength": tenant::LONGEST})
    }
}

/// The namespace in which lgtmctl keeps its own records.
const OWN_NAMESPACE: &str = "lgtmctl-system";

/// A namespace's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NamespaceName(pub(crate) String);

impl Input for NamespaceName {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        let name = label(node, "a namespace", 63, problems)?;
        if name == OWN_NAMESPACE {
            invalid(
                node,
                format!("nothing of yours can be in `{OWN_NAMESPACE}`"),
                "reserved",
                "choose another namespace: lgtmctl keeps its own records in this one",
                problems,
            );
            return None;
        }
        Some(Self(name.to_owned()))
    }

    fn schema() -> serde_json::Value {
        label_schema(63)
    }
}

/// The name of an object on a cluster: a DNS subdomain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ObjectName(pub(crate) String);

impl Input for ObjectName {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        let name = text(node, problems)?;
        let Some(fault) = domain_fault(name) else { return Some(Self(name.to_owned())) };
        invalid(
            node,
            format!("{} is not an object's name: {fault}", quoted(name)),
            "not a name",
            "write the name that `kubectl get` shows: a-z, 0-9, `-` and `.`",
            problems,
        );
        None
    }

    fn schema() -> serde_json::Value {
        domain_schema()
    }
}

/// The name of a host in DNS, with at least one dot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostName(pub(crate) String);

impl Input for HostName {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        let name = text(node, problems)?;
        let Some(fault) = host_fault(name) else { return Some(Self(name.to_owned())) };
        invalid(
            node,
            format!("{} is not a host's name: {fault}", quoted(name)),
            "not a host name",
            "write a DNS name such as `grafana.example.com`: lower case, without `https://`, port or path",
            problems,
        );
        None
    }

    fn schema() -> serde_json::Value {
        json!({
            "type": "string",
            "pattern": format!(r"^{PART}(\.{PART})+$"),
            "not": {"pattern": r"\.[0-9]+$"},
            "maxLength": LONGEST_DOMAIN,
        })
    }
}

/// DNS's own limit.
const LONGEST_DOMAIN: usize = 253;
/// A part of a DNS name, as a pattern.
const PART: &str = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?";

fn domain_fault(name: &str) -> Option<String> {
    if name.len() > LONGEST_DOMAIN {
        return Some(format!("it has {} characters and at most {LONGEST_DOMAIN} are allowed", name.len()));
    }
    // A part of a DNS name is a label.
    name.split('.')
        .find_map(|part| label_fault(part, 63))
        .map(|fault| if fault == "it is empty" { "a part of it is empty".to_owned() } else { fault })
}

fn host_fault(name: &str) -> Option<String> {
    let last = name.rsplit('.').next().unwrap_or_default();
    domain_fault(name).or_else(|| {
        if !name.contains('.') {
            Some("it has no dot".to_owned())
        } else if last.bytes().all(|byte| byte.is_ascii_digit()) {
            // Such as an address: no certificate and no listener can be for one.
            Some("it ends in a number".to_owned())
        } else {
            None
        }
    })
}

fn domain_schema() -> serde_json::Value {
    json!({
        "type": "string",
        "pattern": format!(r"^{PART}(\.{PART})*$"),
        "maxLength": LONGEST_DOMAIN,
    })
}

#[cfg(test)]
mod tests {
    use super::{host_fault, label_fault, nearest_label};

    #[test]
    fn hosts() {
        for good in ["grafana.example.com", "a.b", "1.example.com", "xn--bcher-kva.example"] {
            assert_eq!(host_fault(good), None, "{good}");
        }
        let long = format!("{}.com", "a".repeat(64));
        for bad in [
            "",
            "grafana",
            "Grafana.example.com",
            "https://a.b",
            "a.b:443",
            "a.b/c",
            "*.a.b",
            "a..b",
            "a.b.",
            "10.0.0.1",
            "-a.b",
            &long,
        ] {
            assert!(host_fault(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn labels() {
        assert_eq!(label_fault("a", 32), None);
        assert_eq!(label_fault("1-a", 32), None);
        for bad in ["", "-a", "a-", "A", "a.b", "a_b", "é", &"a".repeat(33)] {
            assert!(label_fault(bad, 32).is_some(), "{bad}");
        }
        assert_eq!(nearest_label("LGTM_Central.", 32).as_deref(), Some("lgtm-central"));
        assert_eq!(nearest_label("---", 32), None);
    }
}
