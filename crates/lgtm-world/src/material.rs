//! Secrets whose content is made here: authorities, certificates, passwords, access keys.
//!
//! Key material goes from its making to a Secret and nowhere else. What leaves this module are facts
//! that anyone may know. Whether something is made at all is the plan's decision; only whether an
//! existing Secret already is what was asked for is looked up here, since the planner never sees it.

use std::{collections::BTreeMap, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lgtm_executor::{Done, Failure, Kind, Outcome};
use lgtm_planner::{
    fact::UnitFacts,
    fingerprint::is_data_ours,
    inventory::{Inventory, State, TOPOLOGY_LABEL, UNIT_LABEL},
    object::{Object, ObjectKey, label},
    plan::{CLAIMS, MakeMaterial},
    unit::{AccessKeyRequest, CertificateRequest, CertificateUsage, Material, SecretRef, UnitId},
};
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::{
    cluster::{Cluster, Resource},
    object_storage::{self, AccessKey},
    objects::{Context, took},
    observe::of_metadata,
    pki, records,
};

mod access_key;
mod examine;

pub(crate) use access_key::retire;
pub(crate) use examine::examine;

/// A year's margin over the longest support cycle of what trusts it; its rotation has phases of its own.
const AUTHORITY_LIFE: time::Duration = time::Duration::days(3_650);
/// Short enough that renewal is an everyday thing, long enough to survive a holiday: a third is 30 days.
const CERTIFICATE_LIFE: time::Duration = time::Duration::days(90);

/// A Secret's decoded data. The values are wiped when they go.
type Data = BTreeMap<String, Zeroizing<Vec<u8>>>;

pub(crate) fn secrets() -> Resource {
    Resource::core("secrets")
}

/// Makes or restores the material, records it, and returns its facts.
pub(crate) async fn make(
    context: &Context<'_>,
    authority: Option<&Cluster>,
    work: &MakeMaterial,
    digest_key: &[u8],
) -> Result<Done, Failure> {
    let begun = Instant::now();
    let cluster = context.cluster;
    let secret = &work.content.secret;
    let key = secret.key();
    let failed = |error| cluster.object_failure("making", &key, error);
    let live = cluster.object(&secrets(), Some(&secret.namespace), &secret.name).await.map_err(failed)?;
    let ours = live.as_ref().is_some_and(|live| is_ours(live, context));
    let foreign = live.as_ref().and_then(|live| label(live, TOPOLOGY_LABEL)).is_some();
    if live.is_some() && !ours && (foreign || work.before.is_none()) {
        let message = format!("{key} on cluster {} exists already and was not made by lgtmctl", cluster.name);
        return Err(Failure::new(Kind::Permanent, message)
            .with_help("delete or rename it, then run the same command again"));
    }
    let mut record = work.inventory(context.topology, &context.step.unit.name);
    if let (Some(object), Some(live)) = (record.objects.first_mut(), &live) {
        // The intent says what was there before, so that a loss after a cut is seen as one.
        object.uid = live.pointer("/metadata/uid").and_then(Value::as_str).map(str::to_owned);
    }
    records::write_inventory(cluster, &record, context.may_write()?).await?;
    // What is to be remade is lost, or not ours. If it is ours, an earlier try of this step has remade it.
    let usable = live.as_ref().filter(|live| !work.remake || is_made_here(live, &work.content.material));
    let existing = usable.map(data_of);
    let wanted = Wanted::new(context, work, authority, digest_key).await?;
    let (data, kept) = match existing.filter(|data| wanted.is_met_by(data)) {
        Some(data) => (data, true),
        None => (wanted.generate().map_err(|error| cannot(context, &key, &error))?, false),
    };
    let mut facts =
        wanted.facts(&data, work.before.as_ref()).map_err(|error| cannot(context, &key, &error))?;
    let object = secret_object(context, secret, wanted.secret_type(), &data)
        .map_err(|error| cannot(context, &key, &error))?;
    let applied = cluster.apply(&object, context.may_write()?).await.map_err(failed)?;
    if let Material::AccessKey(request) = &work.content.material {
        // Not before the Secret holds it: a key that opens something and is in no Secret is of no use.
        access_key::open(context, request, &data).await?;
        let claims = access_key::claims(cluster, request).await;
        let claims =
            claims.map_err(|error| cluster.failure("looking for the object storage's claims", error))?;
        facts.extend(claims.map(|claims| (CLAIMS.to_owned(), json!(claims))));
    }
    let (_, seen) = of_metadata("", "Secret", &applied);
    record.state = State::Applied;
    record.facts = facts.clone();
    record.took = took(begun, Duration::ZERO);
    record.applied_at = context.now;
    if let Some(object) = record.objects.first_mut() {
        object.uid = Some(seen.uid);
        object.fingerprint = seen.fingerprint;
    }
    records::write_inventory(cluster, &record, context.may_write()?).await?;
    let outcome = match (work.before.is_some() || live.is_some(), kept) {
        (false, _) => Outcome::Created,
        (true, _) => Outcome::Updated,
    };
    Ok(Done { outcome, facts, took: took(begun, Duration::ZERO), remarks: Vec::new() })
}

fn cannot(context: &Context<'_>, key: &ObjectKey, error: &dyn std::fmt::Display) -> Failure {
    Failure::new(
        Kind::Permanent,
        format!("{key} on cluster {} cannot be made: {error}", context.cluster.name),
    )
}

fn is_ours(live: &Value, context: &Context<'_>) -> bool {
    match label(live, TOPOLOGY_LABEL) {
        Some(topology) => topology == context.topology.as_str(),
        // The label may have been taken off by hand; units of other topologies have the same names.
        None => label(live, UNIT_LABEL) == Some(context.step.unit.name.as_str()),
    }
}

/// The keys of `data` that are made.
fn data_keys(material: &Material) -> Vec<&str> {
    match material {
        Material::Authority { .. } => vec!["tls.crt", "tls.key"],
        Material::Certificate(_) => vec!["ca.crt", "tls.crt", "tls.key"],
        Material::Password { .. } | Material::Given(_) => vec!["password"],
        Material::AccessKey(request) => vec![&request.id_key, &request.secret_key],
    }
}

/// Whether nobody else has written any of what is made.
fn is_made_here(secret: &Value, material: &Material) -> bool {
    data_keys(material).iter().all(|key| is_data_ours(secret, key))
}

fn data_of(secret: &Value) -> Data {
    let data = secret.get("data").and_then(Value::as_object);
    data.into_iter()
        .flatten()
        .filter_map(|(name, value)| {
            let decoded = STANDARD.decode(value.as_str()?).ok()?;
            Some((name.clone(), Zeroizing::new(decoded)))
        })
        .collect()
}

fn text<'a>(data: &'a Data, name: &str) -> Option<&'a str> {
    std::str::from_utf8(data.get(name)?).ok()
}

