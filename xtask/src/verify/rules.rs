//! Recording rules and alerts: every PrometheusRule is a file of rules to promtool.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
};

use super::{
    place::{Laid, Place},
    programs::Programs,
    rendered::{Rendered, at, text},
    report::Report,
};

/// Checks the rules of each unit together.
pub(super) fn check(
    source: &Rendered,
    programs: &Programs,
    place: &mut Place,
    report: &mut Report,
) -> io::Result<()> {
    let mut units: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for object in source.objects().filter(|object| at(&object.value, "/kind") == "PrometheusRule") {
        units.entry((&object.cluster, &object.unit)).or_default().push(&object.value);
    }
    for ((cluster, unit), rules) in units {
        let folder = place.empty()?;
        let mut words = vec!["check".to_owned(), "rules".to_owned()];
        for rule in &rules {
            let file = folder.join(format!("{}.yaml", text(rule, "/metadata/name")));
            fs::write(&file, at(rule, "/spec").to_string())?;
            words.push(file.display().to_string());
        }
        let line = format!("{} {cluster}/{unit} {} files of rules", source.name, rules.len());
        let laid = Laid { folder, words, variables: BTreeMap::new(), unset: BTreeSet::new() };
        let (version, outcome) = match programs.built("promtool") {
            Ok(program) => (program.version.clone(), programs.ask(&program, &laid.words, &laid)?),
            Err(missing) => (String::new(), missing),
        };
        report.add(&line, "promtool", &version, outcome);
    }
    Ok(())
}
