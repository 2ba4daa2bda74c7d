//! What kinds a server has, in the two requests of aggregated discovery.

use serde_json::Value;

use super::{
    Cluster, Resource,
    answer::{Answer, ApiError},
};

const ACCEPT: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
                      application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList";

/// What can be in a namespace.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Offered {
    /// Every kind that can be listed, once, at the version that the server prefers.
    pub(crate) kinds: Vec<(Resource, String)>,
    /// Groups whose server does not answer, so that nobody knows their kinds.
    pub(crate) silent: Vec<String>,
}

/// Asks for all namespaced kinds.
pub(crate) async fn namespaced(cluster: &Cluster) -> Answer<Offered> {
    let mut offered = Offered::default();
    for root in ["/api", "/apis"] {
        let listed = cluster.get(root, ACCEPT).await?;
        let Some(groups) = listed.get("items").and_then(Value::as_array) else {
            let reason = "the server has no aggregated discovery, which Kubernetes has since 1.27";
            return Err(ApiError::Other(reason.to_owned()));
        };
        groups.iter().for_each(|group| add(&mut offered, group));
    }
    Ok(offered)
}

fn add(offered: &mut Offered, group: &Value) {
    let text = |value: &Value, pointer: &str| {
        value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let name = text(group, "/metadata/name");
    let versions = group.get("versions").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if versions.iter().any(|version| text(version, "/freshness") == "Stale") {
        offered.silent.push(name);
        return;
    }
    for version in versions {
        for resource in version.get("resources").and_then(Value::as_array).into_iter().flatten() {
            let verbs = resource.get("verbs").and_then(Value::as_array);
            let lists = verbs.is_some_and(|verbs| verbs.iter().any(|verb| verb == "list"));
            let found = Resource {
                group: name.clone(),
                version: text(version, "/version"),
                plural: text(resource, "/resource"),
                namespaced: true,
            };
            let known = |(other, _): &(Resource, String)| other.group == name && other.plural == found.plural;
            if lists && text(resource, "/scope") == "Namespaced" && !offered.kinds.iter().any(known) {
                offered.kinds.push((found, text(resource, "/responseKind/kind")));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_preferred_version_counts_and_a_silent_group_is_named() {
        let kind = |resource: &str, scope: &str, verb: &str| json!({"resource": resource, "scope": scope, "verbs": [verb], "responseKind": {"kind": "K"}});
        let mut offered = Offered::default();
        add(
            &mut offered,
            &json!({"metadata": {"name": "a.io"}, "versions": [
                {"version": "v2", "freshness": "Current", "resources": [
                    kind("as", "Namespaced", "list"), kind("bs", "Cluster", "list"), kind("cs", "Namespaced", "create"),
                ]},
                {"version": "v1", "freshness": "Current", "resources": [kind("as", "Namespaced", "list")]},
            ]}),
        );
        add(
            &mut offered,
            &json!({"metadata": {"name": "b.io"}, "versions": [{"version": "v1", "freshness": "Stale"}]}),
        );
        let only = Resource {
            group: "a.io".to_owned(),
            version: "v2".to_owned(),
            plural: "as".to_owned(),
            namespaced: true,
        };
        assert_eq!(offered, Offered { kinds: vec![(only, "K".to_owned())], silent: vec!["b.io".to_owned()] });
    }
}
