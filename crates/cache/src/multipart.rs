//! The body of a 206 with several parts (RFC 9110 section 14.6).
//!
//! *Promise*: the length is known before the first byte, and is right.

use crate::ByteRange;

/// What stands between the parts.
#[derive(Clone, Debug)]
pub struct Multipart {
    parts: Vec<ByteRange>,
    total: u64,
    content_type: Option<Vec<u8>>,
    boundary: String,
}

impl Multipart {
    /// For these parts of a body of that length and type. `boundary` is random: it does not occur in the body.
    pub fn new(parts: Vec<ByteRange>, total: u64, content_type: Option<&[u8]>, boundary: u64) -> Self {
        Self {
            parts,
            total,
            content_type: content_type.map(<[u8]>::to_vec),
            boundary: format!("{boundary:016x}"),
        }
    }

    /// The value of `Content-Type`.
    pub fn content_type(&self) -> String {
        format!("multipart/byteranges; boundary={}", self.boundary)
    }

    /// The length of the whole body.
    pub fn length(&self) -> u64 {
        let between: usize = (0..).map_while(|n| self.piece(n)).map(|(text, _)| text.len()).sum();
        let bytes: u64 = self.parts.iter().map(|part| part.last - part.first + 1).sum();
        bytes.saturating_add(between as u64)
    }

    /// What comes before the part of that number, and which part it is; for the number behind the last one what ends the body.
    pub fn piece(&self, number: usize) -> Option<(Vec<u8>, Option<ByteRange>)> {
        if number > self.parts.len() {
            return None;
        }
        // The line break before a boundary belongs to it (RFC 2046 section 5.1.1); nothing stands before the first.
        let mut text = if number == 0 { Vec::new() } else { b"\r\n".to_vec() };
        text.extend_from_slice(b"--");
        text.extend_from_slice(self.boundary.as_bytes());
        let Some(part) = self.parts.get(number) else {
            text.extend_from_slice(b"--\r\n");
            return Some((text, None));
        };
        if let Some(content_type) = &self.content_type {
            text.extend_from_slice(b"\r\nContent-Type: ");
            text.extend_from_slice(content_type);
        }
        text.extend_from_slice(b"\r\nContent-Range: ");
        text.extend_from_slice(content_range(*part, self.total).as_bytes());
        text.extend_from_slice(b"\r\n\r\n");
        Some((text, Some(*part)))
    }
}

/// The value of `Content-Range` for that part of a body (RFC 9110 section 14.4).
pub(crate) fn content_range(part: ByteRange, total: u64) -> String {
    format!("bytes {}-{}/{total}", part.first, part.last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(multipart: &Multipart, whole: &[u8]) -> Vec<u8> {
        let mut body = Vec::new();
        for (text, part) in (0..).map_while(|n| multipart.piece(n)) {
            body.extend_from_slice(&text);
            if let Some(part) = part {
                body.extend_from_slice(&whole[part.first as usize..=part.last as usize]);
            }
        }
        body
    }

    #[test]
    fn parts_stand_between_boundaries() {
        let parts = vec![ByteRange { first: 0, last: 1 }, ByteRange { first: 7, last: 9 }];
        let multipart = Multipart::new(parts, 10, Some(b"text/plain"), 0xabc);
        let want = "--0000000000000abc\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/10\r\n\r\n01\r\n\
                    --0000000000000abc\r\nContent-Type: text/plain\r\nContent-Range: bytes 7-9/10\r\n\r\n789\r\n\
                    --0000000000000abc--\r\n";
        assert_eq!(String::from_utf8(body(&multipart, b"0123456789")).unwrap(), want);
        assert_eq!(multipart.length(), want.len() as u64);
        assert_eq!(multipart.content_type(), "multipart/byteranges; boundary=0000000000000abc");
        assert!(multipart.piece(3).is_none());
    }

    #[test]
    fn a_body_without_a_type_has_parts_without_one() {
        let multipart = Multipart::new(vec![ByteRange { first: 0, last: 0 }], 1, None, 1);
        let text = String::from_utf8(body(&multipart, b"x")).unwrap();
        assert!(!text.contains("Content-Type") && text.contains("Content-Range: bytes 0-0/1\r\n\r\nx\r\n"));
        assert_eq!(multipart.length(), text.len() as u64);
    }
}
