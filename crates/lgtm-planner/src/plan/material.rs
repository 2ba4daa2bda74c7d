//! What to do about Secrets whose content is made: keep them, restore them, or make them anew.
//!
//! The planner never sees the content. It decides from the inventory's facts, the live object's
//! fingerprint and, where that moved, from what a closer look by the world showed.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Action, Change, Decision, MakeMaterial, ObjectChange, ObjectVerb};
use crate::{
    desired::Desired,
    digest::Digest,
    fact::{Facts, UnitFacts},
    inventory::{Inventory, State},
    object::ObjectKey,
    observed::{ObjectExamined, Observed},
    unit::{AccessKeyRequest, Content, Material, MaterialContent, Unit, UnitId},
};

/// The fact of an access key that tells which volumes held the storage when its buckets were made: a digest of their
/// claims' uids. A closer look reports others as a field of this name.
pub const CLAIMS: &str = "claims";

/// A Secret that needs a closer look.
#[derive(Clone, Debug)]
pub struct ExamineMaterial {
    /// What must be in it.
    pub content: MaterialContent,
    /// The facts that were recorded when it was made.
    pub recorded: UnitFacts,
}

/// The verdict on one Secret.
pub(super) enum Verdict {
    /// As it must be.
    Keep,
    /// The content is intact; labels or other fields are not.
    Restore { reasons: Vec<String>, objects: Vec<ObjectChange> },
    /// Made, or made again; its facts are not known before.
    Make { change: Change, reasons: Vec<String>, objects: Vec<ObjectChange>, remake: bool, forbidden: bool },
    /// What it rests on is itself made anew.
    Await(UnitId),
}

/// The Secrets that the world must look at before facts are known.
pub fn assess_material(
    desired: &Desired,
    observed: &Observed,
    full: bool,
) -> BTreeMap<UnitId, ExamineMaterial> {
    let mut wanted = BTreeMap::new();
    for unit in desired.units.values() {
        let Content::Material(content) = &unit.content else { continue };
        let Some(inventory) = observed.inventory(&unit.id) else { continue };
        let moved = inventory.objects.iter().any(|object| {
            observed
                .state(&unit.id.cluster)
                .and_then(|state| state.find(&object.key))
                .is_some_and(|live| live.fingerprint != object.fingerprint)
        });
        // A value in the file, or the storage behind a key, may change without a trace on the Secret.
        let beside = match &content.material {
            Material::Given(_) => true,
            Material::AccessKey(_) => inventory.facts.contains_key(CLAIMS),
            Material::Authority { .. } | Material::Certificate(_) | Material::Password { .. } => false,
        };
        if full || moved || beside {
            let recorded = inventory.facts.clone();
            wanted.insert(unit.id.clone(), ExamineMaterial { content: content.clone(), recorded });
        }
    }
    wanted
}

/// The input digest of a material unit: what is asked for, and what of another unit it rests on.
fn input_digest(material: &Material, rests_on: Option<&str>) -> Digest {
    Digest::of_parts([material.request_digest().as_str(), rests_on.unwrap_or_default()])
}

/// The fact that the material rests on; with another one it is asked for anew. A certificate rests on its authority,
/// and what an access key opens on the storage's root key: with a new one, the storage itself may be new and empty.
fn rests_on<'a>(material: &Material, facts: &'a Facts) -> Result<Option<&'a str>, UnitId> {
    let (unit, fact) = match material {
        Material::Certificate(request) => (&request.authority, "fingerprint"),
        Material::AccessKey(AccessKeyRequest { opens: Some(buckets), .. }) => {
            match &buckets.storage.root_unit {
                Some(unit) => (unit, "digest"),
                None => return Ok(None),
            }
        }
        Material::Authority { .. }
        | Material::Password { .. }
        | Material::Given(_)
        | Material::AccessKey(_) => {
            return Ok(None);
        }
    };
    let known = facts.get(unit).and_then(|facts| facts.get(fact)).and_then(Value::as_str);
    known.map(Some).ok_or_else(|| unit.clone())
}

