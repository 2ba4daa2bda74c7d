//! Tenants: those in use, and the limits of each.

use std::collections::BTreeMap;

use super::clusters::{Draft, unique};
use crate::{
    Limits, TenantId,
    defaults::LIMITS,
    diagnostic::Code,
    input::file::{LimitsInput, SpecInput},
    problems::{Problem, Problems, help_for_unknown, quoted},
    tenant::HUB_TENANT,
};

/// The limits of tenants without their own.
pub(super) fn base_limits(spec: &SpecInput) -> Limits {
    spec.limits.value().map_or(LIMITS, |limits| overridden(LIMITS, limits))
}

/// `base` with what `limits` says instead.
fn overridden(base: Limits, limits: &LimitsInput) -> Limits {
    // Destructured in full, so that a new limit cannot be forgotten here.
    let LimitsInput {
        metrics_samples_per_second,
        metrics_series,
        logs_megabytes_per_second,
        logs_streams,
        traces_megabytes_per_second,
    } = limits;
    Limits {
        metrics_samples_per_second: metrics_samples_per_second
            .value()
            .map_or(base.metrics_samples_per_second, |count| count.0),
        metrics_series: metrics_series.value().map_or(base.metrics_series, |count| count.0),
        logs_megabytes_per_second: logs_megabytes_per_second
            .value()
            .map_or(base.logs_megabytes_per_second, |megabytes| megabytes.0),
        logs_streams: logs_streams.value().map_or(base.logs_streams, |count| count.0),
        traces_megabytes_per_second: traces_megabytes_per_second
            .value()
            .map_or(base.traces_megabytes_per_second, |megabytes| megabytes.0),
    }
}

fn says_nothing(limits: &LimitsInput) -> bool {
    let LimitsInput {
        metrics_samples_per_second,
        metrics_series,
        logs_megabytes_per_second,
        logs_streams,
        traces_megabytes_per_second,
    } = limits;
    metrics_samples_per_second.is_absent()
        && metrics_series.is_absent()
        && logs_megabytes_per_second.is_absent()
        && logs_streams.is_absent()
        && traces_megabytes_per_second.is_absent()
}

/// Checks `spec.tenants` and gives every tenant in use its limits.
pub(super) fn check(
    spec: &SpecInput,
    drafts: &[Draft<'_>],
    base: Limits,
    problems: &mut Problems,
) -> BTreeMap<TenantId, Limits> {
    let spokes =
        drafts.iter().filter(|draft| !draft.is_hub).filter_map(|draft| draft.tenant.value().cloned());
    let mut tenants: BTreeMap<TenantId, Limits> =
        spokes.chain([TenantId::new(HUB_TENANT)]).map(|tenant| (tenant, base)).collect();

    let Some(list) = spec.tenants.value() else { return tenants };
    unique(list.iter().filter_map(|tenant| tenant.value.name.get()), TenantId::clone, problems, |tenant| {
        (
            format!("the tenant {} has limits twice", quoted(tenant.as_str())),
            "merge the two entries into one".to_owned(),
        )
    });
    for tenant in list {
        let (Some(name), Some(limits)) = (tenant.value.name.get(), tenant.value.limits.get()) else {
            continue;
        };
        if says_nothing(&limits.value) {
            problems.warn_at(
                &limits.path,
                Problem {
                    code: Code::NoEffect,
                    at: limits.key,
                    message: format!("the limits of tenant {} say nothing", quoted(name.value.as_str())),
                    label: "no limit here".to_owned(),
                    help: "remove the entry, or write the limits that differ from `spec.limits`".to_owned(),
                },
            );
        }
        if let Some(effective) = tenants.get_mut(&name.value) {
            *effective = overridden(base, &limits.value);
            continue;
        }
        let problem = Problem {
            code: Code::UnknownReference,
            at: name.place,
            message: format!("no cluster writes as tenant {}", quoted(name.value.as_str())),
            label: "unused tenant".to_owned(),
            help: help_for_unknown(
                name.value.as_str(),
                "tenants in use:",
                tenants.keys().map(TenantId::as_str),
            ),
        };
        problems.report_at(&name.path, problem);
    }
    tenants
}
