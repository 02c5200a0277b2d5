//! A response that is kept, given to one client: whole, in part, or as "you have it".

use crate::arrival::Arrival;
use crate::caching::Caches;
use crate::poured::poured;
use crate::trip::Trip;
use cache::{Asked, ByteRange, Content, Entry, Multipart, Reason, Reply, Shape, Shaped, Told, reply, shape};
use message::{Name, RequestHead, ResponseHead, StatusCode};
use net::Body;
use std::io::Write as _;
use std::sync::Arc;

/// How it came about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Given {
    /// It was there.
    Hit { is_fresh: bool },
    /// It was there, and the origin has failed.
    StaleOnError { why: Reason },
    /// Another has fetched it.
    Collapsed { why: Reason },
    /// It was fetched, or found to be still good.
    Fetched { why: Reason, status: Option<StatusCode>, stored: Result<i64, Reason>, collapsed: bool },
}

/// Gives it. `None` where its body is on its way and has gone by already.
pub(crate) fn give(
    trip: &Trip,
    caches: &Caches,
    entry: &Arc<Entry>,
    age: u32,
    asked: &Asked,
    given: Given,
) -> Option<Arrival> {
    let request = trip.head.as_ref()?;
    give_to(trip, request, caches, entry, age, asked, given)
}

/// Gives it to the client that has sent this request, of which the trip may have another version by now.
pub(crate) fn give_to(
    trip: &Trip,
    request: &RequestHead,
    caches: &Caches,
    entry: &Arc<Entry>,
    age: u32,
    asked: &Asked,
    given: Given,
) -> Option<Arrival> {
    let length = entry.length();
    let wanted = if asked.is_conditional || asked.has_range {
        reply(entry.status, &entry.fields, length, request)
    } else {
        Reply::Whole
    };
    // A body on its way is given in one piece.
    let is_growing = matches!(entry.content, Content::Growing(_));
    let wanted = if is_growing && matches!(wanted, Reply::Parts(_)) { Reply::Whole } else { wanted };
    let Shaped { mut head, content } = match wanted {
        Reply::Whole => {
            let head = ResponseHead { status: entry.status, fields: entry.fields.roomy() };
            Shaped { head, content: Shape::Whole }
        }
        other => shape(entry.status, &entry.fields, other, length.unwrap_or(0), trip.desk.random()),
    };
    let body = match content {
        Shape::Nothing => Body::empty(),
        Shape::Whole => body(entry, asked, None)?,
        Shape::Part(part) => body(entry, asked, Some(part))?,
        Shape::Parts(frame) => in_parts(entry, asked, &frame)?,
    };
    head.fields.add_with(Name::Age, |line| {
        let _ = write!(line, "{age}");
    });
    let left = i64::from(entry.freshness.lifetime) - i64::from(age);
    cache::tell(
        &mut head.fields,
        &caches.name,
        &told(given, left, matches!(entry.content, Content::File { .. })),
    );
    count(trip, given, body.length());
    Some(Arrival { head, body, tunnel: None })
}

fn told(given: Given, ttl: i64, from_disk: bool) -> Told {
    match given {
        Given::Hit { .. } => Told::Hit { ttl, from_disk },
        Given::StaleOnError { why } => {
            Told::Forwarded { why, status: None, stored: Err(Reason::Failed), collapsed: false }
        }
        Given::Collapsed { why } => Told::Forwarded { why, status: None, stored: Ok(ttl), collapsed: true },
        Given::Fetched { why, status, stored, collapsed } => {
            Told::Forwarded { why, status, stored, collapsed }
        }
    }
}

fn count(trip: &Trip, given: Given, length: Option<u64>) {
    let Some((caching, _)) = trip.caching() else { return };
    let (meters, core) = (&caching.meters, trip.desk.core);
    match given {
        Given::Hit { is_fresh: true } => meters.hits.add(core, 1),
        Given::Hit { is_fresh: false } | Given::StaleOnError { .. } => meters.stale.add(core, 1),
        Given::Collapsed { .. } => meters.collapsed.add(core, 1),
        // Counted by who has fetched it.
        Given::Fetched { .. } => return,
    }
    meters.bytes.add(core, length.unwrap_or(0));
}

/// All of the body, or a part.
fn body(entry: &Entry, asked: &Asked, part: Option<ByteRange>) -> Option<Body> {
    if asked.is_head {
        return Some(entry.length().map_or_else(Body::empty, Body::announced));
    }
    Some(match (&entry.content, part) {
        (Content::Whole(bytes), None) => Body::full(bytes.clone()),
        (Content::Whole(bytes), Some(ByteRange { first, last })) => {
            let (first, last) = (usize::try_from(first).ok()?, usize::try_from(last).ok()?);
            Body::full(bytes.slice(first..=last))
        }
        (Content::Growing(flow), part) => poured(flow.reader()?, part),
        (Content::File { file, offset, length }, None) => Body::file(Arc::clone(file), *offset, *length),
        (Content::File { file, offset, .. }, Some(ByteRange { first, last })) => {
            Body::file(Arc::clone(file), offset + first, last - first + 1)
        }
    })
}

/// Several parts of a body, with what stands between them.
fn in_parts(entry: &Entry, asked: &Asked, frame: &Multipart) -> Option<Body> {
    let mut pieces = Vec::new();
    for number in 0.. {
        let Some((between, part)) = frame.piece(number) else { break };
        pieces.push(Body::full(between));
        if let Some(part) = part {
            pieces.push(body(entry, asked, Some(part))?);
        }
    }
    Some(Body::sequence(pieces))
}
