//! Steps that say the same, folded into one block.
//!
//! Two steps are the same when their text is, once each one's own cluster is written `<cluster>`. So
//! whatever is shown of a change decides whether it is folded, and nothing is hidden by folding.

use std::collections::BTreeMap;

use lgtm_planner::{
    fact::FactRef,
    plan::{Change, ObjectChange, Step},
};
use lgtm_topology::ClusterName;

use super::{Fleet, object, sign, tone, verb};
use crate::render::{Style, Tone, style::wrap, value::one_line};

/// One block of lines.
pub(super) struct Block<'a> {
    steps: Vec<&'a Step>,
    /// What stands on the first line behind the place, from the fullest to the shortest words.
    tails: Vec<String>,
    body: Vec<String>,
}

/// All that is shown of a step but where it happens.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Likeness<'a> {
    change: Change,
    removal: bool,
    unit: &'a str,
    needs_permission: bool,
    tails: Vec<String>,
    body: Vec<String>,
}

/// Folds steps; blocks stand where their first step stood.
pub(super) fn fold<'a>(steps: &[&'a Step], fleet: &Fleet, style: Style) -> Vec<Block<'a>> {
    let mut blocks: Vec<Block<'a>> = Vec::new();
    let mut places: BTreeMap<Likeness<'_>, usize> = BTreeMap::new();
    for step in steps {
        let own = Own { cluster: &step.id.unit.cluster, folded: true };
        let likeness = Likeness {
            change: step.change,
            removal: step.id.removal,
            unit: step.id.unit.name.as_str(),
            needs_permission: step.needs_permission,
            tails: tails(step, fleet, own, style),
            body: body(step, own, style),
        };
        if let Some(block) = places.get(&likeness).and_then(|place| blocks.get_mut(*place)) {
            block.steps.push(step);
            continue;
        }
        places.insert(likeness.clone(), blocks.len());
        blocks.push(Block { steps: vec![step], tails: likeness.tails, body: likeness.body });
    }
    for block in &mut blocks {
        if let [only] = block.steps.as_slice() {
            let own = Own { cluster: &only.id.unit.cluster, folded: false };
            block.tails = tails(only, fleet, own, style);
            block.body = body(only, own, style);
        }
    }
    blocks
}

/// The widths of the columns of a section.
#[derive(Clone, Copy, Debug)]
pub(super) struct Columns {
    pub(super) unit: usize,
    pub(super) place: usize,
}

impl Columns {
    /// Columns that suit these blocks. What is much longer than the rest pushes its own line only.
    pub(super) fn of(blocks: &[Block<'_>], fleet: &Fleet) -> Self {
        const UNIT: usize = 24;
        const PLACE: usize = 20;
        let widest = |widths: &mut dyn Iterator<Item = usize>, most: usize| {
            widths.filter(|width| *width <= most).max().unwrap_or_default()
        };
        Self {
            unit: widest(&mut blocks.iter().map(|block| block.unit().chars().count()), UNIT),
            place: widest(&mut blocks.iter().map(|block| block.place(fleet).chars().count()), PLACE),
        }
    }
}

impl Block<'_> {
    fn unit(&self) -> &str {
        self.steps.first().map_or("", |step| step.id.unit.name.as_str())
    }

    fn place(&self, fleet: &Fleet) -> String {
        let clusters: Vec<&ClusterName> = self.steps.iter().map(|step| &step.id.unit.cluster).collect();
        fleet.place(&clusters)
    }

    /// Whether it is more than a row of a table.
    pub(super) fn has_body(&self) -> bool {
        !self.body.is_empty() || self.steps.iter().any(|step| step.needs_permission)
    }

    pub(super) fn lines(&self, fleet: &Fleet, columns: Columns, style: Style) -> Vec<String> {
        let Some(step) = self.steps.first() else { return Vec::new() };
        let head = format!("{} {:<7}", sign(step.change), verb(step.change));
        let unit = format!("{:<width$}", self.unit(), width = columns.unit);
        let place = format!("{:<width$}", self.place(fleet), width = columns.place);
        let used = 2 + head.chars().count() + 1 + unit.chars().count() + 2 + place.chars().count();
        let first = format!(
            "  {} {}  {place}",
            style.paint(tone(step.change), head),
            style.paint(Tone::Strong, unit)
        );
        let fits = |tail: &&String| style.is_verbose() || used + 2 + tail.chars().count() <= style.width();
        let mut lines = Vec::with_capacity(self.body.len() + 2);
        match (self.tails.iter().find(fits), self.tails.last()) {
            (Some(tail), _) => {
                let tail = style.paint(Tone::Faint, tail.as_str());
                lines.push(format!("{first}  {tail}").trim_end().to_owned());
            }
            (None, None) => lines.push(first.trim_end().to_owned()),
            (None, Some(shortest)) => {
                lines.push(first.trim_end().to_owned());
                let indent = 2 + 9 + 1 + columns.unit + 2;
                let room = style.width().saturating_sub(indent);
                let tail = self.tails.iter().find(|tail| tail.chars().count() <= room);
                let tail = wrap(tail.unwrap_or(shortest), room);
                lines.extend(
                    tail.into_iter().map(|line| format!("{:indent$}{}", "", style.paint(Tone::Faint, line))),
                );
            }
        }
        lines.extend(self.body.iter().map(|line| format!("      {line}")));
        if step.needs_permission {
            let allow: Vec<String> =
                self.steps.iter().map(|step| format!("--allow-replace {}", step.id.unit)).collect();
            let text = format!("needs permission: {}", allow.join(" "));
            lines.push(format!("      {}", style.paint(Tone::Bad, text)));
        }
        lines
    }
}

