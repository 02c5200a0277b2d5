//! What stands in a file.
//!
//! ```text
//!   0  magic and version    8 bytes
//!   8  key                 16
//!  24  length of the head   8
//!  32  length of the body   8
//!  40  XXH3 of the head     8
//!  48  XXH3 of 0..48        8
//!  56  head, body
//!      XXH3 of the body     8     behind the body, since it is known only when that has been streamed
//! ```
//!
//! Numbers are little-endian. The file's own length has to be the sum of these, so a file that was cut or has grown is found out
//! without reading it. XXH3 (64 bits, published values) finds what a disk damages, not what an adversary forges: who can write into
//! the folder owns the cache anyway.
//! *Not here*: reading, writing. Pure.

use twox_hash::XxHash3_64;

/// "tgdisk", and the version of this layout. Files of another version are damaged files: a cache starts empty after such a change.
const MAGIC: [u8; 8] = *b"tgdisk\0\x01";
/// Bytes of the header.
pub(crate) const HEADER: u64 = 56;
/// Bytes behind the body.
pub(crate) const TRAILER: u64 = 8;
/// Largest head, in bytes: far more than the fields of a response may be.
pub(crate) const MAX_HEAD: u64 = 1 << 20;
/// Where the header's own checksum stands.
const SUM_AT: usize = 48;
/// What file systems hand out, in bytes.
const BLOCK: u64 = 4096;
/// Files up to this many blocks need none for the list of their blocks (four extents stand in an inode of ext4).
const LISTED: u64 = 4;

/// The header of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Under which key the response lies.
    pub(crate) key: u128,
    /// Bytes of its head.
    pub(crate) head: u64,
    /// Bytes of its body.
    pub(crate) body: u64,
    /// XXH3 of the head.
    head_sum: u64,
}

impl Header {
    /// That of a response.
    pub(crate) fn new(key: u128, head: &[u8], body: u64) -> Self {
        Self { key, head: head.len() as u64, body, head_sum: sum(head) }
    }

    /// As it stands in the file.
    pub(crate) fn encode(&self) -> [u8; HEADER as usize] {
        let mut bytes = [0; HEADER as usize];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..24].copy_from_slice(&self.key.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.head.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.body.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.head_sum.to_le_bytes());
        let own = sum(&bytes[..SUM_AT]);
        bytes[SUM_AT..].copy_from_slice(&own.to_le_bytes());
        bytes
    }

    /// Reads it from the beginning of a file of `length` bytes. `None` where it is damaged, of another key, or where the file is not
    /// as long as it says.
    pub(crate) fn decode(bytes: &[u8], key: u128, length: u64) -> Option<Self> {
        let is_ours = bytes.get(..8)? == MAGIC && number(bytes, SUM_AT)? == sum(&bytes[..SUM_AT]);
        let found = u128::from_le_bytes(bytes.get(8..24)?.try_into().ok()?);
        let header = Self {
            key: found,
            head: number(bytes, 24)?,
            body: number(bytes, 32)?,
            head_sum: number(bytes, 40)?,
        };
        let fits = header.head <= MAX_HEAD && header.total() == Some(length);
        (is_ours && found == key && fits).then_some(header)
    }

    /// Is that its head?
    pub(crate) fn agrees(&self, head: &[u8]) -> bool {
        head.len() as u64 == self.head && sum(head) == self.head_sum
    }

    /// Where the body begins.
    pub(crate) fn body_at(&self) -> u64 {
        HEADER + self.head
    }

    /// Bytes of the whole file. `None`: more than there can be.
    pub(crate) fn total(&self) -> Option<u64> {
        total(self.head, self.body)
    }
}

/// Bytes of a file with such a head and such a body. `None`: more than there can be.
pub(crate) fn total(head: u64, body: u64) -> Option<u64> {
    (HEADER + TRAILER).checked_add(head)?.checked_add(body)
}

/// Bytes that a file of that length takes on the disk, at most: whole blocks, and what lists them. ext4 needs a block for the list
/// of 340 pieces, and a file that was written in turn with others may be in many.
pub(crate) fn footprint(length: u64) -> u64 {
    let blocks = length.div_ceil(BLOCK);
    let listing = if blocks > LISTED { 1 + blocks / 256 } else { 0 };
    blocks.saturating_add(listing).saturating_mul(BLOCK)
}

fn sum(bytes: &[u8]) -> u64 {
    XxHash3_64::oneshot(bytes)
}

fn number(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_header_is_read_as_it_was_written_and_only_for_its_key_and_length() {
        let header = Header::new(7, b"head", 100);
        let bytes = header.encode();
        assert_eq!(Header::decode(&bytes, 7, 56 + 4 + 100 + 8), Some(header));
        assert_eq!(Header::decode(&bytes, 8, 56 + 4 + 100 + 8), None, "another key");
        assert_eq!(Header::decode(&bytes, 7, 56 + 4 + 100 + 7), None, "a shorter file");
        assert!(header.agrees(b"head") && !header.agrees(b"heat") && !header.agrees(b"hea"));
    }

    #[test]
    fn lengths_beyond_all_numbers_are_no_header() {
        let mut huge = Header::new(7, b"head", u64::MAX);
        assert_eq!(Header::decode(&huge.encode(), 7, 67), None);
        huge.head = u64::MAX;
        assert_eq!(Header::decode(&huge.encode(), 7, 66), None);
    }

    #[test]
    fn a_footprint_is_whole_blocks_and_never_less_than_the_file() {
        assert_eq!([0, 1, 4096, 4097].map(footprint), [0, 4096, 4096, 8192]);
        assert!(footprint(1 << 30) >= (1 << 30) + (1 << 22));
        assert!(footprint(u64::MAX) > 1 << 63);
    }

    proptest! {
        #[test]
        fn a_flipped_bit_anywhere_in_a_header_is_found(at in 0..HEADER as usize * 8, head in 0..300_u64) {
            let text = vec![3; head as usize];
            let header = Header::new(99, &text, 5);
            let mut bytes = header.encode();
            bytes[at / 8] ^= 1 << (at % 8);
            prop_assert_eq!(Header::decode(&bytes, 99, header.total().unwrap()), None);
        }

        #[test]
        fn whatever_the_bytes_are_they_are_read_without_a_panic(bytes: Vec<u8>, key: u128, length: u64) {
            prop_assert_eq!(Header::decode(&bytes, key, length), None);
        }
    }
}
