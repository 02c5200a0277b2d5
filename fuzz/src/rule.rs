//! Rules of the config: any text is a rule with an answer, or an error that can be shown, in bounded time.

use auth::{AllowRule, Caller, Claims, Facts, Scopes, Way};
use message::Fields;
use std::sync::Arc;

/// What no error may show, unless the rule itself holds it.
const SECRET: &str = "hunter2";

/// Reads `data` as a rule and asks it of a request.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match AllowRule::compile(text) {
        Err(error) => {
            assert!(!error.message.is_empty());
            assert!(error.offset.is_none_or(|at| text.is_char_boundary(at)), "{error:?}");
        }
        Ok(rule) => {
            assert!(text.len() <= 4096, "a rule without a bound");
            let answer = ask(&rule);
            assert_eq!(ask(&rule), answer, "one request, two answers");
            if let Err(fault) = answer {
                let shown = format!("{fault} {fault:?}");
                assert!(text.contains(SECRET) || !shown.contains(SECRET), "{shown}");
            }
        }
    }
}

fn ask(rule: &AllowRule) -> Result<bool, auth::RuleFault> {
    let claims: Claims = serde_json::from_str(
        r#"{ "a": 1, "b": "text", "c": [1, "x", [2.5], { "d": null }], "d": { "e": true }, "scope": "hunter2" }"#,
    )
    .expect("claims");
    let caller = Caller {
        way: Way::Jwt,
        consumer: None,
        subject: "alice".into(),
        plan: "pro".into(),
        scopes: Scopes::of(["read", "write"]),
        claims: Some(Arc::new(claims)),
        credential: None,
    };
    let mut headers = Fields::new();
    for (name, value) in
        [("x-a", "b"), ("authorization", SECRET), ("x-latin", "\u{e9}"), ("accept", "1"), ("accept", "2")]
    {
        headers.push(name, value.as_bytes()).expect("a field");
    }
    rule.eval(&Facts {
        method: "GET",
        path: "/a/b",
        host: "example.com",
        query: Some("q=hunter2&p=1&p=2"),
        ip: "10.0.0.1".parse().ok(),
        headers: &headers,
        caller: &caller,
    })
}
