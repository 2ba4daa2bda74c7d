//! What came of an apply: per cluster, what was not done and why, and where the time went.

use std::collections::{BTreeMap, BTreeSet};

use lgtm_executor::{Kind, Outcome, Report};
use lgtm_planner::plan::{Plan, StepId};
use lgtm_topology::ClusterName;

use super::{Style, Tone, duration, plural, problem, style::wrap, value::one_line};

/// Skipped steps that are named one by one.
const NAMED: usize = 10;

/// Steps that neither ended nor were skipped: an interruption came first.
pub fn not_begun<'a>(plan: &'a Plan, report: &'a Report) -> impl Iterator<Item = &'a StepId> {
    plan.steps.iter().map(|step| &step.id).filter(|id| {
        !report.done.contains_key(id)
            && !report.failed.contains_key(id)
            && !report.skipped.contains_key(id)
            && !report.blocked.contains_key(id)
    })
}

/// The whole summary; `what` is the word for what was done, such as `applied`.
pub fn summary(plan: &Plan, report: &Report, what: &str, style: Style) -> String {
    let mut lines = vec![headline(plan, report, what, style), String::new()];
    lines.extend(table(plan, report, style));
    failures(&mut lines, report, style);
    skipped(&mut lines, plan, report, style);
    if !report.unreachable.is_empty() {
        title(&mut lines, Tone::Bad, "Unreachable", style);
        lines.extend(
            report.unreachable.iter().map(|(cluster, reason)| format!("  {cluster}: {}", one_line(reason))),
        );
    }
    lines.push(String::new());
    lines.extend(times(report, style));
    lines.push(String::new());
    lines.join("\n")
}

fn headline(plan: &Plan, report: &Report, what: &str, style: Style) -> String {
    let count = |outcome| report.done.values().filter(|done| **done == outcome).count();
    let outcomes = [
        (Outcome::Created, "created"),
        (Outcome::Updated, "updated"),
        (Outcome::Removed, "removed"),
        (Outcome::Unchanged, "unchanged"),
    ];
    let done: Vec<String> = outcomes
        .into_iter()
        .map(|(outcome, word)| (count(outcome), word))
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    let done = if done.is_empty() { "nothing done".to_owned() } else { done.join(", ") };
    let (tone, start) = if report.interrupted {
        (Tone::Careful, "Interrupted.".to_owned())
    } else if report.is_complete() {
        (Tone::Good, format!("Topology {} is {what}.", plan.topology))
    } else {
        (Tone::Bad, format!("Topology {} is not fully {what}.", plan.topology))
    };
    format!("{} {done}", style.paint(tone, start))
}

fn table(plan: &Plan, report: &Report, style: Style) -> Vec<String> {
    let mut rows: BTreeMap<&ClusterName, [usize; 4]> = BTreeMap::new();
    for step in &plan.steps {
        let [done, failed, skipped, total] = rows.entry(&step.id.unit.cluster).or_default();
        *total += 1;
        if report.done.contains_key(&step.id) {
            *done += 1;
        } else if report.failed.contains_key(&step.id) {
            *failed += 1;
        } else {
            *skipped += 1;
        }
    }
    let width = rows.keys().map(|cluster| cluster.as_str().len()).max().unwrap_or_default().max(7);
    let head = format!("  {:<width$}  {:>9}  {:>6}  {:>8}", "CLUSTER", "DONE", "FAILED", "NOT DONE");
    let mut lines = vec![style.paint(Tone::Strong, head).into_owned()];
    for (cluster, [done, failed, skipped, total]) in rows {
        let state = if report.unreachable.contains_key(cluster) {
            style.paint(Tone::Bad, "  unreachable")
        } else {
            "".into()
        };
        let cell = |count: usize, width: usize, tone: Tone| {
            style.paint(if count > 0 { tone } else { Tone::Faint }, format!("{count:>width$}")).into_owned()
        };
        lines.push(format!(
            "  {:<width$}  {:>9}  {}  {}{state}",
            cluster.as_str(),
            format!("{done}/{total}"),
            cell(failed, 6, Tone::Bad),
            cell(skipped, 8, Tone::Careful),
        ));
    }
    lines
}

fn title(lines: &mut Vec<String>, tone: Tone, text: &str, style: Style) {
    lines.push(String::new());
    lines.push(style.paint(tone, format!("{text}:")).into_owned());
}

fn failures(lines: &mut Vec<String>, report: &Report, style: Style) {
    if report.failed.is_empty() {
        return;
    }
    title(lines, Tone::Bad, "Failed", style);
    for (step, failure) in &report.failed {
        lines.push(format!("  {}", style.paint(Tone::Strong, step.to_string())));
        lines.extend(problem::failure_lines(failure, style).into_iter().map(|line| format!("    {line}")));
    }
}

