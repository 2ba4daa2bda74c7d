//! `render`: the objects of units, as they would be applied, one file each.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use lgtm_executor::{Prepared, prepare::SIMULATED_VERSION, world::RenderRequest};
use lgtm_planner::{
    inventory::{TOPOLOGY_LABEL, UNIT_LABEL},
    object::Object,
    plan::{PlanOptions, Rendered},
    unit::{Content, Release, Unit, UnitId},
};

use crate::{
    cli::RenderArgs,
    error::CommandError,
    exit_code::ExitCode,
    render::{Tone, manifest, plural, problem},
    session::{Clusters, Session, unknown},
};

/// Writes the files.
pub(super) async fn run<W: Clusters>(
    session: &Session<'_, W>,
    args: &RenderArgs,
) -> Result<ExitCode, CommandError> {
    let desired = session.desired()?;
    let wanted = select(&desired.units, args)?;
    let prepared = session.prepare(PlanOptions::default()).await?;
    let style = session.printer.talk_style();
    let note =
        |text: String| session.printer.talk(&format!("{} {text}\n", style.paint(Tone::Careful, "note:")));
    let (mut files, mut units, mut failed) = (0, 0, false);
    for id in &wanted {
        let Some(unit) = prepared.desired.units.get(id) else { continue };
        let rendered = match prepared.rendered.get(id) {
            Some(rendered) => rendered.clone(),
            None => match without_facts(session, &prepared, unit).await? {
                Without::Rendered(rendered, facts) => {
                    if !facts.is_empty() {
                        note(format!("{id} is rendered with names in place of {}", facts.join(", ")));
                    }
                    rendered
                }
                Without::NoObjects => {
                    if !args.all {
                        note(format!("{id} has no objects that could be rendered"));
                    }
                    continue;
                }
                Without::Failed(text) => {
                    session.printer.insist(&text);
                    failed = true;
                    continue;
                }
            },
        };
        units += 1;
        for object in rendered.objects.iter() {
            let mut object = object.clone();
            object.set_labels([
                (TOPOLOGY_LABEL, prepared.desired.topology.as_str()),
                (UNIT_LABEL, id.name.as_str()),
            ]);
            write(&args.to, id, &object)?;
            files += 1;
        }
    }
    let text =
        format!("wrote {} of {} to {}\n", plural(files, "object"), plural(units, "unit"), args.to.display());
    session.printer.talk(&text);
    Ok(if failed { ExitCode::Failed } else { ExitCode::Done })
}

/// The units that the user names.
fn select(units: &BTreeMap<UnitId, Unit>, args: &RenderArgs) -> Result<BTreeSet<UnitId>, CommandError> {
    if args.all {
        return Ok(units.keys().cloned().collect());
    }
    let mut selected = BTreeSet::new();
    for name in &args.units {
        let matches = |id: &&UnitId| id.to_string() == *name || id.name.as_str() == name;
        let before = selected.len();
        selected.extend(units.keys().filter(matches).cloned());
        if selected.len() == before && !units.keys().any(|id| matches(&id)) {
            let full: Vec<String> = units.keys().map(ToString::to_string).collect();
            let known: BTreeSet<&str> = if name.contains('/') {
                full.iter().map(String::as_str).collect()
            } else {
                units.keys().map(|id| id.name.as_str()).collect()
            };
            return Err(unknown("unit", name, known));
        }
    }
    Ok(selected)
}

/// What comes of a unit whose facts are not known.
enum Without {
    Rendered(Rendered, Vec<String>),
    NoObjects,
    Failed(String),
}

async fn without_facts<W: Clusters>(
    session: &Session<'_, W>,
    prepared: &Prepared,
    unit: &Unit,
) -> Result<Without, CommandError> {
    let mut facts = Vec::new();
    let content = match &unit.content {
        Content::Release(release) => {
            let named;
            (named, facts) = manifest::name_placeholders(&release.values);
            Content::Release(Release { values: Arc::new(named), ..release.clone() })
        }
        // Known content is missing only where a cluster does not answer; it is rendered all the same.
        Content::Objects(_) | Content::Manifests(_) => unit.content.clone(),
        Content::Cluster(_) | Content::Enrolment | Content::Material(_) => return Ok(Without::NoObjects),
    };
    let state = prepared.observed.state(&unit.id.cluster);
    let request = RenderRequest {
        unit: unit.id.clone(),
        content,
        kube_version: state.map_or_else(|| SIMULATED_VERSION.to_owned(), |state| state.version.clone()),
        api_versions: prepared.desired.api_versions.get(&unit.id.cluster).cloned().unwrap_or_default(),
    };
    let facts = facts.iter().map(ToString::to_string).collect();
    Ok(match session.interrupt.or(session.world.render(request)).await? {
        Ok(rendered) => Without::Rendered(rendered, facts),
        Err(failure) => Without::Failed(problem::failure(&failure, session.printer.talk_style())),
    })
}

fn write(folder: &Path, unit: &UnitId, object: &Object) -> Result<(), CommandError> {
    let path = folder.join(manifest::path(unit, object));
    let what = path.display().to_string();
    let yaml = manifest::yaml(object)
        .map_err(|source| CommandError::Serialize { what: format!("{} of {unit}", object.key()), source })?;
    let parent = path.parent().unwrap_or(folder);
    std::fs::create_dir_all(parent)
        .and_then(|()| std::fs::write(&path, yaml))
        .map_err(|source| CommandError::Write { what, source })
}
