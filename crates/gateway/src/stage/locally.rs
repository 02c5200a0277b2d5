//! Routes that need no service: redirects and fixed answers.

use crate::arrival::Arrival;
use crate::site::{Redirect, Respond};
use message::{Name, RequestHead, ResponseHead};
use net::Body;
use route::PathTemplate;

/// A fixed answer.
pub(crate) fn respond(to: &Respond) -> Arrival {
    let head = ResponseHead { status: to.status, fields: to.fields.clone() };
    Arrival { head, body: Body::full(to.body.clone()), tunnel: None }
}

/// A redirect, with its placeholders filled in.
pub(crate) fn redirect(to: &Redirect, request: &RequestHead, template: Option<&PathTemplate>) -> Arrival {
    let mut location = String::with_capacity(to.to.len() + 32);
    let mut rest = &*to.to;
    while let Some((before, after)) = rest.split_once('{') {
        location.push_str(before);
        let Some((name, after)) = after.split_once('}') else {
            location.push('{');
            rest = after;
            continue;
        };
        location.push_str(&value(name, request, template));
        rest = after;
    }
    location.push_str(rest);
    let mut head = ResponseHead::new(to.status);
    // Values come out of a checked target and host, so the field is valid; were it not, the answer goes without.
    let _ = head.fields.push(Name::Location.as_str(), location.as_bytes());
    Arrival { head, body: Body::empty(), tunnel: None }
}

/// What a placeholder stands for. Values stay percent-encoded, as they are in the request.
fn value(name: &str, request: &RequestHead, template: Option<&PathTemplate>) -> String {
    let path = request.target.path();
    match name {
        "path" => path.to_owned(),
        "query" => request.target.query().map(|q| format!("?{q}")).unwrap_or_default(),
        "host" => request.authority.as_ref().map_or("", |a| a.host()).to_owned(),
        _ => template
            .and_then(|t| {
                let place = t.names().position(|n| n == name)?;
                parameter(t, place, path)
            })
            .unwrap_or_default(),
    }
}

/// The segment of the path that stands at the template's parameter of that number.
fn parameter(template: &PathTemplate, number: usize, path: &str) -> Option<String> {
    let text = template.to_string();
    let at = text.split('/').enumerate().filter(|(_, s)| s.starts_with('{')).nth(number)?.0;
    path.split('/').nth(at).map(str::to_owned)
}
