//! Charts as packages: lgtmctl's own, embedded in the binary and written out for helm to read, and those
//! of others.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use include_dir::{Dir, DirEntry, include_dir};
use lgtm_executor::{Failure, Kind, world::RenderRequest};
use lgtm_planner::{
    digest::Digest,
    plan::Rendered,
    unit::{ChartRef, Manifests, UnitId},
};
use serde_json::Value;

use crate::{render::Renderer, tools::Tools};

mod contents;
mod download;
mod fetch;
pub mod keys;
pub mod lock;
pub mod upstream;

use keys::UnknownValue;
use upstream::{ChartSource, Package, Remote};

/// Upstream charts and manifests without a world: for what is done to them before any cluster is thought of.
pub struct Charts(Renderer);

impl Charts {
    /// Charts of a topology whose file lies in `base_dir`.
    pub fn new(source: ChartSource, tools: Tools, base_dir: PathBuf, cache_dir: PathBuf) -> Self {
        Self(Renderer::new(tools, base_dir, cache_dir, source))
    }

    /// The packaged chart or manifest file, checked against the lock when there is one.
    pub async fn package(&self, wanted: &Remote) -> Result<Package, Failure> {
        self.0.packages.find(wanted).await
    }

    /// Reads a unit's manifests, which fails where a file is no set of objects.
    pub async fn read_manifests(&self, unit: &UnitId, manifests: &Manifests) -> Result<usize, Failure> {
        self.0.manifests(unit, manifests).await.map(|objects| objects.len())
    }

    /// The keys of `values` that the chart of a unit knows nothing of.
    ///
    /// # Errors
    ///
    /// When the chart cannot be found or read.
    pub async fn unknown_values(
        &self,
        unit: &UnitId,
        chart: &ChartRef,
        values: &Value,
    ) -> Result<Vec<UnknownValue>, Failure> {
        let (path, _) = self.0.chart(unit, chart).await?;
        let contents = contents::read(&path).map_err(|error| {
            let message = format!("unit {unit}: the chart {chart} cannot be read: {error}");
            Failure::new(Kind::Permanent, message).with_help("see that it is a chart's folder or package")
        })?;
        Ok(keys::unknown(&contents, values))
    }

    /// The objects of a request.
    pub async fn render(&self, request: RenderRequest) -> Result<Rendered, Failure> {
        self.0.render(request, None).await
    }

    /// What differs between two renders with equal inputs, as `Kind namespace/name: path`.
    pub async fn unstable(&self, request: &RenderRequest) -> Result<Vec<String>, Failure> {
        self.0.unstable(request).await
    }
}

static CHARTS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../charts");

/// Made once: every unit asks, and the charts never change while the program runs.
static DIGESTS: LazyLock<BTreeMap<&Path, Digest>> =
    LazyLock::new(|| CHARTS.dirs().map(|dir| (dir.path(), digest_of(dir))).collect());

/// A digest of a chart's files; none when there is no such chart.
pub(crate) fn digest(name: &str) -> Option<Digest> {
    DIGESTS.get(Path::new(name)).cloned()
}

fn digest_of(dir: &Dir<'_>) -> Digest {
    let mut parts = Vec::new();
    collect(dir, &mut parts);
    parts.sort();
    Digest::of_parts(parts.iter().map(String::as_str))
}

fn collect(dir: &Dir<'_>, parts: &mut Vec<String>) {
    for entry in dir.entries() {
        match entry {
            DirEntry::Dir(dir) => collect(dir, parts),
            DirEntry::File(file) => {
                let content = Digest::of_bytes(file.contents());
                parts.push(format!("{} {content}", file.path().display()));
            }
        }
    }
}

/// Writes a chart below `cache`, in a folder of its own for each content, and returns its path.
pub(crate) fn extract(name: &str, digest: &Digest, cache: &Path) -> io::Result<PathBuf> {
    let target = cache.join("charts").join(digest.short());
    let chart = target.join(name);
    if chart.is_dir() {
        return Ok(chart);
    }
    let dir = CHARTS.get_dir(name).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
    std::fs::create_dir_all(cache.join("charts"))?;
    // Another process may be at the same; a rename makes the chart appear whole or not at all.
    let temporary = tempfile::Builder::new().prefix("chart-").tempdir_in(cache.join("charts"))?;
    write(dir, temporary.path())?;
    match std::fs::rename(temporary.path(), &target) {
        Ok(()) => {
            // The folder has moved, so there is nothing left to clean up.
            drop(temporary.keep());
        }
        Err(_) if chart.is_dir() => {}
        Err(error) => return Err(error),
    }
    Ok(chart)
}

fn write(dir: &Dir<'_>, target: &Path) -> io::Result<()> {
    std::fs::create_dir_all(target.join(dir.path()))?;
    for entry in dir.entries() {
        match entry {
            DirEntry::Dir(dir) => write(dir, target)?,
            DirEntry::File(file) => std::fs::write(target.join(file.path()), file.contents())?,
        }
    }
    Ok(())
}
