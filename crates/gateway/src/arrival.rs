//! What comes of a request that was not stopped.

use message::ResponseHead;
use net::{Body, Tunnel};

/// What the end of the road gives.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) head: ResponseHead,
    pub(crate) body: Body,
    pub(crate) tunnel: Option<Tunnel>,
}
