//! Products, the search among them, and their pictures.

use crate::api::parameter;
use crate::catalog::{PRODUCTS, Product, categories, product_named};
use crate::reply::{Problem, Reply, cacheable, cacheable_json, json};
use http::{HeaderValue, Request, StatusCode, Uri};
use serde_json::json;
use std::time::Duration;

/// Fresh for a minute, then usable for five more while a cache fetches it anew, and for a day when it cannot.
const A_MINUTE: &str = "public, max-age=60, stale-while-revalidate=300, stale-if-error=86400";

/// A picture never changes under its address.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// Letters that a search may have.
const LONGEST_SEARCH: usize = 100;

/// `GET /v1/products?category=&limit=`
pub(crate) fn list<B>(request: &Request<B>) -> Reply {
    let category = parameter(request.uri(), "category");
    if let Some(unknown) = category.as_deref().filter(|asked| !categories().any(|known| known == *asked)) {
        let known: Vec<_> = categories().collect();
        return Err(bad(format!("there is no category {unknown:?}; use one of {}", known.join(", "))));
    }
    let limit = match parameter(request.uri(), "limit").map(|limit| limit.parse()) {
        None => PRODUCTS.len(),
        Some(Ok(limit @ 1..=100)) => limit,
        Some(_) => return Err(bad("`limit` must be a whole number from 1 to 100")),
    };
    let found: Vec<_> =
        PRODUCTS.iter().filter(|p| category.as_deref().is_none_or(|asked| asked == p.category)).collect();
    let body = json!({ "total": found.len(), "items": &found[..limit.min(found.len())] });
    Ok(cacheable_json(request, &body, A_MINUTE))
}

/// `GET /v1/products/{id}`
pub(crate) fn one<B>(id: &str, request: &Request<B>) -> Reply {
    Ok(cacheable_json(request, existing(id)?, A_MINUTE))
}

/// `GET /v1/search?q=`: takes 20 to 50 ms, always the same time for the same words.
pub(crate) async fn search(uri: &Uri) -> Reply {
    let words = parameter(uri, "q").unwrap_or_default().trim().to_lowercase();
    if words.is_empty() || words.chars().count() > LONGEST_SEARCH {
        return Err(bad(format!("`q` must have 1 to {LONGEST_SEARCH} letters, as in /v1/search?q=lamp")));
    }
    let took = 20 + words.bytes().fold(7, |sum: u64, b| sum.wrapping_mul(31).wrapping_add(b.into())) % 31;
    tokio::time::sleep(Duration::from_millis(took)).await;
    let found: Vec<_> = PRODUCTS
        .iter()
        .filter(|p| p.name.to_lowercase().contains(&words) || p.category.contains(&words))
        .map(|p| json!({ "id": p.id, "name": p.name, "category": p.category, "price": p.price }))
        .collect();
    Ok(json(StatusCode::OK, &json!({ "q": words, "took_ms": took, "total": found.len(), "items": found })))
}

/// `GET /v1/images/{id}.svg`: drawn on demand.
pub(crate) fn image<B>(id: &str, request: &Request<B>) -> Reply {
    let Product { id, name, category, .. } = existing(id)?;
    let hue = id * 137 % 360;
    let (x, y, radius) = (80 + id * 53 % 240, 70 + id * 29 % 120, 40 + id * 17 % 50);
    // No name in the catalogue holds a letter that XML reserves; a test sees to it.
    let svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 400 300\" role=\"img\" aria-label=\"{name}\">\n\
         <rect width=\"400\" height=\"300\" fill=\"hsl({hue},45%,88%)\"/>\n\
         <circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" fill=\"hsl({hue},60%,55%)\"/>\n\
         <text x=\"20\" y=\"250\" font-family=\"sans-serif\" font-size=\"28\">{name}</text>\n\
         <text x=\"20\" y=\"280\" font-family=\"sans-serif\" font-size=\"16\">{category} / {id}</text>\n\
         </svg>\n"
    );
    Ok(cacheable(request, HeaderValue::from_static("image/svg+xml"), svg, FOR_EVER))
}

fn existing(id: &str) -> Result<&'static Product, Problem> {
    product_named(id).ok_or_else(|| {
        let says = format!("there is no product of that id; ids are 1 to {}", PRODUCTS.len());
        Problem::new(StatusCode::NOT_FOUND, says)
    })
}

fn bad(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_needs_escaping_in_a_picture() {
        let reserved = |text: &str| text.contains(['<', '>', '&', '"', '\'']);
        assert!(PRODUCTS.iter().all(|p| !reserved(p.name) && !reserved(p.category)));
    }
}