fn secret_object(
    context: &Context<'_>,
    secret: &SecretRef,
    secret_type: &str,
    data: &Data,
) -> Result<Object, lgtm_planner::object::ObjectError> {
    let encoded: serde_json::Map<String, Value> = data
        .iter()
        .map(|(name, value)| (name.clone(), Value::String(STANDARD.encode(value.as_slice()))))
        .collect();
    Object::new(json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "type": secret_type,
        "metadata": {
            "name": secret.name,
            "namespace": secret.namespace,
            "labels": {
                TOPOLOGY_LABEL: context.topology.as_str(),
                UNIT_LABEL: context.step.unit.name.as_str(),
            },
        },
        "data": encoded,
    }))
}

/// What is asked for, with all that is needed to check or make it.
enum Wanted<'a> {
    Authority { common_name: &'a str, now: OffsetDateTime },
    Certificate { request: pki::CertificateRequest, authority: Box<pki::Authority>, now: OffsetDateTime },
    Password { length: u8, digest_key: &'a [u8] },
    Given { value: &'a str, digest_key: &'a [u8] },
    AccessKey { request: &'a AccessKeyRequest, family: String, digest_key: &'a [u8] },
}

impl<'a> Wanted<'a> {
    async fn new(
        context: &Context<'_>,
        work: &'a MakeMaterial,
        authority: Option<&Cluster>,
        digest_key: &'a [u8],
    ) -> Result<Self, Failure> {
        let now = OffsetDateTime::from_unix_timestamp(context.now).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        Ok(match &work.content.material {
            Material::Authority { common_name } => Self::Authority { common_name, now },
            Material::Certificate(request) => {
                let authority = read_authority(context, authority, work, &request.authority).await?;
                Self::Certificate { request: pki_request(request), authority: Box::new(authority), now }
            }
            Material::Password { length } => Self::Password { length: *length, digest_key },
            Material::Given(value) => Self::Given { value: value.expose(), digest_key },
            Material::AccessKey(request) => {
                let family = object_storage::family(context.topology, &context.step.unit);
                Self::AccessKey { request, family, digest_key }
            }
        })
    }

    fn secret_type(&self) -> &'static str {
        match self {
            Self::Authority { .. } | Self::Certificate { .. } => "kubernetes.io/tls",
            Self::Password { .. } | Self::Given { .. } | Self::AccessKey { .. } => "Opaque",
        }
    }

    fn is_met_by(&self, data: &Data) -> bool {
        match self {
            Self::Authority { .. } => authority_of(data).is_some(),
            Self::Certificate { request, authority, now } => {
                let (Some(pem), Some(key)) = (text(data, "tls.crt"), text(data, "tls.key")) else {
                    return false;
                };
                text(data, "ca.crt") == Some(authority.certificate_pem())
                    && pki::Certificate::from_pem(pem).is_ok_and(|certificate| {
                        certificate.matches_key(&pki::PrivateKey::new(key))
                            && !certificate.facts().is_due_for_renewal(*now)
                            && certificate.satisfies(request, authority.certificate(), *now).is_ok()
                    })
            }
            Self::Password { .. } => text(data, "password").is_some_and(|password| !password.is_empty()),
            Self::Given { value, .. } => text(data, "password") == Some(*value),
            Self::AccessKey { request, .. } => access_key::held(data, request).is_some(),
        }
    }

    fn generate(&self) -> Result<Data, pki::Error> {
        let data = |entries: &[(&str, &str)]| {
            entries
                .iter()
                .map(|(name, value)| ((*name).to_owned(), Zeroizing::new(value.as_bytes().to_vec())))
                .collect::<Data>()
        };
        Ok(match self {
            Self::Authority { common_name, now } => {
                let authority = pki::Authority::generate(common_name, *now, AUTHORITY_LIFE)?;
                data(&[
                    ("tls.crt", authority.certificate_pem()),
                    ("tls.key", authority.private_key().expose()),
                ])
            }
            Self::Certificate { request, authority, now } => {
                let issued = authority.issue(request, *now)?;
                data(&[
                    ("tls.crt", &issued.certificate_pem),
                    ("tls.key", issued.private_key.expose()),
                    ("ca.crt", &issued.authority_pem),
                ])
            }
            Self::Password { length, .. } => {
                data(&[("password", pki::generate_password(usize::from(*length))?.expose())])
            }
            Self::Given { value, .. } => data(&[("password", value)]),
            Self::AccessKey { request, family, .. } => {
                let key = AccessKey::generate(family)?;
                data(&[(&request.id_key, key.id()), (&request.secret_key, key.secret())])
            }
        })
    }

    fn facts(&self, data: &Data, before: Option<&Inventory>) -> Result<UnitFacts, pki::Error> {
        match self {
            Self::Password { digest_key, .. } | Self::Given { digest_key, .. } => {
                let digest =
                    pki::keyed_digest(digest_key, text(data, "password").unwrap_or_default().as_bytes());
                Ok(UnitFacts::from([("digest".to_owned(), json!(digest))]))
            }
            Self::AccessKey { request, digest_key, .. } => {
                let whole = access_key::held(data, request).map(|key| key.whole()).unwrap_or_default();
                let digest = pki::keyed_digest(digest_key, whole.as_bytes());
                Ok(UnitFacts::from([("digest".to_owned(), json!(digest))]))
            }
            Self::Authority { now, .. } | Self::Certificate { now, .. } => {
                let facts = pki::CertificateFacts::from_pem(text(data, "tls.crt").unwrap_or_default())?;
                let current = facts.fingerprint_sha256.clone();
                let mut fingerprints = vec![current.clone()];
                fingerprints.extend(previous(before, &current, now.unix_timestamp()));
                Ok(UnitFacts::from([
                    ("digest".to_owned(), json!(current.get(..12))),
                    ("fingerprint".to_owned(), json!(current)),
                    ("fingerprints".to_owned(), json!(fingerprints)),
                    ("notBefore".to_owned(), json!(facts.not_before.unix_timestamp())),
                    ("notAfter".to_owned(), json!(facts.not_after.unix_timestamp())),
                ]))
            }
        }
    }
}

