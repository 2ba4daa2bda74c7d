//! The words, numbers and free texts of the file, each with its own rules.

use serde_json::json;

use super::{Input, choice, invalid, names::label_fault, text, wrong_type};
use crate::{
    Demo, Hours, IssuerKind, LogShipper, MeshType, Sensitive,
    problems::{Problems, quoted},
    tree::{Kind, Node, Value},
};

/// `profile`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProfileName {
    Compact,
    Distributed,
}

choice!(ProfileName {
    "compact" => Self::Compact,
    "distributed" => Self::Distributed,
} unsupported {});

choice!(MeshType {
    "none" => Self::None,
} unsupported {
    "linkerd": "Linkerd is not supported yet; with `none`, spokes push over mutual TLS",
    "istio": "Istio is not supported yet; with `none`, spokes push over mutual TLS",
    "istio-ambient": "Istio's ambient mode is not supported yet; with `none`, spokes push over mutual TLS",
    "cilium": "Cilium's ClusterMesh is not supported yet; with `none`, spokes push over mutual TLS",
});

/// `scenario`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScenarioName {
    Alloy,
    Otel,
    Traditional,
}

choice!(ScenarioName {
    "alloy" => Self::Alloy,
    "otel" => Self::Otel,
    "traditional" => Self::Traditional,
} unsupported {});

impl ScenarioName {
    /// As the file writes it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Alloy => "alloy",
            Self::Otel => "otel",
            Self::Traditional => "traditional",
        }
    }
}

choice!(Demo {
    "tns" => Self::Tns,
    "opentelemetry" => Self::OpenTelemetry,
} unsupported {});

choice!(LogShipper {
    "vector" => Self::Vector,
    "fluent-bit" => Self::FluentBit,
} unsupported {
    "promtail": "Promtail has reached its end of life; use `vector` or `fluent-bit`",
});

choice!(IssuerKind {
    "ClusterIssuer" => Self::ClusterIssuer,
    "Issuer" => Self::Issuer,
} unsupported {});

/// Yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flag(pub(crate) bool);

impl Input for Flag {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        if let Value::Scalar(scalar) = &node.value
            && let Kind::Bool(value) = scalar.kind()
        {
            return Some(Self(value));
        }
        wrong_type(node, "a boolean", "write `true` or `false`, without quotes", problems);
        None
    }

    fn schema() -> serde_json::Value {
        json!({"type": "boolean"})
    }
}

/// `apiVersion`.
#[derive(Debug)]
pub(crate) struct ApiVersion;

choice!(ApiVersion { "lgtmctl.dev/v1alpha1" => Self, } unsupported {});

/// `kind`.
#[derive(Debug)]
pub(crate) struct TopologyKind;

choice!(TopologyKind { "Topology" => Self, } unsupported {});

/// The longest retention: ten years. More is a slip of the pen, and overflows somewhere in the backends.
const LONGEST_RETENTION: u32 = 10 * 365 * 24;

impl Input for Hours {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        const HELP: &str = "write whole hours, days or weeks, such as `72h`, `7d` or `2w`";
        let Value::Scalar(scalar) = &node.value else {
            wrong_type(node, "a duration", HELP, problems);
            return None;
        };
        if scalar.kind() == Kind::Null {
            wrong_type(node, "a duration", HELP, problems);
            return None;
        }
        let hours = hours(&scalar.text);
        if let Some(hours) = hours.filter(|hours| (1..=LONGEST_RETENTION).contains(hours)) {
            return Some(Self(hours));
        }
        let label = if hours.is_some() { "out of range" } else { "not a duration" };
        let help = if hours.is_some() { "use at least `1h` and at most ten years (`3650d`)" } else { HELP };
        invalid(node, format!("data cannot be kept for {}", quoted(&scalar.text)), label, help, problems);
        None
    }

    fn schema() -> serde_json::Value {
        json!({"type": "string", "pattern": "^[0-9]+[hdw]$"})
    }
}

