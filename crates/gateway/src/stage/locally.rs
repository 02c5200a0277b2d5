//! Routes that need no service: redirects, fixed answers, files.

use crate::arrival::Arrival;
use crate::site::{Redirect, Respond};
use crate::stop::{Reason, Stop};
use crate::trip::Trip;
use files::{Root, Served, Unserved};
use message::{Name, RequestHead, ResponseHead};
use net::Body;
use route::PathTemplate;

/// A fixed answer.
pub(crate) fn respond(to: &Respond) -> Arrival {
    let head = ResponseHead { status: to.status, fields: to.fields.clone() };
    Arrival { head, body: Body::full(to.body.clone()), tunnel: None }
}

/// A file.
pub(crate) async fn file(trip: &Trip, root: &Root, template: Option<&PathTemplate>) -> Result<Arrival, Stop> {
    let head = trip.head.as_ref().expect("a request that has a route has a head");
    let below = template.map_or(head.target.path(), |template| below(template, head.target.path()));
    match Box::pin(root.serve(below, head, trip.desk.random())).await {
        Ok(Served { mut head, body }) => {
            head.fields.add(Name::Server, b"tidegate");
            Ok(Arrival { head, body, tunnel: None })
        }
        Err(Unserved::NotFound) => Err(Stop::new(Reason::RouteNotFound, "There is no such file.")),
        Err(Unserved::Method) => {
            let stop = Stop::new(Reason::MethodNotAllowed, "Files can be read only.");
            Err(Stop { allow: Some("GET, HEAD".to_owned()), ..stop })
        }
        Err(Unserved::Failed(why)) => {
            Err(Stop { detail: Some(why), ..Stop::new(Reason::FilesFailed, "The file cannot be read.") })
        }
    }
}

/// What of a path is behind the segments that the template names: what its `*` stands for.
fn below<'p>(template: &PathTemplate, path: &'p str) -> &'p str {
    let text = template.to_string();
    let before = text.trim_end_matches('*').trim_end_matches('/');
    let segments = before.split('/').skip(1).count();
    let mut rest = path;
    for _ in 0..segments {
        let inner = rest.strip_prefix('/').unwrap_or(rest);
        rest = inner.find('/').map_or("", |at| &inner[at..]);
    }
    rest
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
    if !to.to.starts_with("//") {
        keep_here(&mut location);
    }
    let mut head = ResponseHead::new(to.status);
    // Values come out of a checked target and host, so the field is valid; were it not, the answer goes without.
    let _ = head.fields.push(Name::Location.as_str(), location.as_bytes());
    Arrival { head, body: Body::empty(), tunnel: None }
}

/// Leaves one slash at the beginning. What begins with two of them, or with a slash and a backslash as browsers read it,
/// names another host (RFC 3986 section 4.2); where the config does not say so, a path that a client has made up would.
fn keep_here(location: &mut String) {
    let slashes = location.bytes().take_while(|b| matches!(b, b'/' | b'\\')).count();
    if slashes > 1 {
        location.replace_range(..slashes, "/");
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use message::{Authority, Fields, Method, StatusCode, Target, Version};

    /// Where a redirect leads that was asked for with that target, on a route for `/{first}/{second}`.
    fn location(to: &str, target: &str) -> String {
        let request = RequestHead {
            method: Method::GET,
            target: Target::parse(target.as_bytes(), false).unwrap(),
            authority: Some(Authority::parse(b"here.example:81").unwrap()),
            version: Version::HTTP_11,
            fields: Fields::new(),
            upgrade: None,
        };
        let to = Redirect { to: to.into(), status: StatusCode::FOUND };
        let template = PathTemplate::parse("/{first}/{second}").unwrap();
        let arrival = redirect(&to, &request, Some(&template));
        arrival.head.fields.get_str(Name::Location).unwrap_or_default().to_owned()
    }

    #[test]
    fn placeholders_stand_for_what_was_asked_for() {
        assert_eq!(location("https://{host}{path}{query}", "/a/b?c"), "https://here.example/a/b?c");
        assert_eq!(location("/{second}/{first}", "/a/b"), "/b/a");
    }

    #[test]
    fn a_path_that_was_asked_for_never_becomes_another_host() {
        for (to, target, want) in [
            ("{path}", "//evil.example/x", "/evil.example/x"),
            ("{path}{query}", "///evil.example/?a=//b", "/evil.example/?a=//b"),
            ("/{path}", "/evil.example/x", "/evil.example/x"),
            ("/{first}{path}", "//evil.example", "/evil.example"),
            ("/new{path}", "//evil.example", "/new//evil.example"),
        ] {
            assert_eq!(location(to, target), want, "{to} for {target}");
        }
    }

    #[test]
    fn another_host_that_the_config_names_stays() {
        assert_eq!(location("//cdn.example{path}", "//x"), "//cdn.example//x");
    }
}
