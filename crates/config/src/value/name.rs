//! Short names: zones, cookies, query parameters.

use super::http::is_token;
use super::{Bad, word};

word!(
    /// The name of a zone: a data centre, a rack, a region.
    ZoneName, "zone", "a name of 1 to 64 letters, digits, `-`, `_`, `.` and `/`", &["string", "integer"], |text| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./".contains(&b);
        if (1..=64).contains(&text.len()) && text.bytes().all(plain) { Ok(text.into()) } else { Err(Bad::plain()) }
    }
);

word!(
    /// The name of a cookie (RFC 6265 section 4.1.1).
    CookieName, "cookie name", "the name of a cookie", &["string"], |text| {
        if is_token(text) && text.len() <= 256 { Ok(text.into()) } else { Err(Bad::plain()) }
    }
);

word!(
    /// The name of a query parameter, as it is when percent-decoded.
    QueryName, "query name", "the name of a query parameter", &["string"], |text| {
        let clean = !text.chars().any(char::is_control);
        if clean && (1..=256).contains(&text.len()) { Ok(text.into()) } else { Err(Bad::plain()) }
    }
);
