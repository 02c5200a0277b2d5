//! The body of a 206 with several parts (RFC 9110 section 14.6).

use crate::ByteRange;

/// What stands between the parts.
#[derive(Clone, Debug)]
pub struct Multipart {}

impl Multipart {
    /// For these parts of a body of that length and type. `boundary` is random: it does not occur in the body.
    pub fn new(parts: Vec<ByteRange>, total: u64, content_type: Option<&[u8]>, boundary: u64) -> Self {
        todo!()
    }

    /// The value of `Content-Type`.
    pub fn content_type(&self) -> String {
        todo!()
    }

    /// The length of the whole body.
    pub fn length(&self) -> u64 {
        todo!()
    }

    /// What comes before the part of that number, and which part it is; for the number behind the last one what ends the body.
    pub fn piece(&self, number: usize) -> Option<(Vec<u8>, Option<ByteRange>)> {
        todo!()
    }
}
