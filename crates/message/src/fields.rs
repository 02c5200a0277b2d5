//! The field lines of one head or trailer section, in one block of bytes.

use crate::Name;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::ops::Range;

/// Why a field line was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// The name is empty, longer than 65,535 bytes, or holds a byte that is not a token character.
    #[error("a field name is not a token (RFC 9110 section 5.1)")]
    Name,
    /// The value holds a control character other than a tab.
    #[error("a field value holds a control character (RFC 9110 section 5.5)")]
    Value,
}

/// What stands in a line beside the name and the value: `: ` and CRLF.
const BETWEEN: usize = 4;
/// Room for the few fields that a gateway adds.
const ADDED_LINES: usize = 8;
const ADDED_BYTES: usize = 384;

/// Field lines in the order in which they came.
#[derive(Clone, Debug, Default)]
pub struct Fields {
    block: Vec<u8>,
    lines: Vec<Line>,
}

#[derive(Clone, Copy, Debug)]
struct Line {
    name_at: u32,
    value_at: u32,
    value_len: u32,
    name_len: u16,
    name: Name,
}

impl Line {
    fn name_range(&self) -> Range<usize> {
        self.name_at as usize..self.name_at as usize + usize::from(self.name_len)
    }

    fn value_range(&self) -> Range<usize> {
        self.value_at as usize..(self.value_at + self.value_len) as usize
    }
}

impl Fields {
    /// No fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// No fields yet, with room for `lines` lines whose names and values have `bytes` bytes altogether, and for the few
    /// that a gateway adds.
    pub fn with_capacity(lines: usize, bytes: usize) -> Self {
        let block = Vec::with_capacity(bytes + BETWEEN * lines + ADDED_BYTES);
        Self { block, lines: Vec::with_capacity(lines + ADDED_LINES) }
    }

    /// Adds a line at the end. White space around the value is dropped.
    pub fn push(&mut self, name: &str, value: &[u8]) -> Result<(), FieldError> {
        if !is_token(name.as_bytes()) || name.len() > usize::from(u16::MAX) {
            return Err(FieldError::Name);
        }
        let value = trim(value);
        if !value.iter().all(|&b| is_value_byte(b)) {
            return Err(FieldError::Value);
        }
        self.push_checked(name.as_bytes(), value);
        Ok(())
    }

    /// Adds a line as the `http` crate has it, which has checked the value, and the name up to `"`: that it lets pass.
    /// White space around the value is dropped. `known`: which name it is.
    pub fn push_from(
        &mut self,
        known: Name,
        name: &HeaderName,
        value: &HeaderValue,
    ) -> Result<(), FieldError> {
        let name = name.as_str().as_bytes();
        debug_assert_eq!(Name::of(name), known, "asked by the caller");
        if known == Name::Other && (!is_token(name) || name.len() > usize::from(u16::MAX)) {
            return Err(FieldError::Name);
        }
        let value = trim(value.as_bytes());
        debug_assert!(value.iter().all(|&b| is_value_byte(b)), "an invariant of the library");
        self.append(known, name, value);
        Ok(())
    }

    /// Adds a line whose name and value are known to be valid: a parser has checked them, or they were written by
    /// Tidegate. The value has no white space around it.
    pub fn push_checked(&mut self, name: &[u8], value: &[u8]) {
        debug_assert!(is_token(name), "checked by the caller");
        debug_assert!(value.iter().all(|&b| is_value_byte(b)), "checked by the caller");
        self.append(Name::of(name), name, value);
    }

    /// Writes a line into the block as it stands in a message, so that it can leave in one piece.
    fn append(&mut self, known: Name, name: &[u8], value: &[u8]) {
        let block = &mut self.block;
        block.reserve(name.len() + value.len() + 4);
        let name_at = block.len() as u32;
        block.extend_from_slice(name);
        block.extend_from_slice(b": ");
        let value_at = block.len() as u32;
        block.extend_from_slice(value);
        block.extend_from_slice(b"\r\n");
        self.lines.push(Line {
            name_at,
            value_at,
            value_len: value.len() as u32,
            name_len: name.len() as u16,
            name: known,
        });
    }

