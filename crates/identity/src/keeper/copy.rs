//! The keys of an issuer on disk, so that a start while it is down finds them.
//!
//! The file's name follows from the issuer's name and where its keys are, so the keys of one place never count for another.
//! *Promise*: what is there is whole: it is written beside and then renamed, also where two processes do so. Only this user
//! may read or change it. *Not here*: when the keys were fetched. However old, they are what was known last.

use super::source::{BYTES_MOST, Source};
use aws_lc_rs::digest::{SHA256, digest};
use std::fmt::Write as _;
use std::fs::{DirBuilder, File, OpenOptions, rename};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Where the keys of one issuer are kept.
#[derive(Debug)]
pub(super) struct Copy {
    folder: PathBuf,
    name: String,
}

impl Copy {
    /// The copy for that issuer. A file is its own copy.
    pub(super) fn of(folder: &Path, issuer: &str, source: &Source) -> Option<Self> {
        let (kind, url) = match source {
            Source::Jwks(url) => ("jwks", url),
            Source::Discovery(url) => ("discovery", url),
            Source::File(_) => return None,
        };
        let whole = format!("{kind}\n{}\n{issuer}\n{url}", issuer.len());
        let mut name = String::from("jwks-");
        for byte in &digest(&SHA256, whole.as_bytes()).as_ref()[..16] {
            let _ = write!(name, "{byte:02x}");
        }
        Some(Self { folder: folder.into(), name: name + ".json" })
    }

    /// What is kept; `None` where nothing is.
    pub(super) fn read(&self) -> io::Result<Option<Vec<u8>>> {
        let file = match File::open(self.path()) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let mut kept = Vec::new();
        file.take(BYTES_MOST as u64 + 1).read_to_end(&mut kept)?;
        Ok(Some(kept))
    }

    /// Keeps it instead.
    pub(super) fn write(&self, body: &[u8]) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let beside = self.folder.join(format!(".{}.{}", self.name, std::process::id()));
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        let written = file.write_all(body).and_then(|()| file.sync_all());
        let renamed = written.and_then(|()| rename(&beside, self.path()));
        if renamed.is_err() {
            let _ = std::fs::remove_file(&beside);
        }
        renamed
    }

    /// Its path.
    pub(super) fn path(&self) -> PathBuf {
        self.folder.join(&self.name)
    }
}
