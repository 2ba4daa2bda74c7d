//! The objects that both worlds are given, and what other hands do to them.

use lgtm_executor::sim::Random;
use lgtm_planner::{
    object::{Object, ObjectKey},
    unit::UnitName,
};
use serde_json::{Value, json};

use super::Deed;

/// What is applied: some of the objects, each with some of its fields.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    name: String,
    present: [bool; ALL],
    variant: [u64; ALL],
    /// Whether there was ever a definition to apply. An object of its kind is refused until there is one, and goes
    /// with it.
    defined: bool,
}

const ALL: usize = 9;

/// Kinds with granular maps, keyed lists, atomic lists, immutable fields, and none of a namespace; a kind that a
/// definition brings, whose group is a unit's own; what makes claims, and what scales.
const KINDS: [(&str, &str, &str, bool); ALL] = [
    ("", "ConfigMap", "configmaps", true),
    ("", "Secret", "secrets", true),
    ("", "Service", "services", true),
    ("apps", "Deployment", "deployments", true),
    ("rbac.authorization.k8s.io", "ClusterRole", "clusterroles", false),
    ("apiextensions.k8s.io", DEFINITION, "customresourcedefinitions", false),
    ("", THING, "things", true),
    ("apps", "StatefulSet", "statefulsets", true),
    ("autoscaling", "HorizontalPodAutoscaler", "horizontalpodautoscalers", true),
];
const DEFINITION: &str = "CustomResourceDefinition";
const THING: &str = "Thing";
const CLAIM: &str = "PersistentVolumeClaim";
/// A namespace of the catalog's, which is there.
const NAMESPACE: &str = "mimir";

impl Wanted {
    pub(super) fn new(unit: &UnitName) -> Self {
        let mut present = [true; ALL];
        present[5] = false;
        Self { name: unit.to_string(), present, variant: [0; ALL], defined: false }
    }

    pub(super) fn keys(unit: &UnitName) -> Vec<ObjectKey> {
        let own = own_group(unit.as_str());
        KINDS
            .iter()
            .map(|(group, kind, _, namespaced)| ObjectKey {
                group: if *kind == THING { own.clone() } else { (*group).to_owned() },
                kind: (*kind).to_owned(),
                namespace: namespaced.then(|| NAMESPACE.to_owned()),
                name: if *kind == DEFINITION { format!("things.{own}") } else { unit.to_string() },
            })
            .collect()
    }

    /// Those, and what their controllers make of them.
    pub(super) fn all_keys(unit: &UnitName) -> Vec<ObjectKey> {
        let claims = (0..2).map(|ordinal| ObjectKey {
            group: String::new(),
            kind: CLAIM.to_owned(),
            namespace: Some(NAMESPACE.to_owned()),
            name: format!("data-{unit}-{ordinal}"),
        });
        Self::keys(unit).into_iter().chain(claims).collect()
    }

    pub(super) fn change(&mut self, random: &mut Random) {
        self.present[5] |= !self.defined;
        self.defined = true;
        for _ in 0..=random.below(2) {
            let which = usize::try_from(random.below(ALL as u64)).unwrap();
            if random.percent(20) {
                self.present[which] ^= true;
            } else {
                self.variant[which] = random.below(1 << 7);
            }
        }
    }

    pub(super) fn objects(&self) -> Vec<Object> {
        let all = [
            self.config_map(),
            self.secret(),
            self.service(),
            self.deployment(),
            self.role(),
            self.definition(),
            self.thing(),
            self.stateful_set(),
            self.scaler(),
        ];
        let mut present = self.present;
        present[6] &= present[5] || !self.defined;
        let wanted = all.into_iter().zip(present).filter(|(_, present)| *present);
        wanted.map(|(object, _)| Object::new(object).unwrap()).collect()
    }

    fn bit(&self, which: usize, bit: u64) -> bool {
        self.variant[which] >> bit & 1 == 1
    }

    fn metadata(&self, which: usize) -> Value {
        let mut metadata = json!({"name": self.name});
        if KINDS[which].3 {
            metadata["namespace"] = json!(NAMESPACE);
        }
        if self.bit(which, 6) {
            metadata["annotations"] = json!({"example.com/note": "applied"});
        }
        metadata
    }

