//! The JSON stream: one object per line, each with `version` and `type`.
//!
//! The stream is a contract with scripts. A field is never renamed and never changes its meaning
//! without a new [`VERSION`]; new fields and new types may come at any time.

use lgtm_executor::{Event, Failure, Kind, Outcome, Report, event::Summary};
use lgtm_planner::{
    inventory::Took,
    plan::{Plan, Step},
};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    plan::{Counts, longest_path},
    value::shield,
};

/// The version of the stream.
pub const VERSION: u32 = 1;

/// One line. Content cannot replace the two fields that every line has.
pub fn line(kind: &str, content: Value) -> Value {
    let mut object = match content {
        Value::Object(content) => content,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    };
    object.insert("version".to_owned(), json!(VERSION));
    object.insert("type".to_owned(), json!(kind));
    Value::Object(object)
}

/// A plan: a line per step, then one for the whole.
pub fn plan(plan: &Plan) -> Vec<Value> {
    let mut lines: Vec<Value> = plan.steps.iter().map(|step| line("step", self::step(step))).collect();
    let (path, longest) = longest_path(plan);
    let content = json!({
        "topology": plan.topology,
        "changes": Counts::of(plan),
        "unchanged": plan.unchanged,
        "unreachable": plan.unreachable,
        "notes": plan.notes,
        "longestPath": {"millis": longest, "steps": texts(&path)},
    });
    lines.push(line("plan", content));
    lines
}

fn step(step: &Step) -> Value {
    let mut step = step.clone();
    step.objects.iter_mut().for_each(shield);
    value(&step)
}

/// One thing that happened during an apply.
pub fn event(event: &Event) -> Value {
    match event {
        Event::Started { steps, longest_path } => {
            let steps: Vec<Value> =
                steps.iter().map(|(id, change)| json!({"step": id, "change": change})).collect();
            line("started", json!({"steps": steps, "longestPathMillis": longest_path}))
        }
        Event::StepStarted { step } => line("stepStarted", json!({"step": step})),
        Event::Waiting { step, what } => line("waiting", json!({"step": step, "what": what})),
        Event::Retrying { step, failure, delay } => {
            line("retrying", json!({"step": step, "failure": self::failure(failure), "delayMillis": delay}))
        }
        Event::Decided { step, change } => line("decided", json!({"step": step, "change": change})),
        Event::StepDone { step, outcome, took, remarks } => line(
            "stepDone",
            json!({
                "step": step,
                "outcome": self::outcome(*outcome),
                "tookMillis": self::took(*took),
                "remarks": remarks,
            }),
        ),
        Event::StepFailed { step, failure } => {
            line("stepFailed", json!({"step": step, "failure": self::failure(failure)}))
        }
        Event::StepSkipped { step, because } => {
            line("stepSkipped", json!({"step": step, "because": because}))
        }
        Event::Unreachable { cluster, reason } => {
            line("unreachable", json!({"cluster": cluster, "reason": reason}))
        }
        Event::Finished(summary) => line("finished", figures(summary)),
    }
}

/// What came of an apply.
pub fn report(plan: &Plan, report: &Report) -> Value {
    let count = |outcome| report.done.values().filter(|done| **done == outcome).count();
    let failed: Vec<Value> = report
        .failed
        .iter()
        .map(|(step, failure)| json!({"step": step, "failure": self::failure(failure)}))
        .collect();
    let skipped: Vec<Value> =
        report.skipped.iter().map(|(step, because)| json!({"step": step, "because": because})).collect();
    let blocked: Vec<Value> =
        report.blocked.iter().map(|(step, reasons)| json!({"step": step, "reasons": reasons})).collect();
    let not_begun: Vec<_> = super::summary::not_begun(plan, report).collect();
    line(
        "report",
        json!({
            "topology": plan.topology,
            "complete": report.is_complete(),
            "interrupted": report.interrupted,
            "done": {
                "created": count(Outcome::Created),
                "updated": count(Outcome::Updated),
                "unchanged": count(Outcome::Unchanged),
                "removed": count(Outcome::Removed),
            },
            "failed": failed,
            "skipped": skipped,
            "blocked": blocked,
            "notBegun": not_begun,
            "unreachable": report.unreachable,
            "summary": figures(&report.summary),
        }),
    )
}

/// A failure.
pub fn failure(failure: &Failure) -> Value {
    let kind = match failure.kind {
        Kind::Transient => "transient",
        Kind::Permanent => "permanent",
        Kind::Unreachable => "unreachable",
        Kind::Environment => "environment",
        Kind::Locked => "locked",
    };
    json!({"kind": kind, "message": failure.message, "help": failure.help})
}

fn figures(summary: &Summary) -> Value {
    json!({
        "wallMillis": summary.wall,
        "longestPathMillis": summary.longest_path,
        "longestPathWaitingMillis": summary.longest_path_waiting,
        "longestPath": summary.path,
    })
}

fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Unchanged => "unchanged",
        Outcome::Updated => "updated",
        Outcome::Created => "created",
        Outcome::Removed => "removed",
    }
}

fn took(took: Took) -> Value {
    json!({"work": took.work, "wait": took.wait})
}

fn texts(items: &[impl ToString]) -> Vec<String> {
    items.iter().map(ToString::to_string).collect()
}

fn value(content: &impl Serialize) -> Value {
    // Every type that comes here has text keys only, so this cannot fail.
    serde_json::to_value(content).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use lgtm_planner::plan::{Change, ObjectVerb};

    use super::*;
    use crate::render::fixture::{every_kind, field, object, plan as make, step};

    fn text(lines: &[Value]) -> String {
        lines.iter().map(|line| format!("{line}\n")).collect()
    }

    #[test]
    fn a_plan_is_a_stream_of_lines() {
        insta::assert_snapshot!(text(&plan(&every_kind())));
    }

    #[test]
    fn secrets_are_never_in_the_stream() {
        let mut step = step("hub/admin", Change::Update, "it has changed");
        let mut secret = object("Secret", "a/b", ObjectVerb::Update);
        secret.fields = vec![field("data.password", Some("hunter2"), Some("hunter3"))];
        step.objects = vec![secret];
        let text = text(&plan(&make(vec![step])));
        assert!(text.contains("(secret)") && !text.contains("hunter"), "{text}");
    }

    #[test]
    fn every_event_is_a_line() {
        let id = every_kind().steps[0].id.clone();
        let failure = Failure::new(Kind::Transient, "503 from the API server").with_help("wait");
        let events = [
            Event::Started { steps: vec![(id.clone(), Change::Create)], longest_path: 5 },
            Event::StepStarted { step: id.clone() },
            Event::Waiting { step: id.clone(), what: "Deployment a/b: 0 of 1 ready".to_owned() },
            Event::Retrying { step: id.clone(), failure: failure.clone(), delay: 250 },
            Event::Decided { step: id.clone(), change: None },
            Event::StepDone {
                step: id.clone(),
                outcome: Outcome::Created,
                took: Took { work: 1, wait: 2 },
                remarks: vec!["kept".to_owned()],
            },
            Event::StepFailed { step: id.clone(), failure },
            Event::StepSkipped { step: id.clone(), because: id.clone() },
            Event::Unreachable { cluster: id.unit.cluster, reason: "gone".to_owned() },
            Event::Finished(Summary::default()),
        ];
        insta::assert_snapshot!(text(&events.iter().map(event).collect::<Vec<_>>()));
    }
}
