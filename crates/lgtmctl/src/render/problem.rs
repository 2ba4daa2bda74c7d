//! What went wrong, for people: what, where, why, and what to do next.

use lgtm_executor::{Failure, Kind, prepare::PrepareError};
use lgtm_planner::{desired::DesireError, plan::PlanError};

use super::{Style, Tone, value::safe};

/// An error with its causes and advice.
pub fn error(message: &str, causes: &[String], help: Option<&str>, style: Style) -> String {
    let mut lines = vec![format!("{} {}", style.paint(Tone::Bad, "error:"), safe(message))];
    lines.extend(causes.iter().map(|cause| format!("  cause: {}", safe(cause))));
    lines.extend(help.map(|help| format!("  {} {}", style.paint(Tone::Strong, "help:"), safe(help))));
    lines.push(String::new());
    lines.join("\n")
}

/// A failure as lines.
pub fn failure_lines(failure: &Failure, style: Style) -> Vec<String> {
    let mut lines: Vec<String> = safe(&failure.message).lines().map(str::to_owned).collect();
    if let Some(help) = failure.help.as_deref().or_else(|| advice(failure.kind)) {
        lines.push(format!("{} {}", style.paint(Tone::Strong, "help:"), safe(help)));
    }
    lines
}

/// One failure as a whole message.
pub fn failure(failure: &Failure, style: Style) -> String {
    error(&failure.message, &[], failure.help.as_deref().or_else(|| advice(failure.kind)), style)
}

/// What helps against failures of a kind, where the failure itself does not say.
fn advice(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Transient => Some("run the same command again; what is done is not done again"),
        Kind::Locked => Some("`lgtmctl unlock` shows who holds the lock, and since when"),
        Kind::Unreachable => {
            Some("see that the cluster runs and that its kubeconfig is right, then run again")
        }
        Kind::Permanent | Kind::Environment => None,
    }
}

/// What to write in place of a name that means nothing: the one that was probably meant, or else the list of them all.
pub fn nearest<'n>(
    name: &str,
    known: impl IntoIterator<Item = &'n str>,
    all: impl FnOnce() -> String,
) -> String {
    lgtm_topology::did_you_mean(name, known).map_or_else(all, |near| format!("did you mean `{near}`?"))
}

/// All problems that kept a plan from being made, except those that point into the file.
pub fn prepare_error(error: &PrepareError, style: Style) -> String {
    match error {
        PrepareError::Desire(problems) => {
            problems.iter().map(|problem| desire_error(problem, style)).collect()
        }
        PrepareError::Plan(problems) => problems.iter().map(|problem| plan_error(problem, style)).collect(),
        PrepareError::World(failures) => {
            failures.iter().map(|failure| self::failure(failure, style)).collect()
        }
    }
}

/// What cannot be turned into units, without the place in the file.
pub fn desire_error(problem: &DesireError, style: Style) -> String {
    let help = match problem {
        DesireError::UnknownNeed { known, .. } => {
            Some(format!("units on that cluster: {}", known.join(", ")))
        }
        DesireError::UnknownRelease { known, .. } => Some(format!("releases there: {}", known.join(", "))),
        DesireError::UnknownService { known, .. } => Some(format!("it may be {}", known.join(", "))),
        DesireError::NameTaken { .. } => Some("give the extra another name".to_owned()),
        DesireError::Cycle(_) => Some("take one of these needs out of the topology".to_owned()),
    };
    error(&problem.to_string(), &[], help.as_deref(), style)
}

/// What the planner refuses.
pub fn plan_error(problem: &PlanError, style: Style) -> String {
    let help = match problem {
        PlanError::TwoOwners { second, .. } => {
            format!("take the object out of {second}, or out of the other unit")
        }
        PlanError::Hook { unit, .. } => {
            format!("set the chart's values so that {unit} renders no such hook")
        }
        PlanError::DuplicateKey { .. } => {
            "keep one of the entries in the chart's values or manifest".to_owned()
        }
        PlanError::Refused { .. } => {
            "the words after the colon are the API server's; nothing was written".to_owned()
        }
        PlanError::Conflict { manager, .. } => {
            format!("make {manager} let go of the field, or leave out --conflicts=fail to take it over")
        }
        PlanError::AnotherCluster { cluster, .. } => format!(
            "check the kubeconfig context of {cluster}; if it was made anew on purpose, give it another name"
        ),
        PlanError::AnotherHub { recorded, .. } => {
            format!("name {recorded} as the hub again; to move to another one, destroy this topology first")
        }
        PlanError::AnotherProvider { cluster } => {
            format!("take {cluster} out of the file and apply, then add it again with its new provider")
        }
        PlanError::Cycle(_) => "take one of these needs out of the topology".to_owned(),
        PlanError::UnknownTarget(_) => {
            "write --target CLUSTER or --target CLUSTER/UNIT; `lgtmctl graph` lists them".to_owned()
        }
    };
    let mut causes = Vec::new();
    let mut source = std::error::Error::source(problem);
    while let Some(cause) = source {
        causes.push(cause.to_string());
        source = cause.source();
    }
    error(&problem.to_string(), &causes, Some(&help), style)
}

