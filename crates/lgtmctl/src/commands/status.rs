//! `status`: what is there.

use time::{OffsetDateTime, macros::format_description};

use super::{json_lines, stdout_failed};
use crate::{
    cli::StatusArgs,
    error::CommandError,
    exit_code::ExitCode,
    printer::Output,
    render::status,
    session::{Clusters, Session},
};

/// Shows what is there. Pending changes are no failure here; a cluster that does not answer is.
pub(super) async fn run<W: Clusters>(
    session: &Session<'_, W>,
    args: &StatusArgs,
) -> Result<ExitCode, CommandError> {
    let prepared = session.prepare(lgtm_planner::plan::PlanOptions::default()).await?;
    let survey = status::survey(&prepared, |cluster, how| session.world.details(cluster, how));
    match args.output.output {
        Output::Json => json_lines(session.printer, &status::json(&survey))?,
        Output::Human => {
            let text = status::human(&survey, date, session.printer.data_style());
            session.printer.data(&text).map_err(stdout_failed)?;
        }
    }
    Ok(ExitCode::of_plan(&prepared.plan, false))
}

/// A moment in words; the number itself where no calendar reaches it.
pub(super) fn date(seconds: i64) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
    OffsetDateTime::from_unix_timestamp(seconds)
        .ok()
        .and_then(|moment| moment.format(&format).ok())
        .unwrap_or_else(|| seconds.to_string())
}

#[cfg(test)]
mod tests {
    use super::date;

    #[test]
    fn moments_are_said_in_utc() {
        assert_eq!(date(1_767_225_600), "2026-01-01 00:00 UTC");
        assert_eq!(date(i64::MAX), i64::MAX.to_string());
    }
}
