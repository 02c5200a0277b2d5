//! Asking the origin whether a response is still good, and what a 304 changes (RFC 9111 sections 3.2, 4.3.1, 4.3.4).

use crate::{Entry, Offer, Reason};
use message::Fields;

/// Puts conditions into a request by which the origin can say that the response is still good. False where it has nothing to
/// go by. What conditions the client sent has been taken out before.
pub fn revalidate(entry: &Entry, request: &mut Fields) -> bool {
    todo!()
}

/// The response as a 304 makes it: the same body, its fields updated, its freshness anew. `offer.head` is the 304.
/// `Err`: it may not be kept any longer, though it may be used this once.
pub fn refresh(entry: &Entry, offer: &Offer<'_>) -> Result<Entry, Reason> {
    todo!()
}
