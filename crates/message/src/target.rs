//! Where a request wants to go: the authority (host and port) and the target (path and query).
//!
//! The path is normalised once, here, and every room and the upstream see the same one (RFC 3986 section 6.2.2):
//! percent-encodings of unreserved characters are decoded, hex digits are upper case, `.` and `..` segments are
//! resolved, runs of slashes become one. An encoded slash stays encoded: it is data, not a separator.

use std::borrow::Cow;

/// Why a request target was refused. All are the client's fault: 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTarget {
    /// It does not start with `/`.
    #[error("the request target is not a path that starts with /")]
    NotAPath,
    /// A control character, a space, a backslash, `#`, or a byte beyond ASCII.
    #[error("the request target holds a character that must be percent-encoded")]
    Character,
    /// `%` without two hex digits behind it.
    #[error("the request target holds a % without two hex digits")]
    Percent,
    /// `%00`.
    #[error("the request target holds an encoded NUL")]
    Nul,
    /// `..` above the root.
    #[error("the request target climbs above the root")]
    AboveRoot,
}

/// Path and query of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    text: Box<str>,
    path_len: usize,
}

impl Target {
    /// Checks and normalises an origin-form target (`/path?query`) or `*`. `merge_slashes` turns `//` into `/`.
    pub fn parse(raw: &[u8], merge_slashes: bool) -> Result<Self, BadTarget> {
        if raw == b"*" {
            return Ok(Self { text: "*".into(), path_len: 1 });
        }
        if raw.first() != Some(&b'/') {
            return Err(BadTarget::NotAPath);
        }
        let mut path_len = raw.len();
        // What asks for more than a look: an escape, an empty or a dotted segment.
        let mut plain = true;
        let mut previous = 0;
        for (i, &b) in raw.iter().enumerate() {
            if NOTABLE[usize::from(b)] {
                match b {
                    b'?' if path_len == raw.len() => path_len = i,
                    b'%' => plain = false,
                    b'/' | b'.' if previous == b'/' && i < path_len => plain = false,
                    b'?' | b'/' | b'.' => {}
                    _ => return Err(BadTarget::Character),
                }
            }
            previous = b;
        }
        let text = std::str::from_utf8(raw).expect("all bytes are ASCII");
        if plain {
            return Ok(Self { text: text.into(), path_len });
        }
        let (path, query) = text.split_at(path_len);
        check_escapes(query.as_bytes())?;
        let mut text = normalised(path.as_bytes(), merge_slashes)?;
        let path_len = text.len();
        text.push_str(query);
        Ok(Self { text: text.into(), path_len })
    }

    /// The path, normalised; starts with `/`, or is `*`.
    pub fn path(&self) -> &str {
        &self.text[..self.path_len]
    }

    /// The query without its `?`, as the client wrote it.
    pub fn query(&self) -> Option<&str> {
        self.text.get(self.path_len + 1..)
    }

    /// Path and query as they are sent on.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// What asks for a look in a target: where a path or a segment may end, escapes, and all that must not be there. A table:
/// one look instead of comparisons, for each byte of each request.
static NOTABLE: [bool; 256] = {
    let mut table = [false; 256];
    let mut b = 0;
    while b < table.len() {
        table[b] =
            b <= b' ' as usize || b >= 0x7f || matches!(b as u8, b'\\' | b'#' | b'?' | b'%' | b'/' | b'.');
        b += 1;
    }
    table
};

fn hex(b: u8) -> Option<u8> {
    (b as char).to_digit(16).map(|d| d as u8)
}

/// The byte behind a `%` at `at`, where its two digits are right and it is not NUL.
fn escaped(bytes: &[u8], at: usize) -> Result<u8, BadTarget> {
    let digit = |i: usize| bytes.get(i).and_then(|&b| hex(b)).ok_or(BadTarget::Percent);
    match digit(at + 1)? << 4 | digit(at + 2)? {
        0 => Err(BadTarget::Nul),
        byte => Ok(byte),
    }
}

fn check_escapes(query: &[u8]) -> Result<(), BadTarget> {
    memchr::memchr_iter(b'%', query).try_for_each(|at| match escaped(query, at) {
        // A NUL in a query is data for the application; routing and files never see it.
        Err(BadTarget::Nul) => Ok(()),
        other => other.map(drop),
    })
}

fn normalised(path: &[u8], merge_slashes: bool) -> Result<String, BadTarget> {
    let decoded = decoded(path)?;
    let mut out = String::with_capacity(decoded.len());
    let mut segments = decoded[1..].split('/').peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." if last => out.push('/'),
            "." => {}
            ".." => {
                let parent = out.rfind('/').ok_or(BadTarget::AboveRoot)?;
                out.truncate(parent);
                if last {
                    out.push('/');
                }
            }
            "" if merge_slashes && !last => {}
            _ => {
                out.push('/');
                out.push_str(segment);
            }
        }
    }
    if out.is_empty() {
        out.push('/');
    }
    Ok(out)
}

