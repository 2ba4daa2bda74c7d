//! A plan for people: what happens to which unit, where, and why.
//!
//! The same change on several clusters is said once. What is merely new is counted by kind, what
//! changes is shown field by field, and what is lost meanwhile stands apart, at the end, where it is
//! read.

use lgtm_planner::{
    desired::Desired,
    plan::{Change, ObjectVerb, Plan, Step},
};
use lgtm_topology::ClusterName;

mod block;
mod footer;
mod object;

use super::{Style, Tone, plural, style::wrap, value::one_line};
use block::Columns;
pub use footer::{Counts, longest_path};

/// The clusters of a topology, so that lines can speak of the hub, of spokes and of all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fleet {
    /// The hub.
    pub hub: ClusterName,
    /// All clusters, the hub included.
    pub clusters: Vec<ClusterName>,
}

impl Fleet {
    /// The clusters of what must exist.
    pub fn of(desired: &Desired) -> Self {
        Self {
            hub: desired.hub.clone(),
            clusters: desired.clusters().map(|(name, _)| name.clone()).collect(),
        }
    }

    /// Where something happens: `lgtm-central`, `×4 clusters (all)`, `×2 spokes (a, b)`.
    pub(crate) fn place(&self, clusters: &[&ClusterName]) -> String {
        /// More names than these say less than their count.
        const NAMED: usize = 6;
        if let [only] = clusters {
            return only.to_string();
        }
        let count = clusters.len();
        let are_spokes = !clusters.contains(&&self.hub);
        let noun = if are_spokes { "spokes" } else { "clusters" };
        let all = if are_spokes { self.clusters.len().saturating_sub(1) } else { self.clusters.len() };
        let known = clusters.iter().all(|cluster| self.clusters.contains(cluster));
        if known && count == all {
            return format!("×{count} {noun} (all)");
        }
        let names: Vec<&str> = clusters.iter().take(NAMED).map(|cluster| cluster.as_str()).collect();
        let more = if count > NAMED { format!(", {} more", count - NAMED) } else { String::new() };
        format!("×{count} {noun} ({}{more})", names.join(", "))
    }
}

/// The sign before a change.
pub(crate) fn sign(change: Change) -> &'static str {
    match change {
        Change::Create => "+",
        Change::Update => "~",
        Change::Repair => "!",
        Change::Resume => ">",
        Change::Replace => "±",
        Change::Later => "…",
        Change::Remove => "-",
        Change::Blocked => "×",
    }
}

/// The word for a change.
pub(crate) fn verb(change: Change) -> &'static str {
    match change {
        Change::Create => "create",
        Change::Update => "update",
        Change::Repair => "repair",
        Change::Resume => "resume",
        Change::Replace => "replace",
        Change::Later => "later",
        Change::Remove => "remove",
        Change::Blocked => "blocked",
    }
}

/// How a change is coloured.
pub(crate) fn tone(change: Change) -> Tone {
    match change {
        Change::Create => Tone::Good,
        Change::Update | Change::Repair | Change::Resume | Change::Replace => Tone::Careful,
        Change::Later => Tone::Faint,
        Change::Remove | Change::Blocked => Tone::Bad,
    }
}

/// The whole plan.
pub fn plan(plan: &Plan, fleet: &Fleet, style: Style) -> String {
    let mut lines = Vec::new();
    if plan.is_empty() {
        lines.push(format!(
            "{} {} as topology {} says.",
            style.paint(Tone::Good, "No changes."),
            match plan.unchanged.len() {
                1 => "1 unit is".to_owned(),
                count => format!("All {count} units are"),
            },
            plan.topology
        ));
    } else {
        lines.push(format!("Plan for topology {}:", style.paint(Tone::Strong, plan.topology.as_str())));
        lines.push(String::new());
        let (losing, others): (Vec<&Step>, Vec<&Step>) = plan.steps.iter().partition(|step| loses(step));
        section(&mut lines, &others, fleet, style);
        if !losing.is_empty() {
            if !others.is_empty() {
                lines.push(String::new());
            }
            let title = "Replaced: deleted and made again, with what is lost meanwhile";
            lines.push(style.paint(Tone::Strong, title).into_owned());
            lines.push(String::new());
            section(&mut lines, &losing, fleet, style);
        }
    }
    remarks(&mut lines, plan, style);
    if !plan.is_empty() {
        lines.push(String::new());
        lines.extend(footer::footer(plan, style));
        lines.extend(footer::permissions(plan, style));
    }
    lines.push(String::new());
    lines.join("\n")
}

/// Whether something is deleted and made again.
fn loses(step: &Step) -> bool {
    step.needs_permission
        || step.change == Change::Replace
        || step.objects.iter().any(|object| object.verb == ObjectVerb::Replace)
}

fn section(lines: &mut Vec<String>, steps: &[&Step], fleet: &Fleet, style: Style) {
    let blocks = block::fold(steps, fleet, style);
    let columns = Columns::of(&blocks, fleet);
    let mut was_large = false;
    for (index, block) in blocks.iter().enumerate() {
        // Blank lines set off what shows objects; rows of a table stay together.
        if index > 0 && (was_large || block.has_body()) {
            lines.push(String::new());
        }
        was_large = block.has_body();
        lines.extend(block.lines(fleet, columns, style));
    }
}

fn remarks(lines: &mut Vec<String>, plan: &Plan, style: Style) {
    if !plan.unreachable.is_empty() {
        lines.push(String::new());
        let count = plural(plan.unreachable.len(), "cluster");
        let verb = if plan.unreachable.len() == 1 { "does" } else { "do" };
        let title = format!("{count} {verb} not answer; nothing is changed or removed there:");
        lines.push(style.paint(Tone::Bad, title).into_owned());
        lines.extend(
            plan.unreachable.iter().map(|(cluster, reason)| format!("  {cluster}: {}", one_line(reason))),
        );
    }
    if !plan.notes.is_empty() {
        lines.push(String::new());
        for note in &plan.notes {
            let text = wrap(&format!("note: {}", one_line(note)), style.width());
            let first = style.paint(Tone::Careful, "note:");
            lines.extend(text.into_iter().map(|line| line.replacen("note:", &first, 1)));
        }
    }
}

#[cfg(test)]
mod tests;
