//! May an answer be kept, and for how long (RFC 9111 section 3)?

use crate::{Asked, Freshness, Reason, Settings, Vary};
use message::{Fields, Method, ResponseHead};

/// An answer that could be kept.
#[derive(Clone, Copy, Debug)]
pub struct Offer<'a> {
    /// What the route wants.
    pub settings: &'a Settings,
    /// GET or HEAD.
    pub method: &'a Method,
    /// What the request asked of the cache.
    pub asked: &'a Asked,
    /// The answer's head, as the origin has sent it.
    pub head: &'a ResponseHead,
    /// Its length, where it is known before its end.
    pub length: Option<u64>,
    /// When the request was sent, in milliseconds since 1970.
    pub requested: u64,
    /// When the head came.
    pub received: u64,
}

/// An answer that is kept.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// The fields that are kept.
    pub fields: Fields,
    /// How long it may be used.
    pub freshness: Freshness,
    /// By which fields of the request it was chosen.
    pub vary: Option<Vary>,
    /// The tags that the origin gives it (`Surrogate-Key`, split at spaces; `Cache-Tag`, split at commas), sorted, none twice,
    /// bounded. Those of the route come in [`crate::Template`].
    pub tags: Vec<Box<str>>,
}

/// May it be kept?
pub fn admit(offer: &Offer<'_>) -> Result<Admitted, Reason> {
    todo!()
}