/// The hours of `72h`, `7d` or `2w`; too many to count are as good as the largest number.
fn hours(text: &str) -> Option<u32> {
    let unit = match text.chars().last()? {
        'h' => 1_u32,
        'd' => 24,
        'w' => 7 * 24,
        _ => return None,
    };
    let digits = text.get(..text.len() - 1)?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse::<u32>().unwrap_or(u32::MAX).saturating_mul(unit))
}

/// A duration as a person would write it.
pub(crate) fn shortest(hours: Hours) -> String {
    if hours.0.is_multiple_of(24) { format!("{}d", hours.0 / 24) } else { hours.to_string() }
}

/// Reads an integer from a range.
fn integer(node: &Node, least: u32, most: u32, problems: &mut Problems) -> Option<u32> {
    let help = format!("write a whole number from {least} to {most}");
    if let Value::Scalar(scalar) = &node.value
        && let Kind::Integer(number) = scalar.kind()
    {
        let number = number.and_then(|number| u32::try_from(number).ok());
        if let Some(number) = number.filter(|number| (least..=most).contains(number)) {
            return Some(number);
        }
        let path = problems.path();
        invalid(
            node,
            format!("{} cannot be {}", quoted(&path), quoted(&scalar.text)),
            "out of range",
            help,
            problems,
        );
    } else {
        wrong_type(node, "a whole number", &format!("{help}, without quotes, units or separators"), problems);
    }
    None
}

/// Declares a number.
macro_rules! number_input {
    ($(#[doc = $doc:literal])* $name:ident($type:ty), $least:literal..=$most:literal) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) struct $name(pub(crate) $type);

        impl Input for $name {
            fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
                integer(node, $least, $most, problems)?.try_into().ok().map(Self)
            }

            fn schema() -> serde_json::Value {
                json!({"type": "integer", "minimum": $least, "maximum": $most})
            }
        }
    };
}

number_input!(
    /// A mesh's number for a cluster.
    ClusterId(u8), 1..=255
);
number_input!(
    /// How many worker nodes.
    Workers(u16), 1..=100
);
number_input!(
    /// A limit that is counted.
    Count(u32), 1..=1_000_000_000
);
number_input!(
    /// A limit in MB per second.
    Megabytes(u32), 1..=10_000
);

/// The shortest password that is accepted.
const SHORTEST_PASSWORD: usize = 12;

impl Input for Sensitive {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        // No message here may hold the value or its length.
        let password = text(node, problems)?;
        if password.chars().count() < SHORTEST_PASSWORD || password.chars().any(char::is_control) {
            invalid(
                node,
                "the administrator's password is too weak",
                "not shown",
                format!(
                    "use at least {SHORTEST_PASSWORD} printable characters, on one line; or remove the field, \
                     and lgtmctl makes a password and keeps it in a Secret on the hub"
                ),
                problems,
            );
            return None;
        }
        Some(Self::new(password))
    }

    fn schema() -> serde_json::Value {
        json!({"type": "string", "minLength": SHORTEST_PASSWORD, "writeOnly": true})
    }
}

/// Declares a text with a rule of its own: a function that says what is wrong with it, and a help.
macro_rules! text_input {
    ($(#[doc = $doc:literal])* $name:ident, $fault:expr, $help:expr, $schema:expr) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) struct $name(pub(crate) String);

        impl Input for $name {
            fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
                let value = text(node, problems)?;
                let fault: Option<String> = $fault(value);
                let Some(fault) = fault else { return Some(Self(value.to_owned())) };
                let path = problems.path();
                invalid(node, format!("{} cannot be {}", quoted(&path), quoted(value)), fault, $help, problems);
                None
            }

            fn schema() -> serde_json::Value {
                $schema
            }
        }
    };
}

pub(super) use text_input;

