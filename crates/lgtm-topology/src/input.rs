//! How a tree becomes typed fields, and how the same declaration becomes a JSON schema.
//!
//! `record!` and `choice!` declare a part of the file once. The decoder and the schema both come
//! from that declaration, so neither can know a field that the other does not. Decoding never stops
//! at a problem: a field that cannot be used is marked [`Field::Invalid`], and the next one is read.
//! What fields mean together is for `check` to say.

mod declare;
pub(crate) mod file;
mod names;
pub(crate) mod network;
pub(crate) mod places;
pub(crate) mod scalars;
pub(crate) mod values;

pub(crate) use declare::{choice, record};
use serde_json::json;

use crate::{
    diagnostic::{Code, Place},
    problems::{Problem, Problems, Step, help_for_unknown, listed, quoted},
    tree::{Entry, Kind, Node, Value},
};

/// Something that can be read from a value of the file.
pub(crate) trait Input: Sized {
    /// Reads it; what is wrong is reported, and then there is none.
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self>;

    /// Its JSON schema.
    fn schema() -> serde_json::Value;
}

/// A value and where it stands.
#[derive(Debug)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    /// The value, or the key in front of it when the value is a collection.
    pub(crate) place: Place,
    /// The key, or the value when it has none.
    pub(crate) key: Place,
    pub(crate) path: String,
}

/// A field of a mapping.
#[derive(Debug)]
pub(crate) enum Field<T> {
    Absent,
    /// It is there and unusable, which has been reported.
    Invalid,
    Given(At<T>),
}

impl<T> Field<T> {
    pub(crate) fn get(&self) -> Option<&At<T>> {
        match self {
            Self::Given(given) => Some(given),
            Self::Absent | Self::Invalid => None,
        }
    }

    pub(crate) fn value(&self) -> Option<&T> {
        self.get().map(|given| &given.value)
    }

    pub(crate) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}

/// A list; what cannot be read in it has been reported and is left out.
pub(crate) type List<T> = Vec<At<T>>;

impl<T: Input> Input for List<T> {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        let Value::Sequence(items) = &node.value else {
            wrong_type(node, "a list", "write its items below, each after a `- `", problems);
            return None;
        };
        let mut list = Self::new();
        for (index, item) in items.iter().enumerate() {
            problems.within(Step::Index(index), |problems| {
                if let Some(value) = T::decode(item, problems) {
                    let path = problems.path();
                    list.push(At { value, place: item.anchor, key: item.anchor, path });
                }
            });
        }
        Some(list)
    }

    fn schema() -> serde_json::Value {
        json!({"type": "array", "items": T::schema()})
    }
}

/// A list that must not be empty.
#[derive(Debug)]
pub(crate) struct AtLeastOne<T>(pub(crate) List<T>);

impl<T: Input> Input for AtLeastOne<T> {
    fn decode(node: &Node, problems: &mut Problems) -> Option<Self> {
        if matches!(&node.value, Value::Sequence(items) if items.is_empty()) {
            problems.report(Problem {
                code: Code::InvalidValue,
                at: node.anchor,
                message: format!("{} is empty", quoted(&problems.path())),
                label: "nothing is listed".to_owned(),
                help: "list at least one item, or remove what has none".to_owned(),
            });
            return None;
        }
        List::decode(node, problems).map(Self)
    }

    fn schema() -> serde_json::Value {
        json!({"type": "array", "items": T::schema(), "minItems": 1})
    }
}

/// How messages call the field that is being read.
fn called(problems: &Problems) -> String {
    let path = problems.path();
    if path.is_empty() { "the topology".to_owned() } else { quoted(&path) }
}

/// Reports a value of another type, without showing it.
pub(crate) fn wrong_type(node: &Node, expected: &str, help: &str, problems: &mut Problems) {
    let found = match &node.value {
        // It has been reported already.
        Value::Refused => return,
        Value::Sequence(_) => "a list",
        Value::Mapping(_) => "a mapping",
        Value::Scalar(scalar) => match scalar.kind() {
            Kind::Null => "nothing",
            Kind::Bool(_) => "a boolean",
            Kind::Integer(_) => "a whole number",
            Kind::Float(_) => "a decimal number",
            Kind::Text => "text",
        },
    };
    problems.report(Problem {
        code: Code::WrongType,
        at: node.anchor,
        message: format!("{} must be {expected}, and {found} was found", called(problems)),
        label: format!("expected {expected}"),
        help: help.to_owned(),
    });
}

/// The text of a value; a number or a boolean is not text unless it is quoted.
pub(crate) fn text<'a>(node: &'a Node, problems: &mut Problems) -> Option<&'a str> {
    match &node.value {
        Value::Scalar(scalar) => match scalar.kind() {
            Kind::Text => return Some(&scalar.text),
            Kind::Null => wrong_type(node, "text", "write a value after the `:`", problems),
            Kind::Bool(_) | Kind::Integer(_) | Kind::Float(_) => {
                wrong_type(node, "text", "put the value in quotes", problems);
            }
        },
        Value::Refused | Value::Sequence(_) | Value::Mapping(_) => {
            wrong_type(node, "text", "write one value after the `:`", problems);
        }
    }
    None
}

