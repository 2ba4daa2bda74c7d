//! `lock`: the charts from repositories, fixed by their digests in a file beside the topology.

use std::collections::{BTreeMap, BTreeSet};

use lgtm_executor::{prepare::SIMULATED_VERSION, world::RenderRequest};
use lgtm_planner::{
    catalog::upstream::ALL,
    desired::Desired,
    unit::{ChartRef, Content, Unit, UpstreamChart},
};
use lgtm_topology::{Override, Topology};
use lgtm_world::charts::{
    Charts,
    lock::{Lock, Locked},
    upstream::ChartSource,
};

use crate::{
    cli::LockArgs,
    error::CommandError,
    exit_code::ExitCode,
    interrupt::Interrupt,
    printer::Printer,
    render::{Tone, manifest, plural},
    session::{Given, chart_lock, charts},
    values::{self, dotted},
};

/// Writes the lock file, or says whether it is current.
pub(super) async fn run(
    args: &LockArgs,
    printer: &Printer,
    interrupt: Interrupt,
) -> Result<ExitCode, CommandError> {
    let Given { document, topology, desired } = Given::read(&args.file, false, printer)?;
    let before = chart_lock(&document)?.unwrap_or_default();
    let source = ChartSource { mirror: args.file.chart_mirror.clone(), lock: None };
    let charts = charts(&document, source)?;
    let mut after = Lock::default();
    for (chart, units) in upstream(&desired) {
        let locked = match before.get(&chart).filter(|_| !args.upgrade) {
            Some(locked) => locked.clone(),
            None => interrupt.or(lock(&charts, &chart, &units)).await??,
        };
        after.insert(chart, locked);
    }
    let path = document.lock_path();
    let changes = changes(&before, &after);
    for change in &changes {
        printer.data(&format!("{change}\n")).map_err(super::stdout_failed)?;
    }
    warn(&after, printer);
    let locked = ChartSource { mirror: args.file.chart_mirror.clone(), lock: Some(after.clone()) };
    let charts = self::charts(&document, locked)?;
    interrupt.or(values::check(&charts, &topology, &desired, &document, printer)).await?;
    interrupt.or(warn_of_values(&charts, &topology, &desired, printer)).await?;
    let count = plural(after.charts().count(), "chart");
    if changes.is_empty() {
        printer.talk(&format!("{} is current: {count}\n", path.display()));
        return Ok(ExitCode::Done);
    }
    if args.check {
        printer.insist(&format!("{} is not current; run `lgtmctl lock`\n", path.display()));
        return Ok(ExitCode::Failed);
    }
    let written = after.text().map_err(|error| error.to_string()).and_then(|text| {
        // It appears whole or not at all: a half-written lock would be taken for damaged.
        let part = path.with_extension("lock.part");
        std::fs::write(&part, text)
            .and_then(|()| std::fs::rename(&part, &path))
            .map_err(|error| error.to_string())
    });
    written.map_err(|error| CommandError::Write {
        what: path.display().to_string(),
        source: std::io::Error::other(error),
    })?;
    printer.talk(&format!("wrote {}: {count}\n", path.display()));
    Ok(ExitCode::Done)
}

/// The charts from repositories, with the units that render them.
pub(super) fn upstream(desired: &Desired) -> BTreeMap<UpstreamChart, Vec<&Unit>> {
    let mut charts: BTreeMap<UpstreamChart, Vec<&Unit>> = BTreeMap::new();
    for unit in desired.units.values() {
        if let Content::Release(release) = &unit.content
            && let ChartRef::Upstream(chart) = &release.chart
        {
            charts.entry(chart.clone()).or_default().push(unit);
        }
    }
    charts
}