    /// Adds a line with a well-known name, written in lower case.
    pub fn add(&mut self, name: Name, value: &[u8]) {
        self.block.reserve(name.line_start().len() + value.len() + 2);
        self.add_with(name, |block| block.extend_from_slice(value));
    }

    /// Adds a line with a well-known name whose value `write` puts at the end of what it is given.
    pub fn add_with(&mut self, name: Name, write: impl FnOnce(&mut Vec<u8>)) {
        debug_assert!(name != Name::Other, "a name without a text");
        let block = &mut self.block;
        let name_at = block.len();
        block.extend_from_slice(name.line_start().as_bytes());
        let value_at = block.len();
        write(block);
        debug_assert!(block[value_at..].iter().all(|&b| is_value_byte(b)), "checked by the caller");
        let value_len = block.len() - value_at;
        block.extend_from_slice(b"\r\n");
        self.lines.push(Line {
            name_at: name_at as u32,
            value_at: value_at as u32,
            value_len: value_len as u32,
            name_len: name.as_str().len() as u16,
            name,
        });
    }

    /// The same lines, with room for the few that a gateway adds.
    #[must_use]
    pub fn roomy(&self) -> Self {
        let mut copy = Self {
            block: Vec::with_capacity(self.block.len() + ADDED_BYTES),
            lines: Vec::with_capacity(self.lines.len() + ADDED_LINES),
        };
        copy.block.extend_from_slice(&self.block);
        copy.lines.extend_from_slice(&self.lines);
        copy
    }

    /// Adds all lines of another, behind these.
    pub fn extend(&mut self, other: &Self) {
        let from = self.block.len() as u32;
        self.block.extend_from_slice(&other.block);
        let moved =
            |line: &Line| Line { name_at: line.name_at + from, value_at: line.value_at + from, ..*line };
        self.lines.extend(other.lines.iter().map(moved));
    }

    /// No lines yet over a block of bytes, whose lines are then pointed at with [`Fields::point`]. For parsers: one
    /// copy takes the whole head.
    pub fn over(block: &[u8], lines: usize) -> Self {
        let mut own = Vec::with_capacity(block.len() + ADDED_BYTES);
        own.extend_from_slice(block);
        Self { block: own, lines: Vec::with_capacity(lines + ADDED_LINES) }
    }

    /// Adds a line that stands in the block already; the parser has checked it.
    pub fn point(&mut self, known: Name, name: Range<usize>, value: Range<usize>) {
        debug_assert!(is_token(&self.block[name.clone()]), "checked by the parser");
        debug_assert_eq!(Name::of(&self.block[name.clone()]), known);
        debug_assert!(u16::try_from(name.len()).is_ok(), "bounded by the parser");
        self.lines.push(Line {
            name_at: name.start as u32,
            value_at: value.start as u32,
            value_len: value.len() as u32,
            name_len: name.len() as u16,
            name: known,
        });
    }

    /// Replaces all lines of that name by one.
    pub fn set(&mut self, name: Name, value: &[u8]) {
        self.remove(name);
        self.add(name, value);
    }

    /// Takes all lines of a well-known name away.
    pub fn remove(&mut self, name: Name) {
        if self.lines.iter().any(|l| l.name == name) {
            self.lines.retain(|l| l.name != name);
        }
    }

    /// Takes all lines of a name away, well known or not, in any case.
    pub fn remove_named(&mut self, name: &[u8]) {
        let known = Name::of(name);
        if known == Name::Other {
            let block = &self.block;
            self.lines.retain(|l| l.name != Name::Other || !block[l.name_range()].eq_ignore_ascii_case(name));
        } else {
            self.remove(known);
        }
    }

    /// Keeps the lines for which `keep` says yes.
    pub fn retain(&mut self, mut keep: impl FnMut(Name, &[u8], &[u8]) -> bool) {
        let block = &self.block;
        self.lines.retain(|l| keep(l.name, &block[l.name_range()], &block[l.value_range()]));
    }

    /// The first value of a well-known name.
    pub fn get(&self, name: Name) -> Option<&[u8]> {
        self.lines.iter().find(|l| l.name == name).map(|l| &self.block[l.value_range()])
    }

