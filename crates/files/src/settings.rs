//! Which files, and how.

use std::path::PathBuf;

/// Which files, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilesSettings {
    /// The folder.
    pub root: PathBuf,
    /// Files that stand for a folder, the first that is there. Empty: none, a folder is 404.
    pub index: Vec<Box<str>>,
    /// The file that answers where there is none, with 200: a single-page application finds its way by itself. Only for GET and
    /// HEAD of paths whose last segment has no extension.
    pub spa: Option<Box<str>>,
    /// Siblings that are compressed already are sent to those who take them: `.br`, `.zst`, `.gz`.
    pub precompressed: bool,
    /// The value of `Cache-Control`.
    pub cache_control: Option<Box<str>>,
    /// Files and folders whose names begin with a dot are served. `.well-known` always is.
    pub dotfiles: bool,
    /// Symbolic links are followed where they lead to something under the root.
    pub links: bool,
    /// More types: extension in lower case without the dot, and the value of `Content-Type`.
    pub types: Vec<(Box<str>, Box<str>)>,
}

/// Why files cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// The folder is not there, or cannot be read.
    #[error("{path}: {why}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        why: std::io::Error,
    },
    /// It is no folder.
    #[error("{0} is no folder")]
    NoFolder(PathBuf),
    /// A value for `Cache-Control` or `Content-Type` holds what no field may.
    #[error("{0:?} holds a character that no field may hold")]
    Value(Box<str>),
}
