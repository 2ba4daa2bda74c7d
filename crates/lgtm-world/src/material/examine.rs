//! A closer look at Secrets whose content was made: is it still what lgtmctl put there?
//!
//! Values are compared here and shown nowhere; what leaves the module are field names and keyed digests.

use lgtm_planner::{
    fingerprint::is_data_ours,
    inventory::{TOPOLOGY_LABEL, UNIT_LABEL},
    object::label,
    observed::{Difference, Examined, FieldChange, ObjectExamined},
    plan::{CLAIMS, ExamineMaterial},
    unit::{Material, UnitId},
};
use lgtm_topology::TopologyName;
use serde_json::Value;

use super::{access_key, data_keys, data_of, secrets};
use crate::{
    cluster::{Cluster, answer::Answer},
    pki,
};

/// Looks at a Secret whose fingerprint moved, or whose value the topology gives.
pub(crate) async fn examine(
    cluster: &Cluster,
    topology: &TopologyName,
    unit: &UnitId,
    examination: &ExamineMaterial,
    digest_key: Option<&[u8]>,
) -> Answer<Examined> {
    let secret = &examination.content.secret;
    let key = secret.key();
    let Some(live) = cluster.object(&secrets(), Some(&secret.namespace), &secret.name).await? else {
        return Ok(Examined { objects: [(key, ObjectExamined::Missing)].into(), note: None });
    };
    let mut fields = Vec::new();
    for (name, wanted) in [(TOPOLOGY_LABEL, topology.as_str()), (UNIT_LABEL, unit.name.as_str())] {
        let found = label(&live, name);
        if found != Some(wanted) {
            fields.push(FieldChange {
                path: format!("metadata.labels[{name}]"),
                before: found.map(str::to_owned),
                after: Some(wanted.to_owned()),
            });
        }
    }
    fields.extend(changed_data(&live, examination, digest_key));
    fields.extend(changed_claims(cluster, examination).await?);
    let seen = if fields.is_empty() {
        ObjectExamined::Same
    } else {
        ObjectExamined::Differs(Difference { fields, ..Difference::default() })
    };
    Ok(Examined { objects: [(key, seen)].into(), note: None })
}

/// Whether the storage that a key opens has other claims than when its buckets were made.
async fn changed_claims(cluster: &Cluster, examination: &ExamineMaterial) -> Answer<Option<FieldChange>> {
    let Material::AccessKey(request) = &examination.content.material else { return Ok(None) };
    let before = examination.recorded.get(CLAIMS).and_then(Value::as_str);
    let (Some(before), Some(now)) = (before, access_key::claims(cluster, request).await?) else {
        return Ok(None);
    };
    Ok((before != now).then(|| FieldChange {
        path: CLAIMS.to_owned(),
        before: Some(before.to_owned()),
        after: Some(now),
    }))
}

/// The keys of `data` that are not what lgtmctl put there: not owned by it any more, or, for a value
/// that the topology gives, another value.
fn changed_data(live: &Value, examination: &ExamineMaterial, digest_key: Option<&[u8]>) -> Vec<FieldChange> {
    let data = data_of(live);
    let conceal = |value: &[u8]| {
        digest_key.map_or_else(
            || "(secret)".to_owned(),
            |key| format!("(secret {})", pki::keyed_digest(key, value)),
        )
    };
    let mut changes = Vec::new();
    for key in data_keys(&examination.content.material) {
        let found = data.get(key);
        let intact = match &examination.content.material {
            Material::Given(value) => {
                found.is_some_and(|found| found.as_slice() == value.expose().as_bytes())
            }
            Material::Authority { .. }
            | Material::Certificate(_)
            | Material::Password { .. }
            | Material::AccessKey(_) => found.is_some() && is_data_ours(live, key),
        };
        if !intact {
            changes.push(FieldChange {
                path: format!("data.{key}"),
                before: found.map(|found| conceal(found)),
                after: Some(match &examination.content.material {
                    Material::Given(value) => conceal(value.expose().as_bytes()),
                    Material::Authority { .. }
                    | Material::Certificate(_)
                    | Material::Password { .. }
                    | Material::AccessKey(_) => "(made anew)".to_owned(),
                }),
            });
        }
    }
    changes
}
