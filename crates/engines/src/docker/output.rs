//! The last lines that a container has written.
//!
//! The engine keeps what containers write, until they are removed. Of one that has ended without being told to, the end of
//! it says why. Source: Engine API, "Attach to a container", stream format.

use super::engine::{Engine, PATIENCE};
use super::recipe::checked;
use fetch::Trouble;
use message::Method;

/// Lines that are asked for, and bytes that are kept of them.
const LINES: usize = 10;
const BYTES_MOST: usize = 2048;
/// Bytes in front of each piece: which stream, three zeros, and the length in network order.
const HEADER: usize = 8;

impl Engine {
    /// The last lines, standard output and error together; `None`: there are none, or the engine keeps none.
    pub async fn last_words(&self, id: &str) -> Result<Option<String>, Trouble> {
        checked("container", id)?;
        let target = format!("/containers/{id}/logs?stdout=true&stderr=true&tail={LINES}");
        match self.ask(Method::GET, &target, PATIENCE).await {
            Ok(reply) => Ok(Some(text(&reply.body)).filter(|text| !text.is_empty())),
            // 501 and 409: its log goes where the engine cannot read it.
            Err(trouble) if matches!(trouble.status(), Some(404 | 409 | 501)) => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }
}

/// The text of an answer, whose pieces have headers in front of them; one from a terminal has none.
fn text(mut answer: &[u8]) -> String {
    let mut bytes = Vec::new();
    while let Some((piece, rest)) = piece(answer) {
        bytes.extend_from_slice(piece);
        answer = rest;
    }
    if bytes.is_empty() {
        bytes.extend_from_slice(answer);
    }
    let end = &bytes[bytes.len().saturating_sub(BYTES_MOST)..];
    let plain = |c: &char| *c == '\n' || *c == '\t' || !c.is_control();
    String::from_utf8_lossy(end).chars().filter(plain).collect::<String>().trim_end().to_owned()
}

fn piece(answer: &[u8]) -> Option<(&[u8], &[u8])> {
    let (header, rest) = answer.split_at_checked(HEADER)?;
    let [0..=2, 0, 0, 0, length @ ..] = header else { return None };
    let length = usize::try_from(u32::from_be_bytes(length.try_into().ok()?)).ok()?;
    // The last piece may be cut.
    Some(rest.split_at(length.min(rest.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(stream: u8, text: &str) -> Vec<u8> {
        let length = u32::try_from(text.len()).unwrap().to_be_bytes();
        [&[stream, 0, 0, 0][..], &length, text.as_bytes()].concat()
    }

    #[test]
    fn pieces_of_both_streams_are_put_together() {
        let answer =
            [framed(1, "listening\n"), framed(2, "Traceback\n"), framed(2, "no database\r\n")].concat();
        assert_eq!(text(&answer), "listening\nTraceback\nno database");
        assert_eq!(text(&answer[..answer.len() - 5]), "listening\nTraceback\nno datab");
    }

    #[test]
    fn what_comes_from_a_terminal_is_text_without_pieces() {
        assert_eq!(text(b"no database\r\n"), "no database");
        assert_eq!(text(b"\x1b[31mred\x07"), "[31mred");
        assert_eq!((text(b""), text(&framed(1, ""))), (String::new(), String::new()));
    }

    #[test]
    fn of_a_flood_the_end_is_kept() {
        let flood = framed(1, &"x".repeat(100_000));
        assert_eq!(text(&flood).len(), BYTES_MOST);
        assert_eq!(text(&[1, 0, 0, 0, 255, 255, 255, 255, b'a']), "a");
    }
}
