//! A file as an answer: its fields, and as much of it as was asked for (RFC 9110 sections 8, 13, 14, 15).
//!
//! *Not here*: what conditions and ranges mean (`cache::reply`), which fields go with which status (`cache::shape`), `Date` and
//! `Content-Length`, which the gateway and the wire add.
//! Hot path: one block of fields and the body.

use crate::accepted::Coding;
use crate::opened::{Content, Opened};
use crate::root::Served;
use cache::{ByteRange, Multipart, Reply, Shape, Shaped, reply, shape};
use message::{Fields, Method, Name, RequestHead, ResponseHead, StatusCode};
use net::Body;
use std::io::Write as _;
use std::sync::Arc;
use std::time::SystemTime;

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
    let mut fields = fields(opened, telling);
    if request.fields.has(Name::IfRange) {
        // A date tells one state from the next only where it is known when that was the state.
        fields.add(Name::Date, httpdate::fmt_http_date(SystemTime::now()).as_bytes());
    }
    let total = opened.length;
    let (head, content) = match reply(StatusCode::OK, &fields, Some(total), request) {
        Reply::Whole => (ResponseHead { status: StatusCode::OK, fields }, Shape::Whole),
        other => {
            let Shaped { head, content } = shape(StatusCode::OK, &fields, other, total, boundary);
            (head, content)
        }
    };
    let body = match content {
        Shape::Whole if request.method == Method::HEAD && total > 0 => Body::announced(total),
        Shape::Whole => part(opened, 0, total),
        Shape::Nothing => Body::empty(),
        Shape::Part(ByteRange { first, last }) => part(opened, first, last - first + 1),
        Shape::Parts(multipart) => several(opened, &multipart),
    };
    Served { head, body }
}

/// The fields of a whole answer.
fn fields(opened: &Opened, telling: Telling<'_>) -> Fields {
    let mut fields = Fields::with_capacity(LINES, BYTES);
    fields.add(Name::ContentType, telling.content_type.as_bytes());
    fields.add_with(Name::Etag, |out| {
        let weak = if opened.is_settled { "" } else { "W/" };
        write(out, format_args!("{weak}\"{}", opened.tag));
        // Each form of a file is tagged apart (RFC 9110 section 8.8.3.3), also where a tool gave them the same time.
        if let Some(coding) = telling.coding {
            write(out, format_args!("-{}", coding.token()));
        }
        out.push(b'"');
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

/// Several parts, each behind a head of its own (RFC 9110 section 14.6).
fn several(opened: &Opened, multipart: &Multipart) -> Body {
    let mut bodies = Vec::new();
    for (before, range) in (0..).map_while(|number| multipart.piece(number)) {
        bodies.push(Body::full(before));
        if let Some(ByteRange { first, last }) = range {
            bodies.push(part(opened, first, last - first + 1));
        }
    }
    Body::sequence(bodies)
}

/// Some of its bytes, which lie within it.
fn part(opened: &Opened, offset: u64, length: u64) -> Body {
    match &opened.content {
        Content::Small(bytes) => Body::full(bytes.slice(offset as usize..(offset + length) as usize)),
        Content::Large(file) => Body::file(Arc::clone(file), offset, length),
    }
}

fn write(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to memory cannot fail.
    let _ = out.write_fmt(text);
}
