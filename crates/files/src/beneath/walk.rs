//! Opens what lies under a folder name by name, each relative to the folder before it, so that nothing that is swapped in
//! meanwhile leads elsewhere.
//!
//! Links are read here, not by the kernel: one that climbs takes the way back that was come, and ends where that ends; an
//! absolute one counts where it begins with the folder's own path.

use super::READ;
use rustix::fs::{FileType, Mode, OFlags, fstat, openat, readlinkat};
use rustix::io::Errno;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// Most links on one way: what the kernel itself follows.
const LINKS_MOST: usize = 40;
/// Most folders on one way, each of which is a descriptor.
const FOLDERS_MOST: usize = 128;

/// Opens it. `XDEV`: it leads outside. `LOOP`: there is a link, and none is followed, or too many are.
pub(super) fn open(root: &OwnedFd, real: &Path, name: &[u8], links: bool) -> Result<OwnedFd, Errno> {
    let mut ahead = Vec::new();
    add(&mut ahead, name);
    let mut behind: Vec<OwnedFd> = Vec::new();
    let mut followed = 0;
    while let Some(name) = ahead.pop() {
        if name == b".." {
            behind.pop().ok_or(Errno::XDEV)?;
            continue;
        }
        let here = behind.last().unwrap_or(root);
        let found = openat(here, &*name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
        match FileType::from_raw_mode(fstat(&found)?.st_mode) {
            FileType::Symlink => {
                followed += 1;
                if !links || followed > LINKS_MOST {
                    return Err(Errno::LOOP);
                }
                let target = readlinkat(&found, "", Vec::new())?.into_bytes();
                let target = if target.starts_with(b"/") {
                    behind.clear();
                    inside(&target, real)?
                } else {
                    &target
                };
                add(&mut ahead, target);
            }
            FileType::Directory if behind.len() < FOLDERS_MOST => behind.push(found),
            FileType::Directory => return Err(Errno::NAMETOOLONG),
            _ if !ahead.is_empty() => return Err(Errno::NOTDIR),
            // Opened anew, since what was found cannot be read; a link that has taken its place is refused.
            _ => return openat(here, &*name, READ | OFlags::NOFOLLOW, Mode::empty()),
        }
    }
    match behind.pop() {
        Some(folder) => Ok(folder),
        None => root.as_fd().try_clone_to_owned().map_err(|e| Errno::from_io_error(&e).unwrap_or(Errno::IO)),
    }
}

/// Puts the names of a path in front of what lies ahead, of which the next is the last.
fn add(ahead: &mut Vec<Vec<u8>>, path: &[u8]) {
    let names = path.split(|&b| b == b'/').filter(|name| !matches!(name, [] | [b'.']));
    ahead.extend(names.rev().map(<[u8]>::to_vec));
}

/// What of an absolute path lies below the root.
fn inside<'a>(path: &'a [u8], real: &Path) -> Result<&'a [u8], Errno> {
    let below = path.strip_prefix(real.as_os_str().as_bytes()).ok_or(Errno::XDEV)?;
    if below.is_empty() || below.starts_with(b"/") || real == Path::new("/") {
        Ok(below)
    } else {
        Err(Errno::XDEV)
    }
}
