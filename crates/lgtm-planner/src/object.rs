//! Kubernetes objects as the planner handles them: plain JSON with an identity.
//!
//! Objects are brought into one normal form before anything is compared or applied, because the
//! API server's field ownership depends on what exactly was sent. The module knows the built-in
//! kinds' shapes as far as that needs, and nothing of charts or clusters.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

mod normalise;

pub use normalise::{DuplicateKey, duplicate_list_keys};

/// What identifies an object on one cluster. The version is no part of it: the same object may be
/// written at one version today and at another tomorrow.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectKey {
    /// API group; empty for the core group.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Namespace; none for cluster-scoped objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
}

impl ObjectKey {
    /// Whether it is a Namespace.
    pub fn is_namespace(&self) -> bool {
        self.group.is_empty() && self.kind == "Namespace"
    }

    /// The API group of the kind that a CustomResourceDefinition defines, which its name ends with; none for
    /// any other object.
    pub fn defined_group(&self) -> Option<&str> {
        let is_definition = self.group == "apiextensions.k8s.io" && self.kind == "CustomResourceDefinition";
        self.name.split_once('.').filter(|_| is_definition).map(|(_, group)| group)
    }
}

impl fmt::Display for ObjectKey {
    /// `Deployment mimir/mimir`, `ClusterRole alloy`; the group is shown only outside the built-ins.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind)?;
        if self.group.contains('.') && !self.group.ends_with(".k8s.io") {
            write!(f, ".{}", self.group)?;
        }
        match &self.namespace {
            Some(namespace) => write!(f, " {namespace}/{}", self.name),
            None => write!(f, " {}", self.name),
        }
    }
}

/// Why a JSON value is not a Kubernetes object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ObjectError {
    /// A field that every object has is absent or no string.
    #[error("the object {what} has no {field}")]
    Missing {
        /// What is known of the object.
        what: String,
        /// The missing field.
        field: &'static str,
    },
}

/// One object in normal form.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Object(Value);

impl Object {
    /// Checks that `value` has what identifies an object, and brings it into normal form.
    pub fn new(mut value: Value) -> Result<Self, ObjectError> {
        for field in ["apiVersion", "kind"] {
            if value.get(field).and_then(Value::as_str).is_none() {
                return Err(ObjectError::Missing { what: describe(&value), field });
            }
        }
        if value.pointer("/metadata/name").and_then(Value::as_str).is_none() {
            return Err(ObjectError::Missing { what: describe(&value), field: "metadata.name" });
        }
        normalise::normalise(&mut value);
        Ok(Self(value))
    }

    /// The JSON that is sent to the API server.
    pub fn value(&self) -> &Value {
        &self.0
    }

    /// `apiVersion`, for example `apps/v1`.
    pub fn api_version(&self) -> &str {
        self.text("apiVersion")
    }

    /// API group; empty for the core group.
    pub fn group(&self) -> &str {
        self.api_version().split_once('/').map_or("", |(group, _)| group)
    }

    /// Kind.
    pub fn kind(&self) -> &str {
        self.text("kind")
    }

    /// `metadata.name`.
    pub fn name(&self) -> &str {
        self.metadata_text("name").unwrap_or_default()
    }

    /// `metadata.namespace`.
    pub fn namespace(&self) -> Option<&str> {
        self.metadata_text("namespace")
    }

    /// The object's identity, without a copy: group, kind, namespace and name, as in an [`ObjectKey`].
    pub fn identity(&self) -> (&str, &str, Option<&str>, &str) {
        (self.group(), self.kind(), self.namespace(), self.name())
    }

    /// The object's identity.
    pub fn key(&self) -> ObjectKey {
        ObjectKey {
            group: self.group().to_owned(),
            kind: self.kind().to_owned(),
            namespace: self.namespace().map(str::to_owned),
            name: self.name().to_owned(),
        }
    }

    /// An annotation's value.
    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.0.get("metadata")?.get("annotations")?.get(name)?.as_str()
    }

    /// Whether the object is of the given group and kind.
    pub fn is(&self, group: &str, kind: &str) -> bool {
        self.group() == group && self.kind() == kind
    }

    /// The kinds that a CustomResourceDefinition defines, as `group/version/Kind`, with their scope.
    pub fn defined_kinds(&self) -> Vec<(String, Scope)> {
        if !self.is("apiextensions.k8s.io", "CustomResourceDefinition") {
            return Vec::new();
        }
        let text = |pointer| self.0.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let (group, kind) = (text("/spec/group"), text("/spec/names/kind"));
        let scope = if text("/spec/scope") == "Cluster" { Scope::Cluster } else { Scope::Namespaced };
        let versions = self.0.pointer("/spec/versions").and_then(Value::as_array);
        let names = versions.into_iter().flatten().filter_map(|version| version.get("name")?.as_str());
        names.map(|version| (format!("{group}/{version}/{kind}"), scope)).collect()
    }

    /// Gives an object without a namespace the given one; the caller knows that its kind has one.
    pub fn set_namespace(&mut self, namespace: &str) {
        self.metadata().insert("namespace".to_owned(), namespace.into());
    }

    /// Adds or replaces labels.
    pub fn set_labels<'a>(&mut self, labels: impl IntoIterator<Item = (&'a str, &'a str)>) {
        let target = self.metadata().entry("labels").or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(target) = target {
            target.extend(labels.into_iter().map(|(name, value)| (name.to_owned(), value.into())));
        }
    }

    /// Drops `spec.replicas`, which belongs to an autoscaler.
    pub fn drop_replicas(&mut self) {
        if let Some(spec) = self.0.get_mut("spec").and_then(Value::as_object_mut) {
            spec.remove("replicas");
        }
    }

    fn metadata(&mut self) -> &mut Map<String, Value> {
        #[expect(clippy::expect_used, reason = "`new` checked that metadata is a mapping with a name")]
        self.0.get_mut("metadata").and_then(Value::as_object_mut).expect("an object has metadata")
    }

    // Field by field, since a JSON pointer is taken apart anew at every use.
    fn text(&self, field: &str) -> &str {
        self.0.get(field).and_then(Value::as_str).unwrap_or_default()
    }

    fn metadata_text(&self, field: &str) -> Option<&str> {
        self.0.get("metadata")?.get(field)?.as_str()
    }
}

