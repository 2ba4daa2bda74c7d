//! `lock`: the charts from repositories and the manifest files from the web, fixed by their digests in a file beside
//! the topology.

use std::collections::{BTreeMap, BTreeSet};

use lgtm_planner::{
    catalog::upstream::ALL,
    desired::Desired,
    digest::Digest,
    unit::{ChartRef, Content, Manifests, Unit, UnitId, UpstreamChart},
};
use lgtm_topology::{ManifestLocation, Override, Topology};
use lgtm_world::charts::{
    Charts,
    lock::{Lock, Locked},
    upstream::{ChartSource, Remote},
};

use crate::{
    cli::LockArgs,
    error::CommandError,
    exit_code::ExitCode,
    input::Document,
    interrupt::Interrupt,
    printer::Printer,
    render::{Tone, plural},
    session::{Given, chart_lock, charts, rehearsed},
    values::{self, dotted},
};

mod renders;

use renders::{Sources, planned, unstable};

/// Writes the lock file, or says whether it is current.
pub(super) async fn run(
    args: &LockArgs,
    printer: &Printer,
    interrupt: Interrupt,
) -> Result<ExitCode, CommandError> {
    let Given { document, topology, desired } = Given::read(&args.file, false, printer)?;
    let before = chart_lock(&document)?.unwrap_or_default();
    let unlocked = ChartSource { mirror: args.file.chart_mirror.clone(), lock: None };
    let found = charts(&document, unlocked)?;
    // Before anything is rendered: helm stops at the first value that a schema does not know, and says not where.
    interrupt.or(values::check(&found, &topology, &desired, &document, printer)).await?;
    let after = interrupt.or(renewed(args, &document, &topology, &desired, &before, printer)).await??;
    let path = document.lock_path();
    let changes = changes(&before, &after);
    for change in &changes {
        printer.data(&format!("{change}\n")).map_err(super::stdout_failed)?;
    }
    warn(&after, printer);
    let locked = ChartSource { mirror: args.file.chart_mirror.clone(), lock: Some(after.clone()) };
    let charts = self::charts(&document, locked)?;
    interrupt.or(warn_of_values(&charts, &topology, &desired, printer)).await?;
    let count = counted(after.charts().count(), after.manifests().count());
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

/// The lock as it must be: what is fixed already stays, unless an upgrade is asked for.
async fn renewed(
    args: &LockArgs,
    document: &Document,
    topology: &Topology,
    desired: &Desired,
    before: &Lock,
    printer: &Printer,
) -> Result<Lock, CommandError> {
    let known = if args.upgrade { Lock::default() } else { before.clone() };
    let with = |lock| self::charts(document, ChartSource { mirror: args.file.chart_mirror.clone(), lock });
    let sources = Sources { locked: with(Some(known.clone()))?, fresh: with(None)?, lock: known };
    let mut after = Lock::default();
    for (url, unit) in remote_manifests(topology, desired) {
        let remote = Remote::Manifests(url.clone());
        let digest = match sources.lock.digest(&remote) {
            Some(digest) => digest.clone(),
            None => lock_manifests(&sources.fresh, &url, &unit).await?,
        };
        after.insert_manifests(url, digest);
    }
    // Values decide what is unstable, so that is looked at anew also for a chart whose bytes are fixed.
    let planned = planned(&sources, desired).await?;
    for (chart, units) in upstream(desired) {
        let remote = Remote::Chart(chart.clone());
        let charts = sources.of(&remote);
        let locked = match (charts.package(&remote).await, sources.lock.get(&chart)) {
            (Ok(package), _) => {
                Locked { digest: package.digest, unstable: unstable(charts, &units, &planned).await? }
            }
            // Other bytes than the locked ones fail every render, and only an upgrade takes them.
            (Err(failure), Some(locked)) => {
                let careful = printer.talk_style().paint(Tone::Careful, "not looked at:");
                printer.talk(&format!("{careful} {chart}: {failure}\n"));
                locked.clone()
            }
            (Err(failure), None) => return Err(failure.into()),
        };
        after.insert(chart, locked);
    }
    Ok(after)
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

/// The URLs of manifests, each with a unit that reads it: those of the topology, and those that a rehearsal of it
/// needs besides, since simulated clusters lack what real ones may have.
pub(super) fn remote_manifests(topology: &Topology, desired: &Desired) -> BTreeMap<String, UnitId> {
    let rehearsed = rehearsed(topology);
    let units = desired.units.values().chain(rehearsed.iter().flat_map(|desired| desired.units.values()));
    let mut urls = BTreeMap::new();
    for unit in units {
        let Content::Manifests(manifests) = &unit.content else { continue };
        for file in &manifests.files {
            if let ManifestLocation::Url(url) = file {
                urls.entry(url.clone()).or_insert_with(|| unit.id.clone());
            }
        }
    }
    urls
}

/// How much there is, in words.
pub(super) fn counted(charts: usize, manifests: usize) -> String {
    let charts = plural(charts, "chart");
    if manifests == 0 { charts } else { format!("{charts} and {}", plural(manifests, "manifest file")) }
}

/// Fetches a manifest file, and sees that it holds objects.
async fn lock_manifests(charts: &Charts, url: &str, unit: &UnitId) -> Result<Digest, lgtm_executor::Failure> {
    let package = charts.package(&Remote::Manifests(url.to_owned())).await?;
    let files = vec![ManifestLocation::Url(url.to_owned())];
    if charts.read_manifests(unit, &Manifests { files, namespace: None }).await? == 0 {
        let message = format!("unit {unit}: {url} holds no object");
        let help = "see what the URL gives; a page that says nothing is not worth locking";
        return Err(lgtm_executor::Failure::new(lgtm_executor::Kind::Permanent, message).with_help(help));
    }
    Ok(package.digest)
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
    for (url, digest) in after.manifests() {
        match before.digest(&Remote::Manifests(url.clone())) {
            None => lines.push(format!("+ {url}: sha256:{}", digest.short())),
            Some(old) if old != digest => lines.push(format!(
                "~ {url}: sha256:{} -> sha256:{}, other bytes under the same URL",
                old.short(),
                digest.short()
            )),
            Some(_) => {}
        }
    }
    let gone = |url: &&String| after.digest(&Remote::Manifests((*url).clone())).is_none();
    lines.extend(before.manifests().map(|(url, _)| url).filter(gone).map(|url| format!("- {url}")));
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
