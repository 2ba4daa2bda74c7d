//! The lock file: which bytes each upstream chart and manifest file has, and which paths of a chart's render are not
//! fixed by its inputs.
//!
//! It is written beside the topology and committed with it. The module reads and writes its text; which
//! charts a topology has, and how their digests are found out, is known elsewhere.

use std::collections::BTreeMap;

use lgtm_planner::{digest::Digest, unit::UpstreamChart};
use serde::{Deserialize, Serialize};

use super::upstream::Remote;

const API_VERSION: &str = "lgtmctl.dev/v1alpha1";
const KIND: &str = "TopologyLock";

/// What is fixed, by chart and by URL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lock {
    charts: BTreeMap<UpstreamChart, Locked>,
    manifests: BTreeMap<String, Digest>,
}

/// What is fixed of one chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locked {
    /// SHA-256 of the packaged chart.
    pub digest: Digest,
    /// Paths that differ between two renders with equal inputs, as `Kind namespace/name: path`.
    pub unstable: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct File {
    api_version: String,
    kind: String,
    charts: Vec<Entry>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    manifests: Vec<ManifestEntry>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ManifestEntry {
    url: String,
    digest: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Entry {
    name: String,
    repository: String,
    version: String,
    digest: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    unstable: Vec<String>,
}

/// Why a lock file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// It is no YAML, or lacks something.
    #[error("{0}")]
    Unreadable(String),
    /// It is of another kind or version.
    #[error("it is `{api_version}`, kind `{kind}`, and lgtmctl reads `{API_VERSION}`, kind `{KIND}`")]
    Another {
        /// Its `apiVersion`.
        api_version: String,
        /// Its `kind`.
        kind: String,
    },
    /// A digest is none.
    #[error("the digest of {what} is not `sha256:` and 64 hexadecimal digits")]
    Digest {
        /// The chart or the URL.
        what: String,
    },
    /// A chart or a URL is there twice.
    #[error("{what} is there twice")]
    Twice {
        /// The chart or the URL.
        what: String,
    },
}

impl Lock {
    /// Reads a lock file's text.
    pub fn parse(text: &str) -> Result<Self, LockError> {
        let file: File =
            serde_saphyr::from_str(text).map_err(|error| LockError::Unreadable(error.to_string()))?;
        if file.api_version != API_VERSION || file.kind != KIND {
            return Err(LockError::Another { api_version: file.api_version, kind: file.kind });
        }
        let mut charts = BTreeMap::new();
        for entry in file.charts {
            let chart =
                UpstreamChart { name: entry.name, repository: entry.repository, version: entry.version };
            let digest = digest_of(&chart, &entry.digest)?;
            if charts.contains_key(&chart) {
                return Err(LockError::Twice { what: chart.to_string() });
            }
            charts.insert(chart, Locked { digest, unstable: entry.unstable });
        }
        let mut manifests = BTreeMap::new();
        for ManifestEntry { url, digest } in file.manifests {
            let digest = digest_of(&url, &digest)?;
            if manifests.contains_key(&url) {
                return Err(LockError::Twice { what: url });
            }
            manifests.insert(url, digest);
        }
        Ok(Self { charts, manifests })
    }

    /// The digest that is fixed.
    pub fn digest(&self, wanted: &Remote) -> Option<&Digest> {
        match wanted {
            Remote::Chart(chart) => self.charts.get(chart).map(|locked| &locked.digest),
            Remote::Manifests(url) => self.manifests.get(url),
        }
    }

    /// What is fixed of a chart.
    pub fn get(&self, chart: &UpstreamChart) -> Option<&Locked> {
        self.charts.get(chart)
    }

    /// All charts, by name.
    pub fn charts(&self) -> impl Iterator<Item = (&UpstreamChart, &Locked)> {
        self.charts.iter()
    }

    /// All manifest files, by URL.
    pub fn manifests(&self) -> impl Iterator<Item = (&String, &Digest)> {
        self.manifests.iter()
    }

    /// Fixes a manifest file.
    pub fn insert_manifests(&mut self, url: String, digest: Digest) {
        self.manifests.insert(url, digest);
    }

    /// Fixes a chart.
    pub fn insert(&mut self, chart: UpstreamChart, locked: Locked) {
        self.charts.insert(chart, locked);
    }

    /// The text of the file: the same bytes for the same content.
    ///
    /// # Errors
    ///
    /// When the library that writes YAML refuses, which it has no reason to.
    pub fn text(&self) -> Result<String, LockError> {
        let entry = |(chart, locked): (&UpstreamChart, &Locked)| Entry {
            name: chart.name.clone(),
            repository: chart.repository.clone(),
            version: chart.version.clone(),
            digest: format!("sha256:{}", locked.digest),
            unstable: locked.unstable.clone(),
        };
        let file = File {
            api_version: API_VERSION.to_owned(),
            kind: KIND.to_owned(),
            charts: self.charts.iter().map(entry).collect(),
            manifests: self
                .manifests
                .iter()
                .map(|(url, digest)| ManifestEntry { url: url.clone(), digest: format!("sha256:{digest}") })
                .collect(),
        };
        let text =
            serde_saphyr::to_string(&file).map_err(|error| LockError::Unreadable(error.to_string()))?;
        Ok(format!("# Written by `lgtmctl lock`. Commit it; `lgtmctl lock --upgrade` renews it.\n{text}"))
    }
}

fn digest_of(what: &impl ToString, text: &str) -> Result<Digest, LockError> {
    let digest = text.strip_prefix("sha256:").and_then(Digest::parse);
    digest.ok_or_else(|| LockError::Digest { what: what.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(version: &str) -> UpstreamChart {
        UpstreamChart {
            name: "loki".to_owned(),
            repository: "https://charts.example.com".to_owned(),
            version: version.to_owned(),
        }
    }

    fn lock() -> Lock {
        let mut lock = Lock::default();
        let locked = |text: &str, unstable: &[&str]| Locked {
            digest: Digest::of_bytes(text.as_bytes()),
            unstable: unstable.iter().map(|path| (*path).to_owned()).collect(),
        };
        lock.insert(chart("2.0.0"), locked("two", &["Secret loki/loki: data.password"]));
        lock.insert(chart("1.0.0"), locked("one", &[]));
        lock.insert_manifests("https://example.com/a.yaml".to_owned(), Digest::of_bytes(b"three"));
        lock
    }

    #[test]
    fn what_is_written_is_read() {
        let text = lock().text().unwrap();
        assert_eq!(Lock::parse(&text).unwrap(), lock());
        assert_eq!(Lock::parse(&text).unwrap().text().unwrap(), text);
        assert!(text.find("1.0.0") < text.find("2.0.0"), "{text}");
        assert!(!Lock::default().text().unwrap().contains("manifests"), "files from before have none");
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let text = lock().text().unwrap();
        let digest = Digest::of_bytes(b"one").to_string();
        for (broken, said) in [
            (text.replace(&digest, "abc"), "loki 1.0.0"),
            (text.replace("2.0.0", "1.0.0"), "twice"),
            (text.replace(&Digest::of_bytes(b"three").to_string(), "abc"), "https://example.com/a.yaml"),
            (format!("{text}{}", &text[text.rfind("- url").unwrap()..]), "twice"),
            (text.replace("TopologyLock", "Topology"), "kind `Topology`"),
            (text.replacen("version: \"1", "vresion: \"1", 1), "vresion"),
            ("a: [".to_owned(), ""),
        ] {
            let error = Lock::parse(&broken).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
