//! An apply while it runs: a line per cluster, or a line per event.
//!
//! [`Board`] is fed with events and the time, and draws itself on request. It starts no timer and
//! writes nowhere, so every picture can be had in a test.

use std::collections::{BTreeMap, BTreeSet};

use lgtm_executor::{Event, Outcome};
use lgtm_planner::{
    graph,
    plan::{Change, Plan, StepId},
};
use lgtm_topology::ClusterName;

use super::{
    Style, Tone, duration, plural,
    value::{cut, one_line},
};

/// At most so many clusters have a line of their own.
pub const LINES: usize = 8;

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Running { since: u64, what: Option<String> },
    Done,
    Failed,
    Skipped,
}

#[derive(Clone, Debug)]
struct Entry {
    needs: BTreeSet<StepId>,
    estimate: u64,
    state: State,
}

/// Where every step stands.
#[derive(Clone, Debug)]
pub struct Board {
    steps: BTreeMap<StepId, Entry>,
    order: Vec<StepId>,
    clusters: Vec<ClusterName>,
    unreachable: BTreeSet<ClusterName>,
    begun: u64,
}

/// What a cluster is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Activity {
    Failed,
    Running,
    Waiting,
    Unreachable,
    Done,
}

impl Board {
    /// A board for a plan that begins now; times are milliseconds of any clock.
    pub fn new(plan: &Plan, now: u64) -> Self {
        let mut clusters: Vec<ClusterName> = Vec::new();
        for step in &plan.steps {
            if !clusters.contains(&step.id.unit.cluster) {
                clusters.push(step.id.unit.cluster.clone());
            }
        }
        let entry = |step: &lgtm_planner::plan::Step| Entry {
            needs: step.needs.clone(),
            estimate: step.estimate,
            state: if step.change == Change::Blocked { State::Skipped } else { State::Waiting },
        };
        Self {
            steps: plan.steps.iter().map(|step| (step.id.clone(), entry(step))).collect(),
            order: plan.steps.iter().map(|step| step.id.clone()).collect(),
            clusters,
            unreachable: plan.unreachable.keys().cloned().collect(),
            begun: now,
        }
    }

    /// Takes note of an event.
    pub fn see(&mut self, event: &Event, now: u64) {
        let (step, state) = match event {
            Event::StepStarted { step } => (step, State::Running { since: now, what: None }),
            Event::Waiting { step, what } => (step, self.still_running(step, what.clone(), now)),
            Event::Retrying { step, failure, delay } => {
                let what = format!("again in {}: {}", duration(*delay), failure.message);
                (step, self.still_running(step, what, now))
            }
            Event::StepDone { step, .. } => (step, State::Done),
            Event::StepFailed { step, .. } => (step, State::Failed),
            Event::StepSkipped { step, .. } => (step, State::Skipped),
            Event::Unreachable { cluster, .. } => {
                self.unreachable.insert(cluster.clone());
                return;
            }
            Event::Started { .. } | Event::Decided { .. } | Event::Finished(_) => return,
        };
        if let Some(entry) = self.steps.get_mut(step) {
            entry.state = state;
        }
    }

    fn still_running(&self, step: &StepId, what: String, now: u64) -> State {
        let since = match self.steps.get(step).map(|entry| &entry.state) {
            Some(State::Running { since, .. }) => *since,
            Some(State::Waiting | State::Done | State::Failed | State::Skipped) | None => now,
        };
        State::Running { since, what: Some(what) }
    }

    /// The board as lines: one for all, then one per cluster.
    pub fn lines(&self, now: u64, style: Style) -> Vec<String> {
        let mut lines = vec![self.total(now, style)];
        let shown = self.shown();
        let width = shown.iter().map(|cluster| cluster.as_str().len()).max().unwrap_or_default();
        for cluster in &self.clusters {
            if shown.contains(cluster) {
                lines.push(self.cluster(cluster, width, now, style));
            }
        }
        let rest: Vec<Activity> = self
            .clusters
            .iter()
            .filter(|cluster| !shown.contains(*cluster))
            .map(|cluster| self.activity(cluster))
            .collect();
        if !rest.is_empty() {
            let count = |activity, word: &str| {
                let count = rest.iter().filter(|one| **one == activity).count();
                (count > 0).then(|| format!("{count} {word}"))
            };
            let parts: Vec<String> = [
                count(Activity::Failed, "with failures"),
                count(Activity::Running, "running"),
                count(Activity::Waiting, "waiting"),
                count(Activity::Unreachable, "unreachable"),
                count(Activity::Done, "done"),
            ]
            .into_iter()
            .flatten()
            .collect();
            let text = format!("… and {}: {}", plural(rest.len(), "more cluster"), parts.join(", "));
            lines.push(format!("  {}", style.paint(Tone::Faint, text)));
        }
        lines
    }