/// A label's value, on an object as the API server gives it.
pub fn label<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.get("metadata")?.get("labels")?.get(name)?.as_str()
}

fn describe(value: &Value) -> String {
    let text = |pointer| value.pointer(pointer).and_then(Value::as_str).unwrap_or("?");
    format!("{} {}", text("/kind"), text("/metadata/name"))
}

/// Where objects of a kind live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Scope {
    /// Each in a namespace.
    Namespaced,
    /// Once for the whole cluster.
    Cluster,
}

/// The API groups that Kubernetes 1.35 itself serves, beside those without a dot. Other groups that end in
/// `.k8s.io`, such as `gateway.networking.k8s.io`, are brought by definitions like any custom resource.
const BUILT_IN_GROUPS: [&str; 18] = [
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "certificates.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "flowcontrol.apiserver.k8s.io",
    "internal.apiserver.k8s.io",
    "networking.k8s.io",
    "node.k8s.io",
    "rbac.authorization.k8s.io",
    "resource.k8s.io",
    "scheduling.k8s.io",
    "storage.k8s.io",
    "storagemigration.k8s.io",
];

/// The scope of a built-in kind of Kubernetes 1.35; none for kinds that are not built in.
pub fn built_in_scope(group: &str, kind: &str) -> Option<Scope> {
    // The API server takes a definition only when its group has a dot.
    if group.contains('.') && !BUILT_IN_GROUPS.contains(&group) {
        return None;
    }
    let cluster = matches!(
        (group, kind),
        ("", "Namespace" | "Node" | "PersistentVolume")
            | ("rbac.authorization.k8s.io", "ClusterRole" | "ClusterRoleBinding")
            | (
                "authorization.k8s.io",
                "SelfSubjectAccessReview" | "SelfSubjectRulesReview" | "SubjectAccessReview"
            )
            | ("networking.k8s.io", "IngressClass" | "IPAddress" | "ServiceCIDR")
            | ("certificates.k8s.io", "CertificateSigningRequest" | "ClusterTrustBundle")
            | ("scheduling.k8s.io", "PriorityClass")
            | ("resource.k8s.io", "DeviceClass" | "DeviceTaintRule" | "ResourceSlice")
            | (
                "storage.k8s.io",
                "StorageClass" | "CSIDriver" | "CSINode" | "VolumeAttachment" | "VolumeAttributesClass"
            )
            | (
                "admissionregistration.k8s.io"
                    | "apiextensions.k8s.io"
                    | "apiregistration.k8s.io"
                    | "authentication.k8s.io"
                    | "flowcontrol.apiserver.k8s.io"
                    | "internal.apiserver.k8s.io"
                    | "node.k8s.io"
                    | "storagemigration.k8s.io",
                _
            )
    );
    Some(if cluster { Scope::Cluster } else { Scope::Namespaced })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_definition_says_what_it_defines_and_where_that_lives() {
        let definition = |group: &str, scope: &str| {
            let definition = Object::new(json!({
                "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                "metadata": {"name": format!("things.{group}")},
                "spec": {"group": group, "scope": scope, "names": {"kind": "Thing"},
                    "versions": [{"name": "v1"}, {"name": "v1beta1"}]},
            }));
            definition.unwrap().defined_kinds()
        };
        let kinds =
            |scope| ["v1", "v1beta1"].map(|version| (format!("example.com/{version}/Thing"), scope)).to_vec();
        assert_eq!(definition("example.com", "Cluster"), kinds(Scope::Cluster));
        assert_eq!(definition("example.com", "Namespaced"), kinds(Scope::Namespaced));
        let map = Object::new(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}));
        assert!(map.unwrap().defined_kinds().is_empty());
    }

    #[test]
    fn only_kubernetes_own_groups_are_built_in() {
        assert_eq!(built_in_scope("", "Namespace"), Some(Scope::Cluster));
        assert_eq!(built_in_scope("apps", "Deployment"), Some(Scope::Namespaced));
        assert_eq!(built_in_scope("gateway.networking.k8s.io", "GatewayClass"), None);
        assert_eq!(built_in_scope("example.com", "Thing"), None);
    }
}
