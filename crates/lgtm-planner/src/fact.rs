//! Facts: values that exist only after a unit is done, such as a certificate's fingerprint.
//!
//! Values of releases name facts by placeholders; the module finds and replaces them. A fact is
//! public by definition: key material and passwords are never facts.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::unit::UnitId;

/// The facts of one unit, by name.
pub type UnitFacts = BTreeMap<String, Value>;

/// The facts of all units.
pub type Facts = BTreeMap<UnitId, UnitFacts>;

/// A reference to one fact.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FactRef {
    /// The unit that gives it.
    pub unit: UnitId,
    /// Its name.
    pub name: String,
}

impl fmt::Display for FactRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.unit, self.name)
    }
}

// The delimiters are control pictures that no value has a reason to hold.
const OPEN: &str = "\u{2402}";
const CLOSE: &str = "\u{2403}";

impl FactRef {
    /// The fact `name` of `unit`.
    pub fn new(unit: &UnitId, name: &str) -> Self {
        Self { unit: unit.clone(), name: name.to_owned() }
    }

    /// The text that stands for the fact in a release's values.
    pub fn placeholder(&self) -> String {
        format!("{OPEN}{self}{CLOSE}")
    }

    fn parse(text: &str) -> Option<Self> {
        let (unit, name) = text.split_once('#')?;
        Some(Self { unit: unit.parse().ok()?, name: name.to_owned() })
    }

    fn lookup<'a>(&self, facts: &'a Facts) -> Option<&'a Value> {
        facts.get(&self.unit)?.get(&self.name)
    }
}

/// Every fact that `value` names, sorted.
pub fn references(value: &Value) -> Vec<FactRef> {
    let mut found = std::collections::BTreeSet::new();
    visit(value, &mut |text| found.extend(parts(text).filter_map(Result::ok)));
    found.into_iter().collect()
}

/// Replaces every placeholder. A text that is one placeholder takes the fact's value as it is, and in
/// a list a fact that is itself a list is spliced in; within a longer text the fact is written out.
///
/// Returns the facts that are not known, when there are any.
pub fn resolve(value: &Value, facts: &Facts) -> Result<Value, Vec<FactRef>> {
    let missing: Vec<FactRef> =
        references(value).into_iter().filter(|reference| reference.lookup(facts).is_none()).collect();
    if missing.is_empty() { Ok(substitute(value, facts)) } else { Err(missing) }
}

fn substitute(value: &Value, facts: &Facts) -> Value {
    match value {
        Value::String(text) => substitute_text(text, facts),
        Value::Array(list) => {
            let mut result = Vec::with_capacity(list.len());
            for entry in list {
                match (entry, substitute(entry, facts)) {
                    (Value::String(_), Value::Array(spliced)) => result.extend(spliced),
                    (_, other) => result.push(other),
                }
            }
            Value::Array(result)
        }
        Value::Object(map) => {
            map.iter().map(|(key, value)| (key.clone(), substitute(value, facts))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn substitute_text(text: &str, facts: &Facts) -> Value {
    let mut parts = parts(text);
    if let (Some(Ok(only)), None) = (parts.next(), parts.next()) {
        return only.lookup(facts).cloned().unwrap_or(Value::Null);
    }
    let mut result = String::new();
    for part in self::parts(text) {
        match part {
            Ok(reference) => match reference.lookup(facts) {
                Some(Value::String(fact)) => result.push_str(fact),
                Some(other) => result.push_str(&other.to_string()),
                None => {}
            },
            Err(plain) => result.push_str(plain),
        }
    }
    Value::String(result)
}

/// Splits a text into placeholders (`Ok`) and what is between them (`Err`).
fn parts(text: &str) -> impl Iterator<Item = Result<FactRef, &str>> {
    text.split_inclusive(CLOSE).flat_map(|piece| {
        let placeholder = piece
            .strip_suffix(CLOSE)
            .and_then(|piece| piece.split_once(OPEN))
            .and_then(|(before, inner)| FactRef::parse(inner).map(|reference| (before, reference)));
        match placeholder {
            Some((before, reference)) => {
                [Some(Err(before)).filter(|before| before != &Err("")), Some(Ok(reference))]
            }
            None => [Some(Err(piece)), None],
        }
        .into_iter()
        .flatten()
    })
}

fn visit<'a>(value: &'a Value, see: &mut impl FnMut(&'a str)) {
    match value {
        Value::String(text) => see(text),
        Value::Array(list) => list.iter().for_each(|value| visit(value, see)),
        Value::Object(map) => map.values().for_each(|value| visit(value, see)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fact(name: &str) -> FactRef {
        FactRef { unit: "spoke/certificate".parse().unwrap(), name: name.to_owned() }
    }

    #[test]
    fn placeholders_are_replaced_spliced_and_written_out() {
        let values = json!({
            "whole": fact("port").placeholder(),
            "list": ["kept", fact("prints").placeholder()],
            "text": format!("a{}b{}c", fact("name").placeholder(), fact("port").placeholder()),
        });
        let known = Facts::from([(
            fact("port").unit,
            UnitFacts::from([
                ("port".to_owned(), json!(443)),
                ("prints".to_owned(), json!(["x", "y"])),
                ("name".to_owned(), json!("N")),
            ]),
        )]);
        assert_eq!(
            resolve(&values, &known),
            Ok(json!({"whole": 443, "list": ["kept", "x", "y"], "text": "aNb443c"}))
        );
        assert_eq!(resolve(&values, &Facts::new()), Err(vec![fact("name"), fact("port"), fact("prints")]));
    }

    #[test]
    fn text_without_placeholders_is_left_alone() {
        let values = json!({"a": "plain ${x} #\u{2403}", "b": [1, null, true]});
        assert_eq!(resolve(&values, &Facts::new()), Ok(values.clone()));
    }
}
