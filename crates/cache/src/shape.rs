//! The head of an answer that is given from a complete response, and what of the body follows it.
//!
//! *Promise*: what describes the whole body stands in no answer without it (RFC 9110 sections 15.3.7, 15.4.5, 15.5.17); what forbids or
//! allows caching of the whole does not come with an error.
//! *Not here*: `Age` and `Cache-Status`, which the caller adds, and `Content-Length`, which follows from the body.

use crate::multipart::content_range;
use crate::{ByteRange, Multipart, Reply};
use message::{Fields, Name, ResponseHead, StatusCode};

/// An answer.
#[derive(Clone, Debug)]
pub struct Shaped {
    /// Its head.
    pub head: ResponseHead,
    /// What of the body follows.
    pub content: Shape,
}

/// What of a body follows a head.
#[derive(Clone, Debug)]
pub enum Shape {
    /// All of it.
    Whole,
    /// Nothing.
    Nothing,
    /// These bytes.
    Part(ByteRange),
    /// Several parts, with what stands between them.
    Parts(Multipart),
}

/// The answer for a [`Reply`]. `length`: of the whole body, 0 where it is not known and the reply needs none; `boundary`: random.
pub fn shape(status: StatusCode, fields: &Fields, reply: Reply, length: u64, boundary: u64) -> Shaped {
    let shaped = |status, fields, content| Shaped { head: ResponseHead { status, fields }, content };
    match reply {
        Reply::Whole => shaped(status, fields.clone(), Shape::Whole),
        Reply::NotModified => shaped(StatusCode::NOT_MODIFIED, not_modified_fields(fields), Shape::Nothing),
        Reply::PreconditionFailed => {
            shaped(StatusCode::PRECONDITION_FAILED, refusal_fields(fields), Shape::Nothing)
        }
        Reply::Part(part) => {
            let mut fields = partial_fields(fields);
            fields.add(Name::ContentRange, content_range(part, length).as_bytes());
            shaped(StatusCode::PARTIAL_CONTENT, fields, Shape::Part(part))
        }
        Reply::Parts(parts) => {
            let parts = Multipart::new(parts, length, fields.get(Name::ContentType), boundary);
            let mut fields = partial_fields(fields);
            fields.set(Name::ContentType, parts.content_type().as_bytes());
            shaped(StatusCode::PARTIAL_CONTENT, fields, Shape::Parts(parts))
        }
        Reply::Unsatisfiable => {
            let mut fields = refusal_fields(fields);
            fields.add(Name::ContentRange, format!("bytes */{length}").as_bytes());
            shaped(StatusCode::RANGE_NOT_SATISFIABLE, fields, Shape::Nothing)
        }
    }
}

/// The fields of a 304 (RFC 9110 section 15.4.5): without those that describe a body that does not follow, but with `Content-Location`,
/// and with `Last-Modified`, by which caches on the way find what to update.
pub fn not_modified_fields(fields: &Fields) -> Fields {
    chosen(fields, |known, name| !describes_content(known, name))
}

/// The fields of a 206, to which `Content-Range` comes for one part, another `Content-Type` for several: all but the whole body's
/// length and digest (RFC 9110 section 15.3.7).
pub fn partial_fields(fields: &Fields) -> Fields {
    chosen(fields, |known, name| {
        !matches!(known, Name::ContentLength | Name::ContentRange) && !is_digest(known, name)
    })
}

/// The fields of a 412 or 416: nothing that concerns the response that is not given, nor how long that may be kept.
fn refusal_fields(fields: &Fields) -> Fields {
    chosen(fields, |known, name| {
        let is_of_response = matches!(
            known,
            Name::Etag
                | Name::LastModified
                | Name::ContentLocation
                | Name::CacheControl
                | Name::CdnCacheControl
                | Name::Expires
                | Name::Age
                | Name::Pragma
                | Name::Link
                | Name::SurrogateKey
                | Name::CacheTag
        );
        let is_targeted =
            ends_with(name, b"-cache-control") || name.eq_ignore_ascii_case(b"surrogate-control");
        !is_of_response && !is_targeted && !describes_content(known, name)
    })
}

/// Does it describe the body that is sent (RFC 9110 section 8)?
fn describes_content(known: Name, name: &[u8]) -> bool {
    matches!(
        known,
        Name::ContentType
            | Name::ContentLength
            | Name::ContentEncoding
            | Name::ContentLanguage
            | Name::ContentRange
            | Name::TransferEncoding
            | Name::Trailer
    ) || is_digest(known, name)
        || known == Name::Other && name.eq_ignore_ascii_case(b"content-disposition")
}

