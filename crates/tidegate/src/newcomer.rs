//! An endpoint as an operator describes it at run time: JSON as in the config file, or a bare URL.
//!
//! It is read by the checks of the config file, so that the same mistake is told in the same words. *Promise*: any text
//! gives an endpoint or a refusal; nothing of the environment gets in or out.

use admin::Refusal;
use config::{Endpoint, EndpointUrl, Problem};
use serde_json::{Value, json};

/// Bytes that a description may have.
const MOST: usize = 16 * 1024;
/// The checks are those of a list, and refuse one of which all are `backup`. So the list has a second member, which
/// nobody means.
const COMPANION: &str = "\"unix:/dev/null/nobody\"";
/// What could have been sent.
const EXAMPLE: &str = "Send a URL, or an object such as {\"url\": \"http://10.0.0.7:9200\", \"weight\": 2}.";

/// Reads a description.
pub(crate) fn read(text: &str) -> Result<Endpoint, Refusal> {
    let refused = |why: &str| Refusal::Bad(format!("{why} {EXAMPLE}"), json!([]));
    let text = text.trim();
    if text.is_empty() {
        return Err(refused("The body is empty."));
    }
    if text.len() > MOST {
        return Err(refused("The body is too large for one endpoint."));
    }
    let described = if text.starts_with(['{', '"', '[']) {
        serde_json::from_str(text).map_err(|e| refused(&format!("The body is not JSON: {e}.")))?
    } else {
        Value::from(text)
    };
    if !described.is_object() && !described.is_string() {
        return Err(refused("The body describes more than one endpoint."));
    }
    let list = format!("[{described}, {COMPANION}]");
    let read =
        config::parse_endpoints(&list, "the request", &|_| None).map_err(|r| in_words(&r.problems()))?;
    read.into_iter().next().ok_or_else(|| refused("The body describes no endpoint."))
}

/// The name that an endpoint with this URL has: `HTTP://a` is `http://a:80`. What is no URL names nothing.
pub(crate) fn label(url: &str) -> String {
    serde_json::from_value::<EndpointUrl>(json!(url)).map_or_else(|_| url.to_owned(), |url| url.to_string())
}

fn in_words(problems: &[&Problem]) -> Refusal {
    let all: Vec<String> = problems.iter().map(|problem| sentence(problem)).collect();
    let list = problems.iter().map(|problem| {
        json!({
            "message": of_one(&problem.message),
            "path": problem.path.trim_start_matches("[0]").trim_start_matches('.'),
            "expected": problem.expected,
            "found": problem.found,
            "hint": problem.hint,
        })
    });
    Refusal::Bad(all.join(" "), list.collect())
}

/// What is wrong, what would be right, and what to do.
fn sentence(problem: &Problem) -> String {
    let message = of_one(&problem.message);
    let place = match (&problem.expected, &problem.found) {
        (Some(expected), Some(found)) => format!(": expected {expected}, found {found}"),
        (Some(expected), None) => format!(": expected {expected}"),
        (None, Some(found)) => format!(": found {found}"),
        (None, None) => String::new(),
    };
    let hint = problem.hint.as_ref().map_or_else(String::new, |hint| format!(" ({hint})"));
    format!("{message}{place}{hint}.")
}

/// There is only one here, so it has no number.
fn of_one(message: &str) -> String {
    message.replace("endpoint 1", "the endpoint")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> (String, Value) {
        match read(text) {
            Err(Refusal::Bad(why, problems)) => (why, problems),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn a_bare_url_and_an_object_are_endpoints() {
        for text in ["http://a:1", " \"http://a:1\"\n", "{\"url\": \"http://a:1\"}"] {
            assert_eq!(read(text).unwrap().url.to_string(), "http://a:1", "{text}");
        }
        let all = "{\"url\": \"https://b\", \"weight\": 7, \"backup\": true, \"priority\": 3,\n \"max_requests\": 5}";
        let endpoint = read(all).unwrap();
        assert_eq!((endpoint.url.to_string().as_str(), endpoint.weight), ("https://b:443", 7));
        assert_eq!((endpoint.backup, endpoint.priority, endpoint.max_requests), (true, 3, Some(5)));
    }

    #[test]
    fn what_is_wrong_is_told_as_for_the_config_file() {
        let (why, problems) = refusal("{\"url\": \"10.0.0.7:9200\", \"wieght\": 2, \"priority\": 11}");
        for words in
            ["did you mean `http://10.0.0.7:9200`?", "unknown key `wieght`", "`weight`", "from 0 to 9"]
        {
            assert!(why.contains(words), "{words}: {why}");
        }
        assert_eq!(problems.as_array().map(Vec::len), Some(3), "{problems}");
        assert!(problems.to_string().contains("\"path\":\"priority\""), "{problems}");
        assert!(!why.contains("endpoint 1"), "{why}");
        assert!(refusal("{}").0.contains("`url` is missing in the endpoint"), "{}", refusal("{}").0);
    }

    #[test]
    fn what_is_no_endpoint_at_all_is_refused() {
        for text in
            ["", "{", "[]", "[\"http://a:1\"]", "\"", "null", "http://a:1, http://b:1", "http://a:1]\n- b"]
        {
            assert!(!refusal(text).0.is_empty(), "{text}");
        }
        assert!(refusal(&"x".repeat(MOST + 1)).0.contains("too large"));
        assert!(
            refusal("{\"url\": \"http://${HOME}:1\"}").0.contains("HOME"),
            "the environment stays outside"
        );
    }

    #[test]
    fn a_url_names_the_endpoint_however_it_is_typed() {
        assert_eq!(label("HTTP://Example.COM"), "http://example.com:80");
        assert_eq!(label("unix:/run/a.sock"), "unix:/run/a.sock");
        assert_eq!(label("no url"), "no url");
    }
}
