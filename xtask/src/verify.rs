//! Generated configurations, read by the programs that will read them in the clusters.
//!
//! The examples of both profiles are rendered as anybody renders them, with each log shipper, and our own charts with
//! each of their sets of values. From the objects comes what every container finds: its words, its variables and its
//! files. What the program says of that in its own check mode is the verdict; nothing here knows what a right
//! configuration looks like. Nothing is fetched and no cluster is asked.
//!
//! Some mistakes no program sees, since they lie between a pod and what is around it: an init container that never ends,
//! an image whose tag moves, a Secret or a host that nobody makes, a definition that comes too late. Those are looked for
//! in the objects themselves.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use self::{
    container::Container,
    place::Place,
    programs::Programs,
    rendered::{Rendered, at},
    report::{Outcome, Report},
};

mod container;
mod definitions;
mod hosts;
mod images;
mod limits;
mod place;
mod pods;
mod programs;
mod rendered;
mod report;
mod rules;

/// Where things are.
#[derive(Debug)]
pub struct Options {
    /// The checkout.
    pub root: PathBuf,
    /// The pinned programs, as `tools/verify/build` links them.
    pub programs: PathBuf,
    /// Programs that are no package and that somebody brought.
    pub brought: Option<PathBuf>,
    /// Packaged upstream charts; without them the profile `distributed` cannot be rendered.
    pub mirror: Option<PathBuf>,
}

/// What came of it.
#[derive(Debug)]
pub struct Verdict {
    /// One line for each configuration and program, and what was not checked.
    pub table: String,
    /// Configurations that were refused, programs that are missing, images that nobody has decided about.
    pub failures: Vec<String>,
}

/// Checks everything.
pub fn check(options: &Options) -> io::Result<Verdict> {
    let folder = std::env::temp_dir().join(format!("lgtmctl-verify-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let result = check_in(options, &folder);
    let cleaned = std::fs::remove_dir_all(&folder);
    let verdict = result?;
    cleaned?;
    Ok(verdict)
}

fn check_in(options: &Options, folder: &Path) -> io::Result<Verdict> {
    let programs = Programs::new(&options.programs, options.brought.as_deref(), folder)?;
    let mut report = Report::default();
    let mut sources = rendered::examples(options, folder)?;
    sources.extend(rendered::own_charts(&options.root, folder)?);
    if options.mirror.is_none() {
        report.note(
            "Not rendered for want of a mirror of the upstream charts: the profile distributed, and with it Loki, Mimir \
             and Tempo as microservices and the rules of kube-prometheus-stack. `make verify-configs MIRROR=DIR` takes a \
             folder of packaged charts, as `lgtmctl vendor` writes it. The agents of that profile read what the charts \
             below charts/ render, which was checked.",
        );
    }
    // The same text in the same place is checked once, and counted where else it stands.
    let mut containers: BTreeMap<String, Container> = BTreeMap::new();
    let mut order = Vec::new();
    for source in &sources {
        for container in container::all(source) {
            let key = container.identity();
            if let Some(known) = containers.get_mut(&key) {
                known.alike += 1;
            } else {
                order.push(key.clone());
                containers.insert(key, container);
            }
        }
    }
    let mut place = Place::new(folder)?;
    for container in order.iter().filter_map(|key| containers.get(key)) {
        images::check(container, &programs, &mut place, &mut report)?;
    }
    for source in &sources {
        rules::check(source, &programs, &mut place, &mut report)?;
        operated(source, &mut report);
        // A chart alone has neither the Services nor the Secrets of those around it.
        let mut problems = pods::check(source);
        if !source.needs.is_empty() {
            problems.extend(pods::named(source));
            problems.extend(hosts::check(source));
            problems.extend(definitions::check(source));
        }
        report.hold(&source.name, problems);
    }
    Ok(report.verdict())
}

/// What an operator makes into a configuration, in the cluster.
fn operated(source: &Rendered, report: &mut Report) {
    for (kind, program) in [("Prometheus", "prometheus"), ("Alertmanager", "alertmanager")] {
        for object in source.objects().filter(|object| at(&object.value, "/kind") == kind) {
            let why = "the Prometheus operator makes its configuration; the API server checks the definition";
            report.add(&source.line(object, ""), program, "", Outcome::Unchecked(why.to_owned()));
        }
    }
}
