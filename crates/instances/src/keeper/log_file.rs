//! A log file that may be moved away by somebody else, and is put aside when it is large.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A log file.
pub(super) struct LogFile {
    path: PathBuf,
    max_size: u64,
    keep: u32,
    /// `None` where it could not be opened: each write tries again.
    open: Option<(File, u64)>,
    /// A write ended inside a line: the next begins on a line of its own.
    torn: bool,
}

impl LogFile {
    pub(super) fn new(path: PathBuf, max_size: u64, keep: u32) -> Self {
        Self { path, max_size, keep, open: None, torn: false }
    }

    /// Writes whole lines.
    pub(super) fn write(&mut self, text: &[u8]) -> io::Result<()> {
        let torn = self.torn;
        let (file, size) = self.opened()?;
        if torn {
            file.write_all(b"\n")?;
        }
        let result = file.write_all(text);
        *size += text.len() as u64;
        let is_large = *size >= self.max_size;
        self.torn = result.is_err();
        if result.is_ok() && is_large { self.tend() } else { result }
    }

    /// Opens the file again where it was moved away, and puts it aside where it is too large.
    pub(super) fn tend(&mut self) -> io::Result<()> {
        let Some((file, size)) = &mut self.open else { return Ok(()) };
        let meta = file.metadata()?;
        *size = meta.len();
        match fs::metadata(&self.path) {
            Ok(named) if (named.dev(), named.ino()) == (meta.dev(), meta.ino()) => {
                // Devices and pipes have no size and are never put aside.
                if meta.is_file() && *size >= self.max_size {
                    // Should it fail, it is tried again a `max_size` of lines later.
                    *size = 0;
                    put_aside(&self.path, self.keep)?;
                    self.open = None;
                }
                Ok(())
            }
            Err(e) if e.kind() != ErrorKind::NotFound => Err(e),
            Ok(_) | Err(_) => {
                self.open = None;
                Ok(())
            }
        }
    }

    fn opened(&mut self) -> io::Result<&mut (File, u64)> {
        if self.open.is_none() {
            if let Some(folder) = self.path.parent().filter(|f| !f.as_os_str().is_empty()) {
                fs::create_dir_all(folder)?;
            }
            // Logs may hold personal data: nobody but the owner and its group may read them.
            let file = OpenOptions::new().append(true).create(true).mode(0o640).open(&self.path)?;
            let size = file.metadata()?.len();
            self.torn = false;
            self.open = Some((file, size));
        }
        self.open.as_mut().ok_or_else(|| ErrorKind::NotFound.into())
    }
}

/// `log` becomes `log.1`, `log.1` becomes `log.2`, and so on; what would be older than `keep` is overwritten.
fn put_aside(path: &Path, keep: u32) -> io::Result<()> {
    if keep == 0 {
        return fs::remove_file(path);
    }
    for n in (1..keep).rev() {
        match fs::rename(numbered(path, n), numbered(path, n + 1)) {
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
            _ => {}
        }
    }
    fs::rename(path, numbered(path, 1))
}

fn numbered(path: &Path, n: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{n}"));
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Folder;

    #[test]
    fn a_file_that_has_grown_large_is_put_aside_and_so_many_are_kept() {
        let folder = Folder::new();
        let path = folder.path("shop.log");
        let mut file = LogFile::new(path.clone(), 10, 2);
        for n in 0..8 {
            file.write(format!("line {n}\n").as_bytes()).unwrap();
        }
        let read = |n| fs::read_to_string(numbered(&path, n)).unwrap();
        assert_eq!((read(1).as_str(), read(2).as_str()), ("line 6\nline 7\n", "line 4\nline 5\n"));
        assert!(!numbered(&path, 3).exists() && !path.exists());
    }

    #[test]
    fn a_file_that_was_moved_away_is_written_anew() {
        let folder = Folder::new();
        let path = folder.path("shop.log");
        let mut file = LogFile::new(path.clone(), 1000, 2);
        file.write(b"old\n").unwrap();
        fs::rename(&path, folder.path("moved")).unwrap();
        file.tend().unwrap();
        file.write(b"new\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new\n");
        assert_eq!(fs::read_to_string(folder.path("moved")).unwrap(), "old\n");
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_tried_again() {
        let folder = Folder::new();
        let path = folder.path("shop.log");
        fs::create_dir(&path).unwrap();
        let mut file = LogFile::new(path.clone(), 1000, 2);
        assert!(file.write(b"lost\n").is_err());
        fs::remove_dir(&path).unwrap();
        file.write(b"kept\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "kept\n");
    }
}
