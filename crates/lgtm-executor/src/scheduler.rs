//! Which step runs when: a synchronous state machine, fed with what happened and answering with what
//! to do.
//!
//! The step with the longest way still ahead starts first, within a bound for all clusters and one
//! for each cluster. A failed step stops its descendants and nothing else. Nothing here waits, sleeps
//! or knows what a step does.

use std::collections::{BTreeMap, BTreeSet};

use lgtm_planner::{graph, plan::StepId};
use lgtm_topology::ClusterName;

/// How many steps may run at once.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// On all clusters together.
    pub total: usize,
    /// On one cluster.
    pub per_cluster: usize,
}

/// A step as the scheduler sees it.
#[derive(Clone, Debug)]
pub struct Node {
    /// Which.
    pub id: StepId,
    /// What must be done before.
    pub needs: BTreeSet<StepId>,
    /// Milliseconds it is expected to take.
    pub weight: u64,
    /// Whether it cannot be done in this run.
    pub blocked: bool,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A step is done.
    Done(StepId),
    /// A step failed for good.
    Failed(StepId),
    /// No further step may start: the user interrupts, or the lock is lost.
    Stop,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Start a step.
    Start(StepId),
    /// Say that a step is not done because of another.
    Skip {
        /// The step.
        step: StepId,
        /// The one that it would have needed.
        because: StepId,
    },
    /// Nothing runs and nothing can start.
    Finish,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Running,
    Done,
    Failed,
    Skipped,
}

/// The state machine.
#[derive(Debug)]
pub struct Scheduler {
    nodes: BTreeMap<StepId, Node>,
    states: BTreeMap<StepId, State>,
    dependents: BTreeMap<StepId, Vec<StepId>>,
    missing: BTreeMap<StepId, usize>,
    tails: BTreeMap<StepId, u64>,
    /// Steps that could start, the most urgent last.
    ready: BTreeSet<(u64, StepId)>,
    running: BTreeMap<ClusterName, usize>,
    limits: Limits,
    stopped: bool,
    finished: bool,
}

impl Scheduler {
    /// A scheduler for steps whose needs form no circle; needs that name no step count as done.
    pub fn new(nodes: impl IntoIterator<Item = Node>, limits: Limits) -> Self {
        let nodes: BTreeMap<StepId, Node> = nodes.into_iter().map(|node| (node.id.clone(), node)).collect();
        let needs: BTreeMap<StepId, BTreeSet<StepId>> =
            nodes.iter().map(|(id, node)| (id.clone(), node.needs.clone())).collect();
        let order = graph::order(&needs).unwrap_or_else(|_| nodes.keys().cloned().collect());
        let tails = graph::tails(&order, &needs, |id| nodes.get(id).map_or(0, |node| node.weight));
        let mut dependents: BTreeMap<StepId, Vec<StepId>> = BTreeMap::new();
        let mut missing = BTreeMap::new();
        for (id, node) in &nodes {
            let inside: Vec<&StepId> = node.needs.iter().filter(|need| nodes.contains_key(*need)).collect();
            missing.insert(id.clone(), inside.len());
            for need in inside {
                dependents.entry(need.clone()).or_default().push(id.clone());
            }
        }
        let states = nodes.keys().map(|id| (id.clone(), State::Waiting)).collect();
        Self {
            nodes,
            states,
            dependents,
            missing,
            tails,
            ready: BTreeSet::new(),
            running: BTreeMap::new(),
            limits,
            stopped: false,
            finished: false,
        }
    }

    /// What to do first.
    pub fn begin(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        let ids: Vec<StepId> = self.nodes.keys().cloned().collect();
        for id in &ids {
            if self.nodes.get(id).is_some_and(|node| node.blocked)
                && self.states.get(id) == Some(&State::Waiting)
            {
                self.set(id, State::Failed);
                self.skip_dependents(id, &mut effects);
            }
        }
        for id in ids {
            if self.missing.get(&id) == Some(&0) && self.states.get(&id) == Some(&State::Waiting) {
                self.make_ready(id);
            }
        }
        self.fill(&mut effects);
        effects
    }

    /// What to do next.
    pub fn handle(&mut self, input: Input) -> Vec<Effect> {
        let mut effects = Vec::new();
        match input {
            Input::Done(id) => {
                self.settle(&id, State::Done);
                for dependent in self.dependents.get(&id).cloned().unwrap_or_default() {
                    let Some(missing) = self.missing.get_mut(&dependent) else { continue };
                    *missing = missing.saturating_sub(1);
                    if *missing == 0 && self.states.get(&dependent) == Some(&State::Waiting) {
                        self.make_ready(dependent);
                    }
                }
            }
            Input::Failed(id) => {
                self.settle(&id, State::Failed);
                self.skip_dependents(&id, &mut effects);
            }
            Input::Stop => self.stopped = true,
        }
        self.fill(&mut effects);
        effects
    }