#[cfg(test)]
mod tests {
    use lgtm_planner::phase::HookError;
    use lgtm_topology::{ClusterName, Position};

    use super::*;
    use crate::render::fixture::{PLAIN, object, unit};

    #[test]
    fn every_problem_of_planning_says_what_to_do() {
        let object = object("Job", "a/b", lgtm_planner::plan::ObjectVerb::Create).object;
        let cluster = ClusterName::new("west");
        let text = String::from;
        let problems = vec![
            PlanError::TwoOwners {
                cluster: cluster.clone(),
                object: object.clone(),
                first: unit("west/one"),
                second: unit("west/two"),
            },
            PlanError::Hook {
                unit: unit("west/one"),
                source: HookError::Unsupported { object: object.clone(), hook: text("pre-rollback") },
            },
            PlanError::DuplicateKey {
                unit: unit("west/one"),
                object: object.clone(),
                path: text("spec.ports"),
                key: text("http"),
            },
            PlanError::Refused {
                cluster: cluster.clone(),
                unit: unit("west/one"),
                object: object.clone(),
                reason: text("spec.x: unknown field"),
            },
            PlanError::Conflict {
                cluster: cluster.clone(),
                object,
                path: text("spec.replicas"),
                manager: text("kubectl-scale"),
            },
            PlanError::AnotherCluster { cluster, recorded: text("a"), found: text("b") },
            PlanError::AnotherHub {
                cluster: ClusterName::new("west"),
                recorded: ClusterName::new("old"),
                wanted: ClusterName::new("new"),
            },
            PlanError::AnotherProvider { cluster: ClusterName::new("west") },
            PlanError::Cycle(vec![unit("west/one"), unit("west/two")]),
            PlanError::UnknownTarget(text("nowhere")),
        ];
        let count = problems.len();
        let text = prepare_error(&PrepareError::Plan(problems), PLAIN());
        assert_eq!(text.matches("help:").count(), count);
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_name_that_is_near_is_named_alone() {
        let all = || "known are hub, west".to_owned();
        assert_eq!(nearest("wset", ["hub", "west"], all), "did you mean `west`?");
        assert_eq!(nearest("elsewhere", ["hub", "west"], all), "known are hub, west");
    }

    #[test]
    fn failures_and_desires() {
        let failures = [Kind::Transient, Kind::Permanent, Kind::Unreachable, Kind::Environment, Kind::Locked]
            .map(|kind| Failure::new(kind, format!("{kind:?}: it did not work")))
            .into();
        let desires = vec![
            DesireError::UnknownNeed {
                extra: "podinfo".to_owned(),
                need: "mimr".to_owned(),
                cluster: ClusterName::new("hub"),
                position: Position { line: 1, column: 1 },
                known: vec!["loki".to_owned(), "mimir".to_owned()],
            },
            DesireError::UnknownService {
                release: "loki".to_owned(),
                key: "deploymentMode".to_owned(),
                value: "\"Odd\"".to_owned(),
                position: Position { line: 1, column: 1 },
                known: vec!["\"Distributed\"".to_owned(), "\"Monolithic\"".to_owned()],
            },
            DesireError::NameTaken { name: "mimir".to_owned(), cluster: ClusterName::new("hub") },
            DesireError::Cycle(vec![unit("hub/a"), unit("hub/b")]),
        ];
        let text = prepare_error(&PrepareError::World(failures), PLAIN())
            + &prepare_error(&PrepareError::Desire(desires), PLAIN());
        insta::assert_snapshot!(text);
    }
}
