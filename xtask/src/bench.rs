//! lgtmctl beside helmfile with helm-diff: the same objects of one hub, on two simulated clusters.
//!
//! Every figure is the median of several runs, and the two programs take turns, so that whatever else
//! the machine does meets both. Only the ratios mean anything elsewhere. helmfile's releases are charts
//! of finished objects, those that lgtmctl renders, so its helm has nothing to render and what is
//! compared is the comparing. It is told the same needs, and not told to wait, which on simulated
//! clusters would never end: nobody gives its Services an address.
//!
//! Nothing is fetched: where helmfile or the plugin is missing, only lgtmctl is measured.

use std::{fmt::Write as _, io, path::Path};

use crate::bench::{
    peer::Peer,
    run::{Stopwatch, Usage, fail, median},
    subject::Subject,
};

mod peer;
mod run;
mod subject;

/// Runs of what takes less than a few seconds.
const SHORT_RUNS: u32 = 7;
/// Runs of what makes clusters anew.
const LONG_RUNS: u32 = 3;

/// One line of the table: what both programs took, as often as each ran.
#[derive(Default)]
struct Line {
    what: &'static str,
    ours: Vec<Usage>,
    theirs: Vec<Usage>,
}

/// Measures, and returns the table.
pub fn compare(root: &Path) -> io::Result<String> {
    let folder = std::env::temp_dir().join(format!("lgtmctl-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let result = compare_in(root, &folder);
    let cleaned = std::fs::remove_dir_all(&folder);
    let table = result?;
    cleaned?;
    Ok(table)
}

fn compare_in(root: &Path, folder: &Path) -> io::Result<String> {
    // Both are destroyed when they go out of scope, whatever happens in between.
    let ours = Subject::new(root, folder, "ours")?;
    let theirs = Subject::new(root, folder, "theirs")?;
    let peer = Peer::find(&folder.join("helmfile"))?;
    let mut cold = Line { what: "cold apply / sync", ..Line::default() };
    for _ in 0..LONG_RUNS {
        ours.destroy()?;
        ours.make_empty()?;
        cold.ours.push(ours.apply()?);
        if let Some(peer) = &peer {
            theirs.destroy()?;
            theirs.make_empty()?;
            peer.prepare(&theirs)?;
            cold.theirs.push(peer.sync()?);
        }
    }
    let mut unchanged = Line { what: "plan / diff, nothing to do", ..Line::default() };
    let mut changed = Line { what: "plan / diff, one value changed", ..Line::default() };
    for run in 0..SHORT_RUNS {
        ours.say(0)?;
        unchanged.ours.push(ours.plan(0)?);
        if let Some(peer) = &peer {
            peer.prepare(&theirs)?;
            unchanged.theirs.push(peer.diff(0)?);
        }
        // A value that no run had before, so that nothing of it is remembered.
        ours.say(1 + run)?;
        changed.ours.push(ours.plan(4)?);
        if let Some(peer) = &peer {
            theirs.say(1 + run)?;
            peer.prepare(&theirs)?;
            changed.theirs.push(peer.diff(2)?);
            theirs.say(0)?;
        }
    }
    Ok(table(&[unchanged, changed, cold], peer.is_some()))
}

fn table(lines: &[Line], with_peer: bool) -> String {
    let mut table =
        String::from("| one hub | lgtmctl | helmfile | ratio | lgtmctl, processor | helmfile, processor |\n");
    table.push_str("|---|---:|---:|---:|---:|---:|\n");
    for line in lines {
        let of = |runs: &[Usage], what: fn(&Usage) -> f64| median(runs.iter().map(what));
        let (ours, theirs) = (of(&line.ours, |run| run.wall), of(&line.theirs, |run| run.wall));
        let seconds =
            |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.2} s"));
        let ratio = ours
            .zip(theirs)
            .map_or_else(|| "–".to_owned(), |(ours, theirs)| format!("{:.1} ×", theirs / ours));
        // Writing to a String cannot fail.
        let _ = writeln!(
            table,
            "| {} | {} | {} | {ratio} | {} | {} |",
            line.what,
            seconds(ours),
            seconds(theirs),
            seconds(of(&line.ours, |run| run.processor)),
            seconds(of(&line.theirs, |run| run.processor)),
        );
    }
    if !with_peer {
        table.push_str(
            "\nhelmfile, helm or the helm-diff plugin is not on PATH, so lgtmctl was measured alone. For the other \
             column install helmfile (https://helmfile.readthedocs.io) and run `helm plugin install \
             https://github.com/databus23/helm-diff`.\n",
        );
    }
    table
}
