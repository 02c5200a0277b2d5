//! Orders: taken, checked, kept in memory.
//!
//! The newest 10,000 are kept, an older one is forgotten. Each process keeps its own: behind a balancer, an order
//! that one instance took is unknown to the others, unless they share one [`Orders`].

use crate::api::Shop;
use crate::body::{fault, object};
use crate::catalog::{PRODUCTS, Price, Product, product_numbered};
use crate::reply::{Problem, Reply, json};
use http::{HeaderValue, Request, StatusCode, header};
use hyper::body::Incoming;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

const CAPACITY: usize = 10_000;
const MOST_AT_ONCE: u64 = 100;

/// A bounded store of orders. Clones share what is in it.
#[derive(Clone, Debug, Default)]
pub struct Orders(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    by_id: HashMap<String, Order>,
    oldest_first: VecDeque<String>,
}

/// One order.
#[derive(Clone, Debug, Serialize)]
struct Order {
    id: String,
    status: &'static str,
    product_id: u32,
    name: &'static str,
    quantity: u32,
    total: Price,
    currency: &'static str,
    /// The instance that took it.
    taken_by: String,
}

impl Orders {
    fn keep(&self, order: Order) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.oldest_first.len() >= CAPACITY
            && let Some(oldest) = kept.oldest_first.pop_front()
        {
            kept.by_id.remove(&oldest);
        }
        kept.oldest_first.push_back(order.id.clone());
        kept.by_id.insert(order.id.clone(), order);
    }

    fn find(&self, id: &str) -> Option<Order> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).by_id.get(id).cloned()
    }
}

/// `POST /v1/orders`: 201 with the order and its address.
pub(crate) async fn post(shop: &Shop, request: Request<Incoming>) -> Reply {
    let (product, quantity) = checked(&object(request).await?)?;
    let order = Order {
        id: shop.new_id(),
        status: "accepted",
        product_id: product.id,
        name: product.name,
        quantity,
        total: product.price.times(quantity),
        currency: product.currency,
        taken_by: shop.settings.name.clone(),
    };
    let mut response = json(StatusCode::CREATED, &order);
    let address = HeaderValue::from_str(&format!("/v1/orders/{}", order.id)).expect("an id is hex digits");
    response.headers_mut().insert(header::LOCATION, address);
    shop.settings.orders.keep(order);
    Ok(response)
}

/// `GET /v1/orders/{id}`
pub(crate) fn get(shop: &Shop, id: &str) -> Reply {
    let order = shop.settings.orders.find(id).ok_or_else(|| {
        let says = format!(
            "{} knows no order of that id; an order is kept in the memory of the instance that took it",
            shop.settings.name
        );
        Problem::new(StatusCode::NOT_FOUND, says)
    })?;
    Ok(json(StatusCode::OK, &order))
}

/// What is ordered and how many; otherwise everything that is wrong with the order.
fn checked(members: &Map<String, Value>) -> Result<(&'static Product, u32), Problem> {
    let product = members.get("product_id").and_then(Value::as_u64).and_then(product_numbered);
    let quantity = members.get("quantity").and_then(Value::as_u64).filter(|n| (1..=MOST_AT_ONCE).contains(n));
    let quantity = quantity.and_then(|n| u32::try_from(n).ok());

    let mut faults: Vec<_> = members
        .keys()
        .filter(|name| !["product_id", "quantity"].contains(&name.as_str()))
        .take(10)
        .map(|name| fault(name, "unknown; an order has `product_id` and `quantity`"))
        .collect();
    if product.is_none() {
        let says = format!("must be the id of a product, a whole number from 1 to {}", PRODUCTS.len());
        faults.push(fault("product_id", says));
    }
    if quantity.is_none() {
        faults.push(fault("quantity", format!("must be a whole number from 1 to {MOST_AT_ONCE}")));
    }
    match (product, quantity) {
        (Some(product), Some(quantity)) if faults.is_empty() => Ok((product, quantity)),
        _ => Err(Problem::faults(faults)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(id: usize) -> Order {
        Order {
            id: id.to_string(),
            status: "accepted",
            product_id: 1,
            name: "",
            quantity: 1,
            total: Price(1),
            currency: "EUR",
            taken_by: String::new(),
        }
    }

    #[test]
    fn a_full_store_forgets_the_oldest_order() {
        let orders = Orders::default();
        (0..=CAPACITY).for_each(|id| orders.keep(order(id)));
        assert!(orders.find("0").is_none());
        assert!(orders.find("1").is_some());
        assert_eq!(orders.0.lock().unwrap().by_id.len(), CAPACITY);
    }

    #[test]
    fn an_order_is_checked_as_a_whole() {
        let faults = |body: Value| match checked(body.as_object().unwrap()) {
            Ok(_) => 0,
            Err(problem) => format!("{problem:?}").matches("Fault {").count(),
        };
        assert_eq!(faults(serde_json::json!({ "product_id": 7, "quantity": 100 })), 0);
        assert_eq!(faults(serde_json::json!({ "product_id": 7, "quantity": 101 })), 1);
        assert_eq!(faults(serde_json::json!({ "product_id": 7, "quantity": 1.5 })), 1);
        assert_eq!(faults(serde_json::json!({ "product_id": 7, "quantity": 1, "coupon": "x" })), 1);
        assert_eq!(faults(serde_json::json!({ "product_id": "7", "quantity": -1, "a": 1, "b": 2 })), 4);
        assert_eq!(faults(serde_json::json!({})), 2);
    }
}
