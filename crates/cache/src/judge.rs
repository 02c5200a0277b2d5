//! May a response that is kept be used for this request (RFC 9111 section 4)?

use crate::{Asked, Entry, Reason, Standing};

/// How it may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it is. Age in seconds.
    Fresh(u32),
    /// As it is though it is stale, while a new one is fetched (RFC 5861 section 3). Age in seconds.
    Refreshing(u32),
    /// As it is though it is stale: the client takes it so (`max-stale`). Age in seconds.
    Stale(u32),
    /// Only after the origin was asked, and why.
    Ask(Reason),
    /// Not at all: it was purged.
    Gone,
}

/// May it be used? `now` in milliseconds since 1970.
pub fn judge(entry: &Entry, asked: &Asked, standing: Standing, now: u64) -> Verdict {
    todo!()
}

/// May it be used where the origin could not be reached, or has answered with 500, 502, 503 or 504 (RFC 5861 section 4; RFC 9111
/// section 4.2.4)? Its age in seconds, if so.
pub fn stale_on_error(entry: &Entry, asked: &Asked, standing: Standing, now: u64) -> Option<u32> {
    todo!()
}
