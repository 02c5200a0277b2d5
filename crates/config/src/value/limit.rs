//! Words of limits: what they count by, their names, what a request costs.

use std::fmt;

use super::number::whole;
use super::{Bad, ClaimName, HeaderName, Typed, typed, word};
use crate::suggest::nearest;

/// What a limit counts by; several together are counted by their combination.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LimitKey {
    /// The client's address; of IPv6 its /64.
    Ip,
    /// Who is calling, whatever credential was shown.
    Consumer,
    /// The API key that was shown.
    ApiKey,
    /// The route.
    Route,
    /// Nothing: all requests together.
    Global,
    /// The value of this header.
    Header(HeaderName),
    /// The value of this claim of the caller's token.
    Claim(ClaimName),
}

/// The keys that are one word.
const WORDS: [(&str, LimitKey); 5] = [
    ("ip", LimitKey::Ip),
    ("consumer", LimitKey::Consumer),
    ("api_key", LimitKey::ApiKey),
    ("route", LimitKey::Route),
    ("global", LimitKey::Global),
];

/// What other gateways call the same.
const ELSEWHERE: [(&str, &str); 8] = [
    ("client_ip", "ip"),
    ("remote_addr", "ip"),
    ("remote_address", "ip"),
    ("address", "ip"),
    ("user", "consumer"),
    ("caller", "consumer"),
    ("credential", "api_key"),
    ("all", "global"),
];

impl fmt::Display for LimitKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => write!(f, "header:{name}"),
            Self::Claim(name) => write!(f, "claim:{name}"),
            Self::Ip => f.write_str("ip"),
            Self::Consumer => f.write_str("consumer"),
            Self::ApiKey => f.write_str("api_key"),
            Self::Route => f.write_str("route"),
            Self::Global => f.write_str("global"),
        }
    }
}

impl Typed for LimitKey {
    const FORMAT: &'static str = "limit key";
    const EXPECTED: &'static str =
        "`ip`, `consumer`, `api_key`, `route`, `global`, `header:NAME` or `claim:NAME`";

    fn read(text: &str) -> Result<Self, Bad> {
        if let Some((_, key)) = WORDS.iter().find(|(word, _)| *word == text) {
            return Ok(key.clone());
        }
        if let Some((kind, name)) = text.split_once(':') {
            return match kind {
                "header" => HeaderName::read(name.trim()).map(Self::Header),
                "claim" => ClaimName::read(name.trim()).map(Self::Claim),
                _ => Err(nearest(kind, ["header", "claim"])
                    .map_or_else(Bad::plain, |kind| Bad::mean(format_args!("{kind}:{name}")))),
            };
        }
        let lower = text.to_ascii_lowercase();
        Err(match text {
            "header" => Bad::because("the name is missing").or_mean("header:X-Tenant"),
            "claim" => Bad::because("the name is missing").or_mean("claim:tenant"),
            _ => match ELSEWHERE.iter().find(|(word, _)| *word == lower) {
                Some((_, ours)) => Bad::mean(ours),
                None => nearest(text, WORDS.iter().map(|(word, _)| *word)).map_or_else(Bad::plain, Bad::mean),
            },
        })
    }
}

word!(
    /// The name of a limit: clients see it in `RateLimit`, and metrics have it as a label.
    PolicyName, "policy name", "a name of 1 to 64 letters, digits, `-`, `_` and `.`", &["string", "integer"], label
);

word!(
    /// The name of a plan. It is a label of metrics, so it is short and plain.
    PlanName, "plan name", "a name of 1 to 64 letters, digits, `-`, `_` and `.`", &["string", "integer"], label
);

fn label(text: &str) -> Result<String, Bad> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    if (1..=64).contains(&text.len()) && text.bytes().all(plain) {
        Ok(text.into())
    } else {
        Err(Bad::plain())
    }
}

/// What a request costs, as a bare word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CostWord {
    /// So much; never zero.
    Fixed(u32),
    /// What the response says.
    Response,
}

/// The most that one request may cost.
const MOST: u32 = 1_000_000;

impl fmt::Display for CostWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(cost) => cost.fmt(f),
            Self::Response => f.write_str("response"),
        }
    }
}

impl Typed for CostWord {
    const FORMAT: &'static str = "cost";
    const EXPECTED: &'static str = "a whole number from 1 to 1000000, or `response`";
    const TYPES: &'static [&'static str] = &["string", "integer"];

    fn read(text: &str) -> Result<Self, Bad> {
        match whole(text) {
            Some(0) => Err(Bad::because("a limit that costs nothing limits nothing")
                .hint("`shadow: true` counts and lets everybody through")),
            Some(cost @ 1..=MOST) => Ok(Self::Fixed(cost)),
            None if text == "response" => Ok(Self::Response),
            _ => Err(nearest(text, ["response"]).map_or_else(Bad::plain, Bad::mean)),
        }
    }
}

typed!(LimitKey, CostWord);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_shown_as_it_may_be_typed() {
        for text in ["ip", "consumer", "api_key", "route", "global", "header:x-tenant", "claim:Tenant"] {
            assert_eq!(LimitKey::read(text).map(|key| key.to_string()), Ok(text.into()));
        }
        for text in ["", "header:", "claim:", "header:a b", "cookie:a", ":", "ip:x"] {
            assert!(LimitKey::read(text).is_err(), "{text}");
        }
        let hint = |text| LimitKey::read(text).map_err(|bad| bad.hint.unwrap_or_default()).unwrap_err();
        assert_eq!(hint("remote_addr"), "did you mean `ip`?");
        assert_eq!(hint("consumers"), "did you mean `consumer`?");
        assert_eq!(hint("headers:X-A"), "did you mean `header:X-A`?");
    }

    #[test]
    fn a_cost_is_a_number_or_what_the_response_says() {
        assert_eq!(CostWord::read("5"), Ok(CostWord::Fixed(5)));
        assert_eq!(CostWord::read("response"), Ok(CostWord::Response));
        for text in ["", "0", "-1", "1000001", "1.5", "free"] {
            assert!(CostWord::read(text).is_err(), "{text}");
        }
    }
}
