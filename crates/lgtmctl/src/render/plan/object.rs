//! What happens to the objects of one step: counted, or one by one.

use std::collections::BTreeMap;

use lgtm_planner::plan::{Change, ObjectChange, ObjectVerb, Step};

use crate::render::{
    Style, Tone, plural,
    value::{field, one_line, shield},
};

/// As many objects as this are named in a step that changes something that is there.
const NAMED: usize = 6;
/// As many fields of one object are shown.
const FIELDS: usize = 12;
/// As many kinds are named in a count, where there is room for them.
pub(super) const KINDS: usize = 5;

/// Whether an object is only counted: there is nothing to say of it but that it comes or goes.
fn is_counted(step: &Step, object: &ObjectChange, style: Style) -> bool {
    let plain = matches!(object.verb, ObjectVerb::Create | ObjectVerb::Delete)
        && object.conflicts.is_empty()
        && object.remark.is_none();
    let whole = matches!(step.change, Change::Create | Change::Remove);
    plain && !style.is_verbose() && (whole || same_verb(step, object.verb) > NAMED)
}

fn same_verb(step: &Step, verb: ObjectVerb) -> usize {
    step.objects.iter().filter(|object| object.verb == verb).count()
}

/// The objects that are shown one by one.
pub(super) fn listed(step: &Step, style: Style) -> impl Iterator<Item = &ObjectChange> {
    step.objects.iter().filter(move |object| !is_counted(step, object, style))
}

/// The others, in short: `12 objects (Deployment, ConfigMap ×3)`, with at most so many kinds named.
pub(super) fn folded(step: &Step, named: usize, style: Style) -> String {
    let part = |verb: ObjectVerb, word: &str| {
        let counted = step.objects.iter().filter(|object| object.verb == verb);
        let counted: Vec<&ObjectChange> = counted.filter(|object| is_counted(step, object, style)).collect();
        (!counted.is_empty())
            .then(|| format!("{word}{}{}", plural(counted.len(), "object"), kinds(&counted, named)))
    };
    let is_whole = matches!(step.change, Change::Create | Change::Remove);
    let words = if is_whole { ("", "") } else { ("creates ", "deletes ") };
    let parts = [part(ObjectVerb::Create, words.0), part(ObjectVerb::Delete, words.1)];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

fn kinds(objects: &[&ObjectChange], named: usize) -> String {
    if named == 0 {
        return String::new();
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for object in objects {
        *counts.entry(object.object.kind.as_str()).or_default() += 1;
    }
    let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
    // What there is most of, and what runs, is what readers look for.
    let runs = |kind: &str| matches!(kind, "Deployment" | "StatefulSet" | "DaemonSet" | "Job" | "CronJob");
    counts.sort_by_key(|(kind, count)| (!runs(kind), std::cmp::Reverse(*count), *kind));
    let more = counts.len().saturating_sub(named);
    counts.truncate(named);
    let mut words: Vec<String> = counts
        .into_iter()
        .map(|(kind, count)| if count == 1 { kind.to_owned() } else { format!("{kind} ×{count}") })
        .collect();
    if more > 0 {
        words.push(plural(more, "more kind"));
    }
    format!(" ({})", words.join(", "))
}

/// One object, with its fields.
pub(super) fn lines(object: &ObjectChange, style: Style) -> Vec<String> {
    let mut object = object.clone();
    shield(&mut object);
    let (sign, tone, word) = match object.verb {
        ObjectVerb::Create => ("+", Tone::Good, ""),
        ObjectVerb::Update => ("~", Tone::Careful, ""),
        ObjectVerb::Adopt => ("~", Tone::Careful, " (exists already, becomes lgtmctl's)"),
        ObjectVerb::Replace => ("±", Tone::Careful, ""),
        ObjectVerb::Delete => ("-", Tone::Bad, ""),
        ObjectVerb::Keep => ("=", Tone::Faint, " (kept)"),
    };
    let key = one_line(&object.object.to_string());
    let mut lines = vec![format!("{} {key}{word}", style.paint(tone, sign))];
    if let Some(remark) = &object.remark {
        lines.push(format!("    {}", style.paint(Tone::Careful, one_line(remark))));
    }
    let shown = if style.is_verbose() { object.fields.len() } else { FIELDS };
    for change in object.fields.iter().take(shown) {
        lines.extend(field(change, style).into_iter().map(|line| format!("    {line}")));
    }
    if object.fields.len() > shown {
        let more = format!("… {} more fields (-v shows all)", object.fields.len() - shown);
        lines.push(format!("    {}", style.paint(Tone::Faint, more)));
    }
    lines.extend(object.conflicts.iter().map(|conflict| {
        let text = format!("takes {} over from {}", conflict.path, one_line(&conflict.manager));
        format!("    {} {text}", style.paint(Tone::Bad, "!"))
    }));
    lines
}