pub(super) fn verdict(
    unit: &Unit,
    content: &MaterialContent,
    observed: &Observed,
    facts: &Facts,
    allowed: bool,
) -> Verdict {
    let rests_on = match rests_on(&content.material, facts) {
        Ok(rests_on) => rests_on,
        Err(unit) => return Verdict::Await(unit),
    };
    let object = content.secret.key();
    let forbidden = content.material.is_protected() && !allowed;
    let make = |change, reason: String, remake, forbidden| Verdict::Make {
        change,
        reasons: vec![reason],
        objects: vec![ObjectChange {
            remark: purpose(&content.material),
            ..ObjectChange::new(
                object.clone(),
                match change {
                    Change::Create | Change::Resume => ObjectVerb::Create,
                    Change::Update => ObjectVerb::Update,
                    Change::Repair | Change::Replace | Change::Later | Change::Remove | Change::Blocked => {
                        ObjectVerb::Replace
                    }
                },
            )
        }],
        remake,
        forbidden,
    };
    let Some(inventory) = observed.inventory(&unit.id) else {
        return make(Change::Create, "new".to_owned(), false, false);
    };
    let live = observed.state(&unit.id.cluster).and_then(|state| state.find(&object));
    // An intent that names a uid was written while the Secret was there, so it too was lost.
    let was_there =
        inventory.state == State::Applied || inventory.objects.iter().any(|object| object.uid.is_some());
    if live.is_none() && was_there {
        let reason = format!("{object} was deleted; what it held is lost and is made anew");
        return make(Change::Replace, reason, true, forbidden);
    }
    if inventory.state == State::Intended {
        return make(Change::Resume, "an earlier apply was cut short".to_owned(), false, false);
    }
    if inventory.digest != input_digest(&content.material, rests_on) {
        if matches!(content.material, Material::AccessKey(_)) {
            let reason =
                "what the key opens, where it is kept, or the storage's root key has changed".to_owned();
            return make(Change::Update, reason, false, forbidden);
        }
        return make(
            Change::Replace,
            "what is asked for, or its authority, has changed".to_owned(),
            false,
            forbidden,
        );
    }
    if let Some(reason) = renewal(content, inventory, observed.now) {
        return make(Change::Replace, reason, true, forbidden);
    }
    examined(unit, content, observed, object, forbidden)
}

/// What the closer look showed, if there was one.
fn examined(
    unit: &Unit,
    content: &MaterialContent,
    observed: &Observed,
    object: ObjectKey,
    forbidden: bool,
) -> Verdict {
    let seen = observed.examined.get(&unit.id).and_then(|examined| examined.objects.get(&object));
    let Some(ObjectExamined::Differs(difference)) = seen else { return Verdict::Keep };
    let in_data = |path: &str| path == "data" || path.starts_with("data.") || path == "type";
    let lost = difference.fields.iter().any(|field| in_data(&field.path));
    if !lost && difference.fields.iter().any(|field| field.path == CLAIMS) {
        let change = ObjectChange {
            remark: purpose(&content.material),
            ..ObjectChange::new(object, ObjectVerb::Update)
        };
        return Verdict::Make {
            change: Change::Update,
            reasons: vec!["the storage has other volumes, which may be empty".to_owned()],
            objects: vec![change],
            remake: false,
            forbidden,
        };
    }
    let objects = vec![ObjectChange {
        object: object.clone(),
        verb: if lost { ObjectVerb::Replace } else { ObjectVerb::Update },
        fields: difference.fields.clone(),
        conflicts: difference.conflicts.clone(),
        remark: None,
    }];
    if !lost {
        return Verdict::Restore { reasons: vec![format!("{object} was changed by another hand")], objects };
    }
    let given = matches!(content.material, Material::Given(_));
    Verdict::Make {
        change: if given { Change::Update } else { Change::Replace },
        reasons: vec![if given {
            "the value in the topology, or in the cluster, has changed".to_owned()
        } else {
            format!("what {object} held was changed by another hand; it is made anew")
        }],
        objects,
        remake: !given,
        forbidden,
    }
}