    /// The first value of a well-known name as text; `None` also where it is not ASCII or UTF-8.
    pub fn get_str(&self, name: Name) -> Option<&str> {
        self.get(name).and_then(|v| std::str::from_utf8(v).ok())
    }

    /// All values of a well-known name, in order.
    pub fn all(&self, name: Name) -> impl Iterator<Item = &[u8]> {
        self.lines.iter().filter(move |l| l.name == name).map(|l| &self.block[l.value_range()])
    }

    /// All values of a name given as text, well known or not, in any case.
    pub fn all_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let known = Name::of(name.as_bytes());
        self.lines
            .iter()
            .filter(move |l| {
                l.name == known
                    && (known != Name::Other
                        || self.block[l.name_range()].eq_ignore_ascii_case(name.as_bytes()))
            })
            .map(|l| &self.block[l.value_range()])
    }

    /// Is there a line of that well-known name?
    pub fn has(&self, name: Name) -> bool {
        self.lines.iter().any(|l| l.name == name)
    }

    /// The comma-separated members of all lines of a name (RFC 9110 section 5.6.1), without white space around
    /// them and without empty ones. Only for fields whose members hold no quoted commas.
    pub fn members(&self, name: Name) -> impl Iterator<Item = &[u8]> {
        self.all(name).flat_map(|v| v.split(|&b| b == b',')).map(trim).filter(|m| !m.is_empty())
    }

    /// Does a comma-separated field name this member, in any case?
    pub fn lists(&self, name: Name, member: &str) -> bool {
        self.members(name).any(|m| m.eq_ignore_ascii_case(member.as_bytes()))
    }

    /// The values of the cookies of that name, in order (RFC 6265 section 4.2.1), quotes included.
    pub fn cookies<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let pairs = self.all(Name::Cookie).flat_map(|line| line.split(|&b| b == b';')).map(trim);
        pairs.filter_map(|pair| {
            Some(trim(trim_start(pair.strip_prefix(name.as_bytes())?).strip_prefix(b"=")?))
        })
    }

    /// All lines: the well-known name, the name as it came, the value.
    pub fn iter(&self) -> impl Iterator<Item = (Name, &[u8], &[u8])> {
        self.lines.iter().map(|l| (l.name, &self.block[l.name_range()], &self.block[l.value_range()]))
    }

    /// Writes all lines as they stand in an HTTP/1 message, each with its CRLF. Lines that lie side by side in the block,
    /// as those of one message do, leave in one piece.
    pub fn write_lines(&self, out: &mut Vec<u8>) {
        out.reserve(self.bytes());
        let mut run = 0..0;
        for line in &self.lines {
            let (name, value) = (line.name_range(), line.value_range());
            let end = value.end + 2;
            let stands = value.start == name.end + 2
                && self.block[name.end..value.start] == *b": "
                && self.block.get(value.end..end) == Some(b"\r\n");
            if stands && name.start == run.end {
                run.end = end;
                continue;
            }
            out.extend_from_slice(&self.block[std::mem::take(&mut run)]);
            if stands {
                run = name.start..end;
            } else {
                out.extend_from_slice(&self.block[name]);
                out.extend_from_slice(b": ");
                out.extend_from_slice(&self.block[value]);
                out.extend_from_slice(b"\r\n");
            }
        }
        out.extend_from_slice(&self.block[run]);
    }

    /// Bytes that all lines take in a message, or somewhat more.
    pub fn bytes(&self) -> usize {
        self.block.len() + 4 * self.lines.len()
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Is there no line?
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Takes all lines away and keeps the memory.
    pub fn clear(&mut self) {
        self.block.clear();
        self.lines.clear();
    }

    /// The same fields as a map, for libraries that speak `http`, with room for one more. Names become lower case.
    ///
    /// Values that are new in each message are marked as not to be remembered (RFC 7541 section 7.1.3): HPACK would put
    /// each into its table, in the place of one that comes again, and search through all of them.
    pub fn to_map(&self) -> HeaderMap {
        let mut map = HeaderMap::with_capacity(self.lines.len() + 1);
        for (known, name, value) in self.iter() {
            let name = known.header().map_or_else(|| HeaderName::from_bytes(name), |name| Ok(name.clone()));
            // Both were checked when the line was added; what the library still refuses is left out, not sent on.
            if let (Ok(name), Ok(mut value)) = (name, HeaderValue::from_bytes(value)) {
                value.set_sensitive(known.is_never_twice_the_same());
                map.append(name, value);
            }
        }
        map
    }

    /// The same fields from a map.
    pub fn from_map(map: &HeaderMap) -> Self {
        let bytes = map.iter().map(|(n, v)| n.as_str().len() + v.len()).sum();
        let mut fields = Self::with_capacity(map.len(), bytes);
        for (name, value) in map {
            fields.push_checked(name.as_str().as_bytes(), trim(value.as_bytes()));
        }
        fields
    }
}