/// The path with unreserved characters decoded and the other escapes in upper case.
fn decoded(path: &[u8]) -> Result<String, BadTarget> {
    let mut out = String::with_capacity(path.len());
    let mut i = 0;
    while i < path.len() {
        if path[i] != b'%' {
            out.push(path[i] as char);
            i += 1;
            continue;
        }
        let byte = escaped(path, i)?;
        // RFC 3986 section 2.3: unreserved.
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(byte as char);
        } else {
            out.push('%');
            out.push(path[i + 1].to_ascii_uppercase() as char);
            out.push(path[i + 2].to_ascii_uppercase() as char);
        }
        i += 3;
    }
    Ok(out)
}

/// Why a host was refused: 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the host is not a host name or address with an optional port")]
pub struct BadAuthority;

/// Host and optional port, in lower case, without a trailing dot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    text: Box<str>,
    host_len: usize,
}

impl Authority {
    /// Checks `host[:port]` (RFC 3986 section 3.2.2). User information is refused (RFC 9110 section 4.2.4).
    pub fn parse(raw: &[u8]) -> Result<Self, BadAuthority> {
        let text = std::str::from_utf8(raw).map_err(|_| BadAuthority)?;
        let host_len = match text.strip_prefix('[') {
            Some(rest) => {
                let close = rest.find(']').ok_or(BadAuthority)?;
                rest[..close].parse::<std::net::Ipv6Addr>().map_err(|_| BadAuthority)?;
                close + 2
            }
            // By bytes: searching a text for a character costs several times as much, and this is done for each request.
            None => raw.iter().position(|b| *b == b':').unwrap_or(text.len()),
        };
        let (host, rest) = text.split_at(host_len);
        if let Some(port) = rest.strip_prefix(':') {
            // An empty port is the scheme's (RFC 3986 section 3.2.3).
            if !port.is_empty() && (!port.bytes().all(|b| b.is_ascii_digit()) || port.parse::<u16>().is_err())
            {
                return Err(BadAuthority);
            }
        } else if !rest.is_empty() {
            return Err(BadAuthority);
        }
        if !host.starts_with('[') && !is_host_name(host) {
            return Err(BadAuthority);
        }
        let host = host.strip_suffix('.').unwrap_or(host);
        if host.is_empty() || host.ends_with('.') {
            return Err(BadAuthority);
        }
        let rest = if rest == ":" { "" } else { rest };
        let mut text = String::with_capacity(host.len() + rest.len());
        text.push_str(host);
        text.push_str(rest);
        text.make_ascii_lowercase();
        Ok(Self { host_len: host.len(), text: text.into() })
    }

    /// The host: a name, an IPv4 address, or an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        &self.text[..self.host_len]
    }

    /// The port where one was named.
    pub fn port(&self) -> Option<u16> {
        self.text.get(self.host_len + 1..).and_then(|p| p.parse().ok())
    }

    /// `host` or `host:port`.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// RFC 3986 reg-name without percent-encoding: what DNS, container and service names are made of.
fn is_host_name(host: &str) -> bool {
    !host.is_empty() && host.len() <= 255 && host.bytes().all(|b| IN_HOST[usize::from(b)])
}

/// The bytes of a reg-name.
static IN_HOST: [bool; 256] = {
    let mut table = [false; 256];
    let mut b = 0;
    while b < table.len() {
        table[b] = (b as u8).is_ascii_alphanumeric();
        b += 1;
    }
    let mut others = b"-._~!$&'()*+;=".as_slice();
    while let [b, rest @ ..] = others {
        table[*b as usize] = true;
        others = rest;
    }
    table
};