    fn config_map(&self) -> Value {
        let mut data = json!({"always": "here"});
        if self.bit(0, 0) {
            data["one"] = json!("applied");
        }
        if self.bit(0, 1) {
            data["two"] = json!(if self.bit(0, 2) { "2" } else { "two" });
        }
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": self.metadata(0), "data": data})
    }

    fn secret(&self) -> Value {
        let mut data = json!({"always": "aGVyZQ=="});
        if self.bit(1, 0) {
            data["one"] = json!("b25l");
        }
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": self.metadata(1), "data": data})
    }

    fn service(&self) -> Value {
        let mut ports = vec![json!({"name": "http", "port": 80})];
        if self.bit(2, 0) {
            ports.push(json!({"name": "more", "port": 81, "targetPort": if self.bit(2, 1) { 9 } else { 8 }}));
        }
        let app = if self.bit(2, 2) { "a" } else { "b" };
        json!({"apiVersion": "v1", "kind": "Service", "metadata": self.metadata(2),
            "spec": {"ports": ports, "selector": {"app": app}}})
    }

    fn deployment(&self) -> Value {
        // Another selector cannot be had in place; that is rare, since it takes a while.
        let app = if self.variant[3] & 0b11_0000 == 0b11_0000 { "other" } else { "main" };
        let labels = json!({"app": app});
        let mut env = vec![json!({"name": "ALWAYS", "value": "here"})];
        if self.bit(3, 0) {
            env.push(json!({"name": "ONE", "value": if self.bit(3, 1) { "1" } else { "one" }}));
        }
        let mut containers = vec![json!({"name": "main", "image": "registry.invalid/main:1", "env": env})];
        if self.bit(3, 2) {
            containers[0]["args"] = json!(["--applied"]);
            containers[0]["ports"] = json!([{"containerPort": 80}]);
        }
        let mut spec = json!({
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}},
        });
        if !self.bit(3, 3) {
            spec["replicas"] = json!(0);
        }
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": self.metadata(3), "spec": spec})
    }

    fn definition(&self) -> Value {
        let group = own_group(&self.name);
        let mut names = json!({"kind": THING, "plural": "things"});
        if self.bit(5, 0) {
            names["categories"] = json!(["all-things"]);
        }
        let mut metadata = self.metadata(5);
        metadata["name"] = json!(format!("things.{group}"));
        let spec = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        let schema = json!({"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}});
        json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": DEFINITION, "metadata": metadata,
            "spec": {
                "group": group, "scope": "Namespaced", "names": names,
                "versions": [{"name": "v1", "served": true, "storage": true, "schema": schema}],
            },
        })
    }

    fn thing(&self) -> Value {
        let mut spec = json!({"always": 1, "list": if self.bit(6, 0) { json!([1, 2]) } else { json!([1]) }});
        if self.bit(6, 1) {
            spec["one"] = json!({"inner": "applied"});
        }
        let version = format!("{}/v1", own_group(&self.name));
        json!({"apiVersion": version, "kind": THING, "metadata": self.metadata(6), "spec": spec})
    }

    fn stateful_set(&self) -> Value {
        let app = if self.variant[7] & 0b11_0000 == 0b11_0000 { "another-set" } else { "set" };
        let labels = json!({"app": app});
        let mut containers = vec![json!({"name": "main", "image": "registry.invalid/set:1"})];
        if self.bit(7, 2) {
            containers[0]["args"] = json!(["--applied"]);
        }
        let claim = json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}});
        json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": self.metadata(7), "spec": {
            "serviceName": self.name, "replicas": if self.bit(7, 3) { 2 } else { 1 },
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}},
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": claim}],
        }})
    }

    /// Its bounds leave room for what hands do, so that it is not the clock that says who is first.
    fn scaler(&self) -> Value {
        let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": self.name});
        json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": self.metadata(8),
            "spec": {"maxReplicas": if self.bit(8, 0) { 5 } else { 4 }, "minReplicas": 1, "scaleTargetRef": target}})
    }

    fn role(&self) -> Value {
        let verbs = if self.bit(4, 0) { json!(["get", "list"]) } else { json!(["get"]) };
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": self.metadata(4),
            "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": verbs}]})
    }
}

/// The group of the kind that a unit defines.
fn own_group(unit: &str) -> String {
    format!("{unit}.example.com")
}

