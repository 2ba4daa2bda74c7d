//! Tenants: those in use, and the limits and retention of each.

use std::collections::BTreeMap;

use super::{
    clusters::{Draft, unique},
    retention, scenarios,
};
use crate::{
    Limits, Profile, Tenant, TenantId,
    defaults::{LARGE_HUB_SERIES, LIMITS},
    diagnostic::Code,
    input::file::{LimitsInput, SpecInput, TenantInput, TenantRetentionInput},
    problems::{Problem, Problems, help_for_unknown, quoted},
    tenant::HUB_TENANT,
};

/// The limits of tenants without their own.
pub(super) fn base_limits(spec: &SpecInput) -> Limits {
    spec.limits.value().map_or(LIMITS, |limits| overridden(LIMITS, limits))
}

/// The limits of the hub's own tenant without its own. The many parts of the large profile and their monitors are
/// that tenant's.
fn hub_limits(spec: &SpecInput, base: Limits) -> Limits {
    let said = spec.limits.value().is_some_and(|limits| limits.metrics_series.value().is_some());
    match scenarios::profile(spec) {
        Profile::Distributed(_) if !said => Limits { metrics_series: LARGE_HUB_SERIES, ..base },
        Profile::Compact | Profile::Distributed(_) => base,
    }
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

/// Checks `spec.tenants` and gives every tenant in use what is particular to it.
pub(super) fn check(
    spec: &SpecInput,
    drafts: &[Draft<'_>],
    base: Tenant,
    problems: &mut Problems,
) -> BTreeMap<TenantId, Tenant> {
    let spokes =
        drafts.iter().filter(|draft| !draft.is_hub).filter_map(|draft| draft.tenant.value().cloned());
    let of_the_hub = Tenant { limits: hub_limits(spec, base.limits), ..base };
    let mut tenants: BTreeMap<TenantId, Tenant> = spokes.map(|tenant| (tenant, base)).collect();
    tenants.insert(TenantId::new(HUB_TENANT), of_the_hub);

    let Some(list) = spec.tenants.value() else { return tenants };
    unique(list.iter().filter_map(|tenant| tenant.value.name.get()), TenantId::clone, problems, |tenant| {
        (
            format!("the tenant {} is there twice", quoted(tenant.as_str())),
            "merge the two entries into one".to_owned(),
        )
    });
    for tenant in list {
        let name = tenant.value.name.get();
        let effective = name.and_then(|name| tenants.get_mut(&name.value));
        let own = own(&tenant.value, effective.as_deref().copied().unwrap_or(base), problems);
        let Some(name) = name else { continue };
        if let Some(effective) = effective {
            *effective = own;
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

/// What an entry comes to, with a warning where it says nothing.
fn own(input: &TenantInput, base: Tenant, problems: &mut Problems) -> Tenant {
    let TenantInput { name, limits, retention } = input;
    let no_limits = limits.is_absent() || limits.value().is_some_and(says_nothing);
    let no_retention = retention.is_absent()
        || retention.value().is_some_and(|TenantRetentionInput { metrics, logs, traces }| {
            metrics.is_absent() && logs.is_absent() && traces.is_absent()
        });
    if let Some(name) = name.get().filter(|_| no_limits && no_retention) {
        problems.warn_at(
            &name.path,
            Problem {
                code: Code::NoEffect,
                at: name.place,
                message: format!("the entry of tenant {} says nothing", quoted(name.value.as_str())),
                label: "neither a limit nor a retention".to_owned(),
                help: "remove the entry, or write what differs from `spec.limits` and `spec.retention`"
                    .to_owned(),
            },
        );
    }
    Tenant {
        limits: limits.value().map_or(base.limits, |limits| overridden(base.limits, limits)),
        retention: retention
            .value()
            .map_or(base.retention, |retention| retention::of_tenant(base.retention, retention, problems)),
    }
}
