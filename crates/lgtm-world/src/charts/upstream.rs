//! Charts and manifests of others: found in a mirror, in the cache, or fetched from where they are published, and
//! checked against the lock.
//!
//! Their bytes are trusted by their digest alone, so it does not matter where they came from.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use futures::future::{BoxFuture, FutureExt as _, Shared};
use lgtm_executor::{Failure, Kind};
use lgtm_planner::{digest::Digest, unit::UpstreamChart};

use super::{fetch::fetch, lock::Lock};
use crate::{cluster::environment, tools::Tools, whole_file};

/// Where upstream charts come from.
#[derive(Clone, Debug)]
pub struct ChartSource {
    /// A folder of packaged charts, `NAME-VERSION.tgz`. When there is one, nothing is fetched.
    pub mirror: Option<PathBuf>,
    /// What is fixed. Without it no digest is checked, which is for making a lock only.
    pub lock: Option<Lock>,
}

/// Something that others publish, and that the lock fixes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Remote {
    /// A chart in a repository.
    Chart(UpstreamChart),
    /// A YAML file of manifests, by its URL.
    Manifests(String),
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chart(chart) => write!(f, "the chart {chart}"),
            Self::Manifests(url) => write!(f, "the manifest file {url}"),
        }
    }
}

impl Remote {
    /// Its name in a folder: a chart's as `helm package` gives it, a manifest file's URL with `-` for each `/`
    /// and `:`.
    pub fn file_name(&self) -> String {
        match self {
            Self::Chart(chart) => format!("{}-{}.tgz", chart.name, chart.version),
            Self::Manifests(url) => {
                let place = url.split_once("://").map_or(url.as_str(), |(_, place)| place);
                place.chars().map(|c| if c == '/' || c == ':' { '-' } else { c }).collect()
            }
        }
    }

    /// Where it is kept in the cache once it is fetched. Two repositories may have charts of one name and version,
    /// and two URLs may come to one name.
    fn fetched_path(&self, cache: &Path) -> PathBuf {
        let (folder, place) = match self {
            Self::Chart(chart) => ("charts", &chart.repository),
            Self::Manifests(url) => ("manifests", url),
        };
        cache.join(folder).join(Digest::of_bytes(place.as_bytes()).short()).join(self.file_name())
    }

    /// The folder and the ending of copies that are named after their bytes.
    fn kept_as(&self) -> (&'static str, &'static str) {
        match self {
            Self::Chart(_) => ("charts/by-digest", "tgz"),
            Self::Manifests(_) => ("manifests/by-digest", "yaml"),
        }
    }
}

/// A packaged chart or a manifest file on this machine.
#[derive(Clone, Debug)]
pub struct Package {
    /// Where it is.
    pub path: PathBuf,
    /// SHA-256 of its bytes.
    pub digest: Digest,
}

/// A look for something, which all who ask for it at once wait for together.
type Look = Shared<BoxFuture<'static, Result<Package, Failure>>>;

/// What others publish, each found once by a process: every unit with a chart asks for it.
pub(crate) struct Packages {
    places: Arc<Places>,
    looks: Mutex<BTreeMap<Remote, Look>>,
}

struct Places {
    source: ChartSource,
    tools: Tools,
    cache: PathBuf,
}

impl Packages {
    pub(crate) fn new(source: ChartSource, tools: Tools, cache: PathBuf) -> Self {
        Self { places: Arc::new(Places { source, tools, cache }), looks: Mutex::default() }
    }

    /// Finds it, checks it, and returns a copy that is named after its bytes: what was checked is what
    /// read, whatever becomes of the file that it was found in.
    pub(crate) async fn find(&self, wanted: &Remote) -> Result<Package, Failure> {
        let looks = || self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        let begin = || {
            let (places, wanted) = (Arc::clone(&self.places), wanted.clone());
            async move { places.find(&wanted).await }.boxed().shared()
        };
        let look = looks().entry(wanted.clone()).or_insert_with(begin).clone();
        let found = look.clone().await;
        if found.is_err() {
            // Whoever asks from now on may have more luck.
            looks().retain(|_, other| !other.ptr_eq(&look));
        }
        found
    }
}

