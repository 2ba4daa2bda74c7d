//! `kubeconfig`: a kubeconfig on stdout. It merges nothing and touches no file of the user's.

use lgtm_topology::ClusterName;

use super::stdout_failed;
use crate::{
    cli::KubeconfigArgs,
    error::CommandError,
    exit_code::ExitCode,
    session::{Clusters, Session},
};

/// Prints the kubeconfig.
pub(super) async fn run<W: Clusters>(
    session: &Session<'_, W>,
    args: &KubeconfigArgs,
) -> Result<ExitCode, CommandError> {
    let cluster = ClusterName::new(args.cluster.as_str());
    let how = session.cluster(&cluster).await?;
    let kubeconfig = session.interrupt.or(session.world.kubeconfig(&cluster, &how)).await??;
    session.printer.data(&kubeconfig).map_err(stdout_failed)?;
    Ok(ExitCode::Done)
}
