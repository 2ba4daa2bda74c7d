//! What holds where the file says nothing. The schema and the checks both read it here.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use crate::{Hours, Limits, Retention};

/// The network of the simulated nodes that every kwok cluster of a topology shares. It is fixed and
/// documented, so that a segment can be given by its last octet and planned before anything exists.
pub const KWOK_NODE_NETWORK: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(172, 18, 0, 0), 16);

/// Worker nodes of a cluster that a provider makes.
pub(crate) const WORKERS: u16 = 1;

/// A week of everything.
pub(crate) const RETENTION: Retention =
    Retention { metrics: Hours(168), logs: Hours(168), traces: Hours(168) };

/// Enough for a cluster of some ten nodes. The series are what one small Mimir holds of several tenants in
/// its memory; the rates only break the fall of a runaway one, and a volume can still fill up.
pub(crate) const LIMITS: Limits = Limits {
    metrics_samples_per_second: 30_000,
    metrics_series: 150_000,
    logs_megabytes_per_second: 10,
    logs_streams: 10_000,
    traces_megabytes_per_second: 15,
};

/// Series of the hub's own tenant in the profile `distributed`, where some forty pods of backends are scraped besides
/// the hub's nodes and objects. Mimir there has three ingesters.
pub(crate) const LARGE_HUB_SERIES: u32 = 1_000_000;
