//! `vendor`: the locked charts as files, for where no repository can be reached.

use lgtm_world::charts::upstream::{ChartSource, file_name};

use super::lock::upstream;
use crate::{
    cli::VendorArgs,
    error::CommandError,
    exit_code::ExitCode,
    input::Document,
    interrupt::Interrupt,
    printer::Printer,
    render::plural,
    session::{chart_lock, charts, desired},
};

/// Copies the charts.
pub(super) async fn run(
    args: &VendorArgs,
    printer: &Printer,
    interrupt: Interrupt,
) -> Result<ExitCode, CommandError> {
    let document = Document::read(&args.file.file)?;
    let topology = document.topology(printer)?;
    let desired = desired(&topology, &document, printer)?;
    let lock = Some(chart_lock(&document)?.unwrap_or_default());
    let charts = charts(&document, ChartSource { mirror: args.file.chart_mirror.clone(), lock })?;
    let failed = |source| CommandError::Write { what: args.to.display().to_string(), source };
    std::fs::create_dir_all(&args.to).map_err(failed)?;
    let mut copied = 0;
    for chart in upstream(&desired).into_keys() {
        let package = interrupt.or(charts.package(&chart)).await??;
        let target = args.to.join(file_name(&chart));
        // Copied onto itself, a file would be emptied.
        if !is_same(&package.path, &target) {
            std::fs::copy(&package.path, &target).map_err(failed)?;
        }
        copied += 1;
    }
    printer.talk(&format!("{} in {}\n", plural(copied, "chart"), args.to.display()));
    Ok(ExitCode::Done)
}

fn is_same(one: &std::path::Path, other: &std::path::Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}
