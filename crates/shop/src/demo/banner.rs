//! The text that greets who starts the demo: what runs where, what to try, how to stop.

use std::fmt::Write;

/// Something that the demo runs, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// What it is, as `gateway` or `shop-1`.
    pub name: String,
    /// Its URL without a slash at the end, as `http://127.0.0.1:8080`.
    pub url: String,
}

impl Address {
    /// That name at that URL.
    pub fn new(name: impl Into<String>, url: impl Into<String>) -> Self {
        Self { name: name.into(), url: url.into() }
    }
}

/// The text for a newcomer, with a line break at its end. `gateway` is where the curl lines go to; `others` are
/// listed below it: the admin address, the instances.
pub fn banner(gateway: &Address, others: &[Address]) -> String {
    let all = || std::iter::once(gateway).chain(others);
    let width = all().map(|one| one.name.len()).max().unwrap_or(0);
    let mut text = String::from("Tidegate demo\n\nWhat runs where\n");
    for Address { name, url } in all() {
        writeln!(text, "  {name:width$}  {url}").expect("a String takes every write");
    }
    text.push_str("\nWhat to try, in another terminal\n");
    for (line, about) in tries(&gateway.url) {
        write!(text, "\n  # {about}\n  {line}\n").expect("a String takes every write");
    }
    text.push_str("\nCtrl-C stops everything.\n");
    text
}

/// The key of the demo's one partner: it stands in the demo's config.
const KEY: &str = "demo-partner-key-2026";

/// Lines for a shell, each with what to look for. The guide explains them: docs/guide/try-the-demo.md.
fn tries(url: &str) -> [(String, &'static str); 8] {
    let order = r#"{"product_id": 7, "quantity": 0}"#;
    [
        (
            format!("curl -i {url}/v1/me"),
            "What the API sees of your call. X-Instance says who answered; call again and it changes.",
        ),
        (
            format!("curl -i {url}/v1/products/7"),
            "One product, kept for a minute. Twice: `cache-status` says that the second one is a hit.",
        ),
        (format!("curl '{url}/v1/search?q=lamp'"), "A search, which takes the API 20 to 50 ms."),
        (format!("curl -N {url}/v1/feed"), "Stock changes as they happen, one a second. Ctrl-C to leave."),
        (
            format!(
                "for n in 1 2 3 4 5 6; do curl -s -o /dev/null -w '%{{http_code}} ' {url}/v1/flaky; done; echo"
            ),
            "Each instance fails every third of these calls, and another one is asked then. Few 503s reach you.",
        ),
        (
            format!("curl -i {url}/v1/orders -H 'Content-Type: application/json' -d '{order}'"),
            "An order with a mistake: the answer says what to change.",
        ),
        (
            format!("curl -i {url}/partners/v1/me -H 'X-API-Key: {KEY}'"),
            "A route for partners: the API hears who calls, and not the key. Without the key it is 401.",
        ),
        (
            format!(
                "for n in 1 2 3 4 5 6 7 8; do curl -s -o /dev/null -w '%{{http_code}} ' -H 'X-API-Key: {KEY}' \
                 {url}/partners/v1/me; done; echo"
            ),
            "Their plan allows five at once and one a second: then 429, with Retry-After.",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newcomer_reads_where_everything_is_what_to_type_and_how_to_stop() {
        let gateway = Address::new("gateway", "http://127.0.0.1:8080");
        let others = [
            Address::new("admin", "http://127.0.0.1:9090"),
            Address::new("shop-1", "http://127.0.0.1:40001"),
        ];
        let text = banner(&gateway, &others);
        assert!(
            text.contains("\n  gateway  http://127.0.0.1:8080\n  admin    http://127.0.0.1:9090\n"),
            "{text}"
        );
        assert!(text.contains("\n  shop-1   http://127.0.0.1:40001\n"), "{text}");
        let curls: Vec<_> = text.lines().filter(|line| line.contains("curl ")).collect();
        assert!(curls.len() >= 5, "{text}");
        assert!(
            curls.iter().all(|line| line.contains("http://127.0.0.1:8080/")),
            "everything goes to the gateway"
        );
        assert!(
            curls.iter().any(|line| line.contains("curl -i "))
                && curls.iter().any(|line| line.contains("curl -N "))
        );
        assert!(text.ends_with("Ctrl-C stops everything.\n"), "{text}");
    }
}
