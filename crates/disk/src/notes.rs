//! Small texts that have to survive a loss of power: the ledger of purges, the seed, the level.
//!
//! Written beside their place, flushed, renamed, and the folder flushed: afterwards either the old text is there or the new one, whole.
//! Unlike responses, which can be fetched again, a purge that was forgotten would bring back what the operator has taken out.
//! *Not here*: what the texts mean. Blocks.

use crate::folder::Folder;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

/// Largest text, in bytes.
const MAX_BYTES: u64 = 64 << 20;

/// Where a note of that name lies. Names are file names of letters, digits, `-`, `_` and `.`, and do not begin with a dot.
pub(crate) fn place(folder: &Folder, name: &str) -> io::Result<PathBuf> {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let is_name = (1..=64).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(is_plain);
    if !is_name {
        return Err(io::Error::new(ErrorKind::InvalidInput, "not a name for a note"));
    }
    Ok(folder.notes().join(name))
}

/// Writes it, and returns when it is on the disk.
pub(crate) fn write(folder: &Folder, place: &Path, bytes: &[u8]) -> io::Result<()> {
    if bytes.len() as u64 > MAX_BYTES {
        return Err(ErrorKind::FileTooLarge.into());
    }
    let (mut file, temporary) = folder.create()?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if let Err(error) = written.and_then(|()| fs::rename(&temporary, place)) {
        // It may be gone, or the disk may refuse this too: then the next start takes it away.
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    File::open(place.parent().unwrap_or(folder.path()))?.sync_all()
}

/// Reads it. `None` where there is none, or one that is too large to be ours.
pub(crate) fn read(place: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(place) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= MAX_BYTES).then_some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_replaced_as_a_whole_and_leaves_nothing_beside_it() {
        let path = testing::Folder::new();
        let folder = Folder::open(path.as_ref()).unwrap();
        let place = place(&folder, "purges").unwrap();
        assert_eq!(read(&place).unwrap(), None);
        write(&folder, &place, b"a long first text").unwrap();
        write(&folder, &place, b"second").unwrap();
        assert_eq!(read(&place).unwrap().as_deref(), Some(&b"second"[..]));
        assert_eq!(fs::read_dir(path.path("tmp")).unwrap().count(), 0);
    }

    #[test]
    fn a_name_that_leads_out_of_the_folder_is_refused() {
        let path = testing::Folder::new();
        let folder = Folder::open(path.as_ref()).unwrap();
        for name in ["", ".", "..", "../seed", "a/b", ".hidden", "a\0b", &"x".repeat(65)] {
            assert_eq!(place(&folder, name).unwrap_err().kind(), ErrorKind::InvalidInput, "{name:?}");
        }
    }

    #[test]
    fn a_note_that_cannot_take_its_place_is_an_error_and_leaves_nothing() {
        let path = testing::Folder::new();
        let folder = Folder::open(path.as_ref()).unwrap();
        fs::create_dir(path.path("notes/taken")).unwrap();
        assert!(write(&folder, &place(&folder, "taken").unwrap(), b"text").is_err());
        assert_eq!(fs::read_dir(path.path("tmp")).unwrap().count(), 0);
    }
}