/// [`tail`] with fewer and fewer kinds named, for what room there is.
fn tails(step: &Step, fleet: &Fleet, own: Own<'_>, style: Style) -> Vec<String> {
    let mut tails: Vec<String> =
        (0..=object::KINDS).rev().map(|named| tail(step, fleet, own, named, style)).collect();
    tails.dedup();
    tails
}

/// Why, and what in short.
fn tail(step: &Step, fleet: &Fleet, own: Own<'_>, named: usize, style: Style) -> String {
    let mut parts: Vec<String> = step
        .reasons
        .iter()
        // The verb says it already.
        .filter(|reason| !(step.change == Change::Create && *reason == "new"))
        .map(|reason| neutral(&one_line(reason), own))
        .collect();
    if !step.waits_for.is_empty() {
        parts.push(format!("known after apply: {}", waits(&step.waits_for, fleet, own)));
    }
    let folded = object::folded(step, named, style);
    if !folded.is_empty() {
        parts.push(folded);
    }
    parts.join("; ")
}

/// The facts that a step waits for; the same fact of several clusters is named once.
fn waits(facts: &[FactRef], fleet: &Fleet, own: Own<'_>) -> String {
    let mut by_fact: BTreeMap<(&str, &str), Vec<&ClusterName>> = BTreeMap::new();
    for fact in facts {
        by_fact.entry((fact.unit.name.as_str(), &fact.name)).or_default().push(&fact.unit.cluster);
    }
    let named = by_fact.into_iter().map(|((unit, name), clusters)| match clusters.as_slice() {
        [only] if *only == own.cluster => format!("{unit}#{name}"),
        [only] => format!("{only}/{unit}#{name}"),
        several => format!("{unit}#{name} of {}", fleet.place(several).trim_start_matches('×')),
    });
    named.collect::<Vec<_>>().join(", ")
}

/// What happens to single objects.
fn body(step: &Step, own: Own<'_>, style: Style) -> Vec<String> {
    object::listed(step, style)
        .flat_map(|object| object::lines(&neutral_object(object, own), style))
        .collect()
}

fn neutral_object(change: &ObjectChange, own: Own<'_>) -> ObjectChange {
    let mut change = change.clone();
    if own.folded {
        change.object.name = neutral(&change.object.name, own);
        let name = |text: &str| neutral(text, own);
        change.object.namespace = change.object.namespace.as_deref().map(name);
        change.remark = change.remark.as_deref().map(name);
        for field in &mut change.fields {
            field.before = field.before.as_deref().map(name);
            field.after = field.after.as_deref().map(name);
        }
    }
    change
}

/// The cluster that a text is about.
#[derive(Clone, Copy)]
struct Own<'a> {
    cluster: &'a ClusterName,
    /// Whether the text has to hold for other clusters as well.
    folded: bool,
}

/// A text that names units of its own cluster without the cluster, and, where it is to hold for other
/// clusters as well, says `<cluster>` for the cluster's name.
fn neutral(text: &str, own: Own<'_>) -> String {
    let name = own.cluster.as_str();
    let alias = if own.folded { "<cluster>" } else { name };
    let is_part = |character: char| character.is_alphanumeric() || matches!(character, '-' | '.' | '_');
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(name) {
        let (before, found) = rest.split_at(at);
        let after = found.get(name.len()..).unwrap_or_default();
        let starts = !before.chars().next_back().or_else(|| result.chars().next_back()).is_some_and(is_part);
        result.push_str(before);
        if starts && !after.starts_with(is_part) {
            match after.strip_prefix('/') {
                Some(unit) => rest = unit,
                None => {
                    result.push_str(alias);
                    rest = after;
                }
            }
        } else {
            result.push_str(name);
            rest = after;
        }
    }
    result.push_str(rest);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_names_are_made_neutral() {
        let own = ClusterName::new("lgtm-remote");
        let verbatim = Own { cluster: &own, folded: false };
        assert_eq!(neutral("lgtm-remote: lgtm-remote/alloy", verbatim), "lgtm-remote: alloy");
        let neutral = |text| neutral(text, Own { cluster: &own, folded: true });
        assert_eq!(neutral("lgtm-remote does not answer"), "<cluster> does not answer");
        assert_eq!(neutral("when lgtm-remote/alloy is done"), "when alloy is done");
        assert_eq!(neutral("lgtm-remote-otel and my-lgtm-remote"), "lgtm-remote-otel and my-lgtm-remote");
        assert_eq!(neutral("(lgtm-remote)(lgtm-remote)"), "(<cluster>)(<cluster>)");
    }
}
