//! What happens during an apply, as it happens. Human output, JSON and tests are all consumers of
//! these; no event holds a secret.

use lgtm_planner::{
    inventory::Took,
    plan::{Change, StepId},
};
use lgtm_topology::ClusterName;
use serde::Serialize;
use tokio::sync::mpsc;

use crate::world::{Failure, Outcome};

/// One thing that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// The apply begins.
    Started {
        /// All steps, in plan order.
        steps: Vec<(StepId, Change)>,
        /// Milliseconds that the longest path is expected to take.
        longest_path: u64,
    },
    /// A step begins.
    StepStarted {
        /// Which.
        step: StepId,
    },
    /// A step waits for the world to become ready.
    Waiting {
        /// Which.
        step: StepId,
        /// What it waits for, for example `Deployment observability/grafana: 0 of 1 ready`.
        what: String,
    },
    /// A step is tried again.
    Retrying {
        /// Which.
        step: StepId,
        /// Why.
        failure: Failure,
        /// Milliseconds until the next try.
        delay: u64,
    },
    /// A step whose content waited for facts is decided now.
    Decided {
        /// Which.
        step: StepId,
        /// What happens; none when nothing has to.
        change: Option<Change>,
    },
    /// A step is done.
    StepDone {
        /// Which.
        step: StepId,
        /// What it did.
        outcome: Outcome,
        /// How long it took.
        took: Took,
        /// What the user should know.
        remarks: Vec<String>,
    },
    /// A step failed for good.
    StepFailed {
        /// Which.
        step: StepId,
        /// Why.
        failure: Failure,
    },
    /// A step is not done, because something before it is not.
    StepSkipped {
        /// Which.
        step: StepId,
        /// What it would have needed.
        because: StepId,
    },
    /// A cluster stopped answering.
    Unreachable {
        /// Which.
        cluster: ClusterName,
        /// Why.
        reason: String,
    },
    /// The apply is over.
    Finished(Summary),
}

/// The figures of an apply.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Wall time in milliseconds.
    pub wall: u64,
    /// Milliseconds of the longest path through the steps that were done.
    pub longest_path: u64,
    /// Of these, milliseconds of waiting for readiness.
    pub longest_path_waiting: u64,
    /// The longest path itself.
    pub path: Vec<String>,
}

/// Where events go. Cheap to clone; events after the receiver is gone are dropped.
#[derive(Clone, Debug)]
pub struct Events(mpsc::UnboundedSender<Event>);

impl Events {
    /// A new stream.
    pub fn channel() -> (Self, mpsc::UnboundedReceiver<Event>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(sender), receiver)
    }

    /// Tells one event.
    pub fn tell(&self, event: Event) {
        // Nobody listens any more when the program is about to end; that is no reason to fail.
        drop(self.0.send(event));
    }
}
