//! Files that are derived from code and checked in, so that a reader and a reviewer see them.

use std::{fmt::Write as _, fs, io, path::Path};

use clap::{Command, CommandFactory as _};

/// The width of generated help; the reader's terminal must not decide what is checked in.
const WIDTH: usize = 100;

/// Writes every generated file.
pub fn write(root: &Path) -> io::Result<()> {
    for (path, content) in files()? {
        let path = root.join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, content)?;
    }
    Ok(())
}

/// Says which generated files are not as they would be written.
pub fn stale(root: &Path) -> io::Result<Vec<String>> {
    let differs = |(path, content): &(&str, String)| {
        fs::read_to_string(root.join(path)).map_or(true, |found| &found != content)
    };
    let stale = files()?.into_iter().filter(differs);
    Ok(stale.map(|(path, _)| format!("{path} is out of date; run `cargo xtask generate`")).collect())
}

fn files() -> io::Result<Vec<(&'static str, String)>> {
    let mut schema = serde_json::to_string_pretty(&lgtm_topology::json_schema())?;
    schema.push('\n');
    Ok(vec![
        ("schemas/topology.schema.json", schema),
        ("docs/cli.md", command_reference(lgtmctl::cli::Cli::command())),
    ])
}

/// The command's own help, one section for each subcommand.
fn command_reference(command: Command) -> String {
    let mut command = command.term_width(WIDTH);
    command.build();
    let mut text =
        "<!-- Written by `cargo xtask generate`; change the command line's definition instead. -->\n\n\
                    # Command reference\n"
            .to_owned();
    section(&mut text, &mut command, "");
    text
}

fn section(text: &mut String, command: &mut Command, parent: &str) {
    let name = format!("{parent}{}", command.get_name());
    let help = command.render_long_help().to_string();
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    // Writing to a String cannot fail.
    let _ = write!(text, "\n## `{name}`\n\n```text\n{}\n```\n", lines.join("\n").trim_end());
    let subcommands =
        command.get_subcommands_mut().filter(|one| !one.is_hide_set() && one.get_name() != "help");
    for subcommand in subcommands {
        section(text, subcommand, &format!("{name} "));
    }
}

#[cfg(test)]
mod tests {
    use clap::Arg;

    use super::*;

    #[test]
    fn every_command_has_a_section_with_its_options() {
        let plan = Command::new("plan").about("Says what to do").arg(Arg::new("file").long("file"));
        let hidden = Command::new("inner").hide(true);
        let text = command_reference(Command::new("tool").subcommand(plan).subcommand(hidden));
        assert!(text.contains("\n## `tool`\n") && text.contains("\n## `tool plan`\n"), "{text}");
        assert!(text.contains("--file") && !text.contains("## `tool inner`"), "{text}");
        assert!(text.lines().all(|line| line.trim_end() == line), "{text}");
    }

    #[test]
    fn what_was_written_is_fresh_and_an_edit_is_stale() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(stale(folder.path()).unwrap().len(), 2);
        write(folder.path()).unwrap();
        assert_eq!(stale(folder.path()).unwrap(), [""; 0]);
        fs::write(folder.path().join("docs/cli.md"), "edited").unwrap();
        let stale = stale(folder.path()).unwrap();
        assert_eq!(stale, ["docs/cli.md is out of date; run `cargo xtask generate`"]);
    }
}
