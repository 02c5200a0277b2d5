//! `static` of a route: a folder whose files are served.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{CacheControl, FileExtension, FileName, MediaType, Spa, own};

/// Serves the files of a folder. What stands for `/*` in the path of the match is their path below `root`. A bare path stands
/// for `root`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-shorthand" = "root"))]
pub struct StaticFiles {
    /// The folder.
    pub root: PathBuf,
    /// Files that stand for the folder that they are in, the first that is there. Empty: a folder is 404.
    #[serde(default = "index")]
    #[schemars(length(max = 16), extend("x-one-or-list" = true))]
    pub index: Vec<FileName>,
    /// The file that answers paths at which there is none and whose last segment has no extension, with 200: for applications
    /// of one page. `true` is `index.html`.
    #[serde(default = "off")]
    pub spa: Spa,
    /// Send `app.js.br`, `.zst` or `.gz` instead of `app.js`, where it is there and the client takes it.
    #[serde(default = "yes")]
    pub precompressed: bool,
    /// `Cache-Control` of the files: what browsers and other caches may do with them.
    pub cache_control: Option<CacheControl>,
    /// Serve files and folders whose names begin with a dot too. `.well-known` always is.
    #[serde(default)]
    pub dotfiles: bool,
    /// Follow symbolic links, where they lead to something below `root`.
    #[serde(default)]
    pub links: bool,
    /// `Content-Type` by extension, beside and before those that are known: `{ wasm: application/wasm }`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("x-keys" = "file extension"))]
    pub types: BTreeMap<FileExtension, MediaType>,
}

fn index() -> Vec<FileName> {
    vec![own(Spa::USUAL)]
}

fn off() -> Spa {
    Spa::Off
}

fn yes() -> bool {
    true
}
