//! Which road would a request take? Told stage by stage, without sending anything.

use crate::site::{Action, Site};
use base::units::show_duration;
use message::{Authority, Fields, Method, Name, Target};
use route::{Ask, Find, Params};
use serde_json::{Value, json};

/// Explains `GET http://host/path` (the method may be left out) with these headers, each `Name: value`. The error says what
/// is wrong with the question.
pub fn explain(site: &Site, question: &str, headers: &[String]) -> Result<Value, String> {
    let fields = fields_of(headers)?;
    let (method, url) = question.trim().split_once(' ').unwrap_or(("GET", question.trim()));
    let method = Method::from_bytes(method.as_bytes()).map_err(|_| format!("`{method}` is not a method"))?;
    let (scheme, rest) = url
        .split_once("://")
        .filter(|(s, _)| matches!(*s, "http" | "https"))
        .ok_or_else(|| format!("`{url}` is not a URL: write `GET http://host/path`"))?;
    let (host, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let authority = Authority::parse(host.as_bytes()).map_err(|e| format!("`{host}`: {e}"))?;
    let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
    let target = Target::parse(target.as_bytes(), true).map_err(|e| format!("`{target}`: {e}"))?;

    let mut admitted = json!({
        "stage": "admit",
        "result": format!("{method} {scheme}://{}{}", authority.as_str(), target.as_str()),
        "why": "the path is normalised once, and everything that follows sees this one",
    });
    if !headers.is_empty() {
        admitted["headers"] = json!(headers);
    }
    let mut stages = vec![admitted];
    let ask = Ask {
        method: &method,
        host: authority.host(),
        path: target.path(),
        query: target.query(),
        fields: &fields,
    };
    let mut params = Params::new();
    let found = match site.table.find(&ask, &mut params) {
        Find::NotFound => {
            stages.push(
                json!({ "stage": "find", "result": "404", "why": "no route takes this host and path" }),
            );
            None
        }
        Find::MethodNotAllowed(allow) => {
            stages.push(
                json!({ "stage": "find", "result": "405", "why": format!("the path takes {allow} only") }),
            );
            None
        }
        Find::Route(&number, _) => site.routes.get(number).zip(site.templates.get(number)),
    };
    if let Some((route, template)) = found {
        let named: serde_json::Map<_, _> =
            params.named(template, target.path()).iter().map(|(n, v)| (n.to_owned(), json!(v))).collect();
        stages.push(json!({
            "stage": "find",
            "result": format!("route `{}`", route.name),
            "why": format!("`{template}` is the most specific path that takes it"),
            "parameters": named,
            "max_body": route.max_body.map_or_else(|| json!("unlimited"), |n| json!(n)),
        }));
        stages.push(end(site, route));
    }
    Ok(json!({ "request": question.trim(), "stages": stages }))
}

/// The fields of a request with these headers.
fn fields_of(headers: &[String]) -> Result<Fields, String> {
    let mut fields = Fields::new();
    for header in headers {
        let (name, value) = header
            .split_once(':')
            .ok_or_else(|| format!("`{header}` is not a header: write `Name: value`"))?;
        fields.push(name, value.as_bytes()).map_err(|e| format!("`{header}`: {e}"))?;
    }
    if fields.has(Name::Host) {
        return Err("the URL says which host; leave the header `Host` out".to_owned());
    }
    Ok(fields)
}

fn end(site: &Site, route: &crate::Route) -> Value {
    match &route.action {
        Action::Redirect(to) => {
            json!({ "stage": "forward", "result": format!("{} to {}", to.status.as_u16(), to.to) })
        }
        Action::Respond(to) => {
            json!({ "stage": "forward", "result": format!("{} by Tidegate itself", to.status.as_u16()) })
        }
        Action::Forward(_) => {
            let Some(service) = site.service_of(route) else { return Value::Null };
            let settings = &service.settings;
            let timeout = route.request_timeout.unwrap_or(settings.timeouts.request);
            let endpoints: Vec<Value> = service
                .members
                .iter()
                .map(|m| json!({ "url": m.endpoint.label, "pending": m.endpoint.load.pending() }))
                .collect();
            json!({
                "stage": "forward",
                "result": format!("service `{}`", settings.name),
                "policy": settings.policy.as_str(),
                "strip_prefix": route.strip_prefix,
                "timeouts": {
                    "connect": show_duration(settings.timeouts.connect),
                    "request": show_duration(timeout),
                    "idle": show_duration(route.idle_timeout.unwrap_or(settings.timeouts.idle)),
                },
                "endpoints": endpoints,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_as_they_are_written_in_a_request() {
        let typed = ["X-Beta: 1", "accept:text/plain", "X-Empty:", "x-beta: a:b"].map(str::to_owned);
        let fields = fields_of(&typed).unwrap();
        assert_eq!(fields.all_named("x-beta").collect::<Vec<_>>(), [&b"1"[..], b"a:b"]);
        assert_eq!(fields.get(Name::Accept), Some(&b"text/plain"[..]));
        assert_eq!(fields.all_named("x-empty").next(), Some(&b""[..]));
    }

    #[test]
    fn a_header_that_no_request_may_have_is_refused() {
        for header in ["X-Beta", "", ": 1", "X Beta: 1", "X: a\nb", "Host: a"] {
            assert!(fields_of(&[header.to_owned()]).is_err(), "{header:?}");
        }
    }
}
