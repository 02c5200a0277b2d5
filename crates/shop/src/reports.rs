//! Reports: answers that take as long as the client asks for, 30 seconds at most.
//!
//! The slow work of a real API. The waiting is a timer, so a thousand reports at once cost no CPU.

use crate::api::{Shop, parameter};
use crate::body::{fault, object};
use crate::catalog::{PRODUCTS, Price, categories};
use crate::reply::{Problem, Reply, json};
use http::{Request, StatusCode, Uri};
use hyper::body::Incoming;
use serde_json::{Value, json};
use std::time::Duration;

/// Seconds a report takes where nobody says.
const DEFAULT_SECONDS: u64 = 2;

/// Seconds a report may take.
const MOST_SECONDS: u64 = 30;

/// `GET /v1/report?seconds=`
pub(crate) async fn get(shop: &Shop, uri: &Uri) -> Reply {
    let seconds = match parameter(uri, "seconds").map(|seconds| seconds.parse()) {
        None => DEFAULT_SECONDS,
        Some(Ok(seconds @ 0..=MOST_SECONDS)) => seconds,
        Some(_) => return Err(Problem::new(StatusCode::BAD_REQUEST, format!("`seconds` {}", range()))),
    };
    Ok(json(StatusCode::OK, &written(shop, seconds).await))
}

/// `POST /v1/reports` with `{"seconds": 2}`, or with no body.
pub(crate) async fn post(shop: &Shop, request: Request<Incoming>) -> Reply {
    let members = object(request).await?;
    let seconds = match members.get("seconds").map(Value::as_u64) {
        None => Some(DEFAULT_SECONDS),
        Some(asked) => asked.filter(|seconds| *seconds <= MOST_SECONDS),
    };
    let mut faults: Vec<_> = members
        .keys()
        .filter(|name| *name != "seconds")
        .take(10)
        .map(|name| fault(name, "unknown; a report has `seconds`"))
        .collect();
    if seconds.is_none() {
        faults.push(fault("seconds", range()));
    }
    match seconds {
        Some(seconds) if faults.is_empty() => Ok(json(StatusCode::OK, &written(shop, seconds).await)),
        _ => Err(Problem::faults(faults)),
    }
}

fn range() -> String {
    format!("must be a whole number from 0 to {MOST_SECONDS}")
}

/// What the shop has on its shelves, after `seconds` of looking.
async fn written(shop: &Shop, seconds: u64) -> Value {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let shelves: Vec<_> = categories()
        .map(|category| {
            let items = || PRODUCTS.iter().filter(|p| p.category == category);
            let in_stock: u32 = items().map(|p| p.stock).sum();
            let value = Price(items().map(|p| p.price.times(p.stock).0).sum());
            json!({ "category": category, "products": items().count(), "in_stock": in_stock, "value": value })
        })
        .collect();
    json!({ "seconds": seconds, "currency": "EUR", "shelves": shelves, "written_by": shop.settings.name })
}
