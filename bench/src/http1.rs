//! The two looks at an HTTP/1.1 message that the floor and the load helpers take: where its head ends, and
//! how long its body is. Nothing else of the message is checked, which is the point of a floor.

use memchr::memmem;

/// The length of the head that `bytes` starts with, its empty line included; `None` where it has not ended.
pub(crate) fn head_end(bytes: &[u8]) -> Option<usize> {
    memmem::find(bytes, b"\r\n\r\n").map(|at| at + 4)
}

/// The value of `Content-Length` in a head; `None` where it is absent or not a number.
pub(crate) fn content_length(head: &[u8]) -> Option<u64> {
    const NAME: &[u8] = b"content-length:";
    let line = head
        .split(|&byte| byte == b'\n')
        .find(|line| line.get(..NAME.len()).is_some_and(|name| name.eq_ignore_ascii_case(NAME)))?;
    std::str::from_utf8(&line[NAME.len()..]).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_head_ends_at_its_empty_line() {
        assert_eq!(head_end(b"GET / HTTP/1.1\r\n\r\n"), Some(18));
        assert_eq!(head_end(b"GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n"), Some(18));
        assert_eq!(head_end(b"GET / HTTP/1.1\r\n\r"), None);
        assert_eq!(head_end(b""), None);
    }

    #[test]
    fn the_length_is_found_in_any_case_and_nowhere_else() {
        assert_eq!(content_length(b"HTTP/1.1 200 OK\r\ncontent-LENGTH:  42 \r\n\r\n"), Some(42));
        assert_eq!(content_length(b"HTTP/1.1 200 OK\r\nX-Content-Length: 42\r\n\r\n"), None);
        assert_eq!(content_length(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n"), None);
    }
}
