//! A trace in a file, in the JSON array form of Chrome's trace events, which Perfetto and
//! chrome://tracing open.
//!
//! Every span of lgtmctl's own crates becomes one event when it closes. A cluster is shown as a process
//! and a unit as a thread of it, after the span's fields of these names or those around it. Only spans
//! are written, never messages: a span has the few fields that its own code names.

use std::{
    fmt,
    fs::File,
    io::{self, BufWriter, Write as _},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde_json::{Map, Value, json};
use tracing::{
    Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{Layer, layer, registry::LookupSpan};

use super::tracks::{Place, Track, Tracks};

/// Writes spans to a file.
pub(super) struct ChromeLayer {
    begun: Instant,
    trace: Arc<Mutex<Trace>>,
}

/// The file and what is known of its tracks.
struct Trace {
    tracks: Tracks,
    file: BufWriter<File>,
    /// What became of the first write that failed; a trace must not end the work that it follows.
    failed: Option<io::Error>,
}

/// Ends the file.
#[must_use = "the trace is complete only when it was finished"]
pub(crate) struct Finish(Arc<Mutex<Trace>>);

/// What is kept of a span while it is open.
struct Open {
    since: Duration,
    place: Place,
    track: Track,
    fields: Fields,
}

impl ChromeLayer {
    /// Begins a trace in a new file; one that exists is overwritten.
    pub(super) fn create(path: &Path) -> io::Result<(Self, Finish)> {
        let mut file = BufWriter::new(File::create(path)?);
        file.write_all(b"[\n")?;
        let trace = Trace { tracks: Tracks::default(), file, failed: None };
        let trace = Arc::new(Mutex::new(trace));
        Ok((Self { begun: Instant::now(), trace: Arc::clone(&trace) }, Finish(trace)))
    }

    fn with<T>(&self, work: impl FnOnce(&mut Trace) -> T) -> T {
        work(&mut self.trace.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Finish {
    /// Ends the file, and tells whether all of it could be written.
    pub(crate) fn finish(self) -> io::Result<()> {
        let mut trace = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = trace.failed.take() {
            return Err(error);
        }
        // Every event ends with a comma, so the last entry of the array is one more.
        trace.file.write_all(b"{\"name\":\"end\",\"ph\":\"M\",\"pid\":0}\n]\n")?;
        trace.file.flush()
    }
}

impl Trace {
    fn write(&mut self, event: &Value) {
        if self.failed.is_none()
            && let Err(error) = writeln!(self.file, "{event},")
        {
            self.failed = Some(error);
        }
    }
}

impl<S> Layer<S> for ChromeLayer
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: layer::Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let parent = span.parent();
        let around = parent.as_ref().and_then(|parent| {
            let extensions = parent.extensions();
            extensions.get::<Open>().map(|open| (open.place.clone(), open.track, parent.id().into_u64()))
        });
        let (outer, around) = match around {
            Some((place, track, parent)) => (place, Some((track, parent))),
            None => (Place::default(), None),
        };
        let place = outer.within(fields.take("cluster"), fields.take("unit"));
        let track = self.with(|trace| {
            let (track, names) = trace.tracks.open(&place, around, id.into_u64());
            names.iter().for_each(|name| trace.write(name));
            track
        });
        span.extensions_mut().insert(Open { since: self.begun.elapsed(), place, track, fields });
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: layer::Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(open) = span.extensions_mut().get_mut::<Open>() {
            values.record(&mut open.fields);
        }
    }

    fn on_close(&self, id: Id, context: layer::Context<'_, S>) {
        let now = self.begun.elapsed();
        let Some(span) = context.span(&id) else { return };
        let Some(mut open) = span.extensions_mut().remove::<Open>() else { return };
        let event = json!({
            "name": open.fields.take("what").unwrap_or_else(|| span.name().to_owned()),
            "cat": span.name(),
            "ph": "X",
            "ts": micros(open.since),
            "dur": micros(now.saturating_sub(open.since)),
            "pid": open.track.process,
            "tid": open.track.thread,
            "args": open.fields.0,
        });
        self.with(|trace| {
            trace.tracks.close(&open.place, open.track, id.into_u64());
            trace.write(&event);
        });
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// A span's fields.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    /// Takes a text out; it is said by the event's name or its track.
    fn take(&mut self, name: &str) -> Option<String> {
        let value = self.0.remove(name)?;
        Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    }

    fn put(&mut self, field: &Field, value: Value) {
        self.0.insert(field.name().to_owned(), value);
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}").into());
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    /// The events that `work` leaves behind.
    fn trace(work: impl FnOnce()) -> Vec<Value> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trace.json");
        let (layer, finish) = ChromeLayer::create(&path).unwrap();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), work);
        finish.finish().unwrap();
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }

    fn named<'a>(events: &'a [Value], name: &str) -> &'a Value {
        events.iter().find(|event| event["name"] == name).unwrap_or_else(|| panic!("no {name}: {events:#?}"))
    }

    #[test]
    fn a_cluster_is_a_process_and_a_unit_a_thread_of_it() {
        let events = trace(|| {
            let step = tracing::info_span!("step", what = "hub/mimir", cluster = "hub", unit = "mimir");
            let _inside = step.entered();
            let request =
                tracing::info_span!("request", what = "GET /version", status = tracing::field::Empty);
            request.record("status", 200);
            tracing::info!(password = "messages are not written");
        });
        let (step, request) = (named(&events, "hub/mimir"), named(&events, "GET /version"));
        assert_eq!((&step["pid"], &step["tid"]), (&request["pid"], &request["tid"]));
        assert_eq!((&request["cat"], &request["args"]["status"]), (&json!("request"), &json!(200)));
        assert!(request["ts"].as_u64() >= step["ts"].as_u64());
        let named = |kind: &str| named(&events, kind)["args"]["name"].clone();
        assert_eq!((named("process_name"), named("thread_name")), (json!("hub"), json!("mimir")));
        assert!(!format!("{events:?}").contains("messages are not written"));
    }

    #[test]
    fn what_happens_at_once_is_on_tracks_of_its_own() {
        let events = trace(|| {
            let step = tracing::info_span!("step", cluster = "hub", unit = "mimir").entered();
            let one = tracing::info_span!("request", what = "one");
            let two = tracing::info_span!("request", what = "two");
            drop((one, two, step));
            drop(tracing::info_span!("request", what = "three", cluster = "hub", unit = "mimir"));
        });
        let track = |name| named(&events, name)["tid"].as_u64().unwrap();
        assert_eq!(track("one"), track("step"));
        assert_ne!(track("two"), track("one"));
        assert_eq!(track("three"), track("step"));
    }
}
