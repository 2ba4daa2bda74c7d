//! What goes wrong, and when: at a certain write or read, or for a span of time.
//!
//! Faults are data. Tests list them, or draw them from a seed; whoever passes the gate meets them.

use std::{collections::BTreeMap, time::Duration};

use lgtm_planner::plan::StepId;
use lgtm_topology::ClusterName;

use super::{answer::Refusal, seed::Random};

/// What happens to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The process dies before the request has an effect.
    Die,
    /// The request has its effect; the process dies before it knows.
    DieAfter,
    /// The connection is reset before the request has an effect.
    ResetBefore,
    /// The request has its effect, and the answer is lost.
    ResetAfter,
    /// The server refuses with this status, and may say how many seconds to wait.
    Refuse(u16, Option<u64>),
    /// The answer takes so many milliseconds.
    Slow(u64),
    /// Someone removes the Lease and another takes it, by force.
    Steal,
}

/// How a cluster is out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Connections are refused at once.
    Refused,
    /// Requests are left without an answer.
    Silent,
    /// Requests have their effect, and each answer takes so many milliseconds.
    Slow(u64),
    /// Requests have their effect so many milliseconds after they were sent, and are answered then. It is less than
    /// anybody waits for an answer.
    Late(u64),
}

/// A cluster that is out for a while.
#[derive(Clone, Debug)]
pub struct Outage {
    /// Which.
    pub cluster: ClusterName,
    /// From when, since the faults were set.
    pub from: Duration,
    /// Until when.
    pub until: Duration,
    /// How.
    pub trouble: Trouble,
    /// The one machine that it is out for; without, it is for all.
    pub only_from: Option<String>,
}

/// All that goes wrong.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// By the number of the write, from 1.
    pub writes: BTreeMap<u64, Fault>,
    /// By the number of the read, from 1.
    pub reads: BTreeMap<u64, Fault>,
    /// Spans of time.
    pub outages: Vec<Outage>,
    /// Clusters that are cut off when so many of their steps have begun and one more begins.
    pub cut_off_at: BTreeMap<ClusterName, usize>,
    /// Clusters of which, from a certain write on, looks show what was there then.
    pub stale_from: BTreeMap<u64, ClusterName>,
}

/// Longer than any request is waited for.
const NO_ANSWER: Duration = Duration::from_secs(10);

impl Faults {
    /// So many faults of every passing kind among the first writes and reads; no process dies.
    pub fn passing(random: &mut Random, count: u64, among_writes: u64, clusters: &[ClusterName]) -> Self {
        let mut faults = Self::default();
        for _ in 0..count {
            let at = 1 + random.below(among_writes);
            match random.below(10) {
                0 => drop(faults.writes.insert(at, Fault::Refuse(409, None))),
                1 => drop(faults.writes.insert(at, Fault::Refuse(429, Some(1 + random.below(5))))),
                2 => drop(faults.writes.insert(at, Fault::Refuse(500, None))),
                3 => drop(faults.writes.insert(at, Fault::Refuse(503, None))),
                4 => drop(faults.writes.insert(at, Fault::ResetBefore)),
                5 => drop(faults.writes.insert(at, Fault::ResetAfter)),
                6 => drop(faults.writes.insert(at, Fault::Slow(random.below(9_000)))),
                7 | 8 => {
                    let fault = [Fault::ResetBefore, Fault::Refuse(503, None), Fault::Slow(5_000)];
                    let fault = random.pick(&fault).copied().unwrap_or(Fault::ResetBefore);
                    faults.reads.insert(1 + random.below(among_writes * 4), fault);
                }
                _ => {
                    let from = Duration::from_millis(random.below(60_000));
                    let until = from + Duration::from_millis(random.below(40_000));
                    if let Some(cluster) = random.pick(clusters).cloned() {
                        let troubles = [Trouble::Refused, Trouble::Silent, Trouble::Slow(3_000)];
                        let trouble = random.pick(&troubles).copied().unwrap_or(Trouble::Refused);
                        faults.outages.push(Outage { cluster, from, until, trouble, only_from: None });
                    }
                }
            }
        }
        faults
    }
}