/// Decodes the percent-encodings of one path segment, for parameters. Bytes that are not UTF-8 become U+FFFD.
pub fn percent_decoded(segment: &str) -> Cow<'_, str> {
    if !segment.contains('%') {
        return Cow::Borrowed(segment);
    }
    let bytes = segment.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        match (bytes[i], bytes.get(i + 1).and_then(|&b| hex(b)), bytes.get(i + 2).and_then(|&b| hex(b))) {
            (b'%', Some(high), Some(low)) => {
                out.push(high << 4 | low);
                i += 3;
            }
            (byte, ..) => {
                out.push(byte);
                i += 1;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(raw: &str) -> Result<String, BadTarget> {
        Target::parse(raw.as_bytes(), true).map(|t| t.as_str().to_owned())
    }

    #[test]
    fn a_path_is_normalised_once() {
        for (raw, want) in [
            ("/", "/"),
            ("*", "*"),
            ("/a/b?c=/../d", "/a/b?c=/../d"),
            ("/a/./b", "/a/b"),
            ("/a/../b", "/b"),
            ("/a/..", "/"),
            ("/a/.", "/a/"),
            ("/a/b/..", "/a/"),
            ("//a///b/", "/a/b/"),
            ("/%61%2d%7E", "/a-~"),
            ("/a%2fb", "/a%2Fb"),
            ("/%2e%2e/a", "!"),
            ("/a/%2e%2E/b", "/b"),
            ("/a/%2e./b", "/b"),
            ("/..a/.b", "/..a/.b"),
            ("/a?", "/a?"),
        ] {
            assert_eq!(path(raw).unwrap_or_else(|_| "!".to_owned()), want, "{raw}");
        }
    }

    #[test]
    fn a_bad_target_is_refused_with_its_reason() {
        for (raw, want) in [
            ("", BadTarget::NotAPath),
            ("a", BadTarget::NotAPath),
            ("/a b", BadTarget::Character),
            ("/a\\b", BadTarget::Character),
            ("/a#b", BadTarget::Character),
            ("/\u{e9}", BadTarget::Character),
            ("/\x7f", BadTarget::Character),
            ("/%", BadTarget::Percent),
            ("/%4", BadTarget::Percent),
            ("/%zz", BadTarget::Percent),
            ("/?%g0", BadTarget::Percent),
            ("/%00", BadTarget::Nul),
            ("/..", BadTarget::AboveRoot),
            ("/a/../../b", BadTarget::AboveRoot),
        ] {
            assert_eq!(path(raw), Err(want), "{raw}");
        }
    }

    #[test]
    fn slashes_stay_where_they_are_wanted() {
        let target = Target::parse(b"/a//b/https://c?d", false).unwrap();
        assert_eq!((target.path(), target.query()), ("/a//b/https://c", Some("d")));
    }

    #[test]
    fn an_authority_is_a_host_and_an_optional_port() {
        for (raw, host, port) in [
            ("Example.COM", "example.com", None),
            ("example.com.:80", "example.com", Some(80)),
            ("example.com:", "example.com", None),
            ("10.0.0.1:8080", "10.0.0.1", Some(8080)),
            ("[::1]:8080", "[::1]", Some(8080)),
            ("my_service", "my_service", None),
        ] {
            let a = Authority::parse(raw.as_bytes()).unwrap_or_else(|e| panic!("{raw}: {e}"));
            assert_eq!((a.host(), a.port()), (host, port), "{raw}");
        }
    }

    #[test]
    fn a_bad_authority_is_refused() {
        for raw in [
            "",
            ":80",
            "a b",
            "user@host",
            "a/b",
            "a:b",
            "a:99999",
            "a:80:80",
            "[::1",
            "[zz]",
            "[::1]x",
            "a,b",
            "a\u{e9}",
            "a%41",
            ".",
            "a..",
        ] {
            assert_eq!(Authority::parse(raw.as_bytes()), Err(BadAuthority), "{raw}");
        }
    }

    #[test]
    fn parameters_are_decoded() {
        assert_eq!(percent_decoded("a%20b%2Fc"), "a b/c");
        assert_eq!(percent_decoded("plain"), "plain");
        assert_eq!(percent_decoded("%ff"), "\u{fffd}");
    }
}
