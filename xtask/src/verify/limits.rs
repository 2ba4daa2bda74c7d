//! What tenants have of their own: files that Mimir, Loki and Tempo read while they run, and check in no mode.
//!
//! A tenant's section has the form of the section with everybody's limits. So it is put in that section's place, over
//! what is there, and the program is asked about the whole.

use serde_json::Value;

/// Where a program's configuration names the file, and where everybody's limits are.
pub(super) struct Limits {
    pub(super) file: &'static str,
    pub(super) everybody: &'static str,
}

pub(super) const MIMIR: Limits = Limits { file: "/runtime_config/file", everybody: "/limits" };
pub(super) const LOKI: Limits = Limits { file: "/runtime_config/file", everybody: "/limits_config" };
pub(super) const TEMPO: Limits =
    Limits { file: "/overrides/per_tenant_override_config", everybody: "/overrides/defaults" };

impl Limits {
    /// The configuration as it would be, were a tenant's limits everybody's; one for each tenant.
    pub(super) fn tenants(
        &self,
        configuration: &Value,
        file: &Value,
    ) -> Result<Vec<(String, Value)>, String> {
        let sections = file.as_object().into_iter().flatten();
        let mut tenants = Vec::new();
        for (section, content) in sections {
            if section != "overrides" {
                // Absent and empty are the same to the programs.
                if content.as_object().is_none_or(|content| !content.is_empty()) && !content.is_null() {
                    return Err(format!("{section} stands beside overrides, and no program checks it"));
                }
                continue;
            }
            for (tenant, limits) in content.as_object().into_iter().flatten() {
                let mut whole = configuration.clone();
                let everybody = whole
                    .pointer_mut(self.everybody)
                    .ok_or_else(|| format!("there is no {} to put limits of tenants into", self.everybody))?;
                merge(everybody, limits);
                tenants.push((tenant.clone(), whole));
            }
        }
        Ok(tenants)
    }
}

fn merge(onto: &mut Value, over: &Value) {
    match (onto, over) {
        (Value::Object(onto), Value::Object(over)) => {
            for (key, value) in over {
                merge(onto.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (onto, over) => *onto = over.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_tenants_limits_take_the_place_of_everybodys() {
        let configuration = json!({"limits": {"a": 1, "b": {"c": 2, "d": 3}}, "other": 4});
        let file = json!({"overrides": {"one": {"b": {"c": 5}}, "two": {"typo": 6}}, "ingester_limits": {}});
        let tenants = MIMIR.tenants(&configuration, &file).unwrap();
        assert_eq!(
            tenants,
            [
                ("one".to_owned(), json!({"limits": {"a": 1, "b": {"c": 5, "d": 3}}, "other": 4})),
                ("two".to_owned(), json!({"limits": {"a": 1, "b": {"c": 2, "d": 3}, "typo": 6}, "other": 4})),
            ]
        );
        assert!(MIMIR.tenants(&json!({}), &file).is_err());
        assert!(MIMIR.tenants(&configuration, &json!({"ingester_limits": {"a": 1}})).is_err());
    }
}
