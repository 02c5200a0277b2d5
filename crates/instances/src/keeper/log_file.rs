//! The log file of an instance: made with its folder, rotated as the access log is, and tried again where it cannot be opened.

use observe::{Rotate, open_log, tend_log};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;

/// A log file.
pub(super) struct LogFile {
    path: PathBuf,
    rotate: Rotate,
    /// `None` where it could not be opened: each write tries again.
    open: Option<(File, u64)>,
    /// A write ended inside a line: the next begins on a line of its own.
    torn: bool,
}

impl LogFile {
    pub(super) fn new(path: PathBuf, max_size: u64, keep: u32) -> Self {
        Self { path, rotate: Rotate { max_size, keep }, open: None, torn: false }
    }

    /// Writes whole lines.
    pub(super) fn write(&mut self, text: &[u8]) -> io::Result<()> {
        let (torn, max_size) = (self.torn, self.rotate.max_size);
        let (file, size) = self.opened()?;
        if torn {
            file.write_all(b"\n")?;
        }
        let result = file.write_all(text);
        *size += text.len() as u64;
        let is_large = *size >= max_size;
        self.torn = result.is_err();
        if result.is_ok() && is_large { self.tend() } else { result }
    }

    /// Opens the file again where it was moved away, and puts it aside where it is too large.
    pub(super) fn tend(&mut self) -> io::Result<()> {
        let Some((file, size)) = &mut self.open else { return Ok(()) };
        if tend_log(&self.path, file, size, Some(self.rotate))? {
            self.open = None;
        }
        Ok(())
    }

    fn opened(&mut self) -> io::Result<&mut (File, u64)> {
        if self.open.is_none() {
            if let Some(folder) = self.path.parent().filter(|f| !f.as_os_str().is_empty()) {
                fs::create_dir_all(folder)?;
            }
            let file = open_log(&self.path)?;
            let size = file.metadata()?.len();
            self.torn = false;
            self.open = Some((file, size));
        }
        self.open.as_mut().ok_or_else(|| ErrorKind::NotFound.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use testing::Folder;

    #[test]
    fn a_file_that_has_grown_large_is_put_aside_and_so_many_are_kept() {
        let folder = Folder::new();
        let path = folder.path("shop.log");
        let mut file = LogFile::new(path.clone(), 10, 2);
        for n in 0..8 {
            file.write(format!("line {n}\n").as_bytes()).unwrap();
        }
        let read = |n| fs::read_to_string(folder.path(&format!("shop.log.{n}"))).unwrap();
        assert_eq!((read(1).as_str(), read(2).as_str()), ("line 6\nline 7\n", "line 4\nline 5\n"));
        assert!(!folder.path("shop.log.3").exists() && !path.exists());
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