/// Where an object is in URLs.
pub(super) fn path(key: &ObjectKey) -> String {
    let found = KINDS.iter().find(|(_, kind, ..)| *kind == key.kind);
    let plural = found.map_or("persistentvolumeclaims", |(_, _, plural, _)| plural);
    let version = match key.group.as_str() {
        "" => "/api/v1".to_owned(),
        "autoscaling" => "/apis/autoscaling/v2".to_owned(),
        group => format!("/apis/{group}/v1"),
    };
    match &key.namespace {
        Some(namespace) => format!("{version}/namespaces/{namespace}/{plural}/{}", key.name),
        None => format!("{version}/{plural}/{}", key.name),
    }
}

/// Something that can be done to the object as it is.
pub(super) fn deed(random: &mut Random, key: &ObjectKey, found: &Value) -> Option<Deed> {
    if found["metadata"]["deletionTimestamp"].is_string() {
        return None;
    }
    let set = |at: &str, value: Value| Some(Deed::Set(at.to_owned(), value));
    let unset = |at: &str| found.pointer(at).map(|_| Deed::Unset(at.to_owned()));
    let word = ["by hand", "by another hand"][usize::try_from(random.below(2)).unwrap()];
    match random.below(10) {
        0 => return Some(Deed::Delete),
        1 if found["metadata"]["finalizers"].is_null()
            && !["Deployment", "StatefulSet", DEFINITION].contains(&key.kind.as_str()) =>
        {
            return set("/metadata/finalizers", json!(["example.com/hold"]));
        }
        2 => return set("/metadata/labels/example.com~1label", json!("foreign")),
        3 => return unset("/metadata/labels/lgtmctl.dev~1unit"),
        4 => return Some(Deed::Apply(operators(key, word))),
        _ => {}
    }
    let base64 = json!("YnkgaGFuZA==");
    match (key.kind.as_str(), random.below(3)) {
        ("ConfigMap", _) if found["data"].is_null() => None,
        ("ConfigMap", 0) => set("/data/one", json!(word)),
        ("ConfigMap", 1) => unset("/data/always"),
        ("ConfigMap", _) => set("/data/foreign", json!(word)),
        ("Secret", 0) => set("/data/one", base64),
        ("Secret", _) => set("/data/always", base64),
        ("Service", 0) => set("/spec/ports/0/name", json!("renamed")),
        ("Service", 1) => set("/spec/selector", json!({"app": "by-hand"})),
        ("Service", _) => set("/spec/sessionAffinity", json!("ClientIP")),
        ("Deployment", 0) => set("/spec/replicas", json!(random.below(2))),
        ("Deployment", 1) => set("/spec/template/spec/containers/0/image", json!("registry.invalid/hand:1")),
        ("Deployment", _) => set("/spec/template/spec/containers/0/env/0/value", json!(word)),
        ("StatefulSet", 0) => set("/spec/replicas", json!(random.below(2))),
        ("StatefulSet", _) => set("/spec/template/spec/containers/0/image", json!("registry.invalid/hand:1")),
        (THING, 0) => set("/spec/always", json!(random.below(3))),
        (THING, 1) => unset("/spec/one"),
        (THING, _) => set("/spec/foreign", json!({"word": word})),
        ("HorizontalPodAutoscaler", 0) => set("/spec/maxReplicas", json!(6)),
        ("ClusterRole", 0) => set("/rules", json!([])),
        (_, _) => set("/metadata/annotations", json!({"example.com/note": word})),
    }
}

/// What an operator applies beside us: a field of ours, or one of its own.
pub(super) fn operators(key: &ObjectKey, word: &str) -> Value {
    let mut object = json!({"metadata": {"name": key.name}});
    if let Some(namespace) = &key.namespace {
        object["metadata"]["namespace"] = json!(namespace);
    }
    object["kind"] = json!(key.kind);
    object["apiVersion"] = json!(match key.group.as_str() {
        "" => "v1".to_owned(),
        "autoscaling" => "autoscaling/v2".to_owned(),
        group => format!("{group}/v1"),
    });
    match key.kind.as_str() {
        "ConfigMap" => object["data"] = json!({"one": word, "operators": word}),
        "Deployment" => object["spec"] = json!({"minReadySeconds": 1, "replicas": 0}),
        _ => object["metadata"]["annotations"] = json!({"example.com/note": word}),
    }
    object
}
