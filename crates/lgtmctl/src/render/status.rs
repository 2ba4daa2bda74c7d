//! What is there: clusters, units, drift, certificates and addresses.
//!
//! [`survey`] turns a plan and what it was made from into plain data; the two forms of output are
//! drawn from that and so cannot say different things.

use std::path::PathBuf;

use lgtm_executor::{Prepared, world::ClusterRef};
use lgtm_planner::{
    inventory::{Connection, State},
    observed::ClusterObserved,
    plan::{Change, Step},
    unit::{Content, Unit, UnitId},
};
use lgtm_topology::{ClusterName, Provider};
use serde::Serialize;
use serde_json::Value;

use super::{Style, Tone, json::line, plural, style::wrap, value::one_line};

const DAY: i64 = 86_400;
/// A certificate with fewer days than this wants a look: its renewal is overdue.
const SOON: i64 = 14;

/// What the world says of a cluster beyond what planning needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterDetails {
    /// The API server's audit log, for simulated clusters.
    pub audit_log: Option<PathBuf>,
    /// How it is reached; the fleet record's word where there is none.
    pub connection: Option<Connection>,
}

/// Everything that `status` says.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Survey {
    topology: String,
    clusters: Vec<ClusterStatus>,
    /// Whether nothing is to be done and everything answers.
    converged: bool,
    notes: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ClusterStatus {
    name: ClusterName,
    role: &'static str,
    provider: &'static str,
    state: ClusterState,
    #[serde(skip_serializing_if = "Option::is_none")]
    kubernetes_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_apply: Option<i64>,
    units: Vec<UnitStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audit_log: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection: Option<Connection>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
enum ClusterState {
    Ready,
    Absent,
    Stopped,
    Unreachable,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct UnitStatus {
    name: String,
    state: UnitState,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<String>,
    objects: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    applied_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<Certificate>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    addresses: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
enum UnitState {
    Ready,
    Missing,
    OutOfDate,
    Drifted,
    Interrupted,
    Undecided,
    Leftover,
    Unknown,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Certificate {
    not_after: i64,
    days_left: i64,
}

impl UnitState {
    fn of(change: Change) -> Self {
        match change {
            Change::Create => Self::Missing,
            Change::Update | Change::Replace => Self::OutOfDate,
            Change::Repair => Self::Drifted,
            Change::Resume => Self::Interrupted,
            Change::Later => Self::Undecided,
            Change::Remove => Self::Leftover,
            Change::Blocked => Self::Unknown,
        }
    }

    fn words(self) -> (&'static str, Tone) {
        match self {
            Self::Ready => ("ready", Tone::Good),
            Self::Missing => ("missing", Tone::Bad),
            Self::OutOfDate => ("out of date", Tone::Careful),
            Self::Drifted => ("drifted", Tone::Careful),
            Self::Interrupted => ("interrupted", Tone::Careful),
            Self::Undecided => ("not decided", Tone::Faint),
            Self::Leftover => ("left over", Tone::Careful),
            Self::Unknown => ("unknown", Tone::Bad),
        }
    }
}

/// Looks at what was prepared.
pub fn survey(prepared: &Prepared, details: impl Fn(&ClusterName, &ClusterRef) -> ClusterDetails) -> Survey {
    let mut names: Vec<&ClusterName> = vec![&prepared.desired.hub];
    names.extend(prepared.observed.clusters.keys().filter(|name| **name != prepared.desired.hub));
    Survey {
        topology: prepared.desired.topology.to_string(),
        clusters: names.into_iter().map(|name| cluster(prepared, name, &details)).collect(),
        converged: prepared.plan.is_empty() && prepared.plan.unreachable.is_empty(),
        notes: prepared.plan.notes.clone(),
    }
}

fn cluster(
    prepared: &Prepared,
    name: &ClusterName,
    details: &impl Fn(&ClusterName, &ClusterRef) -> ClusterDetails,
) -> ClusterStatus {
    let recorded_as = prepared.observed.fleet.get(name);
    let how = match (prepared.desired.cluster(name), recorded_as) {
        (Some(content), _) => Some(ClusterRef::Wanted(content.clone())),
        (None, Some(entry)) => Some(ClusterRef::Recorded(entry.clone())),
        (None, None) => None,
    };
    let details = how.map(|how| details(name, &how)).unwrap_or_default();
    let (state, reason) = match prepared.observed.clusters.get(name) {
        Some(ClusterObserved::Reachable(_)) => (ClusterState::Ready, None),
        Some(ClusterObserved::Stopped) => (ClusterState::Stopped, None),
        Some(ClusterObserved::Unreachable { reason }) => (ClusterState::Unreachable, Some(reason.clone())),
        Some(ClusterObserved::Absent) | None => (ClusterState::Absent, None),
    };
    let wanted = prepared.desired.cluster(name);
    let recorded = recorded_as.map(|entry| &entry.connection);
    let provider = match (wanted.map(|content| &content.provider), recorded) {
        (Some(Provider::Kwok), _) | (None, Some(Connection::Kwok { .. })) => "kwok",
        (Some(Provider::Existing { .. }), _) | (None, Some(Connection::Existing { .. })) => "existing",
        (None, None) => "unknown",
    };
    let read = prepared.observed.state(name);
    ClusterStatus {
        name: name.clone(),
        role: if wanted.is_none() {
            "leftover"
        } else if *name == prepared.desired.hub {
            "hub"
        } else {
            "spoke"
        },
        provider,
        state,
        kubernetes_version: read.map(|read| read.version.clone()),
        reason,
        last_apply: read.and_then(|read| {
            read.inventories.values().map(|inventory| inventory.applied_at).filter(|at| *at > 0).max()
        }),
        units: units(prepared, name),
        audit_log: details.audit_log,
        connection: details.connection.or_else(|| recorded.cloned()),
    }
}

/// The units of a cluster: those that must be there in their order, then those that must go.
fn units(prepared: &Prepared, name: &ClusterName) -> Vec<UnitStatus> {
    let wanted = prepared.desired.ordered().filter(|unit| unit.id.cluster == *name);
    let leftover = prepared.plan.steps.iter().filter(|step| step.id.removal && step.id.unit.cluster == *name);
    wanted
        .map(|wanted| unit(prepared, &wanted.id, Some(wanted), false))
        .chain(leftover.map(|step| unit(prepared, &step.id.unit, None, true)))
        .collect()
}

fn unit(prepared: &Prepared, id: &UnitId, wanted: Option<&Unit>, removal: bool) -> UnitStatus {
    let step = prepared.plan.steps.iter().find(|step| step.id.unit == *id && step.id.removal == removal);
    let inventory = prepared.observed.inventory(id);
    let is_material = wanted.is_some_and(|unit| matches!(unit.content, Content::Material(_)));
    let certificate = inventory
        .filter(|_| is_material)
        .and_then(|inventory| inventory.facts.get("notAfter"))
        .and_then(Value::as_i64)
        .map(|not_after| Certificate {
            not_after,
            days_left: (not_after - prepared.observed.now).div_euclid(DAY),
        });
    UnitStatus {
        name: id.name.to_string(),
        state: step.map_or(UnitState::Ready, |step| UnitState::of(step.change)),
        reasons: step.map(reasons).unwrap_or_default(),
        objects: inventory.map_or(0, |inventory| inventory.objects.len()),
        applied_at: inventory
            .filter(|inventory| inventory.state == State::Applied)
            .map(|inventory| inventory.applied_at),
        certificate,
        addresses: addresses(prepared, id),
    }
}

fn reasons(step: &Step) -> Vec<String> {
    let facts = step.waits_for.iter().map(|fact| format!("waits for {fact}"));
    step.reasons.iter().cloned().chain(facts).collect()
}

/// The addresses of a unit's LoadBalancer Services: those that it asks for, and those it was given.
fn addresses(prepared: &Prepared, id: &UnitId) -> Vec<String> {
    let given = prepared
        .observed
        .inventory(id)
        .and_then(|inventory| inventory.facts.get("address"))
        .and_then(Value::as_str)
        .map(str::to_owned);
    let objects = prepared.rendered.get(id).into_iter().flat_map(|rendered| rendered.objects.iter());
    let asked = objects
        .filter(|object| object.is("", "Service"))
        .filter(|object| object.value().pointer("/spec/type").and_then(Value::as_str) == Some("LoadBalancer"))
        .filter_map(|object| {
            let field = object.value().pointer("/spec/loadBalancerIP").and_then(Value::as_str);
            field
                .or_else(|| object.annotation("metallb.universe.tf/loadBalancerIPs"))
                .or_else(|| object.annotation("lbipam.cilium.io/ips"))
        })
        .filter(|address| !address.is_empty())
        .map(str::to_owned);
    given.into_iter().chain(asked).collect::<std::collections::BTreeSet<_>>().into_iter().collect()
}

/// For scripts: a line per cluster, then one for the whole.
pub fn json(survey: &Survey) -> Vec<Value> {
    let value = |content: Result<Value, serde_json::Error>| content.unwrap_or_default();
    let mut lines: Vec<Value> =
        survey.clusters.iter().map(|cluster| line("cluster", value(serde_json::to_value(cluster)))).collect();
    lines.push(line(
        "status",
        serde_json::json!({
            "topology": survey.topology,
            "converged": survey.converged,
            "notes": survey.notes,
        }),
    ));
    lines
}

/// For people. `date` says a moment in words.
pub fn human(survey: &Survey, date: impl Fn(i64) -> String, style: Style) -> String {
    let mut lines = Vec::new();
    for cluster in &survey.clusters {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        lines.push(headline(cluster, &date, style));
        lines.extend(unit_lines(cluster, &date, style));
        if let (true, Some(log)) = (style.is_verbose(), &cluster.audit_log) {
            lines.push(format!("  audit log: {}", log.display()));
        }
    }
    lines.push(String::new());
    lines.push(verdict(survey, style));
    lines.extend(
        survey.notes.iter().flat_map(|note| wrap(&format!("note: {}", one_line(note)), style.width())),
    );
    lines.push(String::new());
    lines.join("\n")
}

fn headline(cluster: &ClusterStatus, date: &impl Fn(i64) -> String, style: Style) -> String {
    let (word, tone) = match cluster.state {
        ClusterState::Ready => ("ready", Tone::Good),
        ClusterState::Absent => ("not made yet", Tone::Careful),
        ClusterState::Stopped => ("stopped", Tone::Careful),
        ClusterState::Unreachable => ("does not answer", Tone::Bad),
    };
    let mut parts = vec![format!("{} {}", cluster.role, style.paint(Tone::Strong, cluster.name.as_str()))];
    parts.push(style.paint(tone, word).into_owned());
    parts.extend(cluster.reason.as_deref().map(one_line));
    parts.push(match &cluster.kubernetes_version {
        Some(version) => format!("{} {version}", cluster.provider),
        None => cluster.provider.to_owned(),
    });
    if let Some(at) = cluster.last_apply {
        parts.push(format!("last apply {}", date(at)));
    }
    parts.join(" · ")
}

fn unit_lines(cluster: &ClusterStatus, date: &impl Fn(i64) -> String, style: Style) -> Vec<String> {
    if cluster.state != ClusterState::Ready && !style.is_verbose() {
        // Of a cluster that was not read, every unit would say the same.
        let text = format!("  {} not seen", plural(cluster.units.len(), "unit"));
        return vec![style.paint(Tone::Faint, text).into_owned()];
    }
    let mut quiet = 0;
    let width = cluster.units.iter().map(|unit| unit.name.chars().count()).max().unwrap_or_default();
    let mut lines = Vec::new();
    for unit in &cluster.units {
        let mut notes = Vec::new();
        if let Some(certificate) = &unit.certificate {
            let days = match certificate.days_left {
                ..0 => style.paint(Tone::Bad, format!("certificate expired {}", date(certificate.not_after))),
                left => {
                    let text =
                        format!("certificate ends in {}", plural(usize::try_from(left).unwrap_or(0), "day"));
                    if left < SOON { style.paint(Tone::Careful, text) } else { text.into() }
                }
            };
            notes.push(days.into_owned());
        }
        if !unit.addresses.is_empty() {
            notes.push(unit.addresses.join(", "));
        }
        notes.extend(unit.reasons.iter().filter(|reason| *reason != "new").map(|reason| one_line(reason)));
        if unit.state == UnitState::Ready && notes.is_empty() && !style.is_verbose() {
            quiet += 1;
            continue;
        }
        let (word, tone) = unit.state.words();
        let state = style.paint(tone, format!("{word:<11}"));
        let name = format!("{:<width$}", unit.name);
        lines.push(format!("  {name}  {state}  {}", notes.join("; ")).trim_end().to_owned());
    }
    if quiet > 0 {
        let others = if lines.is_empty() { "" } else { "other " };
        let text = format!("  {} ready", plural(quiet, &format!("{others}unit")));
        lines.push(style.paint(Tone::Faint, text).into_owned());
    }
    lines
}

fn verdict(survey: &Survey, style: Style) -> String {
    if survey.converged {
        return style.paint(Tone::Good, "Everything is as the topology says.").into_owned();
    }
    let count = |wanted: UnitState| {
        let units = survey.clusters.iter().flat_map(|cluster| &cluster.units);
        units.filter(|unit| unit.state == wanted).count()
    };
    let states = [
        UnitState::Missing,
        UnitState::OutOfDate,
        UnitState::Drifted,
        UnitState::Interrupted,
        UnitState::Undecided,
        UnitState::Leftover,
        UnitState::Unknown,
    ];
    let parts: Vec<String> = states
        .into_iter()
        .map(|state| (count(state), state.words().0))
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    let text = format!("Not as the topology says: {}.", parts.join(", "));
    format!("{} `lgtmctl plan` shows what an apply would do.", style.paint(Tone::Careful, text))
}

#[cfg(test)]
mod tests;
