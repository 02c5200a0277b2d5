//! What hash policies pick an endpoint by. Routes of other services pay one comparison.

use message::RequestHead;
use std::net::IpAddr;
use upstream::{HashOn, Local};

/// The hash of what the service's policy looks at; `None` where it looks at nothing, or the request has nothing there.
pub(crate) fn hash(local: &Local, head: &RequestHead, client: Option<IpAddr>) -> Option<u64> {
    match local.hash_on()? {
        HashOn::Ip => Some(match client? {
            IpAddr::V4(ip) => upstream::stable_hash(&ip.octets()),
            IpAddr::V6(ip) => upstream::stable_hash(&ip.octets()),
        }),
        HashOn::Path => Some(upstream::stable_hash(head.target.path().as_bytes())),
        HashOn::Header(name) => head.fields.all_named(name).next().map(upstream::stable_hash),
        HashOn::Cookie(name) => head.fields.cookies(name).next().map(upstream::stable_hash),
        HashOn::Query(name) => query(head.target.query()?, name).map(|v| upstream::stable_hash(v.as_bytes())),
    }
}

/// The value as it stands in the query: encoded, which is the same for the same client.
fn query<'q>(query: &'q str, name: &str) -> Option<&'q str> {
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

#[cfg(test)]
mod tests {
    use super::*;
    use message::{Fields, Method, Name, Target, Version};

    fn head(fields: &[(Name, &str)]) -> RequestHead {
        let mut all = Fields::new();
        for (name, value) in fields {
            all.add(*name, value.as_bytes());
        }
        RequestHead {
            method: Method::GET,
            target: Target::parse(b"/a?user=7&user=8&users=9", true).unwrap(),
            authority: None,
            version: Version::HTTP_11,
            fields: all,
            upgrade: None,
        }
    }

    #[test]
    fn a_cookie_and_a_parameter_are_found_by_their_whole_names() {
        let head = head(&[(Name::Cookie, "ab=1; a=2"), (Name::Cookie, "a=3")]);
        assert_eq!(head.fields.cookies("a").next(), Some(&b"2"[..]));
        assert_eq!(head.fields.cookies("b").next(), None);
        assert_eq!(query(head.target.query().unwrap(), "user"), Some("7"));
        assert_eq!(query(head.target.query().unwrap(), "use"), None);
    }
}
