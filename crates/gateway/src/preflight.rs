//! What a browser asks before it sends a request of another site.

use message::{Method, Name, RequestHead};

/// Is it a preflight of a browser (the Fetch standard, section 3.2.2)? Then the method of the request to come.
pub(crate) fn preflight(head: &RequestHead) -> Option<Method> {
    if head.method != Method::OPTIONS || !head.fields.has(Name::Origin) {
        return None;
    }
    Method::from_bytes(head.fields.get(Name::AccessControlRequestMethod)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use message::{Fields, Target, Version};

    #[test]
    fn only_options_with_an_origin_and_a_method_is_a_preflight() {
        let ask = |method, lines: &[(&str, &str)]| {
            let mut fields = Fields::new();
            for (name, value) in lines {
                fields.push(name, value.as_bytes()).unwrap();
            }
            let target = Target::parse(b"/", true).unwrap();
            let (authority, version, upgrade) = (None, Version::HTTP_11, None);
            preflight(&RequestHead { method, target, authority, version, fields, upgrade })
        };
        let whole = &[("Origin", "https://a"), ("Access-Control-Request-Method", "PUT")];
        assert_eq!(ask(Method::OPTIONS, whole), Some(Method::PUT));
        assert_eq!(ask(Method::GET, whole), None);
        assert_eq!(ask(Method::OPTIONS, &whole[..1]), None);
        assert_eq!(ask(Method::OPTIONS, &whole[1..]), None);
        assert_eq!(ask(Method::OPTIONS, &[whole[0], ("Access-Control-Request-Method", "P T")]), None);
    }
}
