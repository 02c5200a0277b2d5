//! Opens what lies under a folder, and nothing else.
//!
//! The kernel does the looking (`openat2(2)`, Linux 5.6): it refuses in one step what leads out of the folder, so that a link
//! which is swapped in meanwhile changes nothing. Where it cannot (older kernels, sandboxes that forbid the call), and for
//! absolute links, which it refuses even where they lead inside, the path is walked name by name ([`walk`]).
//!
//! The folder itself is looked up again once a second: a deployment often swaps the link that the config names.
//!
//! *Not here*: what is read of a file, and what is remembered.
//! Everything here may wait for the disk: never on a worker.

mod walk;

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, Stat, fcntl_setfl, fstat, open, openat2};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often the folder itself is looked up again.
const LOOK: Duration = Duration::from_secs(1);
/// How often the kernel is asked again when something was renamed while it looked.
const TRIES: usize = 4;
/// How files are opened: a FIFO or a terminal must neither block nor take over.
const READ: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// A folder below which files are opened.
#[derive(Debug)]
pub(crate) struct Beneath {
    path: PathBuf,
    links: bool,
    /// The kernel can look by itself.
    by_kernel: bool,
    folder: Mutex<(Arc<Folder>, Instant)>,
}

/// The folder as it was found.
#[derive(Debug)]
struct Folder {
    fd: OwnedFd,
    /// Where it is, without links: absolute links below it begin with that.
    real: PathBuf,
}

/// What lies under a name.
#[derive(Debug)]
pub(crate) enum Found {
    /// A regular file.
    File(File, Stat),
    /// A folder.
    Folder,
    /// Nothing that may be served.
    Nothing,
}

impl Beneath {
    /// Opens the folder. An error of kind `NotADirectory` where it is none.
    pub(crate) fn new(path: &Path, links: bool) -> io::Result<Self> {
        let folder = Folder::open(path)?;
        let by_kernel = resolve(&folder.fd, b".", ResolveFlags::BENEATH).is_ok();
        let folder = Mutex::new((Arc::new(folder), Instant::now()));
        Ok(Self { path: path.to_owned(), links, by_kernel, folder })
    }

    /// Looks what lies under a name, which has no `.`, `..` or empty parts; empty: the folder itself.
    pub(crate) fn look(&self, name: &[u8]) -> io::Result<Found> {
        if name.is_empty() {
            return Ok(Found::Folder);
        }
        match self.open(name) {
            Ok(fd) => known(fd),
            Err(e) if is_absent(e) => Ok(Found::Nothing),
            Err(e) => Err(e.into()),
        }
    }

    fn open(&self, name: &[u8]) -> Result<OwnedFd, Errno> {
        let folder = self.folder();
        if self.by_kernel {
            let links = if self.links { ResolveFlags::empty() } else { ResolveFlags::NO_SYMLINKS };
            let how = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS | links;
            for _ in 0..TRIES {
                match resolve(&folder.fd, name, how) {
                    Err(Errno::AGAIN | Errno::INTR) => {}
                    // An absolute link, which may yet lead inside.
                    Err(Errno::XDEV) if self.links => break,
                    opened => return opened,
                }
            }
        }
        walk::open(&folder.fd, &folder.real, name, self.links)
    }

    /// The folder as it is now, or was a second ago.
    fn folder(&self) -> Arc<Folder> {
        let held = {
            let mut held = self.folder.lock().unwrap_or_else(PoisonError::into_inner);
            if held.1.elapsed() < LOOK {
                return Arc::clone(&held.0);
            }
            // The others go on with what there was while this one looks.
            held.1 = Instant::now();
            Arc::clone(&held.0)
        };
        // In the moment of a swap it may be missing.
        let Ok(now) = Folder::open(&self.path) else { return held };
        let now = Arc::new(now);
        self.folder.lock().unwrap_or_else(PoisonError::into_inner).0 = Arc::clone(&now);
        now
    }
}

impl Folder {
    fn open(path: &Path) -> io::Result<Self> {
        let fd = open(path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Self { fd, real: path.canonicalize()? })
    }
}

fn resolve(folder: &OwnedFd, name: &[u8], how: ResolveFlags) -> Result<OwnedFd, Errno> {
    openat2(folder, name, READ, Mode::empty(), how)
}

/// What was opened?
fn known(fd: OwnedFd) -> io::Result<Found> {
    let stat = fstat(&fd)?;
    Ok(match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => {
            // It was for the opening only.
            fcntl_setfl(&fd, OFlags::empty())?;
            Found::File(fd.into(), stat)
        }
        FileType::Directory => Found::Folder,
        _ => Found::Nothing,
    })
}

/// Does it mean that there is nothing to serve, rather than that the disk or we have failed?
fn is_absent(e: Errno) -> bool {
    matches!(
        e,
        Errno::NOENT
            | Errno::NOTDIR
            | Errno::NAMETOOLONG
            // A link where none is followed, or too many of them.
            | Errno::LOOP
            // It leads outside.
            | Errno::XDEV
            | Errno::ACCESS
            | Errno::PERM
            // A socket, or a device that is not there.
            | Errno::NXIO
            | Errno::NODEV
            // A name that the file system cannot have.
            | Errno::INVAL
            | Errno::ILSEQ
    )
}

#[cfg(test)]
mod tests;
