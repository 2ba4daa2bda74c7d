//! The programs, where they are found, and what they say.
//!
//! Most are built by `tools/verify/build`, and haproxy is the system's. What is no package can be brought: a program
//! named after the image, or after the image and its version (`mimir-2.16.0`), which then comes first.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use super::{place::Laid, report::Outcome};

/// After this a program that was asked to check does something else.
const PATIENCE: Duration = Duration::from_secs(120);
/// How much of what a program says is shown.
const LINES: usize = 12;

/// All programs that there are.
pub(super) struct Programs {
    built: PathBuf,
    brought: Option<PathBuf>,
    versions: BTreeMap<String, String>,
    folder: PathBuf,
}

/// A program that is there.
#[derive(Clone, Debug)]
pub(super) struct Program {
    pub(super) path: PathBuf,
    pub(super) version: String,
}

impl Programs {
    pub(super) fn new(built: &Path, brought: Option<&Path>, folder: &Path) -> io::Result<Self> {
        // One line for each program: its name and its version, which the program itself may not know.
        let text = match fs::read_to_string(built.join("versions")) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        let versions = text.lines().filter_map(|line| line.split_once(' '));
        Ok(Self {
            built: built.to_owned(),
            brought: brought.map(Path::to_owned),
            versions: versions.map(|(name, version)| (name.to_owned(), version.to_owned())).collect(),
            folder: folder.to_owned(),
        })
    }

    /// A program that was built.
    pub(super) fn built(&self, name: &str) -> Result<Program, Outcome> {
        let path = self.built.join(name);
        if !path.is_file() {
            let why = format!("there is no {}; run `tools/verify/build`", path.display());
            return Err(Outcome::Missing(why));
        }
        Ok(Program { path, version: self.versions.get(name).cloned().unwrap_or_default() })
    }

    /// A program of the system.
    pub(super) fn system(&self, name: &str) -> Result<Program, Outcome> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|path| path.is_file());
        let missing =
            || Outcome::Missing(format!("there is no {name} on PATH; install this system's package"));
        let path = found.ok_or_else(missing)?;
        let version = self.version(&path, "-v");
        Ok(Program { path, version })
    }

    /// A program that somebody brought, for an image and its version.
    pub(super) fn brought(&self, name: &str, version: &str) -> Option<Program> {
        let folder = self.brought.as_deref()?;
        let exact = folder.join(format!("{name}-{version}"));
        if exact.is_file() {
            return Some(Program { path: exact, version: version.to_owned() });
        }
        let path = folder.join(name);
        path.is_file().then(|| Program { version: self.version(&path, "--version"), path })
    }

    /// The first thing that looks like a version in what a program says of itself.
    fn version(&self, program: &Path, word: &str) -> String {
        let said = self.run(program, &[word.to_owned()], &BTreeMap::new(), &self.folder);
        let said = said.map(|(_, said)| said).unwrap_or_default();
        let mut words = said.split_whitespace().map(|word| word.trim_start_matches('v'));
        let version =
            words.find(|word| word.starts_with(|letter: char| letter.is_ascii_digit()) && word.contains('.'));
        version.unwrap_or_default().split(['-', '+', ',']).next().unwrap_or_default().to_owned()
    }

    /// What a program makes of what was laid out.
    pub(super) fn ask(&self, program: &Program, words: &[String], laid: &Laid) -> io::Result<Outcome> {
        let (done, said) = self.run(&program.path, words, &laid.variables, &laid.folder)?;
        if done {
            return Ok(Outcome::Read);
        }
        let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
        let from = lines.len().saturating_sub(LINES);
        let place = format!("{}/", laid.folder.display());
        Ok(Outcome::Refused(lines.get(from..).unwrap_or_default().join("\n").replace(&place, "/")))
    }

    fn run(
        &self,
        program: &Path,
        words: &[String],
        variables: &BTreeMap<String, String>,
        folder: &Path,
    ) -> io::Result<(bool, String)> {
        let log = self.folder.join("said");
        let out = File::create(&log)?;
        let mut command = Command::new(program);
        command.args(words).env_clear().envs(variables).env("HOME", folder).current_dir(folder);
        command.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out);
        let mut child = command
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", program.display())))?;
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break Some(status);
            }
            if begun.elapsed() > PATIENCE {
                child.kill()?;
                child.wait()?;
                break None;
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        let mut said = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
        if status.is_none() {
            said += "\nit did not end, so it does not check only";
        }
        Ok((status.is_some_and(|status| status.success()), said))
    }
}