/// From a machine to a cluster.
type Way<'a> = (&'a str, &'a ClusterName);

/// Faults as they are met.
#[derive(Debug, Default)]
pub(super) struct Gate {
    pub(super) faults: Faults,
    pub(super) since: Duration,
    pub(super) writes: u64,
    pub(super) reads: u64,
    /// How many answers were lost of requests that had their effect.
    pub(super) lost: u64,
    /// When the Lease was taken from its holder.
    pub(super) stolen: Option<Duration>,
    /// Clusters that are cut off, and since when.
    pub(super) cut_off: BTreeMap<ClusterName, Duration>,
    /// When each step was last begun.
    pub(super) begun: BTreeMap<ClusterName, BTreeMap<StepId, Duration>>,
}

impl Gate {
    /// Counts a request and says what happens to it.
    pub(super) fn meet(&mut self, is_write: bool) -> Option<Fault> {
        if is_write {
            self.writes += 1;
            self.faults.writes.get(&self.writes).copied()
        } else {
            self.reads += 1;
            self.faults.reads.get(&self.reads).copied()
        }
    }

    /// A step begins, which may be when its cluster is cut off.
    pub(super) fn begin(&mut self, step: &StepId, now: Duration) {
        let cluster = &step.unit.cluster;
        let begun = self.begun.entry(cluster.clone()).or_default();
        if !begun.contains_key(step)
            && self.faults.cut_off_at.get(cluster).is_some_and(|at| begun.len() >= *at)
        {
            self.cut_off.entry(cluster.clone()).or_insert(now);
        }
        begun.insert(step.clone(), now);
    }

    /// Whether a cluster cannot be reached from a machine now, and how long it takes to find out.
    pub(super) fn outage(&self, (machine, cluster): Way<'_>, now: Duration) -> Option<Duration> {
        if self.cut_off.contains_key(cluster) {
            return Some(Duration::from_millis(5));
        }
        self.troubles((machine, cluster), now).find_map(|trouble| match trouble {
            Trouble::Refused => Some(Duration::from_millis(5)),
            Trouble::Silent => Some(NO_ANSWER),
            Trouble::Slow(_) | Trouble::Late(_) => None,
        })
    }

    /// How long a cluster's answers take now.
    pub(super) fn slowness(&self, way: Way<'_>, now: Duration) -> Option<u64> {
        self.troubles(way, now).find_map(|trouble| match trouble {
            Trouble::Slow(millis) => Some(millis),
            Trouble::Refused | Trouble::Silent | Trouble::Late(_) => None,
        })
    }

    /// How long a cluster's requests are on their way now.
    pub(super) fn lateness(&self, way: Way<'_>, now: Duration) -> Duration {
        let late = self.troubles(way, now).find_map(|trouble| match trouble {
            Trouble::Late(millis) => Some(Duration::from_millis(millis)),
            Trouble::Refused | Trouble::Silent | Trouble::Slow(_) => None,
        });
        late.unwrap_or_default()
    }

    fn troubles(&self, (machine, cluster): Way<'_>, now: Duration) -> impl Iterator<Item = Trouble> {
        let since = now.saturating_sub(self.since);
        let outages = self.faults.outages.iter().filter(move |outage| {
            &outage.cluster == cluster
                && outage.only_from.as_ref().is_none_or(|only| only == machine)
                && outage.from <= since
                && since < outage.until
        });
        outages.map(|outage| outage.trouble)
    }
}

/// The words of a refusal that a fault makes.
pub(super) fn refusal(code: u16, retry_after: Option<u64>) -> Refusal {
    Refusal::Status {
        code,
        message: format!("the server answered {code}"),
        conflicts: Vec::new(),
        retry_after: retry_after.map(Duration::from_secs),
    }
}
