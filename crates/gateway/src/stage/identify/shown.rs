//! What a request shows of itself: credentials in its fields, cookies and query. Nothing is copied.

use auth::Denied;
use message::{Fields, Name, RequestHead, Target};
use std::borrow::Cow;

/// What stands behind that scheme in `Authorization` (RFC 9110 section 11.4).
pub(super) fn authorization<'a>(fields: &'a Fields, scheme: &str) -> Result<&'a str, Denied> {
    one(fields, Name::Authorization.as_str()).and_then(|value| behind(value, scheme).ok_or(Denied::Absent))
}

/// What stands behind the scheme in such a value.
pub(super) fn behind<'a>(value: &'a str, scheme: &str) -> Option<&'a str> {
    let (word, rest) = value.split_once(' ')?;
    word.eq_ignore_ascii_case(scheme).then(|| rest.trim_ascii())
}

/// The value of a field that may stand there once. Two of them would be read differently by two readers.
pub(super) fn one<'a>(fields: &'a Fields, name: &'a str) -> Result<&'a str, Denied> {
    let mut all = fields.all_named(name);
    let value = all.next().ok_or(Denied::Absent)?;
    if all.next().is_some() {
        return Err(Denied::Malformed("more than one field of that name"));
    }
    std::str::from_utf8(value).map_err(|_| Denied::Malformed("not text"))
}

/// The value of a cookie (RFC 6265 section 4.2.1); of two with one name the first, which has the longest path.
pub(super) fn cookie<'a>(fields: &'a Fields, name: &'a str) -> Option<&'a str> {
    fields
        .cookies(name)
        .find_map(|value| std::str::from_utf8(value).ok())
        .map(|value| value.trim_matches('"'))
}

/// Takes a cookie away.
pub(super) fn remove_cookie(fields: &mut Fields, name: &str) {
    let lines: Vec<Vec<u8>> = fields.all(Name::Cookie).map(<[u8]>::to_vec).collect();
    fields.remove(Name::Cookie);
    for line in lines {
        let is_it = |pair: &&[u8]| {
            let end = pair.iter().position(|&b| b == b'=').unwrap_or(pair.len());
            pair[..end].trim_ascii() == name.as_bytes()
        };
        let rest: Vec<&[u8]> = line.split(|&b| b == b';').filter(|pair| !is_it(pair)).collect();
        let rest = rest.join(&b';');
        if !rest.trim_ascii().is_empty() {
            fields.add(Name::Cookie, rest.trim_ascii());
        }
    }
}

/// The first value of a parameter of the query, decoded.
pub(super) fn query<'a>(head: &'a RequestHead, name: &str) -> Option<Cow<'a, str>> {
    let pairs = form_urlencoded::parse(head.target.query()?.as_bytes());
    pairs.into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
}

/// Takes a parameter out of the query.
pub(super) fn remove_query(head: &mut RequestHead, name: &str) {
    let Some(query) = head.target.query() else { return };
    let is_it = |pair: &&str| form_urlencoded::parse(pair.as_bytes()).any(|(key, _)| key == name);
    let rest: Vec<&str> = query.split('&').filter(|pair| !is_it(pair)).collect();
    let path = head.target.path();
    let text = if rest.is_empty() { path.to_owned() } else { format!("{path}?{}", rest.join("&")) };
    if let Ok(target) = Target::parse(text.as_bytes(), false) {
        head.target = target;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use message::{Method, Version};

    fn fields(lines: &[(&str, &str)]) -> Fields {
        let mut fields = Fields::new();
        for (name, value) in lines {
            fields.push(name, value.as_bytes()).unwrap();
        }
        fields
    }

    fn head(target: &str) -> RequestHead {
        RequestHead {
            method: Method::GET,
            target: Target::parse(target.as_bytes(), true).unwrap(),
            authority: None,
            version: Version::HTTP_11,
            fields: Fields::new(),
            upgrade: None,
        }
    }

    #[test]
    fn a_scheme_is_read_in_any_case_and_others_are_absent() {
        let bearer = |value| authorization(&fields(&[("Authorization", value)]), "Bearer").map(str::to_owned);
        assert_eq!(bearer("bEARER  abc"), Ok("abc".into()));
        assert_eq!(bearer("Basic abc"), Err(Denied::Absent));
        assert_eq!(bearer("Bearer"), Err(Denied::Absent));
        let two = fields(&[("Authorization", "Bearer a"), ("authorization", "Bearer b")]);
        assert!(matches!(authorization(&two, "Bearer"), Err(Denied::Malformed(_))));
    }

    #[test]
    fn a_cookie_is_found_and_taken_out_and_the_others_stay() {
        let mut fields = fields(&[("Cookie", "a=1; session=\"x.y\";b=2"), ("cookie", "session=z")]);
        assert_eq!(cookie(&fields, "session"), Some("x.y"));
        assert_eq!(cookie(&fields, "ses"), None);
        remove_cookie(&mut fields, "session");
        assert_eq!(fields.all(Name::Cookie).collect::<Vec<_>>(), [&b"a=1;b=2"[..]]);
        remove_cookie(&mut fields, "a");
        remove_cookie(&mut fields, "b");
        assert!(!fields.has(Name::Cookie));
    }

    #[test]
    fn a_parameter_is_found_and_taken_out_and_the_others_stay() {
        let mut asked = head("/x?a=1&api%5Fkey=t%20g&b=2");
        assert_eq!(query(&asked, "api_key").as_deref(), Some("t g"));
        remove_query(&mut asked, "api_key");
        assert_eq!(asked.target.as_str(), "/x?a=1&b=2");
        let mut only = head("/x?api_key=1");
        remove_query(&mut only, "api_key");
        assert_eq!(only.target.as_str(), "/x");
    }
}
