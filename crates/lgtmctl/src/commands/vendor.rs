//! `vendor`: the locked charts as files, for where no repository can be reached.

use std::collections::BTreeMap;

use lgtm_planner::digest::Digest;
use lgtm_world::charts::upstream::{ChartSource, file_name};

use super::lock::upstream;
use crate::{
    cli::VendorArgs,
    error::CommandError,
    exit_code::ExitCode,
    interrupt::Interrupt,
    printer::Printer,
    render::plural,
    session::{Given, chart_lock, charts},
};

/// Copies the charts.
pub(super) async fn run(
    args: &VendorArgs,
    printer: &Printer,
    interrupt: Interrupt,
) -> Result<ExitCode, CommandError> {
    let Given { document, desired, .. } = Given::read(&args.file, false, printer)?;
    let lock = Some(chart_lock(&document)?.unwrap_or_default());
    let charts = charts(&document, ChartSource { mirror: args.file.chart_mirror.clone(), lock })?;
    let failed = |source| CommandError::Write { what: args.to.display().to_string(), source };
    std::fs::create_dir_all(&args.to).map_err(failed)?;
    let mut copied = 0;
    let mut names: BTreeMap<String, Digest> = BTreeMap::new();
    for chart in upstream(&desired).into_keys() {
        let package = interrupt.or(charts.package(&chart)).await??;
        let name = file_name(&chart);
        if names.insert(name.clone(), package.digest.clone()).is_some_and(|other| other != package.digest) {
            let message = format!("two repositories have a {name}, and a folder has room for one");
            return Err(CommandError::usage(message, "use another version of one of them"));
        }
        // A file that is cut short would be taken for damaged.
        let part = args.to.join(format!("{name}.part"));
        std::fs::copy(&package.path, &part)
            .and_then(|_| std::fs::rename(&part, args.to.join(&name)))
            .map_err(failed)?;
        copied += 1;
    }
    printer.talk(&format!("{} in {}\n", plural(copied, "chart"), args.to.display()));
    Ok(ExitCode::Done)
}
