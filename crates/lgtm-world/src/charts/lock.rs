//! The lock file: which bytes each upstream chart has, and which paths of its render are not fixed by its
//! inputs.
//!
//! It is written beside the topology and committed with it. The module reads and writes its text; which
//! charts a topology has, and how their digests are found out, is known elsewhere.

use std::collections::BTreeMap;

use lgtm_planner::{digest::Digest, unit::UpstreamChart};
use serde::{Deserialize, Serialize};

const API_VERSION: &str = "lgtmctl.dev/v1alpha1";
const KIND: &str = "TopologyLock";

/// What is fixed, by chart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lock {
    charts: BTreeMap<UpstreamChart, Locked>,
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
    #[error("the digest of {chart} is not `sha256:` and 64 hexadecimal digits")]
    Digest {
        /// The chart.
        chart: UpstreamChart,
    },
    /// A chart is there twice.
    #[error("{chart} is there twice")]
    Twice {
        /// The chart.
        chart: UpstreamChart,
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
            let Some(digest) = entry.digest.strip_prefix("sha256:").and_then(Digest::parse) else {
                return Err(LockError::Digest { chart });
            };
            if charts.contains_key(&chart) {
                return Err(LockError::Twice { chart });
            }
            charts.insert(chart, Locked { digest, unstable: entry.unstable });
        }
        Ok(Self { charts })
    }

    /// What is fixed of a chart.
    pub fn get(&self, chart: &UpstreamChart) -> Option<&Locked> {
        self.charts.get(chart)
    }

    /// All charts, by name.
    pub fn charts(&self) -> impl Iterator<Item = (&UpstreamChart, &Locked)> {
        self.charts.iter()
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
        };
        let text =
            serde_saphyr::to_string(&file).map_err(|error| LockError::Unreadable(error.to_string()))?;
        Ok(format!("# Written by `lgtmctl lock`. Commit it; `lgtmctl lock --upgrade` renews it.\n{text}"))
    }
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
        lock
    }

    #[test]
    fn what_is_written_is_read() {
        let text = lock().text().unwrap();
        assert_eq!(Lock::parse(&text).unwrap(), lock());
        assert_eq!(Lock::parse(&text).unwrap().text().unwrap(), text);
        assert!(text.find("1.0.0") < text.find("2.0.0"), "{text}");
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let text = lock().text().unwrap();
        let digest = Digest::of_bytes(b"one").to_string();
        for (broken, said) in [
            (text.replace(&digest, "abc"), "loki 1.0.0"),
            (text.replace("2.0.0", "1.0.0"), "twice"),
            (text.replace("TopologyLock", "Topology"), "kind `Topology`"),
            (text.replacen("version: \"1", "vresion: \"1", 1), "vresion"),
            ("a: [".to_owned(), ""),
        ] {
            let error = Lock::parse(&broken).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
