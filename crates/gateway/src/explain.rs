//! Which road would a request take? Told stage by stage, without sending anything.

mod cache;
mod guard;

use crate::site::{Action, Fallback, Site};
use base::units::show_duration;
use message::{Authority, Fields, Method, Name, Target};
use route::{Ask, Find, Params};
use serde_json::{Value, json};
use upstream::Service;

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
    let found = match site.plan.table.find(&ask, &mut params) {
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
        Find::Route(&number, _) => site.plan.routes.get(number).zip(site.plan.templates.get(number)),
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
        if let Some(guard) = &route.guard {
            stages.extend(guard::stages(guard, site.guards.as_deref()));
        }
        if let Some(caching) = &route.cache {
            stages.push(cache::stage(caching, site.caches.as_deref(), &method));
        }
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
        Action::Files(root) => {
            json!({ "stage": "forward", "result": format!("files below {}", root.path().display()) })
        }
        Action::Forward(_) => {
            let Some(service) = site.services_of(route).next() else { return Value::Null };
            let mut stage =
                json!({ "stage": "forward", "result": format!("service `{}`", service.settings.name) });
            merge(&mut stage, forwarding(route, service));
            merge(&mut stage, beside(site, route));
            stage
        }
        Action::Split(split) => {
            let shares: Vec<String> = split
                .parts
                .iter()
                .filter_map(|part| {
                    let service = site.services.get(part.service)?;
                    let share = f64::from(part.weight) * 100.0 / f64::from(split.total);
                    Some(format!("`{}` ({share:.3}%)", service.settings.name))
                })
                .collect();
            let services: Vec<Value> = site
                .services_of(route)
                .map(|s| {
                    let mut one = json!({ "service": s.settings.name });
                    merge(&mut one, forwarding(route, s));
                    one
                })
                .collect();
            let result = format!("one of the services {}", shares.join(", "));
            let mut stage = json!({ "stage": "forward", "result": result, "services": services });
            merge(&mut stage, beside(site, route));
            stage
        }
    }
}

/// What a route does beside forwarding.
fn beside(site: &Site, route: &crate::Route) -> Value {
    let name = |place: usize| site.services.get(place).map(|s| s.settings.name.clone());
    let fallback = match &route.fallback {
        None => Value::Null,
        Some(Fallback::Service(place)) => json!({ "service": name(*place) }),
        Some(Fallback::Respond(to)) => json!({ "respond": to.status.as_u16() }),
    };
    json!({
        "fallback": fallback,
        "mirror": route.mirror.map(|m| json!({ "service": name(m.service), "percent": m.percent })),
        "priority": route.manner.class.as_str(),
    })
}

/// How a service is asked.
fn forwarding(route: &crate::Route, service: &Service) -> Value {
    let settings = &service.settings;
    let manner = &route.manner;
    let retry = manner.retry.as_ref().unwrap_or(&settings.retry);
    let endpoints: Vec<Value> = service
        .members
        .iter()
        .map(|m| {
            json!({
                "url": m.endpoint.label,
                "state": m.endpoint.health.state().as_str(),
                "pending": m.endpoint.load.pending(),
            })
        })
        .collect();
    json!({
        "policy": settings.picker.policy.as_str(),
        "strip_prefix": route.strip_prefix,
        "timeouts": {
            "connect": show_duration(settings.timeouts.connect),
            "request": show_duration(manner.request_timeout.unwrap_or(settings.timeouts.request)),
            "per_try": retry.per_try_timeout.map(show_duration),
            "idle": show_duration(manner.idle_timeout.unwrap_or(settings.timeouts.idle)),
        },
        "retry": { "attempts": retry.attempts, "budget_percent": retry.budget.percent, "body": retry.body },
        "hedge": manner.hedge.or(settings.hedge).map(|h| h.to_string()),
        "endpoints": endpoints,
        // Endpoints come by themselves; while there is none, requests wait.
        "hold": settings.hold.map(|h| json!({ "size": h.size, "timeout": show_duration(h.timeout) })),
    })
}

fn merge(into: &mut Value, from: Value) {
    if let (Value::Object(into), Value::Object(from)) = (into, from) {
        into.extend(from.into_iter().filter(|(_, value)| !value.is_null()));
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
