//! YAML as a tree in which every key and every value knows its place.
//!
//! The tree is built from parser events with a stack of its own, so depth costs no call stack, and
//! without aliases, so a small file cannot stand for a huge one. It knows YAML 1.2 and nothing of
//! topologies; what it refuses (aliases, merge keys, tags) it refuses with a reason.

mod scalar;

use std::{borrow::Cow, collections::BTreeMap, ops::Range};

pub(crate) use scalar::{Kind, Scalar};

use granit_parser::{ErrorKind, Event, Options, Parser, ScalarStyle, ScanError, Tag};

use crate::{
    Position,
    diagnostic::{Code, Place, Span},
    problems::{Problem, Problems, quoted},
    redact,
};

/// How deep flow and block collections may nest, each. A topology needs six, helm values a few more;
/// later steps may therefore recurse over the tree.
const DEPTH: usize = 64;

/// A value and its place.
#[derive(Debug)]
pub(crate) struct Node {
    /// What to underline when the value as a whole is meant: the scalar, else the key in front of it.
    pub(crate) anchor: Place,
    pub(crate) value: Value,
}

/// What a node holds.
#[derive(Debug)]
pub(crate) enum Value {
    Scalar(Scalar),
    Sequence(Vec<Node>),
    Mapping(Vec<Entry>),
    /// A problem with it has been reported already.
    Refused,
}

/// A key and its value.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_place: Place,
    pub(crate) node: Node,
}

/// What was read of a file.
#[derive(Debug)]
pub(crate) struct Tree {
    /// The document's value; absent when the text is not YAML or holds nothing.
    pub(crate) root: Option<Node>,
    /// What to hide before the text is shown.
    pub(crate) hidden: Vec<Range<usize>>,
}

/// Reads the text, reporting what is wrong with it as YAML.
pub(crate) fn read(source: &str, problems: &mut Problems) -> Tree {
    let mut options = Options::default();
    options.emit_unresolved_aliases = true;
    options.flow_nesting_limit = DEPTH;
    options.block_nesting_limit = DEPTH;
    options.set_emit_comments(false);

    let mut builder = Builder { source, problems, stack: Vec::new(), root: None, hidden: Vec::new() };
    let mut documents = 0_usize;
    for next in Parser::new_from_str_with_options(source, options) {
        let (event, span) = match next {
            Ok(next) => next,
            Err(error) => {
                let mut hidden = builder.hidden;
                hidden.extend(redact::guess(source));
                report_syntax(source, &error, &hidden, problems);
                return Tree { root: None, hidden };
            }
        };
        if matches!(event, Event::DocumentStart(..)) {
            documents += 1;
            if documents > 1 {
                let at = place(source, &span);
                report_several_documents(at, builder.problems);
                // What follows is never read, so nothing is known of its credentials.
                builder.hidden.extend(redact::guess(source));
                break;
            }
        }
        builder.handle(event, &span);
    }
    let Builder { root, hidden, .. } = builder;
    let empty = root
        .as_ref()
        .is_none_or(|node| matches!(&node.value, Value::Scalar(scalar) if scalar.kind() == Kind::Null));
    if empty && !problems.has_errors() {
        problems.report(Problem {
            code: Code::Empty,
            at: Place::START,
            message: "the file holds no topology".to_owned(),
            label: "nothing here, or only comments".to_owned(),
            help: "start from `examples/quickstart.yaml`; a topology begins with \
                   `apiVersion: lgtmctl.dev/v1alpha1` and `kind: Topology`"
                .to_owned(),
        });
    }
    Tree { root: root.filter(|_| !empty), hidden }
}

fn report_several_documents(at: Place, problems: &mut Problems) {
    problems.report(Problem {
        code: Code::SeveralDocuments,
        at,
        message: "the file holds more than one YAML document".to_owned(),
        label: "a second document starts here".to_owned(),
        help: "keep one topology per file, and remove this `---` and what follows".to_owned(),
    });
}

fn report_syntax(source: &str, error: &ScanError, hidden: &[Range<usize>], problems: &mut Problems) {
    let marker = error.marker();
    let offset = marker.byte_offset().unwrap_or(source.len()).min(source.len());
    let at = Place {
        span: Span { offset, len: usize::from(offset < source.len()) },
        position: Position { line: to_u32(marker.line()), column: to_u32(marker.col() + 1) },
    };
    let at = Place { span: clip(source, at.span), ..at };
    if matches!(error.kind(), ErrorKind::RecursionLimitExceeded) {
        return problems.report(Problem {
            code: Code::YamlFeature,
            at,
            message: format!("collections are nested more than {DEPTH} deep"),
            label: "too deep".to_owned(),
            help: "check the brackets; nothing in a topology is nested like this".to_owned(),
        });
    }
    // The parser's words may quote the text, which may be a credential.
    let secret = hidden.iter().any(|range| range.contains(&offset) || range.end == offset);
    problems.report(Problem {
        code: Code::Syntax,
        at,
        message: "the file is not valid YAML".to_owned(),
        label: if secret { "cannot be read from here on".to_owned() } else { error.info() },
        help: "look at the indentation, the quotes and the colons on this line and the one before; \
               indent with spaces, put a space after each `:`, and quote text with special characters"
            .to_owned(),
    });
}

