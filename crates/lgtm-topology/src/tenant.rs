//! What may be a tenant: Mimir's rules, the strictest of the three backends'.

/// The tenant of the hub's own telemetry.
pub(crate) const HUB_TENANT: &str = "_local";

/// Mimir's limit.
pub(crate) const LONGEST: usize = 150;

/// Mimir keeps its own files in the bucket under this name.
const MIMIR_OWN: &str = "__mimir_cluster";

/// Why the text cannot be a tenant.
pub(crate) fn fault(tenant: &str) -> Option<String> {
    if tenant.is_empty() {
        return Some("it is empty".to_owned());
    }
    if let Some(other) = tenant.chars().find(|character| !is_allowed(*character)) {
        return Some(format!("`{}` is not allowed in it", other.escape_debug()));
    }
    if tenant.len() > LONGEST {
        return Some(format!("it has {} characters and at most {LONGEST} are allowed", tenant.len()));
    }
    match tenant {
        "." | ".." => Some("it would name a folder of the bucket".to_owned()),
        MIMIR_OWN => Some("Mimir keeps its own files under this name".to_owned()),
        _ => None,
    }
}

fn is_allowed(character: char) -> bool {
    character.is_ascii_alphanumeric() || "!-_.*'()".contains(character)
}

#[cfg(test)]
mod tests {
    use super::fault;

    #[test]
    fn mimirs_rules() {
        for good in ["_local", "remote01", "a!-_.*'()Z", "...", &"x".repeat(150)] {
            assert_eq!(fault(good), None, "{good}");
        }
        for bad in ["", ".", "..", "__mimir_cluster", "a/b", "a|b", "ä", "a b", &"x".repeat(151)] {
            assert!(fault(bad).is_some(), "{bad}");
        }
    }
}
