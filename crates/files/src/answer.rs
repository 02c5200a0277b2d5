//! A file as an answer: its fields, and as much of it as was asked for (RFC 9110 sections 8, 13, 14, 15).
//!
//! *Not here*: what conditions and ranges mean (`cache::reply`), `Date` and `Content-Length`, which the gateway and the wire add.
//! Hot path: one block of fields and the body.

use crate::accepted::Coding;
use crate::opened::{Content, Opened};
use crate::root::Served;
use bytes::Bytes;
use cache::{ByteRange, Multipart, Reply, reply};
use message::{Fields, Method, Name, RequestHead, ResponseHead, StatusCode};
use net::Body;
use std::io::Write as _;
use std::sync::Arc;

/// Lines of an answer, and the bytes of their names and values.
const LINES: usize = 9;
const BYTES: usize = 320;

/// What is told of a file beside what it tells itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Telling<'a> {
    pub(crate) content_type: &'a str,
    pub(crate) coding: Option<Coding>,
    pub(crate) cache_control: Option<&'a str>,
    /// Which form is sent follows from `Accept-Encoding`.
    pub(crate) varies: bool,
}

/// Answers with a file. `boundary`: a random number.
pub(crate) fn answer(opened: &Opened, telling: Telling<'_>, request: &RequestHead, boundary: u64) -> Served {
    let fields = fields(opened, telling);
    let total = opened.length;
    match reply(StatusCode::OK, &fields, Some(total), request) {
        Reply::Whole => {
            let body = if request.method == Method::HEAD { announced(total) } else { part(opened, 0, total) };
            served(StatusCode::OK, fields, body)
        }
        Reply::NotModified => served(StatusCode::NOT_MODIFIED, bare(fields), Body::empty()),
        Reply::PreconditionFailed => served(StatusCode::PRECONDITION_FAILED, bare(fields), Body::empty()),
        Reply::Part(range) => partial(opened, fields, range),
        Reply::Parts(ranges) => several(opened, fields, telling.content_type, ranges, boundary),
        Reply::Unsatisfiable => {
            let mut fields = bare(fields);
            fields.add_with(Name::ContentRange, |out| write(out, format_args!("bytes */{total}")));
            served(StatusCode::RANGE_NOT_SATISFIABLE, fields, Body::empty())
        }
    }
}

fn served(status: StatusCode, fields: Fields, body: Body) -> Served {
    Served { head: ResponseHead { status, fields }, body }
}

/// The fields of a whole answer.
fn fields(opened: &Opened, telling: Telling<'_>) -> Fields {
    let mut fields = Fields::with_capacity(LINES, BYTES);
    fields.add(Name::ContentType, telling.content_type.as_bytes());
    fields.add_with(Name::Etag, |out| {
        let weak = if opened.is_settled { "" } else { "W/" };
        // Each form of a file is tagged apart (RFC 9110 section 8.8.3.3), also where a tool gave them the same time.
        let form = telling.coding.map_or("", Coding::suffix).replace('.', "-");
        write(out, format_args!("{weak}\"{}{form}\"", opened.tag));
    });
    fields.add(Name::LastModified, opened.modified.as_bytes());
    fields.add(Name::AcceptRanges, b"bytes");
    if let Some(coding) = telling.coding {
        fields.add(Name::ContentEncoding, coding.token().as_bytes());
    }
    if let Some(value) = telling.cache_control {
        fields.add(Name::CacheControl, value.as_bytes());
    }
    if telling.varies {
        fields.add(Name::Vary, b"accept-encoding");
    }
    fields.push_checked(b"x-content-type-options", b"nosniff");
    fields
}

/// What remains of them where nothing of the file is sent (RFC 9110 section 15.4.5).
fn bare(mut fields: Fields) -> Fields {
    fields.retain(|name, _, _| {
        matches!(name, Name::Etag | Name::LastModified | Name::CacheControl | Name::Vary | Name::AcceptRanges)
    });
    fields
}

fn partial(opened: &Opened, mut fields: Fields, ByteRange { first, last }: ByteRange) -> Served {
    fields.add_with(Name::ContentRange, |out| {
        write(out, format_args!("bytes {first}-{last}/{}", opened.length));
    });
    served(StatusCode::PARTIAL_CONTENT, fields, part(opened, first, last - first + 1))
}

/// Several parts, each with a head of its own (RFC 9110 section 14.6).
fn several(
    opened: &Opened,
    mut fields: Fields,
    content_type: &str,
    ranges: Vec<ByteRange>,
    boundary: u64,
) -> Served {
    let multipart = Multipart::new(ranges, opened.length, Some(content_type.as_bytes()), boundary);
    fields.set(Name::ContentType, multipart.content_type().as_bytes());
    let mut bodies = Vec::new();
    let mut number = 0;
    while let Some((before, range)) = multipart.piece(number) {
        bodies.push(Body::full(before));
        if let Some(ByteRange { first, last }) = range {
            bodies.push(part(opened, first, last - first + 1));
        }
        number += 1;
    }
    served(StatusCode::PARTIAL_CONTENT, fields, Body::sequence(bodies))
}

/// Some of its bytes. The range lies within the file.
fn part(opened: &Opened, offset: u64, length: u64) -> Body {
    match &opened.content {
        Content::Small(bytes) => Body::full(slice(bytes, offset, length)),
        Content::Large(file) => Body::file(Arc::clone(file), offset, length),
    }
}

fn slice(bytes: &Bytes, offset: u64, length: u64) -> Bytes {
    let (from, to) = (offset as usize, (offset + length) as usize);
    bytes.slice(from.min(bytes.len())..to.min(bytes.len()))
}

fn announced(length: u64) -> Body {
    if length == 0 { Body::empty() } else { Body::announced(length) }
}

fn write(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to memory cannot fail.
    let _ = out.write_fmt(text);
}
