//! What a rule may ask about: the request, its caller, and what was said of that caller.

use super::array::Array;
use super::compiled::Compiled;
use super::lazy::value;
use super::multi::{Headers, Query};
use super::object::Object;
use crate::{Caller, Claims};
use cel::common::types::CelString;
use cel::common::value::CowVal;
use cel::context::VariableResolver;
use message::Fields;
use std::net::IpAddr;
use std::sync::LazyLock;

/// One request and its caller.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// `request.method`, in capitals as it came.
    pub method: &'a str,
    /// `request.path`, normalised, without the query.
    pub path: &'a str,
    /// `request.host`, in lower case, without the port; empty where none was named.
    pub host: &'a str,
    /// `request.query["name"]`: what stands behind the `?`.
    pub query: Option<&'a str>,
    /// `request.ip`: the client behind trusted proxies; empty where it has no address.
    pub ip: Option<IpAddr>,
    /// `request.headers["name"]`.
    pub headers: &'a Fields,
    /// `caller` and `claims`.
    pub caller: &'a Caller,
}

/// The members of `request` and `caller`, and whether a member is text, a list, or asked by name.
pub(super) const MEMBERS: &[(&str, &str, Member)] = &[
    ("request", "method", Member::Text),
    ("request", "path", Member::Text),
    ("request", "host", Member::Text),
    ("request", "ip", Member::Text),
    ("request", "query", Member::Named),
    ("request", "headers", Member::Named),
    ("caller", "way", Member::Text),
    ("caller", "consumer", Member::Text),
    ("caller", "subject", Member::Text),
    ("caller", "plan", Member::Text),
    ("caller", "credential", Member::Text),
    ("caller", "scopes", Member::Words),
];

/// What a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Member {
    Text,
    Words,
    /// Asked for one name at a time, and nothing else.
    Named,
}

/// Gives an evaluation the values that it names. CEL asks for the longest name first: for `request.path` before `request`.
pub(super) struct Resolver<'a> {
    pub(super) facts: &'a Facts<'a>,
    pub(super) compiled: &'a [Compiled],
}

impl VariableResolver for Resolver<'_> {
    fn resolve<'b>(&'b self, name: &str) -> Option<CowVal<'b, 'b>> {
        static NONE: LazyLock<Claims> = LazyLock::new(Claims::new);
        let Facts { method, path, host, query, ip, headers, caller } = *self.facts;
        let claims = || caller.claims.as_deref().unwrap_or(&NONE);
        Some(match name {
            "request.method" => text(method),
            "request.path" => text(path),
            "request.host" => text(host),
            "request.ip" => {
                ip.map_or(text(""), |ip| CowVal::owned(CelString::from(ip.to_canonical().to_string())))
            }
            "request.query" => CowVal::owned(Query(query.unwrap_or_default())),
            "request.headers" => CowVal::owned(Headers(headers)),
            "caller.way" => text(caller.way.as_str()),
            "caller.consumer" => text(caller.consumer.as_ref().map_or("", |consumer| &consumer.name)),
            "caller.subject" => text(&caller.subject),
            "caller.plan" => text(&caller.plan),
            "caller.credential" => text(caller.credential.as_deref().unwrap_or_default()),
            "caller.scopes" => CowVal::owned(Array::words(&caller.scopes)),
            "claims" => CowVal::owned(Object::of(claims())),
            _ if name.starts_with('@') => {
                CowVal::Borrowed(self.compiled.get(name[1..].parse::<usize>().ok()?)?)
            }
            // One claim, without a box for all of them. Names with dots are asked for with brackets.
            _ => value(claims().get(name.strip_prefix("claims.").filter(|name| !name.contains('.'))?)?),
        })
    }
}

fn text(text: &str) -> CowVal<'_, '_> {
    CowVal::owned(CelString::from(text))
}
