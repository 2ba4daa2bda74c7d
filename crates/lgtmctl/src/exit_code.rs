//! What the process answers with: a small public contract for scripts.
//!
//! Every way in which a command can end is mapped here, by exhaustive matches, so that a new one has
//! to choose. The module knows nothing of what is printed.

use lgtm_executor::{Failure, Kind, Report, prepare::PrepareError};
use lgtm_planner::plan::{Plan, PlanError};

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// Done; for `plan --exit-code`: nothing to do.
    Done = 0,
    /// Something failed, or not everything was done.
    Failed = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// The topology is invalid.
    Invalid = 3,
    /// `plan --exit-code`: changes are pending.
    ChangesPending = 4,
    /// A program, a folder or a kubeconfig that lgtmctl needs is missing.
    Environment = 5,
    /// A cluster does not answer.
    Unreachable = 6,
    /// A bug in lgtmctl.
    Bug = 70,
    /// The user interrupted it.
    Interrupted = 130,
}

impl ExitCode {
    /// Every code, for documentation and tests.
    pub const ALL: [Self; 9] = [
        Self::Done,
        Self::Failed,
        Self::Usage,
        Self::Invalid,
        Self::ChangesPending,
        Self::Environment,
        Self::Unreachable,
        Self::Bug,
        Self::Interrupted,
    ];

    /// The number.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// What a single failure means.
    pub fn of_failure(failure: &Failure) -> Self {
        match failure.kind {
            Kind::Transient | Kind::Permanent | Kind::Locked => Self::Failed,
            Kind::Environment => Self::Environment,
            Kind::Unreachable => Self::Unreachable,
        }
    }

    /// What several failures mean: a plain failure first, since it is the one that stays when the
    /// environment is mended; then a missing environment; then clusters that do not answer.
    pub fn of_failures<'a>(failures: impl IntoIterator<Item = &'a Failure>) -> Self {
        let codes: Vec<Self> = failures.into_iter().map(Self::of_failure).collect();
        [Self::Failed, Self::Environment, Self::Unreachable]
            .into_iter()
            .find(|code| codes.contains(code))
            .unwrap_or(Self::Failed)
    }

    /// What an unmade plan means.
    pub fn of_prepare_error(error: &PrepareError) -> Self {
        match error {
            PrepareError::Desire(_) => Self::Invalid,
            PrepareError::World(failures) => Self::of_failures(failures),
            PrepareError::Plan(problems) => {
                if problems.iter().all(is_usage) {
                    Self::Usage
                } else {
                    Self::Failed
                }
            }
        }
    }

    /// What a plan means that was only shown.
    pub fn of_plan(plan: &Plan, wants_pending: bool) -> Self {
        if !plan.unreachable.is_empty() {
            Self::Unreachable
        } else if wants_pending && !plan.is_empty() {
            Self::ChangesPending
        } else {
            Self::Done
        }
    }

    /// What came of an apply.
    pub fn of_report(report: &Report) -> Self {
        if report.interrupted {
            Self::Interrupted
        } else if !report.failed.is_empty() {
            Self::of_failures(report.failed.values())
        } else if !report.unreachable.is_empty() {
            Self::Unreachable
        } else if report.is_complete() {
            Self::Done
        } else {
            Self::Failed
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        code.number().into()
    }
}

/// Whether the command line is to blame rather than a cluster.
fn is_usage(problem: &PlanError) -> bool {
    match problem {
        PlanError::UnknownTarget(_) => true,
        PlanError::TwoOwners { .. }
        | PlanError::Hook { .. }
        | PlanError::DuplicateKey { .. }
        | PlanError::Refused { .. }
        | PlanError::Conflict { .. }
        | PlanError::AnotherCluster { .. }
        | PlanError::AnotherHub { .. }
        | PlanError::AnotherProvider { .. }
        | PlanError::Cycle(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use lgtm_planner::plan::StepId;
    use lgtm_topology::ClusterName;

    use super::*;

    fn failure(kind: Kind) -> Failure {
        Failure::new(kind, "it did not work")
    }

    #[test]
    fn the_numbers_are_a_contract() {
        let numbers: Vec<u8> = ExitCode::ALL.into_iter().map(ExitCode::number).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 70, 130]);
    }

    #[test]
    fn failures_choose_the_code_that_says_most() {
        let codes = [
            (Kind::Transient, ExitCode::Failed),
            (Kind::Permanent, ExitCode::Failed),
            (Kind::Locked, ExitCode::Failed),
            (Kind::Environment, ExitCode::Environment),
            (Kind::Unreachable, ExitCode::Unreachable),
        ];
        for (kind, code) in codes {
            assert_eq!(ExitCode::of_failure(&failure(kind)), code, "{kind:?}");
        }
        let several = |kinds: &[Kind]| {
            let failures: Vec<Failure> = kinds.iter().map(|kind| failure(*kind)).collect();
            ExitCode::of_prepare_error(&PrepareError::World(failures))
        };
        assert_eq!(several(&[Kind::Unreachable, Kind::Permanent]), ExitCode::Failed);
        assert_eq!(several(&[Kind::Unreachable, Kind::Environment]), ExitCode::Environment);
        assert_eq!(several(&[Kind::Unreachable]), ExitCode::Unreachable);
        assert_eq!(several(&[]), ExitCode::Failed);
    }

    #[test]
    fn only_a_wrong_target_is_a_usage_error() {
        let target = PlanError::UnknownTarget("nowhere".to_owned());
        let of = |problems| ExitCode::of_prepare_error(&PrepareError::Plan(problems));
        assert_eq!(of(vec![target.clone()]), ExitCode::Usage);
        assert_eq!(of(vec![target, PlanError::Cycle(Vec::new())]), ExitCode::Failed);
        assert_eq!(ExitCode::of_prepare_error(&PrepareError::Desire(Vec::new())), ExitCode::Invalid);
    }

    #[test]
    fn reports_are_never_done_unless_everything_is() {
        let step = |name: &str| StepId::ensure(format!("hub/{name}").parse().unwrap());
        let spoke = ClusterName::new("spoke");
        assert_eq!(ExitCode::of_report(&Report::default()), ExitCode::Done);
        let skipped = Report { skipped: BTreeMap::from([(step("a"), step("b"))]), ..Report::default() };
        assert_eq!(ExitCode::of_report(&skipped), ExitCode::Failed);
        let unreachable = Report {
            unreachable: BTreeMap::from([(spoke, "timed out".to_owned())]),
            skipped: skipped.skipped.clone(),
            ..Report::default()
        };
        assert_eq!(ExitCode::of_report(&unreachable), ExitCode::Unreachable);
        let failed =
            Report { failed: BTreeMap::from([(step("b"), failure(Kind::Permanent))]), ..unreachable };
        assert_eq!(ExitCode::of_report(&failed), ExitCode::Failed);
        let interrupted = Report { interrupted: true, ..failed };
        assert_eq!(ExitCode::of_report(&interrupted), ExitCode::Interrupted);
    }
}