fn skipped(lines: &mut Vec<String>, plan: &Plan, report: &Report, style: Style) {
    let mut by_cause: BTreeMap<&StepId, Vec<&StepId>> = BTreeMap::new();
    for (step, because) in &report.skipped {
        by_cause.entry(because).or_default().push(step);
    }
    let not_begun: Vec<&StepId> = not_begun(plan, report).collect();
    let mut by_reason: BTreeMap<&[String], Vec<&StepId>> = BTreeMap::new();
    for (step, reasons) in &report.blocked {
        // What the cluster has to do with it is said below, once.
        if !report.unreachable.contains_key(&step.unit.cluster) {
            by_reason.entry(reasons).or_default().push(step);
        }
    }
    if by_cause.is_empty() && by_reason.is_empty() && not_begun.is_empty() {
        return;
    }
    title(lines, Tone::Careful, "Not done", style);
    for (because, steps) in by_cause {
        let why = if report.failed.contains_key(because) {
            "failed"
        } else if report.unreachable.contains_key(&because.unit.cluster) {
            "cannot be reached"
        } else {
            "is blocked"
        };
        listed(lines, &format!("{}, because {because} {why}", names(&steps, style)), style);
    }
    for (reasons, steps) in by_reason {
        let reasons: Vec<String> = reasons.iter().map(|reason| one_line(reason)).collect();
        listed(lines, &format!("{}: {}", names(&steps, style), reasons.join("; ")), style);
    }
    if !not_begun.is_empty() {
        let was_lost = report.failed.values().any(|failure| failure.kind == Kind::Locked);
        let why = match (report.interrupted, was_lost) {
            (true, _) => "because it was interrupted",
            (false, true) => "because the lock was lost",
            (false, false) => "because the lock cannot be renewed: the hub does not answer",
        };
        listed(lines, &format!("{}, {why}", names(&not_begun, style)), style);
    }
}

/// One entry, whose later lines hang below its first.
fn listed(lines: &mut Vec<String>, text: &str, style: Style) {
    let wrapped = wrap(text, style.width().saturating_sub(4));
    let indents = std::iter::once("  ").chain(std::iter::repeat("    "));
    lines.extend(wrapped.into_iter().zip(indents).map(|(line, indent)| format!("{indent}{line}")));
}

fn names(steps: &[&StepId], style: Style) -> String {
    let shown = if style.is_verbose() { steps.len() } else { NAMED };
    let mut names: Vec<String> = steps.iter().take(shown).map(ToString::to_string).collect();
    if steps.len() > shown {
        names.push(format!("{} more", steps.len() - shown));
    }
    names.join(", ")
}

/// Wall time against the longest path: what could not have been faster, and how much of that was
/// waiting for pods rather than our own work.
fn times(report: &Report, style: Style) -> Vec<String> {
    let summary = &report.summary;
    let mut lines = vec![format!("{} in {}", plural(report.done.len(), "step"), duration(summary.wall))];
    let waiting = (summary.longest_path_waiting * 100).checked_div(summary.longest_path);
    // In hundredths, so that no floating point is needed for two digits.
    let ratio = (summary.wall * 100).checked_div(summary.longest_path);
    if let (Some(waiting), Some(ratio)) = (waiting, ratio) {
        lines.push(format!(
            "longest path {} ({waiting} % of it waiting), wall time {}.{:02} × that",
            duration(summary.longest_path),
            ratio / 100,
            ratio % 100
        ));
        // After a failure the path goes on through steps that took no time, since they were not done.
        let done: BTreeSet<String> = report.done.keys().map(ToString::to_string).collect();
        let path: Vec<&str> =
            summary.path.iter().map(String::as_str).filter(|step| done.contains(*step)).collect();
        let path = wrap(&path.join(" → "), style.width().saturating_sub(2));
        lines.extend(path.into_iter().map(|line| format!("  {line}")));
    }
    lines
}

#[cfg(test)]
mod tests {
    use lgtm_executor::{Failure, Kind, event::Summary};
    use lgtm_planner::plan::Change;

    use super::*;
    use crate::render::fixture::{PLAIN, plan as make, step, unit};

    fn id(text: &str) -> StepId {
        StepId::ensure(unit(text))
    }

    fn figures() -> Summary {
        Summary {
            wall: 21_400,
            longest_path: 18_200,
            longest_path_waiting: 12_000,
            path: ["hub/cluster", "hub/mimir", "north/alloy"].map(str::to_owned).into(),
        }
    }

    fn some_plan() -> Plan {
        let ids = ["hub/cluster", "hub/mimir", "hub/loki", "north/alloy", "north/demo", "west/alloy"];
        make(ids.map(|id| step(id, Change::Create, "new")).into())
    }

    #[test]
    fn everything_done() {
        let plan = some_plan();
        let done = plan.steps.iter().map(|step| (step.id.clone(), Outcome::Created)).collect();
        let report = Report { done, summary: figures(), ..Report::default() };
        insta::assert_snapshot!(summary(&plan, &report, "applied", PLAIN()));
    }

    #[test]
    fn failed_skipped_and_unreachable() {
        let failure = Failure::new(Kind::Permanent, "StatefulSet mimir/mimir was refused: quota exceeded")
            .with_help("raise the quota of namespace mimir on cluster hub");
        let report = Report {
            done: BTreeMap::from([
                (id("hub/cluster"), Outcome::Created),
                (id("hub/loki"), Outcome::Unchanged),
            ]),
            failed: BTreeMap::from([(id("hub/mimir"), failure)]),
            skipped: BTreeMap::from([
                (id("north/alloy"), id("hub/mimir")),
                (id("north/demo"), id("hub/mimir")),
            ]),
            blocked: BTreeMap::from([
                (id("west/alloy"), vec!["west does not answer: connection refused".to_owned()]),
                (id("hub/gateway"), vec!["waits for west/alloy, which is blocked".to_owned()]),
            ]),
            unreachable: BTreeMap::from([(ClusterName::new("west"), "connection refused".to_owned())]),
            interrupted: false,
            summary: figures(),
        };
        let mut plan = some_plan();
        plan.steps.push(step("hub/gateway", Change::Blocked, "waits for west/alloy, which is blocked"));
        insta::assert_snapshot!(summary(&plan, &report, "applied", PLAIN()));
    }

    #[test]
    fn interrupted() {
        let report = Report {
            done: BTreeMap::from([(id("hub/cluster"), Outcome::Created)]),
            interrupted: true,
            ..Report::default()
        };
        insta::assert_snapshot!(summary(&some_plan(), &report, "applied", PLAIN()));
    }
}
