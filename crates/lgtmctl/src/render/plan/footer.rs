//! The last lines of a plan: how much of what, how long, and what has to be allowed.

use std::collections::{BTreeMap, BTreeSet};

use lgtm_planner::{
    graph,
    plan::{Change, Plan, StepId},
};
use serde::Serialize;

use crate::render::{Style, Tone, duration, plural};

/// How many units of a plan change in which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// New ones.
    pub create: usize,
    /// Changed ones.
    pub update: usize,
    /// Drifted ones.
    pub repair: usize,
    /// Those whose last application was cut short.
    pub resume: usize,
    /// Those that are deleted and made again, in part at least.
    pub replace: usize,
    /// Those that are decided during the apply.
    pub later: usize,
    /// Those that go.
    pub remove: usize,
    /// Those that cannot be reached.
    pub blocked: usize,
}

impl Counts {
    /// Counts a plan.
    pub fn of(plan: &Plan) -> Self {
        let mut counts = Self::default();
        for step in &plan.steps {
            *match step.change {
                Change::Create => &mut counts.create,
                Change::Update => &mut counts.update,
                Change::Repair => &mut counts.repair,
                Change::Resume => &mut counts.resume,
                Change::Replace => &mut counts.replace,
                Change::Later => &mut counts.later,
                Change::Remove => &mut counts.remove,
                Change::Blocked => &mut counts.blocked,
            } += 1;
        }
        counts
    }
}

/// The steps and the milliseconds of the longest path of a plan.
pub fn longest_path(plan: &Plan) -> (Vec<StepId>, u64) {
    let order: Vec<StepId> = plan.steps.iter().map(|step| step.id.clone()).collect();
    let needs: BTreeMap<StepId, BTreeSet<StepId>> =
        plan.steps.iter().map(|step| (step.id.clone(), step.needs.clone())).collect();
    let weights: BTreeMap<&StepId, u64> = plan.steps.iter().map(|step| (&step.id, step.estimate)).collect();
    graph::longest_path(&order, &needs, |id| weights.get(id).copied().unwrap_or_default())
}

/// `12 to create, 3 to update, 1 to replace, 0 to remove on 4 clusters`, then how long that takes.
pub(super) fn footer(plan: &Plan, style: Style) -> Vec<String> {
    let counts = Counts::of(plan);
    let mut parts = vec![format!("{} to create", counts.create), format!("{} to update", counts.update)];
    let rare = |count: usize, words: &str| (count > 0).then(|| format!("{count} {words}"));
    parts.extend(rare(counts.repair, "to repair"));
    parts.extend(rare(counts.resume, "to resume"));
    parts.push(format!("{} to replace", counts.replace));
    parts.push(format!("{} to remove", counts.remove));
    parts.extend(rare(counts.later, "to decide during the apply"));
    parts.extend(rare(counts.blocked, "blocked"));
    let clusters: BTreeSet<_> = plan.steps.iter().map(|step| &step.id.unit.cluster).collect();
    let summary = format!("{} on {}", parts.join(", "), plural(clusters.len(), "cluster"));
    let unchanged = match plan.unchanged.len() {
        0 => String::new(),
        count => format!("{count} unchanged; "),
    };
    let (_, longest) = longest_path(plan);
    vec![
        style.paint(Tone::Strong, summary).into_owned(),
        format!("{unchanged}longest path ≈ {}", duration(longest)),
    ]
}

/// What an apply would refuse.
pub(super) fn permissions(plan: &Plan, style: Style) -> Vec<String> {
    let forbidden = plan.forbidden().count();
    if forbidden == 0 {
        return Vec::new();
    }
    let text = if forbidden == 1 {
        "1 step loses what cannot be brought back, so apply refuses until it is allowed by name".to_owned()
    } else {
        format!(
            "{forbidden} steps lose what cannot be brought back, so apply refuses until they are allowed by name"
        )
    };
    vec![style.paint(Tone::Bad, text).into_owned()]
}