    /// The clusters with a line of their own: where something happens first.
    fn shown(&self) -> BTreeSet<ClusterName> {
        let mut ranked: Vec<(Activity, usize, &ClusterName)> = self
            .clusters
            .iter()
            .enumerate()
            .map(|(place, cluster)| (self.activity(cluster), place, cluster))
            .collect();
        ranked.sort();
        ranked.into_iter().take(LINES).map(|(_, _, cluster)| cluster.clone()).collect()
    }

    fn of<'a>(&'a self, cluster: &'a ClusterName) -> impl Iterator<Item = (&'a StepId, &'a Entry)> {
        self.order
            .iter()
            .filter(move |id| &id.unit.cluster == cluster)
            .filter_map(|id| self.steps.get(id).map(|entry| (id, entry)))
    }

    fn activity(&self, cluster: &ClusterName) -> Activity {
        let any = |test: fn(&State) -> bool| self.of(cluster).any(|(_, entry)| test(&entry.state));
        if any(|state| matches!(state, State::Running { .. })) {
            Activity::Running
        } else if self.unreachable.contains(cluster) {
            Activity::Unreachable
        } else if any(|state| *state == State::Failed) {
            Activity::Failed
        } else if any(|state| *state == State::Waiting) {
            Activity::Waiting
        } else {
            Activity::Done
        }
    }

    fn total(&self, now: u64, style: Style) -> String {
        let count = |state: &State| self.steps.values().filter(|entry| entry.state == *state).count();
        let mut parts = vec![format!("{}/{} done", count(&State::Done), self.steps.len())];
        let extra = |count: usize, word: &str| (count > 0).then(|| format!("{count} {word}"));
        parts.extend(extra(count(&State::Failed), "failed"));
        parts.extend(extra(count(&State::Skipped), "skipped"));
        parts.push(duration(now.saturating_sub(self.begun)));
        let left = self.left(now);
        if left > 0 {
            parts.push(format!("about {} left", duration(left)));
        }
        style.paint(Tone::Strong, parts.join(" · ")).into_owned()
    }

    /// Milliseconds of the longest path through what is not done yet.
    fn left(&self, now: u64) -> u64 {
        let open: BTreeMap<StepId, BTreeSet<StepId>> = self
            .steps
            .iter()
            .filter(|(_, entry)| matches!(entry.state, State::Waiting | State::Running { .. }))
            .map(|(id, entry)| (id.clone(), entry.needs.clone()))
            .collect();
        let order: Vec<StepId> = self.order.iter().filter(|id| open.contains_key(*id)).cloned().collect();
        let weight = |id: &StepId| match self.steps.get(id) {
            Some(Entry { state: State::Running { since, .. }, estimate, .. }) => {
                estimate.saturating_sub(now.saturating_sub(*since))
            }
            Some(entry) => entry.estimate,
            None => 0,
        };
        graph::longest_path(&order, &open, weight).1
    }

    fn cluster(&self, cluster: &ClusterName, width: usize, now: u64, style: Style) -> String {
        let (mut done, mut total) = (0, 0);
        for (_, entry) in self.of(cluster) {
            total += 1;
            done += usize::from(entry.state == State::Done);
        }
        let activity = self.activity(cluster);
        let (tone, sign) = match activity {
            Activity::Failed | Activity::Unreachable => (Tone::Bad, "×"),
            Activity::Running => (Tone::Careful, "▸"),
            Activity::Waiting => (Tone::Faint, "·"),
            Activity::Done if done < total => (Tone::Careful, "-"),
            Activity::Done => (Tone::Good, "✓"),
        };
        let figures = format!("{done}/{total}");
        let head = format!("  {sign} {:<width$}  {figures:>7}  ", cluster.as_str());
        let room = style.width().saturating_sub(head.chars().count() + 1);
        let text = match activity {
            Activity::Failed => self.failed(cluster),
            Activity::Unreachable => "does not answer".to_owned(),
            Activity::Running => self.running(cluster, now),
            Activity::Waiting => self.waiting(cluster),
            Activity::Done if done < total => "ended, not everything is done".to_owned(),
            Activity::Done => "done".to_owned(),
        };
        let text: String = if text.chars().count() > room {
            text.chars().take(room.saturating_sub(1)).chain(['…']).collect()
        } else {
            text
        };
        let head = head.replacen(sign, &style.paint(tone, sign), 1);
        format!("{head}{text}")
    }

    fn failed(&self, cluster: &ClusterName) -> String {
        let failed = self.of(cluster).filter(|(_, entry)| entry.state == State::Failed);
        let names: Vec<&str> = failed.map(|(id, _)| id.unit.name.as_str()).collect();
        format!("failed: {}", names.join(", "))
    }

    /// What runs, the longest first, since that is what the reader waits for.
    fn running(&self, cluster: &ClusterName, now: u64) -> String {
        let mut running: Vec<(u64, &StepId, Option<&String>)> = self
            .of(cluster)
            .filter_map(|(id, entry)| match &entry.state {
                State::Running { since, what } => Some((*since, id, what.as_ref())),
                State::Waiting | State::Done | State::Failed | State::Skipped => None,
            })
            .collect();
        running.sort();
        let text = |(since, id, what): &(u64, &StepId, Option<&String>)| {
            let removing = if id.removal { "remove " } else { "" };
            let took = now.saturating_sub(*since);
            let took = if took >= 1_000 { format!(" {}", duration(took)) } else { String::new() };
            let what = what.map(|what| format!(" ({})", one_line(what))).unwrap_or_default();
            format!("{removing}{}{took}{what}", id.unit.name)
        };
        running.iter().map(text).collect::<Vec<_>>().join(", ")
    }

    /// What the cluster's next step waits for.
    fn waiting(&self, cluster: &ClusterName) -> String {
        let open = |id: &&StepId| {
            self.steps
                .get(*id)
                .is_some_and(|entry| matches!(entry.state, State::Waiting | State::Running { .. }))
        };
        let next = self.of(cluster).find(|(_, entry)| entry.state == State::Waiting);
        let Some((id, entry)) = next else { return String::new() };
        let needs: Vec<String> = entry.needs.iter().filter(open).map(ToString::to_string).collect();
        if needs.is_empty() {
            format!("{} waits for its turn", id.unit.name)
        } else {
            format!("{} waits for {}", id.unit.name, needs.join(", "))
        }
    }
}

