//! A folder that stands for a container's file system.
//!
//! Programs are run as whoever runs this, without a container: every path below which the container has something is
//! put below the folder, in the words and the files alike.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::container::{Container, File};

/// Makes folders, and what stands for secrets.
pub(super) struct Place {
    folder: PathBuf,
    made: usize,
    /// What was looked at already.
    seen: BTreeSet<String>,
    certificate: String,
    key: String,
}

/// What was laid out for one container.
pub(super) struct Laid {
    pub(super) folder: PathBuf,
    pub(super) words: Vec<String>,
    pub(super) variables: BTreeMap<String, String>,
    /// Variables that a file asks for and the container has not.
    pub(super) unset: BTreeSet<String>,
}

impl Place {
    pub(super) fn new(folder: &Path) -> io::Result<Self> {
        let key = rcgen::KeyPair::generate().map_err(io::Error::other)?;
        let mut parameters =
            rcgen::CertificateParams::new(vec!["placeholder".to_owned()]).map_err(io::Error::other)?;
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let certificate = parameters.self_signed(&key).map_err(io::Error::other)?.pem();
        Ok(Self {
            folder: folder.join("containers"),
            made: 0,
            seen: BTreeSet::new(),
            certificate,
            key: key.serialize_pem(),
        })
    }

    /// An empty folder.
    pub(super) fn empty(&mut self) -> io::Result<PathBuf> {
        self.made += 1;
        let folder = self.folder.join(self.made.to_string());
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// Whether this is the first time that these configurations are seen, wherever they were laid out.
    pub(super) fn first(&mut self, laid: &Laid, configurations: &[(String, Value)]) -> bool {
        let all = format!("{configurations:?}").replace(&laid.folder.display().to_string(), "");
        self.seen.insert(all)
    }

    /// Lays out what a container finds.
    pub(super) fn lay(&mut self, container: &Container) -> io::Result<Laid> {
        let folder = self.empty()?;
        for mount in container.mounts.iter().filter(|mount| !container.files.contains_key(*mount)) {
            fs::create_dir_all(below(&folder, mount))?;
        }
        let mut asked = BTreeSet::new();
        for (path, file) in &container.files {
            let text = match file {
                File::Text(text) => {
                    asked.extend(variables(text));
                    moved(text, &container.mounts, &folder)
                }
                File::Certificate => self.certificate.clone(),
                File::Key => self.key.clone(),
                File::Word => "placeholder".to_owned(),
            };
            let path = below(&folder, path);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(path, text)?;
        }
        let mut variables = container.variables.clone();
        let mut unset: BTreeSet<String> =
            asked.into_iter().filter(|name| !variables.contains_key(name)).collect();
        if container.more_variables {
            let names = std::mem::take(&mut unset).into_iter();
            variables.extend(names.map(|name| (name, "placeholder".to_owned())));
        }
        let words = container.words.iter().map(|word| moved(word, &container.mounts, &folder)).collect();
        Ok(Laid { folder, words, variables, unset })
    }
}

fn below(folder: &Path, path: &str) -> PathBuf {
    folder.join(path.trim_start_matches('/'))
}

/// Whether a path may go on with it.
fn in_path(letter: char) -> bool {
    letter.is_alphanumeric() || "._-/*~)}".contains(letter)
}

/// A text with every path of a container below a folder.
fn moved(text: &str, mounts: &BTreeSet<String>, folder: &Path) -> String {
    let folder = folder.display().to_string();
    let (mut moved, mut rest, mut before) = (String::with_capacity(text.len()), text, None);
    while let Some(letter) = rest.chars().next() {
        let begins = letter == '/' && !before.is_some_and(in_path);
        let known = |mount: &&String| {
            rest.strip_prefix(mount.as_str())
                .is_some_and(|after| after.chars().next().is_none_or(|next| next == '/' || !in_path(next)))
        };
        if begins && mounts.iter().any(|mount| known(&mount)) {
            moved += &folder;
        }
        moved.push(letter);
        before = Some(letter);
        rest = rest.get(letter.len_utf8()..).unwrap_or_default();
    }
    moved
}

/// The variables that a text asks for: `${NAME}`, `${NAME:default}`, `${env:NAME}`.
fn variables(text: &str) -> impl Iterator<Item = String> {
    text.split("${").skip(1).filter_map(|rest| {
        let inside = rest.split_once('}')?.0;
        let name = inside.trim_start_matches("env:").split(':').next()?;
        let named = name.starts_with(|letter: char| letter.is_ascii_uppercase() || letter == '_')
            && name
                .chars()
                .all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_');
        named.then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_the_container_are_moved() {
        let mounts = ["/data", "/etc/app", "/etc/app/tls"].map(str::to_owned).into();
        let there = |text| moved(text, &mounts, Path::new("/x"));
        assert_eq!(there("dir: /data"), "dir: /x/data");
        assert_eq!(there("\"/data/a\",/data,-f=/etc/app/tls/b"), "\"/x/data/a\",/x/data,-f=/x/etc/app/tls/b");
        for other in ["http://host/data", "/database", "/other/data", "s3:/data-1", "^/dev"] {
            assert_eq!(there(other), other);
        }
    }

    #[test]
    fn variables_are_those_that_programs_expand() {
        let found: Vec<String> = variables("${A_1} ${env:B}:4317 ${C:x} ${1} $${d} ${e} ${").collect();
        assert_eq!(found, ["A_1", "B", "C"]);
    }
}