impl Places {
    async fn find(&self, wanted: &Remote) -> Result<Package, Failure> {
        let Self { source, tools, cache } = self;
        let locked = source.lock.as_ref().map(|lock| lock.digest(wanted).ok_or_else(|| not_locked(wanted)));
        let locked = locked.transpose()?;
        let path = source
            .mirror
            .as_ref()
            .map_or_else(|| wanted.fetched_path(cache), |mirror| mirror.join(wanted.file_name()));
        let known = match (&source.mirror, locked) {
            (Some(_), _) => Some(read(wanted, &path).await?),
            // What is to be locked is what is published now.
            (None, None) => None,
            // The bytes that are locked may be here although others are published by now.
            (None, Some(locked)) => {
                let kept = kept_path(wanted.kept_as(), locked, cache);
                read(wanted, &kept).await.ok().filter(|(_, digest)| digest == locked)
            }
        };
        let (bytes, digest) = match known {
            Some(known) => known,
            None => {
                fetch(wanted, tools, cache, &path).await?;
                read(wanted, &path).await?
            }
        };
        if let Some(locked) = locked.filter(|locked| **locked != digest) {
            return Err(another(wanted, &path, &digest, locked));
        }
        readable(wanted, &bytes)?;
        let path = keep(wanted.kept_as(), &bytes, &digest, cache).map_err(|error| {
            let message = format!("{wanted} cannot be kept in {}: {error}", cache.display());
            environment(message, "make the cache folder writable, or set XDG_CACHE_HOME to one that is")
        })?;
        Ok(Package { path, digest })
    }
}

/// A file's bytes and their digest.
async fn read(wanted: &Remote, path: &Path) -> Result<(Vec<u8>, Digest), Failure> {
    let bytes = tokio::fs::read(path).await.map_err(|error| {
        let message = format!("{wanted} cannot be read from {}: {error}", path.display());
        environment(
            message,
            "put it there (`lgtmctl vendor DIR` fills such a folder), or leave out --chart-mirror",
        )
    })?;
    let digest = Digest::of_bytes(&bytes);
    Ok((bytes, digest))
}

/// Where the copy is that is named after its bytes.
fn kept_path((folder, ending): (&str, &str), digest: &Digest, cache: &Path) -> PathBuf {
    cache.join(folder).join(format!("{digest}.{ending}"))
}

/// Writes the bytes into a file named after them, unless they are there.
fn keep(named: (&str, &str), bytes: &[u8], digest: &Digest, cache: &Path) -> std::io::Result<PathBuf> {
    let path = kept_path(named, digest, cache);
    if std::fs::read(&path).is_ok_and(|there| there == bytes) {
        return Ok(path);
    }
    whole_file::write(&path, bytes)?;
    Ok(path)
}

/// Manifests are text, wherever they were found.
fn readable(wanted: &Remote, bytes: &[u8]) -> Result<(), Failure> {
    match (wanted, std::str::from_utf8(bytes)) {
        (Remote::Chart(_), _) | (Remote::Manifests(_), Ok(_)) => Ok(()),
        (Remote::Manifests(_), Err(error)) => {
            let message = format!("{wanted} is not text in UTF-8: {error}");
            let help = "see that the URL leads to a YAML or JSON file itself, and not to a package of it";
            Err(Failure::new(Kind::Permanent, message).with_help(help))
        }
    }
}

fn another(wanted: &Remote, path: &Path, digest: &Digest, locked: &Digest) -> Failure {
    let message = format!(
        "{wanted} in {} is not the locked one: its digest is sha256:{digest}, and the lock file says \
         sha256:{locked}",
        path.display(),
    );
    let help = "someone published other bytes under the same name, or the file is damaged; find out which, \
                and only then run `lgtmctl lock --upgrade`";
    Failure::new(Kind::Permanent, message).with_help(help)
}

