//! `vendor`: the locked charts and manifests as files, for where no repository can be reached.

use std::collections::BTreeMap;

use lgtm_planner::digest::Digest;
use lgtm_world::charts::upstream::{ChartSource, Remote};

use super::lock::{counted, remote_manifests, upstream};
use crate::{
    cli::VendorArgs,
    error::CommandError,
    exit_code::ExitCode,
    interrupt::Interrupt,
    printer::Printer,
    session::{Given, chart_lock, charts},
};

/// Copies them.
pub(super) async fn run(
    args: &VendorArgs,
    printer: &Printer,
    interrupt: Interrupt,
) -> Result<ExitCode, CommandError> {
    let Given { document, topology, desired } = Given::read(&args.file, false, printer)?;
    let lock = Some(chart_lock(&document)?.unwrap_or_default());
    let charts = charts(&document, ChartSource { mirror: args.file.chart_mirror.clone(), lock })?;
    let failed = |source| CommandError::Write { what: args.to.display().to_string(), source };
    std::fs::create_dir_all(&args.to).map_err(failed)?;
    let mut names: BTreeMap<String, Digest> = BTreeMap::new();
    let upstream: Vec<Remote> = upstream(&desired).into_keys().map(Remote::Chart).collect();
    let manifests: Vec<Remote> =
        remote_manifests(&topology, &desired).into_keys().map(Remote::Manifests).collect();
    for wanted in upstream.iter().chain(&manifests) {
        let package = interrupt.or(charts.package(wanted)).await??;
        let name = wanted.file_name();
        if names.insert(name.clone(), package.digest.clone()).is_some_and(|other| other != package.digest) {
            let message = format!("two places have a {name}, and a folder has room for one");
            return Err(CommandError::usage(message, "use another version of one of them"));
        }
        // A file that is cut short would be taken for damaged.
        let part = args.to.join(format!("{name}.part"));
        std::fs::copy(&package.path, &part)
            .and_then(|_| std::fs::rename(&part, args.to.join(&name)))
            .map_err(failed)?;
    }
    printer.talk(&format!("{} in {}\n", counted(upstream.len(), manifests.len()), args.to.display()));
    Ok(ExitCode::Done)
}