/// An event as one line, for where lines cannot be redrawn; none for what is of no use there.
pub fn plain(event: &Event, style: Style) -> Option<String> {
    let text = match event {
        Event::Started { steps, longest_path } => {
            format!("{} to do, about {}", plural(steps.len(), "step"), duration(*longest_path))
        }
        Event::StepStarted { step } if style.is_verbose() => format!("{step}: begins"),
        Event::StepStarted { .. } | Event::Decided { .. } | Event::Finished(_) => return None,
        Event::Waiting { step, what } => format!("{step}: waits for {}", one_line(what)),
        Event::Retrying { step, failure, delay } => {
            let message = cut(&one_line(&failure.message), 300);
            format!(
                "{step}: {} again in {}: {message}",
                style.paint(Tone::Careful, "tries"),
                duration(*delay)
            )
        }
        Event::StepDone { step, outcome, took, remarks } => {
            let word = match outcome {
                Outcome::Unchanged => "unchanged",
                Outcome::Updated => "updated",
                Outcome::Created => "created",
                Outcome::Removed => "removed",
            };
            let remarks: String = remarks.iter().map(|remark| format!("; {}", one_line(remark))).collect();
            format!(
                "{step}: {} in {}{remarks}",
                style.paint(Tone::Good, word),
                duration(took.work + took.wait)
            )
        }
        Event::StepFailed { step, failure } => {
            format!("{step}: {}: {}", style.paint(Tone::Bad, "failed"), one_line(&failure.message))
        }
        Event::StepSkipped { step, because } => {
            format!("{step}: {}, because {because} is not done", style.paint(Tone::Careful, "not done"))
        }
        Event::Unreachable { cluster, reason } => {
            format!("{cluster}: {}: {}", style.paint(Tone::Bad, "does not answer"), one_line(reason))
        }
    };
    Some(text)
}

#[cfg(test)]
mod tests;