/// What a reader of the plan cannot see from the Secret's name: that something outside of it is made too.
fn purpose(material: &Material) -> Option<String> {
    let Material::AccessKey(request) = material else { return None };
    let Some(opens) = &request.opens else { return Some("an access key".to_owned()) };
    let noun = if opens.names.len() == 1 { "bucket" } else { "buckets" };
    let storage = format!("{}/{}", opens.storage.namespace, opens.storage.service);
    Some(format!("an access key that opens the {noun} {} in {storage}", opens.names.join(", ")))
}

/// A certificate is renewed when less than a third of its life is left. An authority never is: its
/// rotation has phases of its own.
fn renewal(content: &MaterialContent, inventory: &Inventory, now: i64) -> Option<String> {
    let Material::Certificate(_) = content.material else { return None };
    let time = |name: &str| inventory.facts.get(name).and_then(Value::as_i64);
    let (from, until) = (time("notBefore")?, time("notAfter")?);
    let left = until - now;
    is_due(from, until, now).then(|| {
        if left < 0 {
            "the certificate has expired".to_owned()
        } else {
            format!("the certificate expires in {} days", left / 86_400)
        }
    })
}

/// Whether a certificate of this validity is to be renewed. Whoever finds one without a record of it
/// asks this before using it again.
pub fn is_due(not_before: i64, not_after: i64, now: i64) -> bool {
    not_after - now < (not_after - not_before) / 3
}

pub(super) fn decide(
    unit: &Unit,
    content: &MaterialContent,
    desired: &Desired,
    observed: &Observed,
    facts: &Facts,
    allowed: bool,
) -> Decision {
    let action = |remake| {
        let authority = match &content.material {
            Material::Certificate(request) => {
                desired.units.get(&request.authority).and_then(|unit| match &unit.content {
                    Content::Material(authority) => Some((unit.id.cluster.clone(), authority.secret.clone())),
                    Content::Cluster(_)
                    | Content::Enrolment
                    | Content::Objects(_)
                    | Content::Release(_)
                    | Content::Manifests(_) => None,
                })
            }
            Material::Authority { .. }
            | Material::Password { .. }
            | Material::Given(_)
            | Material::AccessKey(_) => None,
        };
        let rests_on = rests_on(&content.material, facts).ok().flatten();
        let fingerprint = rests_on.filter(|_| authority.is_some());
        Action::Make(Box::new(MakeMaterial {
            content: content.clone(),
            remake,
            authority,
            authority_fingerprint: fingerprint.map(str::to_owned),
            digest: input_digest(&content.material, rests_on),
            needs: unit.needs.clone(),
            before: observed.inventory(&unit.id).cloned(),
        }))
    };
    match verdict(unit, content, observed, facts, allowed) {
        Verdict::Keep => Decision::unchanged(),
        Verdict::Restore { reasons, objects } => {
            Decision { reasons, objects, ..Decision::act(Change::Repair, action(false)) }
        }
        Verdict::Make { change, reasons, objects, remake, forbidden } => Decision {
            reasons,
            objects,
            needs_permission: forbidden,
            ..Decision::act(change, action(remake))
        },
        Verdict::Await(unit) => {
            Decision { reasons: vec![format!("decided when {unit} is done")], ..Decision::later() }
        }
    }
}

/// The facts of a material unit on a cluster that is not silent, when nothing will change them.
pub(super) fn stable_facts(
    unit: &Unit,
    content: &MaterialContent,
    observed: &Observed,
    facts: &Facts,
) -> Option<UnitFacts> {
    match verdict(unit, content, observed, facts, true) {
        Verdict::Keep | Verdict::Restore { .. } => {
            observed.inventory(&unit.id).map(|inventory| inventory.facts.clone())
        }
        Verdict::Make { .. } | Verdict::Await(_) => None,
    }
}
