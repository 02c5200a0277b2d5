//! How a complete response is given to this client: whole, in part, or as "you have it" (RFC 9110 sections 13 and 14).
//!
//! The same for what a cache keeps and for files. A cache does not answer `If-Match` and `If-Unmodified-Since`, which are for the
//! origin (RFC 9111 section 4.3.2): requests with them do not come here ([`crate::Asked`]).
//!
//! *Promise*: conditions count where the answer without them would be 2xx (RFC 9110 section 13.2.1), ranges where it would be 200. A
//! condition that cannot be read holds no answer back.
//! *Not here*: the head of the answer (`shape`).

use crate::dates::{self, Stamp};
use crate::etag::{self, Etag};
use crate::ranges::{self, Selected};
use message::{Fields, Method, Name, RequestHead, StatusCode};

/// Bytes of a body, both ends included; never empty, never beyond the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    /// The first byte.
    pub first: u64,
    /// The last byte.
    pub last: u64,
}

/// How it is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// As it is.
    Whole,
    /// 304: the client has it.
    NotModified,
    /// 412: the client's `If-Match` or `If-Unmodified-Since` does not hold.
    PreconditionFailed,
    /// 206: one part.
    Part(ByteRange),
    /// 206: several parts, which do not overlap.
    Parts(Vec<ByteRange>),
    /// 416: no part that was asked for is there.
    Unsatisfiable,
}

/// How is it given? By the order of RFC 9110 section 13.2.2. `length`: of the whole body; without it nothing is given in part.
/// `fields` tell when the response was made (`Date`), where a date in `If-Range` shall count.
pub fn reply(status: StatusCode, fields: &Fields, length: Option<u64>, request: &RequestHead) -> Reply {
    if !status.is_success() || !is_choosy(&request.fields) {
        return Reply::Whole;
    }
    let chosen = Chosen::of(fields);
    let asked = &request.fields;
    let is_read = matches!(request.method, Method::GET | Method::HEAD);
    // Steps 1 and 2.
    let is_expected = match chosen.matches(asked, Name::IfMatch, Comparison::Strong) {
        Some(matches) => matches,
        None => chosen.is_unmodified(asked),
    };
    if !is_expected {
        return Reply::PreconditionFailed;
    }
    // Steps 3 and 4.
    let is_known = match chosen.matches(asked, Name::IfNoneMatch, Comparison::Weak) {
        Some(true) if !is_read => return Reply::PreconditionFailed,
        Some(matches) => matches,
        None => is_read && chosen.is_older(asked),
    };
    if is_known {
        return Reply::NotModified;
    }
    // Step 5.
    match length {
        Some(length)
            if status == StatusCode::OK && request.method == Method::GET && chosen.allows_parts(asked) =>
        {
            in_part(asked, length)
        }
        _ => Reply::Whole,
    }
}

/// Does the request ask for anything but the whole? Most do not, and cost one look at each name.
fn is_choosy(asked: &Fields) -> bool {
    asked.iter().any(|(name, ..)| {
        matches!(
            name,
            Name::IfMatch | Name::IfNoneMatch | Name::IfModifiedSince | Name::IfUnmodifiedSince | Name::Range
        )
    })
}

fn in_part(asked: &Fields, length: u64) -> Reply {
    match ranges::asked(asked).map(|specs| specs.of(length)) {
        None | Some(Selected::Empty) => Reply::Whole,
        Some(Selected::Nothing) => Reply::Unsatisfiable,
        // Section 15.3.7.2: what is one part in the end is sent as one.
        Some(Selected::Parts(parts)) => match *parts {
            [part] => Reply::Part(part),
            _ => Reply::Parts(parts),
        },
    }
}

/// How tags are compared (RFC 9110 section 8.8.3.2).
#[derive(Clone, Copy)]
enum Comparison {
    Strong,
    Weak,
}

/// The response that conditions are held against.
struct Chosen<'a> {
    etag: Option<Etag<'a>>,
    modified: Option<i64>,
    date: Option<i64>,
}

impl<'a> Chosen<'a> {
    fn of(fields: &'a Fields) -> Self {
        let date = Stamp::of(fields, Name::Date, RECENT).at();
        let modified = Stamp::of(fields, Name::LastModified, date.unwrap_or(RECENT)).at();
        Self { etag: Etag::of(fields), modified, date }
    }

    /// Does one of the tags in that field match? `None` where the field is not there.
    fn matches(&self, asked: &Fields, name: Name, comparison: Comparison) -> Option<bool> {
        let mut lines = asked.all(name).peekable();
        lines.peek()?;
        let is_same = |own: Etag<'_>, tag| match comparison {
            Comparison::Strong => own.is(tag),
            Comparison::Weak => own.is_like(tag),
        };
        Some(lines.any(|line| {
            // `*` stands for any response, and there is one.
            line == b"*" || self.etag.is_some_and(|own| etag::tags(line).any(|tag| is_same(own, tag)))
        }))
    }

    /// `If-Unmodified-Since` (section 13.1.4): true where it is not there, cannot be read, or nobody knows of a modification.
    fn is_unmodified(&self, asked: &Fields) -> bool {
        match (self.moment(asked, Name::IfUnmodifiedSince), self.modified) {
            (Some(since), Some(modified)) => modified <= since,
            _ => true,
        }
    }

    /// `If-Modified-Since` (section 13.1.3): is what the client has as new? Where nobody knows of a modification, the date counts
    /// (RFC 9111 section 4.3.2): what was made later than this one is no older.
    fn is_older(&self, asked: &Fields) -> bool {
        match (self.moment(asked, Name::IfModifiedSince), self.modified.or(self.date)) {
            (Some(since), Some(modified)) => modified <= since,
            _ => false,
        }
    }

    /// `If-Range` (section 13.1.5): true where it is not there.
    fn allows_parts(&self, asked: &Fields) -> bool {
        let mut lines = asked.all(Name::IfRange);
        let Some(line) = lines.next() else { return true };
        if lines.next().is_some() {
            return false;
        }
        if let Some(since) = dates::date(line, self.now()) {
            // Section 8.8.2.2: a date tells one body from the next only where the response was made at least a second after it was
            // modified. Within that second it may have changed again.
            let is_strong = |modified| self.date.is_some_and(|date| date > modified);
            return self.modified.is_some_and(|modified| modified == since && is_strong(modified));
        }
        matches!((Etag::read(line), self.etag), (Some(wanted), Some(own)) if wanted.is(own))
    }

    /// A date of which the request has one line that can be read.
    fn moment(&self, asked: &Fields, name: Name) -> Option<i64> {
        Stamp::of(asked, name, self.now()).at()
    }

    /// About when this is: two digits of a year mean one near to it.
    fn now(&self) -> i64 {
        self.date.unwrap_or(RECENT)
    }
}

/// 2026-01-01: the century of two digits where the response does not tell when it was made.
const RECENT: i64 = 1_767_225_600;

#[cfg(test)]
mod tests;
