//! Files that are there whole or not at all.
//!
//! The module refuses to know what is in a file, and makes its folder only as others are made; who needs a private one
//! makes it before.

use std::{
    fs,
    io::{self, Write as _},
    path::Path,
};

/// Writes a file so that a reader, or a run after a crash of this one, sees the old content or the new, never half. Two
/// who write it at once do not meet: one of them is last.
pub(crate) fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    // A name cannot be moved from one file system to another.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(content)?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/file.json");
        write(&path, b"old").unwrap();
        // Whoever has it open reads on in the old one.
        let mut open = fs::File::open(&path).unwrap();
        write(&path, b"new").unwrap();
        let mut old = String::new();
        io::Read::read_to_string(&mut open, &mut old).unwrap();
        assert_eq!((old.as_str(), fs::read(&path).unwrap().as_slice()), ("old", b"new".as_slice()));
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn what_cannot_be_written_leaves_the_old_file_and_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        // A folder that is not empty cannot be replaced by a file.
        fs::create_dir(&path).unwrap();
        fs::write(path.join("inner"), "old").unwrap();
        write(&path, b"new").unwrap_err();
        assert_eq!(fs::read(path.join("inner")).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
