//! Finds the end of a head, and refuses what two parsers could read differently before anything is parsed.
//!
//! RFC 9112 section 2.2 lets a recipient take a lone LF as a line end. A proxy that does while its upstream does
//! not (or the other way round) can be made to smuggle a request, so here a line ends with CRLF or is an error.
//! Each byte is looked at once however slowly the head arrives.

use super::reject::Reject;

/// How far a head has been looked at. One for each message.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct HeadScan {
    /// Bytes already looked at.
    seen: usize,
    /// Where the line that is being looked at starts.
    line: usize,
}

impl HeadScan {
    /// Is the first line still without its end?
    pub(crate) fn in_first_line(&self) -> bool {
        self.line == 0
    }

    /// The length of the head with its empty line, once all of it is there. `bytes` is the message from its start,
    /// the same as in the calls before, perhaps longer. `limit` bounds the head, in bytes.
    pub(crate) fn find_end(&mut self, bytes: &[u8], limit: usize) -> Result<Option<usize>, Reject> {
        for lf in memchr::memchr_iter(b'\n', &bytes[self.seen..]).map(|i| i + self.seen) {
            if lf == self.line || bytes[lf - 1] != b'\r' {
                return Err(Reject::BareLf);
            }
            if lf == self.line + 1 {
                return if lf < limit { Ok(Some(lf + 1)) } else { Err(Reject::HeadTooLarge) };
            }
            self.line = lf + 1;
        }
        self.seen = bytes.len();
        if bytes.len() >= limit { Err(Reject::HeadTooLarge) } else { Ok(None) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_found_however_the_bytes_arrive() {
        let head = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nrest";
        for step in 1..head.len() {
            let mut scan = HeadScan::default();
            let end = (0..=head.len())
                .step_by(step)
                .chain([head.len()])
                .find_map(|n| scan.find_end(&head[..n], 1024).unwrap());
            assert_eq!(end, Some(head.len() - 4), "in steps of {step}");
        }
    }

    #[test]
    fn a_lone_line_feed_is_refused_as_soon_as_it_is_seen() {
        for head in [&b"GET / HTTP/1.1\n"[..], b"GET / HTTP/1.1\r\nHost: a\n", b"\n", b"GET / HTTP/1.1\r\n\n"]
        {
            assert_eq!(HeadScan::default().find_end(head, 1024), Err(Reject::BareLf));
        }
    }

    #[test]
    fn a_head_without_end_is_refused_at_the_limit() {
        assert_eq!(HeadScan::default().find_end(&[b'a'; 100], 100), Err(Reject::HeadTooLarge));
        assert_eq!(HeadScan::default().find_end(&[b'a'; 99], 100), Ok(None));
    }
}