    /// Steps that were neither done nor failed.
    pub fn left_over(&self) -> impl Iterator<Item = &StepId> {
        self.states
            .iter()
            .filter(|(_, state)| matches!(state, State::Waiting | State::Running))
            .map(|(id, _)| id)
    }

    fn set(&mut self, id: &StepId, state: State) {
        self.states.insert(id.clone(), state);
    }

    fn settle(&mut self, id: &StepId, state: State) {
        if self.states.get(id) == Some(&State::Running)
            && let Some(running) = self.running.get_mut(&id.unit.cluster)
        {
            *running -= 1;
        }
        self.set(id, state);
    }

    fn make_ready(&mut self, id: StepId) {
        let tail = self.tails.get(&id).copied().unwrap_or(0);
        self.ready.insert((tail, id));
    }

    fn skip_dependents(&mut self, root: &StepId, effects: &mut Vec<Effect>) {
        let mut open = self.dependents.get(root).cloned().unwrap_or_default();
        while let Some(id) = open.pop() {
            if self.states.get(&id) == Some(&State::Waiting) {
                self.set(&id, State::Skipped);
                open.extend(self.dependents.get(&id).cloned().unwrap_or_default());
                effects.push(Effect::Skip { step: id, because: root.clone() });
            }
        }
    }

    fn fill(&mut self, effects: &mut Vec<Effect>) {
        let mut total: usize = self.running.values().sum();
        if !self.stopped {
            let mut held_back = Vec::new();
            while total < self.limits.total
                && let Some((tail, id)) = self.ready.pop_last()
            {
                let here = self.running.entry(id.unit.cluster.clone()).or_default();
                if *here >= self.limits.per_cluster {
                    held_back.push((tail, id));
                    continue;
                }
                *here += 1;
                total += 1;
                self.set(&id, State::Running);
                effects.push(Effect::Start(id));
            }
            self.ready.extend(held_back);
        }
        if total == 0 && !self.finished {
            self.finished = true;
            effects.push(Effect::Finish);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> StepId {
        StepId::ensure(text.parse().unwrap())
    }

    fn node(name: &str, needs: &[&str], weight: u64) -> Node {
        Node { id: id(name), needs: needs.iter().map(|need| id(need)).collect(), weight, blocked: false }
    }

    fn start(names: &[&str]) -> Vec<Effect> {
        names.iter().map(|name| Effect::Start(id(name))).collect()
    }

    #[test]
    fn the_longest_way_starts_first_within_the_bounds() {
        let nodes =
            [node("a/x", &[], 1), node("a/y", &[], 9), node("b/z", &[], 5), node("b/w", &["a/x"], 20)];
        let mut scheduler = Scheduler::new(nodes, Limits { total: 2, per_cluster: 1 });
        assert_eq!(scheduler.begin(), start(&["a/x", "b/z"]));
        assert_eq!(scheduler.handle(Input::Done(id("a/x"))), start(&["a/y"]));
        assert_eq!(scheduler.handle(Input::Done(id("b/z"))), start(&["b/w"]));
        assert_eq!(scheduler.handle(Input::Done(id("a/y"))), []);
        assert_eq!(scheduler.handle(Input::Done(id("b/w"))), [Effect::Finish]);
    }

    #[test]
    fn a_failure_stops_its_descendants_and_nothing_else() {
        let nodes =
            [node("a/x", &[], 1), node("a/y", &["a/x"], 1), node("a/z", &["a/y"], 1), node("b/w", &[], 1)];
        let mut scheduler = Scheduler::new(nodes, Limits { total: 4, per_cluster: 4 });
        assert_eq!(scheduler.begin(), start(&["a/x", "b/w"]));
        let skipped = |name| Effect::Skip { step: id(name), because: id("a/x") };
        assert_eq!(scheduler.handle(Input::Failed(id("a/x"))), [skipped("a/y"), skipped("a/z")]);
        assert_eq!(scheduler.handle(Input::Done(id("b/w"))), [Effect::Finish]);
    }

    #[test]
    fn blocked_steps_never_start_and_stop_lets_running_ones_end() {
        let mut blocked = node("a/x", &[], 1);
        blocked.blocked = true;
        let nodes = [blocked, node("b/y", &["a/x"], 1), node("c/z", &[], 1), node("c/w", &["c/z"], 1)];
        let mut scheduler = Scheduler::new(nodes, Limits { total: 4, per_cluster: 4 });
        assert_eq!(
            scheduler.begin(),
            [Effect::Skip { step: id("b/y"), because: id("a/x") }, Effect::Start(id("c/z"))]
        );
        assert_eq!(scheduler.handle(Input::Stop), []);
        assert_eq!(scheduler.handle(Input::Done(id("c/z"))), [Effect::Finish]);
        assert_eq!(scheduler.left_over().collect::<Vec<_>>(), [&id("c/w")]);
    }
}