fn not_locked(wanted: &Remote) -> Failure {
    Failure::new(Kind::Permanent, format!("{wanted} is not in the lock file"))
        .with_help("run `lgtmctl lock`, look at what it adds, and commit the file")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::charts::lock::Locked;

    fn chart() -> UpstreamChart {
        UpstreamChart {
            name: "app".to_owned(),
            repository: "https://charts.example.com".to_owned(),
            version: "1.2.3".to_owned(),
        }
    }

    fn packages(folder: &Path, lock: Option<Lock>) -> Packages {
        let source = ChartSource { mirror: Some(folder.to_owned()), lock };
        Packages::new(source, Tools::default(), folder.to_owned())
    }

    async fn find_in(folder: &Path, lock: Option<Lock>) -> Result<Package, Failure> {
        packages(folder, lock).find(&Remote::Chart(chart())).await
    }

    #[tokio::test]
    async fn a_chart_in_the_mirror_is_held_against_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let missing = find_in(folder.path(), None).await.unwrap_err();
        assert!(missing.kind == Kind::Environment && missing.message.contains("app-1.2.3.tgz"), "{missing}");

        let unlocked = find_in(folder.path(), Some(Lock::default())).await.unwrap_err();
        assert!(unlocked.message.contains("not in the lock file"), "{unlocked}");

        std::fs::write(folder.path().join("app-1.2.3.tgz"), "bytes").unwrap();
        assert_eq!(find_in(folder.path(), None).await.unwrap().digest, Digest::of_bytes(b"bytes"));

        let mut lock = Lock::default();
        lock.insert(chart(), Locked { digest: Digest::of_bytes(b"bytes"), unstable: Vec::new() });
        find_in(folder.path(), Some(lock.clone())).await.unwrap();
        std::fs::write(folder.path().join("app-1.2.3.tgz"), "other bytes").unwrap();
        let changed = find_in(folder.path(), Some(lock)).await.unwrap_err();
        assert!(
            changed.kind == Kind::Permanent && changed.message.contains("not the locked one"),
            "{changed}"
        );
    }

    #[tokio::test]
    async fn a_chart_is_found_once_and_looked_for_until_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let packages = packages(folder.path(), None);
        packages.find(&Remote::Chart(chart())).await.unwrap_err();
        let file = folder.path().join("app-1.2.3.tgz");
        std::fs::write(&file, "bytes").unwrap();
        let first = packages.find(&Remote::Chart(chart())).await.unwrap();
        std::fs::remove_file(&file).unwrap();
        assert_eq!(packages.find(&Remote::Chart(chart())).await.unwrap().path, first.path);
    }

    #[tokio::test]
    async fn a_manifest_file_is_held_against_the_lock_as_a_chart_is() {
        let folder = tempfile::tempdir().unwrap();
        let url = "https://example.com:8443/app/v1.2/install.yaml";
        let wanted = Remote::Manifests(url.to_owned());
        let file = folder.path().join("example.com-8443-app-v1.2-install.yaml");
        let find = async |lock: Option<Lock>| packages(folder.path(), lock).find(&wanted).await;

        std::fs::write(&file, "kind: A").unwrap();
        let unlocked = find(Some(Lock::default())).await.unwrap_err();
        assert!(unlocked.message.contains(url) && unlocked.message.contains("not in the lock"), "{unlocked}");
        let mut lock = Lock::default();
        lock.insert_manifests(url.to_owned(), Digest::of_bytes(b"kind: A"));
        let found = find(Some(lock.clone())).await.unwrap();
        assert_eq!(std::fs::read(&found.path).unwrap(), b"kind: A");
        assert!(found.path.ends_with(format!("manifests/by-digest/{}.yaml", found.digest)));
        std::fs::write(&file, "kind: B").unwrap();
        let changed = find(Some(lock)).await.unwrap_err();
        assert!(changed.message.contains("not the locked one"), "{changed}");

        std::fs::write(&file, b"\x1f\x8b\xff").unwrap();
        let packed = find(None).await.unwrap_err();
        assert!(packed.kind == Kind::Permanent && packed.help.is_some(), "{packed:?}");
        assert!(packed.message.contains(url) && packed.message.contains("not text in UTF-8"), "{packed}");
    }
}
