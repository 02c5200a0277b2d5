//! `Cache-Status` (RFC 9211): what the cache did, for whoever looks at an answer.

use crate::Reason;
use message::{Fields, StatusCode};

/// What the cache did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It had the answer: `hit; ttl=..`, with `detail` where it was stale.
    Hit {
        /// Seconds it stays fresh; negative: how long it has been stale.
        ttl: i64,
        /// It came from the disk.
        from_disk: bool,
    },
    /// It asked the origin: `fwd=..; fwd-status=..; stored; collapsed; ttl=..; detail=..`.
    Forwarded {
        /// Why.
        why: Reason,
        /// The origin's status, where it is not that of the answer.
        status: Option<StatusCode>,
        /// Is the answer kept? Why not?
        stored: Result<i64, Reason>,
        /// The request waited for the fetch of another.
        collapsed: bool,
    },
}

/// Adds the member of this cache behind those of caches nearer to the origin. `name`: a token, or it is quoted.
pub fn tell(fields: &mut Fields, name: &str, told: &Told) {
    todo!()
}
