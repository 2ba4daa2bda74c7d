//! `vendor`: the locked charts and manifests as files, for where no repository can be reached.

use std::collections::BTreeMap;

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
    let upstream: Vec<Remote> = upstream(&desired).into_keys().map(Remote::Chart).collect();
    let manifests: Vec<Remote> =
        remote_manifests(&topology, &desired).into_keys().map(Remote::Manifests).collect();
    let mut packages = Vec::new();
    for wanted in upstream.iter().chain(&manifests) {
        packages.push((wanted, interrupt.or(charts.package(wanted)).await??));
    }
    refuse_clashes(packages.iter().map(|(wanted, package)| (*wanted, package.digest.as_str())))?;
    let failed = |source| CommandError::Write { what: args.to.display().to_string(), source };
    std::fs::create_dir_all(&args.to).map_err(failed)?;
    for (wanted, package) in &packages {
        let name = wanted.file_name();
        // A file that is cut short would be taken for damaged.
        let part = args.to.join(format!("{name}.part"));
        std::fs::copy(&package.path, &part)
            .and_then(|_| std::fs::rename(&part, args.to.join(&name)))
            .map_err(failed)?;
    }
    printer.talk(&format!("{} in {}\n", counted(upstream.len(), manifests.len()), args.to.display()));
    Ok(ExitCode::Done)
}

/// Refuses what would overwrite each other. File systems that pass over the case of letters are where folders are
/// carried to, so it does not matter what this one does.
fn refuse_clashes<'a>(wanted: impl Iterator<Item = (&'a Remote, &'a str)>) -> Result<(), CommandError> {
    let mut places: BTreeMap<String, (&Remote, &str)> = BTreeMap::new();
    for (wanted, digest) in wanted {
        let name = wanted.file_name();
        let Some((other, other_digest)) = places.insert(name.to_lowercase(), (wanted, digest)) else {
            continue;
        };
        if other.file_name() != name {
            let message = format!(
                "{other} and {wanted} differ in a file's name only by upper and lower case, and many file systems \
                 hold one of them"
            );
            return Err(CommandError::usage(
                message,
                "give one of them a path on this machine, or another version",
            ));
        }
        if other_digest != digest {
            let message =
                format!("{other} and {wanted} are both a file {name}, and a folder has room for one");
            return Err(CommandError::usage(message, "use another version of one of them"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use lgtm_planner::unit::UpstreamChart;

    use super::*;

    fn manifests(url: &str) -> Remote {
        Remote::Manifests(url.to_owned())
    }

    fn chart(name: &str, repository: &str, version: &str) -> Remote {
        let [name, repository, version] = [name, repository, version].map(str::to_owned);
        Remote::Chart(UpstreamChart { name, repository, version })
    }

    fn clash(one: &Remote, other: &Remote, digests: [&str; 2]) -> Option<String> {
        refuse_clashes([one, other].into_iter().zip(digests)).err().map(|error| error.to_string())
    }

    #[test]
    fn files_that_would_overwrite_each_other_are_refused() {
        let (upper, lower) = (manifests("https://a.b/CRD.yaml"), manifests("https://a.b/crd.yaml"));
        let said = clash(&upper, &lower, ["1", "2"]).unwrap();
        assert!(said.contains("CRD.yaml") && said.contains("/crd.yaml"), "{said}");
        assert!(clash(&upper, &lower, ["1", "1"]).is_some(), "what is found depends on the file system");
        let releases = [chart("app", "https://a.b", "1.0.0-RC1"), chart("app", "https://a.b", "1.0.0-rc1")];
        assert!(clash(&releases[0], &releases[1], ["1", "2"]).is_some());
        // The same bytes from two places are one file.
        let mirrored = [chart("app", "https://a.b", "1.0.0"), chart("app", "https://c.d", "1.0.0")];
        assert!(clash(&mirrored[0], &mirrored[1], ["1", "1"]).is_none());
        let said = clash(&mirrored[0], &mirrored[1], ["1", "2"]).unwrap();
        assert!(said.contains("app-1.0.0.tgz") && said.contains("c.d"), "{said}");
        assert!(clash(&upper, &manifests("https://a.b/other.yaml"), ["1", "2"]).is_none());
    }
}
