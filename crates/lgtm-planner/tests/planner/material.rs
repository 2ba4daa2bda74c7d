//! Key material in the model: names and numbers that stand for it, and no key.

use lgtm_planner::{
    digest::Digest,
    fact::UnitFacts,
    plan::is_due,
    unit::{CertificateRequest, Material, MaterialContent},
};
use serde_json::{Value, json};

/// Seconds for which the model's certificates are valid.
pub(crate) const LIFE: i64 = 90 * 86_400;

/// What a Secret holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Minted {
    request: Digest,
    /// The authority that signed it, for a certificate.
    pub(crate) authority: Option<String>,
    /// What is told of it.
    pub(crate) facts: UnitFacts,
    /// Whether someone overwrote it, so that it is of no use.
    pub(crate) spoilt: bool,
}

impl Minted {
    /// Whether it is what is asked for.
    pub(crate) fn suits(&self, material: &Material, authority: Option<&str>) -> bool {
        let given = match material {
            Material::Given(value) => self.facts.get("digest") == Some(&keyed(value.expose())),
            // What it opens is not in the Secret, and its change costs no key.
            Material::AccessKey(_) => return !self.spoilt,
            Material::Authority { .. } | Material::Certificate(_) | Material::Password { .. } => true,
        };
        !self.spoilt
            && given
            && self.request == material.request_digest()
            && self.authority.as_deref() == authority
    }

    pub(crate) fn is_due(&self, now: i64) -> bool {
        let validity = (self.number("notBefore"), self.number("notAfter"));
        matches!(validity, (Some(from), Some(until)) if is_due(from, until, now))
    }

    pub(crate) fn number(&self, name: &str) -> Option<i64> {
        self.facts.get(name).and_then(Value::as_i64)
    }
}

/// Makes what is asked for. `serial` makes it unlike anything that was made before.
pub(crate) fn mint(
    content: &MaterialContent,
    authority: Option<&str>,
    previous: Option<&Minted>,
    serial: u64,
    now: i64,
) -> Minted {
    let facts = match &content.material {
        Material::Authority { .. } => vec![
            ("digest", json!(format!("authority-digest-{serial}"))),
            ("fingerprint", json!(format!("authority-{serial}"))),
        ],
        Material::Certificate(request) => certificate(request, previous, serial, now),
        Material::Password { .. } => vec![("digest", json!(format!("password-{serial}")))],
        Material::Given(value) => vec![("digest", keyed(value.expose()))],
        Material::AccessKey(_) => vec![("digest", json!(format!("access-key-{serial}")))],
    };
    Minted {
        request: content.material.request_digest(),
        authority: authority.map(str::to_owned),
        facts: facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        spoilt: false,
    }
}

fn certificate(
    request: &CertificateRequest,
    previous: Option<&Minted>,
    serial: u64,
    now: i64,
) -> Vec<(&'static str, Value)> {
    let fingerprint = json!(format!("{}-{serial}", request.common_name));
    let still_valid = previous.filter(|previous| previous.number("notAfter").is_some_and(|end| end > now));
    let old = still_valid.and_then(|previous| previous.facts.get("fingerprint").cloned());
    vec![
        ("digest", json!(format!("certificate-digest-{serial}"))),
        ("fingerprints", json!(std::iter::once(fingerprint.clone()).chain(old).collect::<Vec<_>>())),
        ("fingerprint", fingerprint),
        ("notBefore", json!(now)),
        ("notAfter", json!(now + LIFE)),
    ]
}

/// Stands for a keyed digest: it tells one value from another and does not show it.
fn keyed(value: &str) -> Value {
    json!(format!("keyed-{}", Digest::of_bytes(value.as_bytes()).short()))
}
