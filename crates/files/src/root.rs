//! The door of the room.

use crate::{FilesSettings, RootError};
use message::{RequestHead, ResponseHead};
use net::Body;

/// A folder that is served.
#[derive(Debug)]
pub struct Root {}

/// An answer.
#[derive(Debug)]
pub struct Served {
    /// Its head: 200, 206, 301 to the folder's own path, 304, 412, 416.
    pub head: ResponseHead,
    /// Its body.
    pub body: Body,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unserved {
    /// There is no such file, or none that may be served: 404. The client is not told which.
    NotFound,
    /// The method is not GET or HEAD: 405.
    Method,
    /// The disk refuses: 500. For the operator.
    Failed(String),
}

impl Root {
    /// Opens the folder.
    pub fn open(settings: FilesSettings) -> Result<Self, RootError> {
        todo!()
    }

    /// Answers. `path`: what of the request's path is below the route, still percent-encoded, with or without a `/` in front.
    /// `boundary`: a random number.
    pub async fn serve(&self, path: &str, request: &RequestHead, boundary: u64) -> Result<Served, Unserved> {
        todo!()
    }
}
