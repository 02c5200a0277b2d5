//! The feed: server-sent events that go on until the client leaves or the instance shuts down.
//!
//! Event `n` follows from `n` alone, so a client that comes back with `Last-Event-ID`, also to another instance,
//! goes on where it was. The figures are made up; the stock of a product in the catalogue stays as it is.
//! A client that left is noticed by the connection, which drops the [`Feed`]; nothing runs on behind it.

use crate::api::Shop;
use crate::catalog::PRODUCTS;
use crate::reply::ReplyBody;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, header};
use http_body::{Body, Frame};
use http_body_util::Either;
use serde_json::json;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior};

/// The body of the feed: one event a tick.
pub(crate) struct Feed {
    next: u64,
    ticks: Interval,
    leaving: watch::Receiver<bool>,
}

/// `GET /v1/feed`
pub(crate) fn open(shop: &Shop, fields: &HeaderMap) -> Response<ReplyBody> {
    let seen = fields.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok()).unwrap_or(0_u64);
    // An interval of zero is refused by tokio.
    let mut ticks = tokio::time::interval(shop.settings.feed_interval.max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let feed = Feed { next: seen.wrapping_add(1), ticks, leaving: shop.leaving() };

    let mut response = Response::new(Either::Right(feed));
    let fields = response.headers_mut();
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

impl Body for Feed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        ready!(self.ticks.poll_tick(context));
        if *self.leaving.borrow() {
            return Poll::Ready(None);
        }
        let number = self.next;
        self.next = number.wrapping_add(1);
        Poll::Ready(Some(Ok(Frame::data(event(number).into()))))
    }
}

/// Event `number` in the format of the HTML standard, section 9.2.
fn event(number: u64) -> String {
    let nth = (number.wrapping_mul(7) % PRODUCTS.len() as u64) as usize;
    let product = &PRODUCTS[nth];
    let stock = u64::from(product.stock) + number.wrapping_mul(13) % 5;
    let data = json!({ "product_id": product.id, "name": product.name, "stock": stock });
    format!("id: {number}\nevent: stock\ndata: {data}\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_follows_from_its_number_and_ends_with_an_empty_line() {
        assert_eq!(event(5), event(5));
        assert_ne!(event(5), event(6));
        for number in [0, 1, u64::MAX] {
            let text = event(number);
            assert!(text.starts_with(&format!("id: {number}\nevent: stock\ndata: {{")), "{text}");
            assert!(text.ends_with("}\n\n"), "{text}");
            assert_eq!(text.matches('\n').count(), 4, "{text}");
        }
    }
}