/// Is it a digest of all the bytes that are sent (RFC 9530 section 2; RFC 2616 section 14.15)?
fn is_digest(known: Name, name: &[u8]) -> bool {
    known == Name::Other
        && (name.eq_ignore_ascii_case(b"content-digest") || name.eq_ignore_ascii_case(b"content-md5"))
}

fn ends_with(name: &[u8], end: &[u8]) -> bool {
    name.len().checked_sub(end.len()).is_some_and(|at| name[at..].eq_ignore_ascii_case(end))
}

/// The fields to which `is` says yes, in their order.
fn chosen(fields: &Fields, is: impl Fn(Name, &[u8]) -> bool) -> Fields {
    let mut chosen = Fields::with_capacity(fields.len(), fields.bytes());
    for (known, name, value) in fields.iter() {
        if is(known, name) {
            chosen.push_checked(name, value);
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{fields, lines};

    const STORED: &[(&str, &str)] = &[
        ("Date", "x"),
        ("Content-Type", "text/plain"),
        ("Content-Encoding", "gzip"),
        ("Content-Language", "en"),
        ("Content-Location", "/a"),
        ("Content-Disposition", "inline"),
        ("Content-Digest", "sha-256=:x:"),
        ("Content-Security-Policy", "default-src 'self'"),
        ("ETag", "\"a\""),
        ("Last-Modified", "y"),
        ("Cache-Control", "max-age=60"),
        ("CDN-Cache-Control", "max-age=60"),
        ("Tidegate-Cache-Control", "max-age=60"),
        ("Expires", "z"),
        ("Vary", "foo"),
        ("Foo", "1"),
        ("Foo", "2"),
    ];

    fn names(shaped: &Shaped) -> String {
        lines(&shaped.head.fields).into_iter().map(|(name, _)| name).collect::<Vec<_>>().join(" ")
    }

    fn shaped(reply: Reply) -> Shaped {
        shape(StatusCode::OK, &fields(STORED), reply, 10, 1)
    }

    #[test]
    fn a_304_has_what_guides_caches_and_nothing_of_the_body() {
        let shaped = shaped(Reply::NotModified);
        assert_eq!(shaped.head.status, StatusCode::NOT_MODIFIED);
        assert_eq!(
            names(&shaped),
            "date content-location content-security-policy etag last-modified cache-control cdn-cache-control \
             tidegate-cache-control expires vary foo foo"
        );
        assert!(matches!(shaped.content, Shape::Nothing));
    }

    #[test]
    fn a_part_says_which_one_it_is() {
        let shaped = shaped(Reply::Part(ByteRange { first: 2, last: 4 }));
        assert_eq!(shaped.head.status, StatusCode::PARTIAL_CONTENT);
        assert_eq!(shaped.head.fields.get_str(Name::ContentRange), Some("bytes 2-4/10"));
        assert_eq!(shaped.head.fields.get_str(Name::ContentType), Some("text/plain"));
        assert!(names(&shaped).contains("content-encoding") && !names(&shaped).contains("content-digest"));
        assert!(matches!(shaped.content, Shape::Part(ByteRange { first: 2, last: 4 })));
    }

    #[test]
    fn several_parts_say_so_between_them_and_not_in_the_head() {
        let parts = vec![ByteRange { first: 0, last: 1 }, ByteRange { first: 4, last: 5 }];
        let shaped = shaped(Reply::Parts(parts));
        assert!(!shaped.head.fields.has(Name::ContentRange));
        let content_type: Vec<_> = shaped.head.fields.all(Name::ContentType).collect();
        assert_eq!(content_type, [b"multipart/byteranges; boundary=0000000000000001"]);
        let Shape::Parts(multipart) = shaped.content else { panic!("several parts") };
        assert!(
            String::from_utf8(multipart.piece(0).unwrap().0)
                .unwrap()
                .contains("Content-Type: text/plain\r\n")
        );
    }

    #[test]
    fn a_refusal_tells_nothing_of_what_it_refuses_but_the_length() {
        let refused = shaped(Reply::Unsatisfiable);
        assert_eq!(refused.head.status, StatusCode::RANGE_NOT_SATISFIABLE);
        assert_eq!(names(&refused), "date content-security-policy vary foo foo content-range");
        assert_eq!(refused.head.fields.get_str(Name::ContentRange), Some("bytes */10"));
        let refused = shaped(Reply::PreconditionFailed);
        assert_eq!(refused.head.status, StatusCode::PRECONDITION_FAILED);
        assert_eq!(names(&refused), "date content-security-policy vary foo foo");
    }

    #[test]
    fn the_whole_is_given_as_it_is() {
        let shaped = shaped(Reply::Whole);
        assert_eq!(lines(&shaped.head.fields).len(), STORED.len());
        assert!(shaped.head.status == StatusCode::OK && matches!(shaped.content, Shape::Whole));
    }
}
