//! Counts control frames in the bytes of a client as they pass by (RFC 9113 section 4.1).
//!
//! The library under us answers such frames without a word to anybody, so they are counted below it. Nothing is judged
//! here: a malformed frame is the library's to refuse.
//!
//! Hot path: nine bytes of each frame are looked at and its payload is skipped; nothing is copied but a head that a
//! read has cut.

/// Bytes of a frame's head.
const HEAD: usize = 9;
/// Bytes of the preface, which is no frame (RFC 9113 section 3.4).
const PREFACE: usize = 24;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PADDED: u8 = 0x8;
/// A padded frame may hold so much and still nothing: the length of the padding and the padding.
const PADDING_MOST: usize = 256;

/// Where in the stream of frames the last read ended.
#[derive(Debug)]
pub(super) struct Frames {
    /// Bytes of payload that are still to pass.
    skip: usize,
    /// A head that has come in part.
    head: [u8; HEAD],
    have: usize,
}

impl Frames {
    /// At the beginning of a connection.
    pub(super) fn new() -> Self {
        Self { skip: PREFACE, head: [0; HEAD], have: 0 }
    }

    /// Looks at the bytes that came next. How many control frames begin in them?
    pub(super) fn control_in(&mut self, mut bytes: &[u8]) -> u64 {
        let mut control = 0;
        loop {
            let passed = self.skip.min(bytes.len());
            self.skip -= passed;
            bytes = &bytes[passed..];
            if bytes.is_empty() {
                return control;
            }
            let head = match bytes.first_chunk::<HEAD>() {
                Some(head) if self.have == 0 => {
                    bytes = &bytes[HEAD..];
                    *head
                }
                _ => {
                    let taken = (HEAD - self.have).min(bytes.len());
                    self.head[self.have..self.have + taken].copy_from_slice(&bytes[..taken]);
                    self.have += taken;
                    bytes = &bytes[taken..];
                    if self.have < HEAD {
                        return control;
                    }
                    self.have = 0;
                    self.head
                }
            };
            let [high, middle, low, kind, flags, ..] = head;
            self.skip = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
            control += u64::from(is_control(kind, flags, self.skip));
        }
    }
}

/// Does the frame move nothing? HEADERS are requests and trailers, and DATA is a body's, unless nothing is in it.
fn is_control(kind: u8, flags: u8, length: usize) -> bool {
    match kind {
        HEADERS => false,
        DATA => length == 0 || (flags & PADDED != 0 && length <= PADDING_MOST),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, payload: usize) -> Vec<u8> {
        let length = (payload as u32).to_be_bytes();
        [&length[1..], &[kind, flags, 0, 0, 0, 1], &vec![6; payload]].concat()
    }

    #[test]
    fn frames_are_counted_the_same_however_the_bytes_are_cut() {
        let stream = [
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
            frame(4, 0, 12),
            frame(HEADERS, 5, 300),
            frame(DATA, 0, 70_000),
            frame(8, 0, 4),
            frame(6, 0, 8),
            frame(DATA, 1, 0),
            frame(DATA, PADDED, 256),
            frame(DATA, PADDED, 257),
            frame(9, 0, 10),
            frame(0xfa, 0, 0),
            frame(3, 0, 4),
        ]
        .concat();
        for step in [1, 2, 5, 8, 9, 10, 17, 4096, stream.len()] {
            let mut frames = Frames::new();
            let counted: u64 = stream.chunks(step).map(|part| frames.control_in(part)).sum();
            assert_eq!(counted, 8, "in steps of {step}");
            assert_eq!((frames.skip, frames.have), (0, 0), "it ends where a frame ends");
        }
    }
}
