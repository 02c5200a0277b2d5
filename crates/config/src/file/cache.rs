//! `cache` at the top of the file: the memory and the disk that routes share.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{ByteSize, CacheName, Cidr, own};

/// Where responses are kept, for all routes that have a `cache` of their own. Absent: in memory, if some route has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("x-elsewhere" = {
    "ttl": "each route says it for itself: write `cache: { ttl: 60s }` in the route",
    "force": "each route says it for itself: write it in the `cache` of the route",
    "key": "each route says it for itself: write it in the `cache` of the route",
    "tags": "each route says it for itself: write it in the `cache` of the route",
    "stale_while_revalidate": "each route says it for itself: write it in the `cache` of the route",
    "stale_if_error": "each route says it for itself: write it in the `cache` of the route",
    "max_object": "it is a key of `disk`; each route may have its own in its `cache`",
    "size": "write `memory`, and `disk` for what is kept on disk",
    "path": "it is a key of `disk`",
}))]
pub struct SharedCache {
    /// The most memory that responses may take, bookkeeping included. It is taken as it is needed.
    #[schemars(extend("x-min" = 1_048_576, "x-max" = 17_592_186_044_416_u64))]
    pub memory: ByteSize,
    /// What `Cache-Status` calls this cache.
    pub name: CacheName,
    /// Responses that are kept on disk as well, and over restarts. A bare size stands for `size`.
    pub disk: Option<CacheDisk>,
    /// Address ranges of clients who may send `PURGE`. Absent: nobody; purging is done with `tidegate purge`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-one-or-list" = true))]
    pub purge_from: Vec<Cidr>,
}

impl Default for SharedCache {
    fn default() -> Self {
        Self { memory: ByteSize::bytes(256 << 20), name: own("tidegate"), disk: None, purge_from: Vec::new() }
    }
}

/// Responses on disk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-shorthand" = "size"))]
pub struct CacheDisk {
    /// A folder of its own, which no other process uses.
    #[schemars(extend("x-default" = "`data_dir`/cache"))]
    pub path: Option<PathBuf>,
    /// The most that all its files may take.
    #[schemars(extend("x-min" = 16_777_216, "x-max" = 1_125_899_906_842_624_u64))]
    pub size: ByteSize,
    /// The largest response that is kept.
    #[schemars(extend("x-min" = 1_024, "x-max" = 1_125_899_906_842_624_u64, "x-default" = "`1GiB`, at most `size`"))]
    pub max_object: Option<ByteSize>,
    /// Threads that read and write.
    #[serde(default = "two")]
    #[schemars(range(min = 1, max = 64))]
    pub threads: u16,
}

impl CacheDisk {
    /// The largest response, where the file does not say.
    pub(crate) const MAX_OBJECT: u64 = 1 << 30;

    /// The folder.
    pub fn path(&self, data_dir: &Path) -> PathBuf {
        self.path.clone().unwrap_or_else(|| data_dir.join("cache"))
    }

    /// The largest response that is kept, in bytes.
    pub fn max_object(&self) -> u64 {
        self.max_object.map_or(Self::MAX_OBJECT.min(self.size.get()), ByteSize::get)
    }
}

fn two() -> u16 {
    2
}
