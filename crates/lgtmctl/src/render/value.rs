//! Values of fields: made safe, concealed, cut, and compared.

use lgtm_planner::{object::ObjectKey, observed::FieldChange, plan::ObjectChange};
use similar::{ChangeTag, TextDiff};

use super::{Style, Tone};

/// Characters of a value that are shown, on each side of an arrow, where there is room.
const SHOWN: usize = 60;
/// Fewer characters than these say nothing.
const LEAST: usize = 16;
/// What a line needs beside path and values: indentation, arrow, and the words on what was cut.
const AROUND: usize = 52;
/// Lines of a diff that are shown.
const DIFF_LINES: usize = 14;
/// What stands for a value of a Secret.
const CONCEALED: &str = "(secret)";

/// Conceals whatever could be a secret value in a change.
///
/// The world turns secret values into digests before they come here; this holds even where it does not.
pub fn shield(change: &mut ObjectChange) {
    if !is_secret(&change.object) {
        return;
    }
    for field in change.fields.iter_mut().filter(|field| !is_public(&field.path)) {
        for value in [&mut field.before, &mut field.after].into_iter().flatten() {
            if !is_digest(value) {
                CONCEALED.clone_into(value);
            }
        }
    }
}

fn is_secret(object: &ObjectKey) -> bool {
    object.group.is_empty() && object.kind == "Secret"
}

/// Annotations are not public: `kubectl apply` keeps a copy of the whole Secret in one of them.
fn is_public(path: &str) -> bool {
    path == "type"
        || path == "immutable"
        || path == "metadata.name"
        || path.starts_with("metadata.labels")
        || path.starts_with("metadata.ownerReferences")
}

/// A keyed digest, bare or in words, such as `(secret 0a1b2c3d4e5f)`.
fn is_digest(value: &str) -> bool {
    let inner = value.strip_prefix("(secret ").and_then(|rest| rest.strip_suffix(')')).unwrap_or(value);
    inner.len() == 12 && inner.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// A text without characters that could drive a terminal; line ends and tabs stay.
pub(crate) fn safe(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            '\n' | '\t' => character,
            // The second range holds the marks that reorder text, which could make one value look like another.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
            _ if character.is_control() => '\u{fffd}',
            _ => character,
        })
        .collect()
}

/// As [`safe`], on one line.
pub(crate) fn one_line(text: &str) -> String {
    safe(text.trim_end()).replace('\n', "⏎").replace('\t', " ")
}

/// At most `most` characters, with the count of all where some are left out.
pub(crate) fn cut(text: &str, most: usize) -> String {
    let count = text.chars().count();
    if count <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most).collect();
    format!("{kept}… ({count} characters)")
}

/// One field's change, as lines.
pub(crate) fn field(change: &FieldChange, style: Style) -> Vec<String> {
    let path = &change.path;
    let is_long =
        |value: &Option<String>| value.as_ref().is_some_and(|value| value.trim_end().contains('\n'));
    if is_long(&change.before) || is_long(&change.after) {
        let mut lines = vec![format!("{path}:")];
        let diff = diff(
            change.before.as_deref().unwrap_or_default(),
            change.after.as_deref().unwrap_or_default(),
            style,
        );
        lines.extend(diff.into_iter().map(|line| format!("  {line}")));
        return lines;
    }
    let sides = if change.before.is_some() && change.after.is_some() { 2 } else { 1 };
    let room = style.width().saturating_sub(path.chars().count() + AROUND) / sides;
    let fits = room.clamp(LEAST, SHOWN);
    let show = |value: &str| {
        let value = one_line(value);
        let is_short = value.chars().count() <= fits + LEAST;
        let value = if style.is_verbose() || is_short { value } else { cut(&value, fits) };
        if value.is_empty() { "\"\"".to_owned() } else { value }
    };
    vec![match (&change.before, &change.after) {
        (Some(before), Some(after)) => format!(
            "{path}: {} → {}",
            style.paint(Tone::Bad, show(before)),
            style.paint(Tone::Good, show(after))
        ),
        (None, Some(after)) => format!("{path}: + {}", style.paint(Tone::Good, show(after))),
        (Some(before), None) => format!("{path}: - {}", style.paint(Tone::Bad, show(before))),
        (None, None) => path.clone(),
    }]
}

