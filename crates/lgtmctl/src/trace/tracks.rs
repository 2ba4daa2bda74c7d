//! On which line of a trace a span is drawn.
//!
//! Viewers draw the events of one thread as a stack, so two that overlap and do not lie within each
//! other need threads of their own. A unit that does several things at once has as many.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// Whose a span is.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    cluster: Option<String>,
    unit: Option<String>,
}

impl Place {
    /// The place of a span inside this one, that may name its own.
    pub(super) fn within(self, cluster: Option<String>, unit: Option<String>) -> Self {
        let moved = cluster.is_some() && cluster != self.cluster;
        Self {
            cluster: cluster.or(self.cluster),
            // A unit's request to another cluster is none of that cluster's unit of the same name.
            unit: unit.or(self.unit.filter(|_| !moved)),
        }
    }
}

/// A line of the trace, as viewers number it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Track {
    pub(super) process: u64,
    pub(super) thread: u64,
}

/// All lines so far, and the spans that are open on each.
#[derive(Debug, Default)]
pub(super) struct Tracks {
    processes: BTreeMap<Option<String>, u64>,
    lines: BTreeMap<Place, Vec<(Track, Vec<u64>)>>,
    threads: u64,
}

impl Tracks {
    /// The line for a new span, and events that name what is new. `around` is the span that it lies in.
    pub(super) fn open(
        &mut self,
        place: &Place,
        around: Option<(Track, u64)>,
        span: u64,
    ) -> (Track, Vec<Value>) {
        let lines = self.lines.entry(place.clone()).or_default();
        let inside = |(track, open): &&mut (Track, Vec<u64>)| {
            around.is_some_and(|(outer, parent)| *track == outer && open.last() == Some(&parent))
        };
        let line = match lines.iter_mut().find(inside) {
            Some(line) => Some(line),
            None => lines.iter_mut().find(|(_, open)| open.is_empty()),
        };
        if let Some((track, open)) = line {
            open.push(span);
            return (*track, Vec::new());
        }
        let mut names = Vec::new();
        let known = u64::try_from(self.processes.len()).unwrap_or(u64::MAX);
        let process = *self.processes.entry(place.cluster.clone()).or_insert_with(|| {
            let name = place.cluster.as_deref().unwrap_or("lgtmctl");
            names.push(name_event("process_name", Track { process: known + 1, thread: 0 }, name));
            known + 1
        });
        self.threads += 1;
        let track = Track { process, thread: self.threads };
        let name = place.unit.as_deref().unwrap_or("all");
        names.push(name_event("thread_name", track, name));
        lines.push((track, vec![span]));
        (track, names)
    }

    /// A span is over.
    pub(super) fn close(&mut self, place: &Place, track: Track, span: u64) {
        let lines = self.lines.get_mut(place).into_iter().flatten();
        for (_, open) in lines.filter(|(line, _)| *line == track) {
            open.retain(|other| *other != span);
        }
    }
}

fn name_event(kind: &str, track: Track, name: &str) -> Value {
    json!({"name": kind, "ph": "M", "pid": track.process, "tid": track.thread, "args": {"name": name}})
}
