//! What is answered about the cache.

use super::{DiskView, MemoryView, PURGED_MOST, PurgeOrder, PurgeRefusal, PurgesView, RouteRow};
use crate::answer::{self, Answer, Problem};
use crate::live::Live;
use crate::node::Node;
use crate::{edit, object};
use http::StatusCode;
use serde::Serialize;
use serde_json::json;

const EXAMPLE: &str = "{\"urls\": [\"https://shop.example/a?b=c\"]}, or `prefixes`, `tags` or `all`";

/// All that is told of the cache.
#[derive(Serialize)]
struct Document<'a> {
    memory: Option<MemoryView>,
    disk: Option<DiskView>,
    routes: Vec<RouteRow<'a>>,
    purges: PurgesView,
}

/// `GET /api/cache`.
pub(crate) fn show(node: &dyn Node, live: &Live) -> Answer {
    let view = node.cache();
    let document =
        Document { memory: view.memory, disk: view.disk, routes: live.caches(), purges: node.purges() };
    answer::json(StatusCode::OK, &json!(document))
}

/// `POST /api/purge`. Once more does no harm.
pub(crate) async fn purge(node: &dyn Node, body: &[u8]) -> Result<Answer, Problem> {
    let order: PurgeOrder = object::read(body, EXAMPLE)?;
    let soft = order.soft;
    check(&order).map_err(|why| edit::bad(why, json!([])))?;
    let purged = node.purge(order).await.map_err(|refusal| match refusal {
        PurgeRefusal::Bad(why) => edit::bad(why, json!([])),
        PurgeRefusal::NotNow(why) => edit::not_now(why),
    })?;
    Ok(answer::json(StatusCode::OK, &json!({ "purged": purged, "soft": soft })))
}

/// Does it say what, and not too much?
fn check(order: &PurgeOrder) -> Result<(), String> {
    match order.count() {
        0 => Err(format!("Say what to purge. Send {EXAMPLE}.")),
        1 => Ok(()),
        _ if order.all => {
            Err("`all` purges everything: leave the others out, or leave `all` out.".to_owned())
        }
        2..=PURGED_MOST => Ok(()),
        many => Err(format!(
            "{many} things are more than the {PURGED_MOST} that may be purged with one request. Send several requests, \
             or purge by a tag or a prefix that they have in common."
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(many: usize) -> PurgeOrder {
        PurgeOrder { tags: vec!["t".to_owned(); many], ..PurgeOrder::default() }
    }

    #[test]
    fn an_order_names_something_and_a_thousand_things_at_most() {
        for (order, is_good) in [
            (PurgeOrder::default(), false),
            (PurgeOrder { soft: true, ..PurgeOrder::default() }, false),
            (PurgeOrder { all: true, soft: true, ..PurgeOrder::default() }, true),
            (PurgeOrder { all: true, ..tags(1) }, false),
            (tags(1), true),
            (tags(PURGED_MOST), true),
            (tags(PURGED_MOST + 1), false),
            (PurgeOrder { urls: vec![String::new()], ..tags(PURGED_MOST) }, false),
        ] {
            assert_eq!(check(&order).is_ok(), is_good, "{} things: {:?}", order.count(), check(&order));
        }
    }
}