/// A parser's position as ours.
fn place(source: &str, span: &granit_parser::Span) -> Place {
    let offset = span.start.byte_offset().unwrap_or_default().min(source.len());
    let end = span.end.byte_offset().unwrap_or(offset).clamp(offset, source.len());
    Place {
        span: clip(source, Span { offset, len: end - offset }),
        position: Position { line: to_u32(span.start.line()), column: to_u32(span.start.col() + 1) },
    }
}

/// Ends a span where its line ends, and on characters' boundaries.
fn clip(source: &str, span: Span) -> Span {
    let mut end = (span.offset + span.len).min(source.len());
    while !source.is_char_boundary(end) {
        end += 1;
    }
    let text = source.get(span.offset..end).unwrap_or_default();
    Span { offset: span.offset, len: text.find(['\n', '\r']).unwrap_or(text.len()) }
}

fn to_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// A collection that is not complete yet.
enum Frame {
    Sequence { place: Place, items: Vec<Node> },
    Mapping { place: Place, entries: Vec<Entry>, seen: BTreeMap<String, Place>, key: Option<Key> },
}

/// A key that waits for its value.
struct Key {
    /// Absent when the key was refused; its value is then read and dropped.
    text: Option<String>,
    place: Place,
    /// Where the key ends, if its value is to be hidden.
    hide_from: Option<usize>,
}

struct Builder<'a> {
    source: &'a str,
    problems: &'a mut Problems,
    stack: Vec<Frame>,
    root: Option<Node>,
    hidden: Vec<Range<usize>>,
}

