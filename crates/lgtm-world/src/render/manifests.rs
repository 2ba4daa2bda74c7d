//! Manifests as objects: from files and folders, and from files that the lock fixes.
//!
//! What the lock fixes cannot change, so it is read as YAML once and kept as what charts render to is kept.

use lgtm_planner::unit::Manifests;
use lgtm_topology::ManifestLocation;

use super::*;

impl Renderer {
    /// The objects of all places, in their order.
    pub(crate) async fn manifests(
        &self,
        unit: &UnitId,
        manifests: &Manifests,
    ) -> Result<Vec<Object>, Failure> {
        let mut objects = Vec::new();
        for place in &manifests.files {
            objects.extend(match place {
                ManifestLocation::Path(path) => self.local(unit, path)?,
                ManifestLocation::Url(url) => self.fixed(unit, url).await?,
            });
        }
        Ok(objects)
    }

    fn local(&self, unit: &UnitId, path: &str) -> Result<Vec<Object>, Failure> {
        let path = self.base_dir.join(path);
        let unreadable = |error: std::io::Error| {
            let message = format!("unit {unit}: the manifests {} cannot be read: {error}", path.display());
            Failure::new(Kind::Permanent, message)
                .with_help("paths are relative to the topology file; mend `files:` or the file's rights")
        };
        let mut objects = Vec::new();
        for path in manifest_files(&path).map_err(unreadable)? {
            let text = std::fs::read_to_string(&path).map_err(unreadable)?;
            objects.extend(parse(unit, &path.display().to_string(), &text)?);
        }
        Ok(objects)
    }

    async fn fixed(&self, unit: &UnitId, url: &str) -> Result<Vec<Object>, Failure> {
        let file = self.remote(unit, Remote::Manifests(url.to_owned())).await?;
        let key = Digest::of_parts([CACHE_VERSION, "manifests", file.digest.as_str()]);
        let cached = self.cached(&key);
        if let Some(found) = read_cache(&cached) {
            return Ok(found);
        }
        let text = std::fs::read_to_string(&file.path).map_err(|error| {
            let message = format!("unit {unit}: {} cannot be read: {error}", file.path.display());
            environment(message, "empty the cache folder; what is in it is fetched again")
        })?;
        let objects = parse(unit, url, &text)?;
        remember(&cached, &objects);
        Ok(objects)
    }
}

/// The file itself, or the YAML and JSON files of a folder, by name.
fn manifest_files(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    files.retain(|file| {
        file.extension()
            .is_some_and(|extension| ["yaml", "yml", "json"].iter().any(|known| extension == *known))
    });
    files.sort();
    Ok(files)
}
