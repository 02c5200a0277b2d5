//! The folder: whose it is, and what lies where in it.
//!
//! ```text
//!  lock         held while a process uses the folder
//!  seed         16 random bytes, for the keys
//!  level        how many bytes there may be (room.rs)
//!  aa/aa…       256 folders; a file's name is its key in 32 hexadecimal digits, and its folder the first two of them
//!  tmp/         what is being written; emptied at the start
//!  notes/       small texts (notes.rs)
//! ```
//!
//! All of it is its owner's alone (0700, 0600): responses may be for one caller only.
//! *Not here*: what stands in the files (`format.rs`). Blocks: called at the start, and on threads of this room.

use crate::DiskError;
use crate::notes;
use rustix::fs::OFlags;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// How many folders the files are in.
pub(crate) const FOLDERS: u16 = 256;
/// What is being written.
const TEMPORARY: &str = "tmp";
/// Small texts.
const NOTES: &str = "notes";
/// Where the seed is.
const SEED: &str = "seed";

/// The folder, locked.
pub(crate) struct Folder {
    path: PathBuf,
    /// Nobody has written into it before.
    pub(crate) is_new: bool,
    pub(crate) seed: [u8; 16],
    /// Number of the next temporary file.
    next: AtomicU64,
    /// Closing it gives the folder free.
    _lock: File,
}

impl Folder {
    /// Makes it where it is not there, locks it, and takes away what was being written when the last process ended.
    pub(crate) fn open(path: &Path) -> Result<Self, DiskError> {
        let failed = |why: io::Error| DiskError::Folder { path: path.to_owned(), why };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
        let lock = lock(path)?;
        let is_new = make_folders(path).map_err(failed)?;
        empty(&path.join(TEMPORARY)).map_err(failed)?;
        let mut folder =
            Self { path: path.to_owned(), is_new, seed: [0; 16], next: AtomicU64::new(0), _lock: lock };
        folder.seed = folder.own_seed().map_err(failed)?;
        Ok(folder)
    }

    /// The folder itself.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where notes are.
    pub(crate) fn notes(&self) -> PathBuf {
        self.path.join(NOTES)
    }

    /// One of the folders that files are in.
    pub(crate) fn part(&self, number: u8) -> PathBuf {
        self.path.join(format!("{number:02x}"))
    }

    /// Where the file of a key is.
    pub(crate) fn place(&self, key: u128) -> PathBuf {
        let mut path = self.part((key >> 120) as u8);
        path.push(format!("{key:032x}"));
        path
    }

    /// A name for a file that is being written, which no other one has.
    pub(crate) fn temporary(&self) -> PathBuf {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.path.join(TEMPORARY).join(number.to_string())
    }

    /// A new file under such a name.
    pub(crate) fn create(&self) -> io::Result<(File, PathBuf)> {
        let path = self.temporary();
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
        Ok((file, path))
    }

    /// Opens the file of a key to read it. No link is followed, and nothing that is not a plain file holds the caller up.
    pub(crate) fn read(&self, key: u128) -> io::Result<File> {
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
        OpenOptions::new().read(true).custom_flags(flags.cast_signed()).open(self.place(key))
    }

    /// The seed that is there, or a new one. A new one makes all files worthless that are there; they are evicted in time.
    fn own_seed(&self) -> io::Result<[u8; 16]> {
        let place = self.path.join(SEED);
        if let Some(seed) = notes::read(&place)?.and_then(|bytes| bytes.try_into().ok()) {
            return Ok(seed);
        }
        let mut seed = [0; 16];
        File::open("/dev/urandom")?.read_exact(&mut seed)?;
        notes::write(self, &place, &seed)?;
        Ok(seed)
    }
}

/// The key that such a file name in such a folder stands for. `None`: it is not one of ours.
pub(crate) fn key_of(part: u8, name: &str) -> Option<u128> {
    let is_ours = name.len() == 32 && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let key = u128::from_str_radix(name, 16).ok()?;
    (is_ours && (key >> 120) as u8 == part).then_some(key)
}

fn lock(path: &Path) -> Result<File, DiskError> {
    let failed = |why: io::Error| DiskError::Folder { path: path.to_owned(), why };
    let place = path.join("lock");
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&place) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
        // Opened again to be read only: a file that is open for writing would keep the operator from remounting the disk read-only.
        _ => {}
    }
    let file = File::open(place).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(DiskError::InUse(path.to_owned())),
        Err(TryLockError::Error(why)) => Err(failed(why)),
    }
}

/// Makes all folders. Says whether none of those for files was there.
fn make_folders(path: &Path) -> io::Result<bool> {
    make(&path.join(TEMPORARY))?;
    make(&path.join(NOTES))?;
    let mut made = 0;
    for part in 0..FOLDERS {
        made += u16::from(make(&path.join(format!("{part:02x}")))?);
    }
    Ok(made == FOLDERS)
}

/// Makes a folder. Says whether it was not there.
fn make(path: &Path) -> io::Result<bool> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(false),
        Err(error) => Err(error),
    }
}

fn empty(path: &Path) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_stands_for_a_key_only_in_full_lower_case_and_its_own_folder() {
        let name = "ab00000000000000000000000000000f";
        assert_eq!(key_of(0xab, name), Some((0xab << 120) | 15));
        assert_eq!(key_of(0xac, name), None, "another folder");
        for wrong in
            ["", "ab", &name[1..], &name.to_uppercase(), &format!("{name}0"), &format!("+{}", &name[1..])]
        {
            assert_eq!(key_of(0xab, wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_seed_stays_with_its_folder_and_differs_from_that_of_another() {
        let (one, other) = (testing::Folder::new(), testing::Folder::new());
        let seed = Folder::open(one.as_ref()).unwrap().seed;
        assert_eq!(Folder::open(one.as_ref()).unwrap().seed, seed);
        assert_ne!(Folder::open(other.as_ref()).unwrap().seed, seed);
        one.write("seed", "damaged");
        let fresh = Folder::open(one.as_ref()).unwrap().seed;
        assert_ne!(fresh, seed);
        assert_eq!(Folder::open(one.as_ref()).unwrap().seed, fresh);
    }

    #[test]
    fn what_was_being_written_is_gone_at_the_next_start() {
        let folder = testing::Folder::new();
        let open = Folder::open(folder.as_ref()).unwrap();
        assert!(open.is_new);
        let (_, path) = open.create().unwrap();
        fs::create_dir(open.temporary()).unwrap();
        drop(open);
        let open = Folder::open(folder.as_ref()).unwrap();
        assert!(!open.is_new && !path.exists());
        assert_eq!(fs::read_dir(folder.path("tmp")).unwrap().count(), 0);
    }

    #[test]
    fn a_file_where_a_folder_has_to_be_is_an_error_that_names_the_folder() {
        let folder = testing::Folder::new();
        folder.write("7f", "");
        assert!(matches!(Folder::open(folder.as_ref()), Err(DiskError::Folder { .. })));
        let path = folder.write("plain", "");
        assert!(matches!(Folder::open(&path), Err(DiskError::Folder { .. })));
    }
}