/// Reports a value that is of the right type and still wrong.
pub(crate) fn invalid(
    node: &Node,
    message: impl Into<String>,
    label: impl Into<String>,
    help: impl Into<String>,
    problems: &mut Problems,
) {
    let (message, label, help) = (message.into(), label.into(), help.into());
    problems.report(Problem { code: Code::InvalidValue, at: node.anchor, message, label, help });
}

/// How a record's fields relate.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Each for itself.
    Fields,
    /// Exactly one of them is given, and says which kind of thing this is.
    OneOf,
}

/// The fields of a mapping while they are taken out.
pub(crate) struct Fields<'a> {
    entries: &'a [Entry],
    anchor: Place,
}

impl<'a> Fields<'a> {
    pub(crate) fn of(
        node: &'a Node,
        shape: Shape,
        known: &[&'static str],
        problems: &mut Problems,
    ) -> Option<Self> {
        if let Value::Mapping(entries) = &node.value {
            return Some(Self { entries, anchor: node.anchor });
        }
        let help = match (shape, known) {
            (Shape::OneOf, [first, ..]) => {
                format!("write it as `{{{first}: {{}}}}`; {} are possible", listed(known.iter().copied()))
            }
            (_, []) => "write `{}`".to_owned(),
            (..) => format!("its fields are {}", listed(known.iter().copied())),
        };
        wrong_type(node, "a mapping", &help, problems);
        None
    }

    pub(crate) fn take<T: Input>(
        &self,
        key: &'static str,
        required: bool,
        problems: &mut Problems,
    ) -> Field<T> {
        let Some(entry) = self.entries.iter().find(|entry| entry.key == key) else {
            if required {
                self.report_missing(key, problems);
            }
            return if required { Field::Invalid } else { Field::Absent };
        };
        problems.within(Step::Key(key), |problems| match T::decode(&entry.node, problems) {
            None => Field::Invalid,
            Some(value) => Field::Given(At {
                value,
                place: entry.node.anchor,
                key: entry.key_place,
                path: problems.path(),
            }),
        })
    }

    fn report_missing(&self, key: &'static str, problems: &mut Problems) {
        let whole = called(problems);
        problems.report(Problem {
            code: Code::MissingField,
            at: self.anchor,
            message: format!("{whole} lacks the field `{key}`"),
            label: format!("`{key}` is missing here"),
            help: format!("add `{key}: …`; `topology.example.yaml` explains every field"),
        });
    }

    /// Reports the keys that mean nothing here.
    pub(crate) fn finish(
        &self,
        shape: Shape,
        known: &'static [&'static str],
        unsupported: &'static [(&'static str, &'static str)],
        problems: &mut Problems,
    ) {
        let mut chosen = 0;
        for entry in self.entries {
            let key = entry.key.as_str();
            if known.contains(&key) {
                chosen += 1;
                if shape == Shape::OneOf && chosen > 1 {
                    let path = problems.path();
                    problems.report(Problem {
                        code: Code::Conflict,
                        at: entry.key_place,
                        message: format!(
                            "{} names more than one of {}",
                            quoted(&path),
                            listed(known.iter().copied())
                        ),
                        label: "one too many".to_owned(),
                        help: "keep the one that is meant".to_owned(),
                    });
                }
            } else if let Some((_, why)) = unsupported.iter().find(|(name, _)| *name == key) {
                chosen += 1;
                report_unsupported(entry.key_place, key, why, problems);
            } else {
                chosen += 1;
                Self::report_unknown(entry, known, problems);
            }
        }
        if shape == Shape::OneOf && chosen == 0 {
            let path = problems.path();
            problems.report(Problem {
                code: Code::MissingField,
                at: self.anchor,
                message: format!("{} names none of {}", quoted(&path), listed(known.iter().copied())),
                label: "one is needed".to_owned(),
                help: format!("write one of them, such as `{{{}: {{}}}}`", known.first().unwrap_or(&"…")),
            });
        }
    }

    fn report_unknown(entry: &Entry, known: &[&'static str], problems: &mut Problems) {
        let whole = called(problems);
        let help = if known.is_empty() {
            "remove it: no settings are possible here".to_owned()
        } else {
            help_for_unknown(&entry.key, "its fields are", known.iter().copied())
        };
        problems.report(Problem {
            code: Code::UnknownField,
            at: entry.key_place,
            message: format!("{whole} has no field {}", quoted(&entry.key)),
            label: "unknown field".to_owned(),
            help,
        });
    }
}

/// Reports what is known and cannot be done by this version.
pub(crate) fn report_unsupported(at: Place, name: &str, why: &str, problems: &mut Problems) {
    problems.report(Problem {
        code: Code::NotSupported,
        at,
        message: format!("{} is not supported", quoted(name)),
        label: "not supported".to_owned(),
        help: why.to_owned(),
    });
}

/// Reports a word that is none of the choices.
pub(crate) fn report_unknown_choice(node: &Node, word: &str, known: &[&str], problems: &mut Problems) {
    let path = problems.path();
    invalid(
        node,
        format!("{} cannot be {}", quoted(&path), quoted(word)),
        "unknown value",
        help_for_unknown(word, "possible:", known.iter().copied()),
        problems,
    );
}