/// The fingerprint of the certificate before this one, as long as it has not expired: pods that have
/// not rolled yet still show it.
fn previous(before: Option<&Inventory>, current: &str, now: i64) -> Option<String> {
    let facts = &before?.facts;
    let fingerprint = facts.get("fingerprint").and_then(Value::as_str)?;
    if fingerprint == current {
        // The same certificate again: whoever was before it is still before it.
        return facts.get("fingerprints").and_then(Value::as_array)?.get(1)?.as_str().map(str::to_owned);
    }
    let until = facts.get("notAfter").and_then(Value::as_i64)?;
    (until > now).then(|| fingerprint.to_owned())
}

fn pki_request(request: &CertificateRequest) -> pki::CertificateRequest {
    pki::CertificateRequest {
        common_name: request.common_name.clone(),
        dns_names: request.dns_names.iter().cloned().collect(),
        ip_addresses: request.addresses.iter().map(|address| (*address).into()).collect(),
        usage: match request.usage {
            CertificateUsage::Server => pki::Usage::Server,
            CertificateUsage::Client => pki::Usage::Client,
        },
        validity: CERTIFICATE_LIFE,
    }
}

fn authority_of(data: &Data) -> Option<pki::Authority> {
    let key = pki::PrivateKey::new(text(data, "tls.key")?);
    pki::Authority::from_pem(text(data, "tls.crt")?, key).ok()
}

async fn read_authority(
    context: &Context<'_>,
    cluster: Option<&Cluster>,
    work: &MakeMaterial,
    unit: &UnitId,
) -> Result<pki::Authority, Failure> {
    let missing = |reason: &str| {
        Failure::new(Kind::Permanent, format!("{} needs the authority {unit}, {reason}", context.step.unit))
            .with_help(format!("run `lgtmctl plan` to see what is wrong with {unit}"))
    };
    let (Some(cluster), Some((_, secret))) = (cluster, &work.authority) else {
        return Err(missing("which is not in the topology"));
    };
    let live = cluster.object(&secrets(), Some(&secret.namespace), &secret.name).await;
    let live = live.map_err(|error| cluster.object_failure("reading", &secret.key(), error))?;
    let authority = live.as_ref().map(data_of).as_ref().and_then(authority_of);
    let authority = authority.ok_or_else(|| missing("whose Secret is missing or is not an authority"))?;
    let expected = work.authority_fingerprint.as_deref();
    if expected.is_some_and(|expected| expected != authority.certificate().facts().fingerprint_sha256) {
        return Err(missing("which is not the one that the plan was made for; run the same command again"));
    }
    Ok(authority)
}