/// RFC 9110 section 5.6.2: the characters of a token.
pub const fn is_token_byte(b: u8) -> bool {
    matches!(
        b,
        b'!' | b'#'
            | b'$'
            | b'%'
            | b'&'
            | b'\''
            | b'*'
            | b'+'
            | b'-'
            | b'.'
            | b'^'
            | b'_'
            | b'`'
            | b'|'
            | b'~'
    ) || b.is_ascii_alphanumeric()
}

fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&b| is_token_byte(b))
}

/// RFC 9110 section 5.5: visible characters, space, tab and obs-text.
const fn is_value_byte(b: u8) -> bool {
    b == b'\t' || (b >= b' ' && b != 0x7f)
}

fn trim_start(mut value: &[u8]) -> &[u8] {
    // White space before the sign: no browser sends it, and who does means the same.
    while let [b' ' | b'\t', rest @ ..] = value {
        value = rest;
    }
    value
}

fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(lines: &[(&str, &str)]) -> Fields {
        let mut fields = Fields::new();
        for (name, value) in lines {
            fields.push(name, value.as_bytes()).unwrap();
        }
        fields
    }

    #[test]
    fn lines_keep_their_order_and_letters_and_are_found_in_any_case() {
        let f = fields(&[("Host", "a"), ("X-Own", " b "), ("host", "c"), ("x-own", "d")]);
        assert_eq!(f.get(Name::Host), Some(&b"a"[..]));
        assert_eq!(f.all(Name::Host).collect::<Vec<_>>(), [b"a", b"c"]);
        assert_eq!(f.all_named("X-OWN").collect::<Vec<_>>(), [b"b", b"d"]);
        assert_eq!(
            f.iter().map(|(_, n, _)| n).collect::<Vec<_>>(),
            [&b"Host"[..], b"X-Own", b"host", b"x-own"]
        );
    }

    /// The lines as they are written one by one.
    fn plainly(fields: &Fields) -> Vec<u8> {
        fields.iter().flat_map(|(_, n, v)| [n, b": ", v, b"\r\n"].concat()).collect()
    }

    #[test]
    fn lines_leave_as_they_are_however_they_lie_in_the_block() {
        let head = b"A: 1\r\nbee:2\r\nC:  3 \r\nD: 4\r\nE: 5\r\nF:\r\nG: 7";
        let mut fields = Fields::over(head, 7);
        let mut at = 0;
        for line in head.split(|b| *b == b'\n') {
            let colon = line.iter().position(|b| *b == b':').unwrap();
            let text = line.strip_suffix(b"\r").unwrap_or(line);
            let value = text[colon + 1..].trim_ascii();
            let start = at + value.as_ptr() as usize - line.as_ptr() as usize;
            fields.point(Name::of(&line[..colon]), at..at + colon, start..start + value.len());
            at += line.len() + 1;
        }
        fields.add(Name::Via, b"1.1 x");
        fields.push("X-Own", b"y").unwrap();
        let written = |fields: &Fields| {
            let mut out = b"before ".to_vec();
            fields.write_lines(&mut out);
            String::from_utf8(out.split_off(7)).unwrap()
        };
        let all = "A: 1\r\nbee: 2\r\nC: 3\r\nD: 4\r\nE: 5\r\nF: \r\nG: 7\r\nvia: 1.1 x\r\nX-Own: y\r\n";
        assert_eq!(written(&fields), all);
        for gone in [&b"d"[..], b"a", b"via", b"g", b"bee", b"x-own", b"e", b"c", b"f"] {
            fields.remove_named(gone);
            assert_eq!(written(&fields).into_bytes(), plainly(&fields));
        }
        assert_eq!(written(&fields), "");
    }

    #[test]
    fn removed_lines_are_gone_whatever_their_case() {
        let mut f = fields(&[("Host", "a"), ("X-Own", "b"), ("X-OWN", "c"), ("Te", "d")]);
        f.remove_named(b"x-own");
        f.remove_named(b"HOST");
        assert_eq!(f.len(), 1);
        f.set(Name::Te, b"trailers");
        assert_eq!(f.all(Name::Te).collect::<Vec<_>>(), [b"trailers"]);
    }

    #[test]
    fn a_line_that_could_split_a_message_is_refused() {
        let mut f = Fields::new();
        assert_eq!(f.push("", b"a"), Err(FieldError::Name));
        assert_eq!(f.push("a b", b"a"), Err(FieldError::Name));
        assert_eq!(f.push("a:", b"a"), Err(FieldError::Name));
        for value in [&b"a\r\nb: c"[..], b"a\0", b"\x7f", b"a\nb", b"a\rb"] {
            assert_eq!(f.push("a", value), Err(FieldError::Value));
        }
        assert!(f.is_empty());
    }

    #[test]
    fn what_the_library_lets_pass_in_names_is_refused_here() {
        let mut f = Fields::new();
        let value = HeaderValue::from_static("\tone two ");
        let quoted = HeaderName::from_lowercase(b"x-\"own").unwrap();
        assert_eq!(f.push_from(Name::Other, &quoted, &value), Err(FieldError::Name));
        assert_eq!(f.push_from(Name::Via, &HeaderName::from_static("via"), &value), Ok(()));
        assert_eq!(f.get(Name::Via), Some(&b"one two"[..]));
        assert_eq!(f.len(), 1);
    }

    #[test]
    fn members_are_split_at_commas_over_all_lines() {
        let f = fields(&[("Connection", "close, ,X-A"), ("Connection", "\tUpgrade ")]);
        assert_eq!(f.members(Name::Connection).collect::<Vec<_>>(), [&b"close"[..], b"X-A", b"Upgrade"]);
        assert!(f.lists(Name::Connection, "upgrade"));
        assert!(!f.lists(Name::Connection, "up"));
    }

    #[test]
    fn lines_of_another_come_behind_ones_own() {
        let mut f = fields(&[("Host", "a"), ("X-Own", "b")]);
        f.remove(Name::Host);
        let mut other = fields(&[("Via", "gone"), ("X-Other", "c")]);
        other.remove(Name::Via);
        other.add(Name::Age, b"1");
        f.extend(&other);
        f.add(Name::Te, b"trailers");
        let mut out = Vec::new();
        f.write_lines(&mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "X-Own: b\r\nX-Other: c\r\nage: 1\r\nte: trailers\r\n");
    }

    #[test]
    fn cookies_are_found_by_their_whole_name_over_all_lines() {
        let f = fields(&[
            ("Cookie", "a=1; session=\"x\";b=2;ab=3"),
            ("cookie", "session =z; SESSION=q; session"),
        ]);
        let values = |name| f.cookies(name).collect::<Vec<_>>();
        assert_eq!(values("session"), [&b"\"x\""[..], b"z"]);
        assert_eq!((values("a"), values("ab"), values("ses")), (vec![&b"1"[..]], vec![&b"3"[..]], vec![]));
    }

    #[test]
    fn only_values_that_do_not_come_again_are_kept_out_of_tables() {
        let map = fields(&[("X-Request-Id", "1"), ("Server", "a"), ("X-Own", "b")]).to_map();
        assert!(map["x-request-id"].is_sensitive());
        assert!(!map["server"].is_sensitive() && !map["x-own"].is_sensitive());
    }

    #[test]
    fn a_map_and_back_holds_the_same_fields() {
        let f = fields(&[("Host", "a"), ("x-b", "1"), ("x-b", "2")]);
        let back = Fields::from_map(&f.to_map());
        assert_eq!(back.get(Name::Host), Some(&b"a"[..]));
        assert_eq!(back.all_named("x-b").collect::<Vec<_>>(), [b"1", b"2"]);
    }
}