/// A small unified diff.
fn diff(before: &str, after: &str, style: Style) -> Vec<String> {
    let (before, after) = (safe(before), safe(after));
    let diff = TextDiff::from_lines(&before, &after);
    let mut lines = Vec::new();
    for hunk in diff.unified_diff().context_radius(1).iter_hunks() {
        lines.push(style.paint(Tone::Faint, hunk.header().to_string().trim_end()).into_owned());
        for change in hunk.iter_changes() {
            let text = change.value().trim_end_matches('\n');
            let text = if style.is_verbose() { text.to_owned() } else { cut(text, style.width()) };
            lines.push(match change.tag() {
                ChangeTag::Equal => format!("  {text}"),
                ChangeTag::Delete => style.paint(Tone::Bad, format!("- {text}")).into_owned(),
                ChangeTag::Insert => style.paint(Tone::Good, format!("+ {text}")).into_owned(),
            });
        }
    }
    if !style.is_verbose() && lines.len() > DIFF_LINES {
        let more = lines.len() - DIFF_LINES;
        lines.truncate(DIFF_LINES);
        lines.push(style.paint(Tone::Faint, format!("… {more} more lines (-v shows all)")).into_owned());
    }
    lines
}

#[cfg(test)]
mod tests {
    use lgtm_planner::plan::ObjectVerb;

    use super::*;

    const PLAIN: fn() -> Style = || Style::new(false, 80, false);

    fn change(path: &str, before: Option<&str>, after: Option<&str>) -> FieldChange {
        FieldChange {
            path: path.to_owned(),
            before: before.map(str::to_owned),
            after: after.map(str::to_owned),
        }
    }

    #[test]
    fn secrets_are_concealed_whatever_comes_in() {
        let mut object = ObjectChange {
            object: ObjectKey {
                group: String::new(),
                kind: "Secret".to_owned(),
                namespace: Some("a".to_owned()),
                name: "b".to_owned(),
            },
            verb: ObjectVerb::Update,
            fields: vec![
                change("data.password", Some("aHVudGVyMg=="), Some("0a1b2c3d4e5f")),
                change("data", Some("(secret 0a1b2c3d4e5f)"), None),
                change(
                    "metadata.annotations[kubectl.kubernetes.io/last-applied-configuration]",
                    Some("hunter2"),
                    None,
                ),
                change("metadata.labels.app", Some("x"), Some("y")),
            ],
            conflicts: Vec::new(),
            remark: None,
        };
        shield(&mut object);
        let shown: Vec<String> = object.fields.iter().flat_map(|change| field(change, PLAIN())).collect();
        assert_eq!(
            shown,
            [
                "data.password: (secret) → 0a1b2c3d4e5f",
                "data: - (secret 0a1b2c3d4e5f)",
                "metadata.annotations[kubectl.kubernetes.io/last-applied-configuration]: - (secret)",
                "metadata.labels.app: x → y",
            ]
        );
    }

    #[test]
    fn long_values_are_cut_and_say_so() {
        let long = "x".repeat(200);
        let shown = field(&change("spec.a", Some("1"), Some(&long)), PLAIN()).concat();
        assert!(shown.ends_with("xxx… (200 characters)"), "{shown}");
        assert!(shown.chars().count() < 100, "{shown}");
        let all = field(&change("spec.a", Some("1"), Some(&long)), Style::new(false, 80, true)).concat();
        assert!(all.ends_with(&long));
    }

    #[test]
    fn text_cannot_drive_the_terminal() {
        let shown = field(&change("spec.a", Some("\u{1b}[2J\u{7}"), Some("a\u{202e}b")), PLAIN());
        assert_eq!(shown, ["spec.a: \u{fffd}[2J\u{fffd} → a\u{fffd}b"]);
    }

    #[test]
    fn long_texts_are_compared_line_by_line() {
        let before: String = (0..40).map(|line| format!("line {line}\n")).collect();
        let after = before.replace("line 7\n", "line seven\n").replace("line 30\n", "");
        insta::assert_snapshot!(
            field(&change("data[a.yaml]", Some(&before), Some(&after)), PLAIN()).join("\n")
        );
        let added = field(&change("data[b.yaml]", None, Some(&before)), PLAIN());
        assert_eq!(added.len(), 2 + DIFF_LINES);
        assert_eq!(added.last().map(String::as_str), Some("  … 27 more lines (-v shows all)"));
    }
}
