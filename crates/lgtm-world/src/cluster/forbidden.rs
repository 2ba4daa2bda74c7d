//! What to do about a refusal: which rule an account lacks, read from the server's words, which are all
//! that it says.

use super::answer::ApiError;

/// A request that authorization refused.
#[derive(Debug, PartialEq, Eq)]
struct Refused<'a> {
    verb: &'a str,
    group: &'a str,
    resource: &'a str,
    /// None at the scope of the cluster.
    namespace: Option<&'a str>,
}

/// Whether the account may not do what was asked, whatever the object.
pub(super) fn is_for_lack_of_rights(error: &ApiError) -> bool {
    let ApiError::Status(status) = error else { return false };
    status.code == 403 && refused(&status.message).is_some()
}

/// Advice on a 403 for whoever looks after the account.
pub(super) fn help(message: &str, account: &str) -> String {
    if message.contains("RBAC permissions not currently held") {
        return format!(
            "an account can only hand on rights that it has itself: give {account} the rights that the \
             message lists, or the verbs `escalate` and `bind` on roles; then run the same command again"
        );
    }
    match refused(message) {
        Some(Refused { verb, group, resource, namespace }) => {
            let (place, role) = match namespace {
                Some(namespace) => (format!(" in namespace {namespace}"), "Role or ClusterRole"),
                None => (String::new(), "ClusterRole"),
            };
            format!(
                "add this rule to a {role} of {account}{place}, then run the same command again: \
                 {{apiGroups: [\"{group}\"], resources: [\"{resource}\"], verbs: [\"{verb}\"]}}"
            )
        }
        None => "a rule of the cluster refuses it, such as a quota, a policy or Pod Security: change the \
                 object or the rule, then run the same command again"
            .to_owned(),
    }
}

/// `User "x" cannot patch resource "services" in API group "" in the namespace "mimir"`.
fn refused(message: &str) -> Option<Refused<'_>> {
    let (_, rest) = message.split_once(" cannot ")?;
    let (verb, rest) = rest.split_once(" resource \"")?;
    let (resource, rest) = rest.split_once('"')?;
    let (group, rest) = rest.split_once(" in API group \"")?.1.split_once('"')?;
    let namespace = rest.split_once(" in the namespace \"").and_then(|(_, rest)| rest.split_once('"'));
    Some(Refused { verb, group, resource, namespace: namespace.map(|(namespace, _)| namespace) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_missing_rule_is_ready_to_be_pasted() {
        let namespaced = r#"services "a" is forbidden: User "auditor" cannot patch resource "services" in API group "" in the namespace "mimir""#;
        assert_eq!(
            refused(namespaced),
            Some(Refused { verb: "patch", group: "", resource: "services", namespace: Some("mimir") })
        );
        let help = help(namespaced, "kubeconfig context `hub`");
        assert!(help.ends_with(r#"{apiGroups: [""], resources: ["services"], verbs: ["patch"]}"#), "{help}");
        assert!(help.contains("in namespace mimir") && help.contains("context `hub`"), "{help}");
        let wide = r#"clusterroles.rbac.authorization.k8s.io "a" is forbidden: User "x" cannot get resource "clusterroles" in API group "rbac.authorization.k8s.io" at the cluster scope"#;
        assert_eq!(
            refused(wide),
            Some(Refused {
                verb: "get",
                group: "rbac.authorization.k8s.io",
                resource: "clusterroles",
                namespace: None
            })
        );
    }

    #[test]
    fn refusals_that_are_no_missing_permission_are_not_called_one() {
        let quota = r#"configmaps "a" is forbidden: exceeded quota: few, requested: count/configmaps=1"#;
        assert!(help(quota, "x").contains("quota"));
        assert!(!help(quota, "x").contains("apiGroups"));
        let escalation = r#"clusterroles "a" is forbidden: user "x" (groups=["g"]) is attempting to grant RBAC permissions not currently held: {APIGroups:[""], Resources:["pods"], Verbs:["get"]}"#;
        assert!(help(escalation, "x").contains("escalate"));
    }
}
