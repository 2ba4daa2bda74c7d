//! Retention: of all tenants, and of single ones.

use crate::{
    Hours, Retention,
    defaults::RETENTION,
    diagnostic::Code,
    input::{
        At, Field,
        file::{RetentionInput, TenantRetentionInput},
    },
    problems::{Problem, Problems, quoted},
};

/// The retention of tenants without their own.
pub(super) fn general(field: &Field<RetentionInput>, problems: &mut Problems) -> Retention {
    let Some(RetentionInput { metrics, logs, traces }) = field.value() else { return RETENTION };
    check_logs(logs.get(), problems);
    overridden(RETENTION, [metrics, logs, traces])
}

/// A tenant's retention.
pub(super) fn of_tenant(base: Retention, input: &TenantRetentionInput, problems: &mut Problems) -> Retention {
    let TenantRetentionInput { metrics, logs, traces } = input;
    check_logs(logs.get(), problems);
    overridden(base, [metrics, logs, traces])
}

fn overridden(base: Retention, [metrics, logs, traces]: [&Field<Hours>; 3]) -> Retention {
    Retention {
        metrics: metrics.value().copied().unwrap_or(base.metrics),
        logs: logs.value().copied().unwrap_or(base.logs),
        traces: traces.value().copied().unwrap_or(base.traces),
    }
}

fn check_logs(logs: Option<&At<Hours>>, problems: &mut Problems) {
    /// Loki's compactor refuses less.
    const SHORTEST: Hours = Hours(24);
    let Some(logs) = logs.filter(|logs| logs.value < SHORTEST) else { return };
    problems.report_at(
        &logs.path,
        Problem {
            code: Code::InvalidValue,
            at: logs.place,
            message: format!("logs cannot be kept for {}", quoted(&logs.value.to_string())),
            label: "shorter than a day".to_owned(),
            help: "use at least `24h`: Loki keeps an index per day and refuses less".to_owned(),
        },
    );
}