/// Fetches a chart, and renders it twice for each different set of values.
async fn lock(
    charts: &Charts,
    chart: &UpstreamChart,
    units: &[&Unit],
) -> Result<Locked, lgtm_executor::Failure> {
    let package = charts.package(chart).await?;
    let mut unstable = BTreeSet::new();
    let mut seen = BTreeSet::new();
    for unit in units {
        let Content::Release(release) = &unit.content else { continue };
        let mut release = release.clone();
        // What is known only after an apply has a name in its place here.
        release.values = manifest::name_placeholders(&release.values).0.into();
        if !seen.insert((release.name.clone(), release.namespace.clone(), release.values.to_string())) {
            continue;
        }
        let request = RenderRequest {
            unit: unit.id.clone(),
            content: Content::Release(release),
            kube_version: SIMULATED_VERSION.to_owned(),
            api_versions: BTreeMap::new(),
        };
        unstable.extend(charts.unstable(&request).await?);
    }
    Ok(Locked { digest: package.digest, unstable: unstable.into_iter().collect() })
}

/// What the new lock says otherwise, one line each.
fn changes(before: &Lock, after: &Lock) -> Vec<String> {
    let mut lines = Vec::new();
    for (chart, locked) in after.charts() {
        match before.get(chart) {
            None => lines.push(format!("+ {chart}: sha256:{}", locked.digest.short())),
            Some(old) if old.digest != locked.digest => lines.push(format!(
                "~ {chart}: sha256:{} -> sha256:{}, other bytes under the same version",
                old.digest.short(),
                locked.digest.short()
            )),
            Some(old) if old != locked => lines.push(format!("~ {chart}: other paths are unstable")),
            Some(_) => {}
        }
    }
    lines.extend(
        before
            .charts()
            .filter(|(chart, _)| after.get(chart).is_none())
            .map(|(chart, _)| format!("- {chart}")),
    );
    lines
}

/// Says which values of the catalog's own a chart does not know, as after an upgrade of the chart.
async fn warn_of_values(charts: &Charts, topology: &Topology, desired: &Desired, printer: &Printer) {
    let warning = printer.talk_style().paint(Tone::Careful, "unknown value:");
    let mut said = BTreeSet::new();
    for (chart, units) in upstream(desired) {
        let reference = ChartRef::Upstream(chart.clone());
        for unit in units {
            let is_users =
                topology.extra_releases.iter().any(|extra| extra.name.as_str() == unit.id.name.as_str());
            let Content::Release(release) = &unit.content else { continue };
            // A chart that is locked and cannot be found fails the next plan, which says so.
            let unknown = charts.unknown_values(&unit.id, &reference, &release.values).await;
            for found in unknown.into_iter().flatten().filter(|_| !is_users) {
                let pointer = &found.pointer;
                let overridden = |wanted: &Override| {
                    wanted.release.as_str() == unit.id.name.as_str()
                        && wanted.values.keys.contains_key(pointer)
                };
                if topology.overrides.iter().any(overridden) || !said.insert((chart.clone(), pointer.clone()))
                {
                    continue;
                }
                let place = place(&reference, pointer).unwrap_or_else(|| "set by lgtmctl".to_owned());
                printer.talk(&format!(
                    "{warning} {place}: the chart {} has no {}; {}\n",
                    values::short(&reference),
                    dotted(pointer),
                    values::help(&found)
                ));
            }
        }
    }
}

/// Where the catalog's files of values for a chart say something.
fn place(chart: &ChartRef, pointer: &str) -> Option<String> {
    let files = ALL.iter().filter(|upstream| upstream.chart() == *chart);
    files.filter_map(|upstream| upstream.place(pointer)).next()
}

/// Says which charts do not render the same twice: each plan would show a change.
fn warn(lock: &Lock, printer: &Printer) {
    let warning = printer.talk_style().paint(Tone::Careful, "unstable:");
    for (chart, locked) in lock.charts() {
        for path in &locked.unstable {
            printer.talk(&format!(
                "{warning} {chart}: {path} differs at every render; set a value that fixes it\n"
            ));
        }
    }
}