text_input!(
    /// A kubeconfig's context.
    ContextName,
    |context: &str| context.trim().is_empty().then(|| "empty".to_owned()),
    "write the name that `kubectl config get-contexts` shows",
    json!({"type": "string", "minLength": 1})
);
text_input!(
    /// A chart's name in its repository.
    ChartName,
    |name: &str| label_fault(name, 250),
    "write the name that `helm search repo` shows after the slash: a-z, 0-9 and `-`",
    json!({"type": "string", "pattern": r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"})
);
text_input!(
    /// One version of a chart, and no range.
    ExactVersion,
    version_fault,
    "write one version in full, such as `1.2.3` or `v1.2.3`, so that everyone gets the same chart",
    json!({"type": "string", "pattern": r"^v?[0-9]+\.[0-9]+\.[0-9]+([-+][-+.0-9A-Za-z]+)?$"})
);
text_input!(
    /// A Secret's name.
    SecretName,
    |name: &str| {
        let good = name.len() <= 253 && name.split('.').all(|part| label_fault(part, 253).is_none());
        (!good).then(|| "not a Secret's name".to_owned())
    },
    "use a-z, 0-9, `-` and `.`, at most 253 characters",
    json!({"type": "string", "pattern": r"^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$", "maxLength": 253})
);
text_input!(
    /// A Secret's key.
    SecretKey,
    |key: &str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        let good = !key.is_empty() && key.len() <= 253 && key.chars().all(allowed) && key != "." && key != "..";
        (!good).then(|| "not a Secret's key".to_owned())
    },
    "use a-z, A-Z, 0-9, `-`, `_` and `.`, at most 253 characters",
    json!({"type": "string", "pattern": "^[-._a-zA-Z0-9]+$", "maxLength": 253})
);

/// Semantic versions, with the `v` that some charts put before them.
fn version_fault(version: &str) -> Option<String> {
    let number = version.strip_prefix('v').unwrap_or(version);
    let (core, rest) = number.split_at(number.find(['-', '+']).unwrap_or(number.len()));
    let parts: Vec<&str> = core.split('.').collect();
    let numbers = parts.iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-+.".contains(&byte);
    let good = parts.len() == 3 && numbers && rest.len() != 1 && rest.bytes().all(allowed);
    (!good).then(|| "not one exact version".to_owned())
}

/// What an extra waits for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NeedText {
    pub(crate) cluster: Option<String>,
    pub(crate) unit: String,
}

impl Input for NeedText {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        let need = text(node, problems)?;
        let (cluster, unit) = match need.split_once('/') {
            Some((cluster, unit)) => (Some(cluster), unit),
            None => (None, need),
        };
        if cluster.is_none_or(|cluster| !cluster.is_empty()) && label_fault(unit, 253).is_none() {
            return Some(Self { cluster: cluster.map(str::to_owned), unit: unit.to_owned() });
        }
        invalid(
            node,
            format!("{} does not name a unit", quoted(need)),
            "neither `unit` nor `cluster/unit`",
            "write `mimir` for a unit on the extra's own cluster, or `lgtm-central/mimir`",
            problems,
        );
        None
    }

    fn schema() -> serde_json::Value {
        json!({"type": "string", "pattern": "^([a-z0-9]([-a-z0-9]*[a-z0-9])?/)?[a-z0-9]([-a-z0-9]*[a-z0-9])?$"})
    }
}

#[cfg(test)]
mod tests {
    use super::{Hours, hours, shortest};

    #[test]
    fn durations() {
        for (text, expected) in [("72h", 72), ("7d", 168), ("2w", 336), ("99999999999w", u32::MAX)] {
            assert_eq!(hours(text), Some(expected), "{text}");
        }
        for text in ["", "h", "7", "7m", "1.5d", "-1d", "7 d", "7dd", "７d", "1é"] {
            assert_eq!(hours(text), None, "{text}");
        }
        assert_eq!(shortest(Hours(168)), "7d");
        assert_eq!(shortest(Hours(25)), "25h");
    }
}
