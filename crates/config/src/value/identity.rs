//! Who callers are: their names, what they may do, and what tokens say of them.

use super::{Bad, Typed, word};

word!(
    /// The name of a consumer. Tokens may carry it as their subject, so it may hold what subjects hold.
    ConsumerName, "consumer name", "a name of 1 to 128 visible ASCII characters, without spaces and quotes",
    &["string", "integer"], |text| {
        let plain = |b: u8| b.is_ascii_graphic() && !b"\"\\".contains(&b);
        if (1..=128).contains(&text.len()) && text.bytes().all(plain) { Ok(text.into()) } else { Err(Bad::plain()) }
    }
);

word!(
    /// The name that a person or program logs in with (RFC 7617 section 2: a colon ends it).
    Username, "username", "a name of 1 to 128 characters without `:`", &["string", "integer"], |text| {
        if text.contains(':') {
            return Err(Bad::because("a colon ends a user's name in `Authorization: Basic`"));
        }
        let clean = !text.chars().any(char::is_control);
        if clean && (1..=128).contains(&text.len()) { Ok(text.into()) } else { Err(Bad::plain()) }
    }
);

word!(
    /// One word that says what a caller may do (RFC 6749 section 3.3).
    Scope, "scope", "a scope such as `orders:read`: visible ASCII without spaces and quotes", &["string", "integer"],
    |text| {
        let plain = |b: u8| b.is_ascii_graphic() && !b"\"\\".contains(&b);
        let words: Vec<&str> = text.split_whitespace().collect();
        if words.len() > 1 && words.len() <= 16 && text.len() <= 256 {
            return Err(Bad::because("each scope is an item of its own").or_mean(format_args!("[{}]", words.join(", "))));
        }
        if (1..=256).contains(&text.len()) && text.bytes().all(plain) { Ok(text.into()) } else { Err(Bad::plain()) }
    }
);

word!(
    /// The name of a claim of a token, `tenant` or `https://example.com/plan`.
    ClaimName, "claim name", "the name of a claim such as `sub` or `https://example.com/plan`", &["string"], |text| {
        let clean = !text.chars().any(char::is_control);
        if clean && (1..=256).contains(&text.len()) { Ok(text.into()) } else { Err(Bad::plain()) }
    }
);

word!(
    /// Whom a token is for (RFC 7519 section 4.1.3).
    Audience, "audience", "the name that tokens for this API carry in `aud`", &["string", "integer"], |text| {
        let clean = !text.chars().any(char::is_control);
        if clean && (1..=1024).contains(&text.len()) { Ok(text.into()) } else { Err(Bad::plain()) }
    }
);

word!(
    /// Who makes tokens, exactly as they say it in `iss` (RFC 7519 section 4.1.1).
    IssuerName, "issuer", "an issuer as tokens name it, such as `https://id.example.com`", &["string"], |text| {
        if text.contains("/.well-known/") {
            return Err(Bad::because("the issuer is what stands before `/.well-known/`")
                .or_mean(text.split("/.well-known/").next().unwrap_or(text)));
        }
        let clean = text.bytes().all(|b| b.is_ascii_graphic());
        if clean && (1..=2048).contains(&text.len()) { Ok(text.into()) } else { Err(Bad::plain()) }
    }
);

word!(
    /// What a client is called by an authority that it asks (RFC 6749 section 2.2).
    ClientId, "client id", "the identifier that the authority gave to this client", &["string", "integer"], |text| {
        let clean = text.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
        if clean && (1..=1024).contains(&text.len()) { Ok(text.into()) } else { Err(Bad::plain()) }
    }
);

word!(
    /// The protection space that clients are told with a 401 (RFC 9110 section 11.5).
    Realm, "realm", "a text of 1 to 128 visible ASCII characters and spaces, without quotes", &["string"], |text| {
        let plain = |b: u8| (b.is_ascii_graphic() || b == b' ') && !b"\"\\".contains(&b);
        if (1..=128).contains(&text.len()) && text.bytes().all(plain) { Ok(text.into()) } else { Err(Bad::plain()) }
    }
);

word!(
    /// A path that Tidegate answers itself: no patterns, no query.
    OwnPath, "own path", "a path such as `/oauth2/callback`", &["string"], |text| {
        if let Some((_, rest)) = text.split_once("://") {
            let path = rest.find('/').map_or("/", |at| &rest[at..]);
            return Err(Bad::because("it is a path on the host that was asked").or_mean(path));
        }
        if !text.starts_with('/') {
            return Err(Bad::because("it must start with `/`").or_mean(format_args!("/{text}")));
        }
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~/".contains(&b);
        let parts = || text.split('/').skip(1);
        let normal = parts().all(|part| !matches!(part, "" | "." | ".."));
        if normal && text.len() <= 256 && text.bytes().all(plain) { Ok(text.into()) } else { Err(Bad::plain()) }
    }
);

/// A name that is one of the program's own defaults, which are right.
pub(crate) fn own<T: Typed>(text: &str) -> T {
    T::read(text).expect("the program's own defaults are right")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_words_are_bounded_and_plain() {
        for name in ["mobile-app", "auth0|5f7c", "svc@example.com", "7"] {
            assert!(ConsumerName::read(name).is_ok(), "{name}");
        }
        for name in ["", "a b", "a\"b", "ä", &"a".repeat(129)] {
            assert!(ConsumerName::read(name).is_err(), "{name}");
        }
        assert!(Username::read("Jane Doe").is_ok());
        assert!(Username::read("a:b").is_err());
        assert!(Scope::read("orders:read").is_ok());
        assert!(Scope::read("a\"b").is_err());
        let hint = |bad: Bad| bad.hint.unwrap_or_default();
        assert_eq!(Scope::read("a b").map_err(hint), Err("did you mean `[a, b]`?".into()));
        let discovery = "https://id.example.com/.well-known/openid-configuration";
        assert_eq!(
            IssuerName::read(discovery).map_err(hint),
            Err("did you mean `https://id.example.com`?".into())
        );
    }

    #[test]
    fn a_path_of_its_own_has_no_pattern_and_no_dots() {
        assert!(OwnPath::read("/oauth2/callback").is_ok());
        for text in ["", "/", "a", "/a/", "//a", "/a/../b", "/a/*", "/{a}", "/a?b", "/a#b", "https://a/b"] {
            assert!(OwnPath::read(text).is_err(), "{text}");
        }
    }
}
