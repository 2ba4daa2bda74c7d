//! What lgtmctl remembers of a simulated cluster, on disk, and the lock under which it is changed.
//!
//! kwokctl's own folder says what was started; the record says whether the making of it was finished,
//! and with which networks and ports. A record without `complete` is a cluster whose creation was
//! interrupted.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{KwokError, KwokSpec, ports::Ports};
use crate::whole_file;

/// The record of one cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Record {
    pub(super) ports: Ports,
    pub(super) pod_cidr: Option<String>,
    pub(super) service_cidr: Option<String>,
    pub(super) complete: bool,
}

impl Record {
    pub(super) fn new(spec: &KwokSpec, ports: Ports) -> Self {
        Self {
            ports,
            pod_cidr: spec.pod_cidr.map(|cidr| cidr.to_string()),
            service_cidr: spec.service_cidr.map(|cidr| cidr.to_string()),
            complete: false,
        }
    }

    /// The networks of a cluster are in its certificates and its data: they cannot be changed in place, and
    /// a cluster is never thrown away without being asked.
    pub(super) fn refuse_other_networks(&self, spec: &KwokSpec) -> Result<(), KwokError> {
        let wanted = Self::new(spec, self.ports);
        let networks = [
            ("pod network", &self.pod_cidr, wanted.pod_cidr),
            ("service network", &self.service_cidr, wanted.service_cidr),
        ];
        for (what, found, wanted) in networks {
            if *found != wanted {
                let or_default = |cidr: Option<String>| cidr.unwrap_or_else(|| "the default".to_owned());
                return Err(KwokError::OtherNetwork {
                    name: spec.name.clone(),
                    what,
                    found: or_default(found.clone()),
                    wanted: or_default(wanted),
                });
            }
        }
        Ok(())
    }
}

/// Where the files of one cluster are.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    state_dir: PathBuf,
    name: String,
}

impl Layout {
    pub(super) fn new(state_dir: &Path, name: &str) -> Self {
        Self { state_dir: state_dir.to_owned(), name: name.to_owned() }
    }

    /// kwokctl's folder of the cluster.
    pub(super) fn cluster_dir(&self) -> PathBuf {
        self.state_dir.join("clusters").join(&self.name)
    }

    /// Our own folder of the cluster.
    pub(super) fn record_dir(&self) -> PathBuf {
        self.state_dir.join("records").join(&self.name)
    }

    pub(super) fn kwokctl_config(&self) -> PathBuf {
        self.record_dir().join("kwokctl.json")
    }

    pub(super) fn audit_policy(&self) -> PathBuf {
        self.record_dir().join("audit-policy.json")
    }

    pub(super) fn kubeconfig(&self) -> PathBuf {
        self.cluster_dir().join("kubeconfig.yaml")
    }

    pub(super) fn logs(&self) -> PathBuf {
        self.cluster_dir().join("logs")
    }

    fn record_file(&self) -> PathBuf {
        self.record_dir().join("cluster.json")
    }

    fn lock_file(&self) -> PathBuf {
        self.state_dir.join("locks").join(&self.name)
    }

    /// The record, if there is one that can be read; an unreadable one is as good as none, since the
    /// cluster is then made anew.
    pub(super) fn read_record(&self) -> io::Result<Option<Record>> {
        match fs::read(self.record_file()) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) fn write_record(&self, record: &Record) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(record).map_err(io::Error::other)?;
        write_private(&self.record_file(), &text)
    }

    /// Removes everything of the cluster, lock included; only under the lock.
    pub(super) fn remove(&self) -> io::Result<()> {
        for dir in [self.cluster_dir(), self.record_dir()] {
            match fs::remove_dir_all(&dir) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// Waits for the cluster's lock, which the kernel frees when its holder dies.
    pub(super) async fn lock(&self) -> io::Result<Lock> {
        let path = self.lock_file();
        create_private_dir(path.parent().unwrap_or(&self.state_dir))?;
        loop {
            let file = File::options().create(true).truncate(false).write(true).open(&path)?;
            match file.try_lock() {
                // Whoever held it may have removed the file meanwhile; a lock on a file that is no
                // longer there keeps nobody out.
                Ok(()) if is_same_file(&file, &path) => return Ok(Lock { file, path }),
                Ok(()) | Err(fs::TryLockError::WouldBlock) => {}
                Err(fs::TryLockError::Error(error)) => return Err(error),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Ports of every cluster in the state folder, running or not.
pub(super) fn ports_in_use(state_dir: &Path) -> Vec<Ports> {
    let Ok(entries) = fs::read_dir(state_dir.join("records")) else { return Vec::new() };
    entries
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let layout = Layout::new(state_dir, entry.file_name().to_str()?);
            layout.read_record().ok().flatten().map(|record| record.ports)
        })
        .collect()
}

/// The right to change a cluster.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
    path: PathBuf,
}

impl Lock {
    /// Lets go of the lock of a cluster that is gone, and removes its file.
    pub(super) fn remove(self) -> io::Result<()> {
        fs::remove_file(&self.path)?;
        self.file.unlock()
    }
}

#[cfg(unix)]
fn is_same_file(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    match (file.metadata(), fs::metadata(path)) {
        (Ok(held), Ok(named)) => (held.dev(), held.ino()) == (named.dev(), named.ino()),
        (Err(_), _) | (_, Err(_)) => false,
    }
}

#[cfg(not(unix))]
fn is_same_file(_file: &File, path: &Path) -> bool {
    path.exists()
}

/// A folder that only its owner can read: kwokctl leaves the keys of clusters world-readable in it.
pub(super) fn create_private_dir(dir: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(dir)
}

/// Writes a file into a folder that only its owner can read.
pub(super) fn write_private(path: &Path, text: &[u8]) -> io::Result<()> {
    create_private_dir(path.parent().unwrap_or(Path::new(".")))?;
    whole_file::write(path, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> KwokSpec {
        KwokSpec {
            name: "hub".to_owned(),
            workers: 1,
            pod_cidr: "10.11.0.0/16".parse().ok(),
            service_cidr: None,
        }
    }

    #[test]
    fn a_record_survives_and_garbage_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path(), "hub");
        assert_eq!(layout.read_record().unwrap(), None);
        let ports = super::super::ports::reserve("record-test", &[]).unwrap().ports;
        let record = Record::new(&spec(), ports);
        layout.write_record(&record).unwrap();
        assert_eq!(layout.read_record().unwrap(), Some(record));
        assert_eq!(ports_in_use(dir.path()), vec![ports]);

        fs::write(layout.record_file(), "{\"ports\":").unwrap();
        assert_eq!(layout.read_record().unwrap(), None);
    }

    #[tokio::test]
    async fn a_lock_waits_for_its_holder_even_when_the_file_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path(), "hub");
        let held = layout.lock().await.unwrap();
        let waiting = tokio::time::timeout(Duration::from_millis(100), layout.lock()).await;
        assert!(waiting.is_err(), "two holders at once");

        let waiter = tokio::spawn({
            let layout = layout.clone();
            async move { layout.lock().await.unwrap() }
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
        held.remove().unwrap();
        let held = waiter.await.unwrap();
        let third = tokio::time::timeout(Duration::from_millis(100), layout.lock()).await;
        assert!(third.is_err(), "the lock of a removed file let a second holder in");
        held.remove().unwrap();
        assert!(!layout.lock_file().exists());
    }

    #[cfg(unix)]
    #[test]
    fn folders_are_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state/clusters");
        create_private_dir(&path).unwrap();
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o077, 0);
    }
}
