//! Words of the cache: times, its name, statuses, tags, parts of a query.

use std::fmt;
use std::time::Duration;

use base::units::show_duration;

use super::http::is_token;
use super::number::whole;
use super::{Bad, Period, Typed, typed, word};

/// How long a response may be used. HTTP counts that in whole seconds (RFC 9111 section 1.2.2), so nothing else can be typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CacheTime(Period);

impl CacheTime {
    /// So many seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(Period::seconds(seconds))
    }

    /// The length of time, from a second to a year.
    pub const fn get(self) -> Duration {
        self.0.get()
    }
}

impl fmt::Display for CacheTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Typed for CacheTime {
    const FORMAT: &'static str = "duration in seconds";
    const EXPECTED: &'static str = "a duration in whole seconds such as `10s`, `5m` or `1d`";
    const NOUN: &'static str = "a duration";

    fn read(text: &str) -> Result<Self, Bad> {
        match text {
            "true" | "on" | "yes" => {
                return Err(Bad::plain().hint(
                    "say for how long; `cache: {}` keeps responses for as long as the service itself says",
                ));
            }
            "false" | "off" | "no" | "none" | "0" => {
                return Err(Bad::plain().hint("it is off where the key is absent"));
            }
            _ => {}
        }
        let period = Period::read(text)?;
        let rest = period.get().subsec_nanos();
        if rest == 0 {
            return Ok(Self(period));
        }
        let up = Duration::from_secs(period.get().as_secs() + 1);
        Err(Bad::because("HTTP counts it in whole seconds").or_mean(show_duration(up)))
    }

    fn measure(&self) -> Option<u64> {
        self.0.measure()
    }

    fn show(measure: u64) -> String {
        Period::show(measure)
    }
}

/// The status of a response that can be kept by itself (RFC 9110 section 15).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CacheableStatus(u16);

impl CacheableStatus {
    /// The status code, from 200 to 599, and neither 206 nor 304.
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Display for CacheableStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Typed for CacheableStatus {
    const FORMAT: &'static str = "cacheable status";
    const EXPECTED: &'static str = "a status from 200 to 599 such as `404`";
    const TYPES: &'static [&'static str] = &["string", "integer"];

    fn read(text: &str) -> Result<Self, Bad> {
        match whole(text) {
            Some(206) => Err(Bad::plain().hint("206 is a part of a response; what is kept is the whole")),
            Some(304) => {
                Err(Bad::plain().hint("304 renews the response that is there, and is none of its own"))
            }
            Some(status @ 200..=599) => Ok(Self(status)),
            None if text.ends_with("xx") || text.contains('-') => {
                Err(Bad::plain().hint("give each status a line of its own"))
            }
            _ => Err(Bad::plain()),
        }
    }
}

word!(
    /// What this cache is called in `Cache-Status` (RFC 9211 section 2).
    CacheName, "cache name", "a name of 1 to 64 visible ASCII characters and spaces, without quotes", &["string", "integer"],
    |text| {
        let plain = |b: u8| (b.is_ascii_graphic() || b == b' ') && !b"\"\\".contains(&b);
        if (1..=64).contains(&text.len()) && text.bytes().all(plain) { Ok(text.into()) } else { Err(Bad::plain()) }
    }
);

word!(
    /// A tag by which responses are purged. `{id}` stands for a parameter of the path, `{query.NAME}` for one of the query,
    /// `{header.NAME}` for a header of the request. Services separate their tags with spaces or commas, so none has one.
    TagText, "tag", "a tag such as `products` or `product-{id}`, without spaces and commas", &["string", "integer"], |text| {
        let plain = |b: u8| b.is_ascii_graphic() && b != b',';
        if (1..=256).contains(&text.len()) && text.bytes().all(plain) { Ok(text.into()) } else { Err(Bad::plain()) }
    }
);

impl TagText {
    /// The names in braces, in their order. Braces that are open, or around nothing, are left to whoever fills the tag in.
    pub(crate) fn names_in(text: &str) -> impl Iterator<Item = &str> {
        text.split('{').skip(1).filter_map(|rest| {
            let (name, _) = rest.split_once('}')?;
            (!name.is_empty()).then_some(name)
        })
    }

    /// Whether a name in braces is that of a header of the request, and a right one.
    pub(crate) fn is_header(name: &str) -> bool {
        name.strip_prefix("header.").is_some_and(is_token)
    }

    /// Whether a name in braces is that of a parameter of the query.
    pub(crate) fn is_query(name: &str) -> bool {
        name.strip_prefix("query.").is_some_and(|name| !name.is_empty())
    }
}

word!(
    /// The name of a query parameter, as it is when percent-decoded; with a `*` at its end, all that begin so.
    QueryPattern, "query pattern", "the name of a query parameter such as `page`, or the beginning of some such as `utm_*`",
    &["string", "integer"], |text| {
        let clean = !text.chars().any(char::is_control);
        match text.find('*') {
            Some(0) if text.len() == 1 => {
                Err(Bad::because("that is every parameter").hint("write `query: all` or `query: none`"))
            }
            Some(at) if at + 1 < text.len() => Err(Bad::because("`*` stands only at the end of a name")),
            _ if clean && (1..=256).contains(&text.len()) => Ok(text.into()),
            _ => Err(Bad::plain()),
        }
    }
);

typed!(CacheTime, CacheableStatus);

#[cfg(test)]
mod tests {
    use super::*;

    fn hint<T: Typed>(text: &str) -> Option<String> {
        T::read(text).err().and_then(|bad| bad.hint)
    }

    #[test]
    fn a_time_is_whole_seconds() {
        assert_eq!(CacheTime::read("90s").map(CacheTime::get), Ok(Duration::from_secs(90)));
        assert_eq!(CacheTime::read("5m").map(|time| time.to_string()), Ok("5m".into()));
        assert_eq!(hint::<CacheTime>("250ms"), Some("did you mean `1s`?".into()));
        assert_eq!(hint::<CacheTime>("1500ms"), Some("did you mean `2s`?".into()));
        assert_eq!(hint::<CacheTime>("60"), Some("did you mean `60s`?".into()));
        for text in ["", "0", "0s", "off", "true", "366d", "-1s"] {
            assert!(CacheTime::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_status_is_one_that_can_be_kept() {
        assert_eq!(CacheableStatus::read("404").map(CacheableStatus::get), Ok(404));
        for text in ["", "100", "199", "206", "304", "600", "4xx", "400-404", "+404", "40 4"] {
            assert!(CacheableStatus::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_names_in_the_braces_of_a_tag_are_found() {
        let names = |text| TagText::names_in(text).collect::<Vec<_>>();
        assert_eq!(names("product-{id}-{query.page}{header.x-shop}"), ["id", "query.page", "header.x-shop"]);
        assert_eq!(names("plain {} {open"), [""; 0]);
        assert_eq!(names("{{id}}"), ["id"]);
        assert_eq!(names(&("{".repeat(1 << 20) + "id}")), ["id"]);
        assert!(TagText::is_header("header.x-shop") && !TagText::is_header("header.a b"));
        assert!(TagText::is_query("query.a") && !TagText::is_query("query."));
    }

    #[test]
    fn a_star_stands_at_the_end_of_a_pattern() {
        assert!(QueryPattern::read("utm_*").is_ok() && QueryPattern::read("page").is_ok());
        for text in ["", "*", "*a", "a*b", "a**", "a\n"] {
            assert!(QueryPattern::read(text).is_err(), "{text}");
        }
    }
}
