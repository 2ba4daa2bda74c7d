//! The claims behind an object that is taken away: those of a StatefulSet, and of the StatefulSets that an operator
//! made of a custom resource.
//!
//! A claim names nobody as its owner. It is known by its name, which the StatefulSet's controller has given it.

use lgtm_planner::{
    inventory::InventoryObject,
    object::{ObjectKey, built_in_scope},
};
use serde_json::Value;

use crate::cluster::{Cluster, Resource, answer::Answer};

/// What claims are called in URLs.
pub(super) const PLURAL: &str = "persistentvolumeclaims";

/// A StatefulSet, and the claims that its controller made.
pub(super) struct StatefulSet {
    pub(super) key: ObjectKey,
    pub(super) uid: String,
    pub(super) claims: Vec<Claim>,
    /// What the names of its claims begin with; an ordinal follows.
    prefixes: Vec<String>,
}

impl StatefulSet {
    /// Its claims that nobody has deleted yet, also when it is gone itself.
    pub(super) async fn claims_now(&self, cluster: &Cluster) -> Answer<Vec<Claim>> {
        let found = cluster.list(&Resource::core(PLURAL), self.key.namespace.as_deref(), "").await?;
        let left = found.iter().filter(|claim| claim.pointer("/metadata/deletionTimestamp").is_none());
        Ok(own(&self.prefixes, left))
    }
}

pub(super) struct Claim {
    pub(super) name: String,
    pub(super) uid: String,
}

/// The StatefulSets that an object is, or that its operator made of it, with their claims.
pub(super) async fn behind(cluster: &Cluster, object: &InventoryObject) -> Answer<Vec<StatefulSet>> {
    let ObjectKey { group, kind, namespace, name } = &object.key;
    let is_custom = namespace.is_some() && built_in_scope(group, kind).is_none();
    let resource = Resource::apps("statefulsets");
    let sets = if group == "apps" && kind == "StatefulSet" {
        cluster.object(&resource, namespace.as_deref(), name).await?.into_iter().collect()
    } else if is_custom {
        let all = cluster.list(&resource, namespace.as_deref(), "").await?;
        all.into_iter().filter(|set| is_owned_by(set, object.uid.as_deref())).collect()
    } else {
        Vec::new()
    };
    if sets.is_empty() {
        return Ok(Vec::new());
    }
    let claims = cluster.list(&Resource::core(PLURAL), namespace.as_deref(), "").await?;
    Ok(sets.iter().filter_map(|set| with_claims(set, &claims)).collect())
}

fn is_owned_by(found: &Value, uid: Option<&str>) -> bool {
    let owners = found.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    uid.is_some() && owners.into_iter().flatten().any(|owner| owner.get("uid").and_then(Value::as_str) == uid)
}

/// Claims are named `<template>-<StatefulSet>-<ordinal>`.
fn with_claims(set: &Value, claims: &[Value]) -> Option<StatefulSet> {
    let text = |value: &Value, pointer| value.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let name = text(set, "/metadata/name")?;
    let templates = set.pointer("/spec/volumeClaimTemplates").and_then(Value::as_array);
    let prefixes: Vec<String> = templates
        .into_iter()
        .flatten()
        .filter_map(|template| template.pointer("/metadata/name")?.as_str())
        .map(|template| format!("{template}-{name}-"))
        .collect();
    Some(StatefulSet {
        uid: text(set, "/metadata/uid")?,
        claims: own(&prefixes, claims.iter()),
        prefixes,
        key: ObjectKey {
            group: "apps".to_owned(),
            kind: "StatefulSet".to_owned(),
            namespace: text(set, "/metadata/namespace"),
            name,
        },
    })
}

fn own<'a>(prefixes: &[String], claims: impl Iterator<Item = &'a Value>) -> Vec<Claim> {
    let is_its_own = |claim: &str| {
        prefixes.iter().any(|prefix| {
            claim.strip_prefix(prefix.as_str()).is_some_and(|ordinal| {
                !ordinal.is_empty() && ordinal.bytes().all(|byte| byte.is_ascii_digit())
            })
        })
    };
    let text = |claim: &Value, pointer| claim.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let claims = claims.filter_map(|claim| {
        Some(Claim { name: text(claim, "/metadata/name")?, uid: text(claim, "/metadata/uid")? })
    });
    claims.filter(|claim| is_its_own(&claim.name)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn claims_are_known_by_template_and_ordinal() {
        let set = json!({
            "metadata": {"name": "prometheus-monitor", "namespace": "observability", "uid": "1"},
            "spec": {"volumeClaimTemplates": [{"metadata": {"name": "db"}}]},
        });
        let claim = |name: &str| json!({"metadata": {"name": name, "uid": name}});
        let claims = [
            claim("db-prometheus-monitor-0"),
            claim("db-prometheus-monitor-11"),
            claim("db-prometheus-monitor-"),
            claim("db-prometheus-monitor-two-0"),
            claim("other-prometheus-monitor-0"),
        ];
        let found = with_claims(&set, &claims).unwrap();
        let names: Vec<&str> = found.claims.iter().map(|claim| claim.name.as_str()).collect();
        assert_eq!(names, ["db-prometheus-monitor-0", "db-prometheus-monitor-11"]);
        assert_eq!(found.key.to_string(), "StatefulSet observability/prometheus-monitor");
    }

    #[test]
    fn an_owner_is_known_by_its_uid_alone() {
        let owned = json!({"metadata": {"ownerReferences": [{"name": "monitor", "uid": "1"}]}});
        assert!(is_owned_by(&owned, Some("1")));
        assert!(!is_owned_by(&owned, Some("2")));
        assert!(!is_owned_by(&owned, None));
        assert!(!is_owned_by(&json!({"metadata": {}}), Some("1")));
    }
}
