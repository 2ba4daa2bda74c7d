//! `plan`: what an apply would do. It takes no lock and writes nothing to any cluster.

use lgtm_executor::Prepared;

use super::{json_lines, stdout_failed};
use crate::{
    cli::PlanArgs,
    error::CommandError,
    exit_code::ExitCode,
    printer::Output,
    render::{self, plan::Fleet},
    session::{Clusters, Session},
};

/// Shows the plan.
pub(super) async fn run<W: Clusters>(
    session: &Session<'_, W>,
    args: &PlanArgs,
) -> Result<ExitCode, CommandError> {
    let Prepared { plan, desired, .. } = session.prepare(args.planning.options()).await?;
    match args.output.output {
        Output::Json => json_lines(session.printer, &render::json::plan(&plan))?,
        Output::Human => {
            let style = session.printer.data_style().with_verbose(args.planning.verbose_objects);
            let text = render::plan::plan(&plan, &Fleet::of(&desired), style);
            session.printer.data(&text).map_err(stdout_failed)?;
        }
    }
    Ok(ExitCode::of_plan(&plan, args.exit_code))
}