impl Builder<'_> {
    fn handle(&mut self, event: Event<'_>, span: &granit_parser::Span) {
        let place = self.key_of_hidden().unwrap_or_else(|| place(self.source, span));
        match event {
            Event::Scalar(text, style, _, tag) => {
                let mut plain = style == ScalarStyle::Plain;
                if let Some(tag) = tag {
                    if self.refuses_tag(&tag, &["str", "int", "bool", "float", "null"], place) {
                        return self.complete(Value::Refused, place, span);
                    }
                    plain &= tag.core_suffix() != Some("str");
                }
                self.complete(Value::Scalar(Scalar { text: text.into_owned(), plain }), place, span);
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                self.problems.report(Problem {
                    code: Code::YamlFeature,
                    at: place,
                    message: "aliases are not supported in a topology".to_owned(),
                    label: "this refers to a value elsewhere".to_owned(),
                    help: "write the value out here, or quote it if it is meant to be text; \
                           so every value has one place that a message can point to"
                        .to_owned(),
                });
                self.complete(Value::Refused, place, span);
            }
            Event::SequenceStart(_, _, tag) => {
                self.check_collection_tag(tag, "seq", place);
                self.stack.push(Frame::Sequence { place, items: Vec::new() });
            }
            Event::MappingStart(_, _, tag) => {
                self.check_collection_tag(tag, "map", place);
                self.stack.push(Frame::Mapping {
                    place,
                    entries: Vec::new(),
                    seen: BTreeMap::new(),
                    key: None,
                });
            }
            Event::SequenceEnd | Event::MappingEnd => match self.stack.pop() {
                Some(Frame::Sequence { place, items }) => {
                    self.complete(Value::Sequence(items), place, span);
                }
                Some(Frame::Mapping { place, entries, .. }) => {
                    self.complete(Value::Mapping(entries), place, span);
                }
                None => {}
            },
            // Anchors without aliases mean nothing; the other events carry no values.
            Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(..)
            | Event::DocumentEnd
            | Event::Anchor(..)
            | _ => {}
        }
    }

    /// The key whose value comes next, if that is to be hidden: what is said of a credential is said of
    /// its key, since even a span would tell the credential's length.
    fn key_of_hidden(&self) -> Option<Place> {
        match self.stack.last() {
            Some(Frame::Mapping { key: Some(key), .. }) if key.hide_from.is_some() => Some(key.place),
            Some(Frame::Mapping { .. } | Frame::Sequence { .. }) | None => None,
        }
    }

    fn check_collection_tag(&mut self, tag: Option<Cow<'_, Tag>>, core: &str, at: Place) {
        if let Some(tag) = tag {
            self.refuses_tag(&tag, &[core], at);
        }
    }

    fn refuses_tag(&mut self, tag: &Tag, core: &[&str], at: Place) -> bool {
        let refused = !tag.core_suffix().is_some_and(|suffix| core.contains(&suffix));
        if refused {
            self.problems.report(Problem {
                code: Code::YamlFeature,
                at,
                message: "tags are not supported in a topology".to_owned(),
                label: "this value has a tag (`!…`) in front of it".to_owned(),
                help: "remove the tag; quote the value if the `!` is part of it".to_owned(),
            });
        }
        refused
    }

    /// Puts a complete value where it belongs: into the innermost collection, as key or as value.
    fn complete(&mut self, value: Value, place: Place, span: &granit_parser::Span) {
        match self.stack.last_mut() {
            None => {
                // An empty mapping or sequence has no better place than itself.
                let anchor = head(&value).unwrap_or(place);
                self.root.get_or_insert(Node { anchor, value });
            }
            Some(Frame::Sequence { items, .. }) => {
                let anchor = head(&value).unwrap_or(place);
                items.push(Node { anchor, value });
            }
            Some(Frame::Mapping { entries, key, .. }) => {
                let Some(Key { text, place: key_place, hide_from }) = key.take() else {
                    return self.take_key(value, place, span);
                };
                // `adminSecret: {name: …}` is a reference, which is no secret.
                let is_reference = matches!(value, Value::Sequence(_) | Value::Mapping(_))
                    && text.as_deref().is_some_and(redact::names_a_reference);
                if let Some(from) = hide_from.filter(|_| !is_reference) {
                    hide(self.source, from, span, &mut self.hidden);
                }
                let anchor = match &value {
                    // Nothing is written there, so the key stands for it.
                    Value::Scalar(_) | Value::Refused if place.span.len > 0 => place,
                    Value::Scalar(_) | Value::Refused | Value::Sequence(_) | Value::Mapping(_) => key_place,
                };
                if let Some(key) = text {
                    entries.push(Entry { key, key_place, node: Node { anchor, value } });
                }
            }
        }
    }

    fn take_key(&mut self, value: Value, place: Place, span: &granit_parser::Span) {
        let Some(Frame::Mapping { seen, key, .. }) = self.stack.last_mut() else { return };
        let mut text = None;
        match value {
            Value::Scalar(scalar) if scalar.plain && scalar.text == "<<" => {
                self.problems.report(Problem {
                    code: Code::YamlFeature,
                    at: place,
                    message: "merge keys are not supported in a topology".to_owned(),
                    label: "this merges another mapping into this one".to_owned(),
                    help: "write the fields out here".to_owned(),
                });
            }
            Value::Scalar(scalar) => {
                if let Some(first) = seen.get(&scalar.text) {
                    let first = *first;
                    let path = self.problems.path();
                    self.problems.report_pair(
                        &path,
                        Problem {
                            code: Code::DuplicateKey,
                            at: place,
                            message: format!("the key {} is there twice", quoted(&scalar.text)),
                            label: "second here".to_owned(),
                            help: "keep one of the two".to_owned(),
                        },
                        first,
                        "first here".to_owned(),
                    );
                } else {
                    seen.insert(scalar.text.clone(), place);
                }
                text = Some(scalar.text);
            }
            Value::Refused => {}
            Value::Sequence(_) | Value::Mapping(_) => self.problems.report(Problem {
                code: Code::WrongType,
                at: place,
                message: "a key must be text".to_owned(),
                label: "this key is a collection".to_owned(),
                help: "write a field's name before the `:`; text that starts with `{` or `[` needs quotes"
                    .to_owned(),
            }),
        }
        let end = span.end.byte_offset().unwrap_or_default();
        let hide_from = text.as_deref().is_some_and(redact::is_sensitive).then_some(end);
        *key = Some(Key { text, place, hide_from });
    }
}

/// The key that stands for a mapping that has no key in front of it.
fn head(value: &Value) -> Option<Place> {
    match value {
        Value::Mapping(entries) => entries.first().map(|entry| entry.key_place),
        Value::Scalar(_) | Value::Sequence(_) | Value::Refused => None,
    }
}

/// Hides a value from behind its key's colon to its end; a remark right after it may be a piece of an
/// unquoted value with ` #` in it, and is hidden as well.
fn hide(source: &str, from: usize, span: &granit_parser::Span, hidden: &mut Vec<Range<usize>>) {
    let start = source.get(from..).and_then(|rest| rest.find(':')).map_or(from, |colon| from + colon + 1);
    let end = span.end.byte_offset().unwrap_or(start).clamp(start, source.len());
    // A collection ends only where the next thing starts.
    let mut end = start + source.get(start..end).unwrap_or_default().trim_end().len();
    let line = source.get(end..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    if line.trim_start().starts_with('#') {
        end += line.len();
    }
    hidden.push(start..end);
}
