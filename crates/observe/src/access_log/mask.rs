//! Which query parameters carry secrets: their values are logged as `***`.
//!
//! A log travels further than the request did. Names are compared after decoding, without regard to case, `-` and
//! `_`; in a name like `user[password]` each part counts. Passwords in a path cannot be known and are not masked.
//! A query without such a parameter is logged as it is, without a copy.

use message::percent_decoded;

/// What a masked value looks like.
const MASKED: &[u8] = b"***";

/// Names that are masked whatever the config says, in lower case without separators.
const USUAL: [&str; 24] = [
    "accesskey",
    "accesstoken",
    "apikey",
    "apitoken",
    "auth",
    "authorization",
    "authtoken",
    "clientsecret",
    "credential",
    "credentials",
    "idtoken",
    "jwt",
    "key",
    "passphrase",
    "passwd",
    "password",
    "pwd",
    "refreshtoken",
    "secret",
    "session",
    "sessionid",
    "sig",
    "signature",
    "token",
];

/// The names of parameters to mask.
#[derive(Debug)]
pub(super) struct Mask(Vec<String>);

impl Mask {
    /// The usual names and these.
    pub(super) fn new(more: &[String]) -> Self {
        let usual = USUAL.iter().map(|&n| n.to_owned());
        Self(usual.chain(more.iter().map(|n| folded(n))).filter(|n| !n.is_empty()).collect())
    }

    /// The query with secrets masked. `scratch` holds the copy where one is needed.
    pub(super) fn query<'a>(&self, query: &'a [u8], scratch: &'a mut Vec<u8>) -> &'a [u8] {
        if !pairs(query).any(|pair| self.hides(pair)) {
            return query;
        }
        scratch.clear();
        let mut at = 0;
        for pair in pairs(query) {
            match pair.iter().position(|&b| b == b'=') {
                Some(equals) if self.hides(pair) => {
                    scratch.extend_from_slice(&pair[..=equals]);
                    scratch.extend_from_slice(MASKED);
                }
                _ => scratch.extend_from_slice(pair),
            }
            at += pair.len();
            // The separator that ended this pair, as it was.
            scratch.extend(query.get(at));
            at += 1;
        }
        scratch
    }

    /// A whole URL with the secrets of its query masked.
    pub(super) fn url<'a>(&self, url: &'a [u8], scratch: &'a mut Vec<u8>) -> &'a [u8] {
        let Some(mark) = url.iter().position(|&b| b == b'?') else { return url };
        let (head, query) = url.split_at(mark + 1);
        if !pairs(query).any(|pair| self.hides(pair)) {
            return url;
        }
        self.query(query, scratch);
        scratch.splice(..0, head.iter().copied());
        scratch
    }

    /// Is this `name=value` to be masked?
    fn hides(&self, pair: &[u8]) -> bool {
        let Some(equals) = pair.iter().position(|&b| b == b'=') else { return false };
        let Ok(name) = std::str::from_utf8(&pair[..equals]) else { return false };
        let name = percent_decoded(name);
        name.split(['[', ']', '.', ' ', '+']).any(|part| self.names(part))
    }

    fn names(&self, part: &str) -> bool {
        self.0.iter().any(|hidden| {
            let letters = part.bytes().filter(|b| !matches!(b, b'-' | b'_')).map(|b| b.to_ascii_lowercase());
            letters.eq(hidden.bytes())
        })
    }
}

/// The parameters of a query. A fragment, which only a `Referer` could have, counts as one more.
fn pairs(query: &[u8]) -> impl Iterator<Item = &[u8]> {
    query.split(|b| matches!(b, b'&' | b';' | b'#'))
}

/// Lower case, without separators.
fn folded(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '-' | '_')).map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(query: &str) -> String {
        let mask = Mask::new(&["Card_Number".to_owned(), String::new()]);
        String::from_utf8(mask.query(query.as_bytes(), &mut Vec::new()).to_vec()).unwrap()
    }

    #[test]
    fn values_of_secrets_are_masked_and_nothing_else() {
        for (query, want) in [
            ("a=1&token=abc&b=2", "a=1&token=***&b=2"),
            ("token=abc", "token=***"),
            ("API-Key=x;apikey=y;api_key=z", "API-Key=***;apikey=***;api_key=***"),
            ("Access_Token=a=b=c&", "Access_Token=***&"),
            ("%74oken=x", "%74oken=***"),
            ("user[password]=x&user.secret=y", "user[password]=***&user.secret=***"),
            ("cardnumber=4111", "cardnumber=***"),
            ("tokens=1&secretary=2&monkey=3", "tokens=1&secretary=2&monkey=3"),
            ("token", "token"),
            ("", ""),
            ("&&=&", "&&=&"),
            ("=secret", "=secret"),
            ("q=password=x", "q=password=x"),
        ] {
            assert_eq!(masked(query), want, "{query}");
        }
    }

    #[test]
    fn a_query_without_secrets_is_not_copied() {
        let (mask, query) = (Mask::new(&[]), b"a=1&b=2".as_slice());
        assert_eq!(mask.query(query, &mut Vec::new()).as_ptr(), query.as_ptr());
    }

    #[test]
    fn the_query_of_a_referer_is_masked_too() {
        let mask = Mask::new(&[]);
        let url = |u: &str| String::from_utf8(mask.url(u.as_bytes(), &mut Vec::new()).to_vec()).unwrap();
        assert_eq!(url("https://a/reset?id=1&token=x#top"), "https://a/reset?id=1&token=***#top");
        assert_eq!(url("https://a/token=x"), "https://a/token=x");
        assert_eq!(url("https://a/?#access_token=x"), "https://a/?#access_token=***");
    }
}
