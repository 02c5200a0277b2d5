//! What a request asks of a cache (RFC 9111 section 5.2.1).
//!
//! *Promise*: of a directive that comes several times the strictest counts; one that cannot be read asks for nothing.
//! *Cost*: one pass over the fields of each request, and no allocation.

use crate::directives::{Argument, Directive, directives};
use crate::{Reason, Settings, ranges};
use message::{Method, Name, RequestHead};

/// What a request asks of a cache. Seconds are capped at 2^31 (RFC 9111 section 1.2.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own about the request")]
pub struct Asked {
    /// It does not ask the cache at all, and its answer is not kept.
    pub bypass: Option<Reason>,
    /// Nothing without a word of the origin (`no-cache`, or `Pragma: no-cache` without `Cache-Control`).
    pub no_cache: bool,
    /// Its answer is not to be kept.
    pub no_store: bool,
    /// Nothing older than that, in seconds.
    pub max_age: Option<u32>,
    /// Nothing that is fresh for less than that, in seconds.
    pub min_fresh: Option<u32>,
    /// It takes what is stale, for that many seconds at most; `u32::MAX`: however stale.
    pub max_stale: Option<u32>,
    /// It takes what is stale for that many seconds at most, where the origin fails (RFC 5861 section 4).
    pub stale_if_error: Option<u32>,
    /// It takes only what is there: else 504.
    pub only_if_cached: bool,
    /// It is a HEAD.
    pub is_head: bool,
    /// It has `If-None-Match` or `If-Modified-Since`.
    pub is_conditional: bool,
    /// It has a `Range` that counts (a GET, in bytes).
    pub has_range: bool,
    /// It has `Authorization`, or its caller was identified in another way.
    pub is_identified: bool,
    /// It has cookies.
    pub has_cookies: bool,
}

impl Asked {
    /// Reads it. `is_identified`: a caller is known by other means than `Authorization`.
    pub fn read(head: &RequestHead, has_body: bool, settings: &Settings, is_identified: bool) -> Self {
        let mut asked = Self { is_head: head.method == Method::HEAD, is_identified, ..Self::default() };
        let (mut has_control, mut has_pragma, mut needs_origin) = (false, false, false);
        for (name, _, value) in head.fields.iter() {
            match name {
                Name::CacheControl => {
                    has_control = true;
                    asked.hear(value, settings.client_control);
                }
                Name::Pragma => has_pragma |= directives(value).any(|(it, _)| it == Directive::NoCache),
                Name::IfNoneMatch | Name::IfModifiedSince => asked.is_conditional = true,
                Name::IfMatch | Name::IfUnmodifiedSince => needs_origin = true,
                Name::Range => asked.has_range = true,
                Name::Authorization => asked.is_identified = true,
                Name::Cookie => asked.has_cookies = true,
                _ => {}
            }
        }
        asked.has_range &= head.method == Method::GET && ranges::asked(&head.fields).is_some();
        // Section 5.4: `Pragma` counts where `Cache-Control` is not there at all.
        asked.no_cache |= has_pragma && !has_control && settings.client_control;
        asked.bypass = asked.bypass(head, has_body, needs_origin);
        asked
    }

    /// Takes a line of `Cache-Control`.
    fn hear(&mut self, line: &[u8], counts: bool) {
        for (directive, argument) in directives(line) {
            // Section 5.2.1.7: asking for less work is always allowed.
            if directive == Directive::OnlyIfCached {
                self.only_if_cached = true;
            } else if counts {
                self.hear_one(directive, &argument);
            }
        }
    }

    fn hear_one(&mut self, directive: Directive, argument: &Argument<'_>) {
        let lower = |before: Option<u32>| match (before, argument.seconds()) {
            (Some(before), Some(now)) => Some(before.min(now)),
            (before, now) => before.or(now),
        };
        match directive {
            Directive::NoCache => self.no_cache = true,
            Directive::NoStore => self.no_store = true,
            Directive::MaxAge => self.max_age = lower(self.max_age),
            Directive::StaleIfError => self.stale_if_error = lower(self.stale_if_error),
            Directive::MinFresh => self.min_fresh = self.min_fresh.max(argument.seconds()),
            // Section 5.2.1.2: without a number, however stale.
            Directive::MaxStale if *argument == Argument::None => {
                self.max_stale = self.max_stale.or(Some(u32::MAX));
            }
            Directive::MaxStale => self.max_stale = lower(self.max_stale),
            _ => {}
        }
    }

    /// Why it goes past the cache, if it does.
    fn bypass(&self, head: &RequestHead, has_body: bool, needs_origin: bool) -> Option<Reason> {
        if !matches!(head.method, Method::GET | Method::HEAD) {
            Some(Reason::Method)
        } else if head.upgrade.is_some() {
            Some(Reason::Upgrade)
        } else if has_body {
            Some(Reason::RequestBody)
        } else if self.no_store {
            Some(Reason::RequestNoStore)
        } else if needs_origin {
            // Section 4.3.2: these are not for caches to answer.
            Some(Reason::RequestConditions)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{get, request};
    use proptest::prelude::*;

    fn read(lines: &[(&str, &str)]) -> Asked {
        Asked::read(&get("/", lines), false, &Settings::default(), false)
    }

    fn control(line: &str) -> Asked {
        read(&[("Cache-Control", line)])
    }

    #[test]
    fn directives_are_read_and_the_strictest_counts() {
        let none = Asked::default();
        let rows: &[(&str, Asked)] = &[
            ("", none.clone()),
            ("foo, max-agex=5, foo=\"no-cache\"", none.clone()),
            ("max-age=5", Asked { max_age: Some(5), ..none.clone() }),
            ("MAX-AGE=\"5\"", Asked { max_age: Some(5), ..none.clone() }),
            ("max-age=5, max-age=3, max-age=9", Asked { max_age: Some(3), ..none.clone() }),
            ("max-age=x, max-age=-1, max-age, max-age =1", none.clone()),
            ("max-age=99999999999", Asked { max_age: Some(1 << 31), ..none.clone() }),
            ("min-fresh=5, min-fresh=9", Asked { min_fresh: Some(9), ..none.clone() }),
            ("max-stale", Asked { max_stale: Some(u32::MAX), ..none.clone() }),
            ("max-stale=7", Asked { max_stale: Some(7), ..none.clone() }),
            ("max-stale, max-stale=7", Asked { max_stale: Some(7), ..none.clone() }),
            ("max-stale=7, max-stale", Asked { max_stale: Some(7), ..none.clone() }),
            ("max-stale=", none.clone()),
            ("no-cache, only-if-cached", Asked { no_cache: true, only_if_cached: true, ..none.clone() }),
            ("no-cache=\"x\"", Asked { no_cache: true, ..none.clone() }),
            ("stale-if-error=60", Asked { stale_if_error: Some(60), ..none.clone() }),
            ("no-store", Asked { no_store: true, bypass: Some(Reason::RequestNoStore), ..none.clone() }),
        ];
        for (line, want) in rows {
            assert_eq!(control(line), *want, "{line}");
        }
        assert_eq!(
            read(&[("Cache-Control", "max-age=5"), ("Cache-Control", "min-fresh=1")]).max_age,
            Some(5)
        );
    }

    #[test]
    fn pragma_counts_only_without_cache_control() {
        // Section 5.4.
        assert!(read(&[("Pragma", "foo, No-Cache")]).no_cache);
        assert!(!read(&[("Pragma", "no-cache"), ("Cache-Control", "max-stale")]).no_cache);
        assert!(!read(&[("Pragma", "no-store")]).no_store);
    }

    #[test]
    fn clients_without_control_ask_only_for_what_is_there() {
        let settings = Settings { client_control: false, ..Settings::default() };
        let line = "no-cache, no-store, max-age=0, min-fresh=1, max-stale, stale-if-error=9, only-if-cached";
        let read = |lines: &[(&str, &str)]| Asked::read(&get("/", lines), false, &settings, false);
        assert_eq!(read(&[("Cache-Control", line)]), Asked { only_if_cached: true, ..Asked::default() });
        assert_eq!(read(&[("Pragma", "no-cache")]), Asked::default());
    }

    #[test]
    fn some_requests_go_past_the_cache() {
        let read =
            |head: &RequestHead, has_body| Asked::read(head, has_body, &Settings::default(), false).bypass;
        assert_eq!(read(&get("/", &[]), false), None);
        assert_eq!(read(&request(Method::HEAD, "/", &[]), false), None);
        assert_eq!(read(&request(Method::POST, "/", &[]), false), Some(Reason::Method));
        assert_eq!(read(&get("/", &[]), true), Some(Reason::RequestBody));
        assert_eq!(read(&get("/", &[("If-Match", "*")]), false), Some(Reason::RequestConditions));
        assert_eq!(read(&get("/", &[("If-Unmodified-Since", "x")]), false), Some(Reason::RequestConditions));
        assert_eq!(read(&get("/", &[("If-None-Match", "*")]), false), None);
        let upgrade = RequestHead { upgrade: Some("websocket".into()), ..get("/", &[]) };
        assert_eq!(read(&upgrade, false), Some(Reason::Upgrade));
    }

    #[test]
    fn facts_about_the_request_are_noticed() {
        let asked = read(&[
            ("If-None-Match", "\"a\""),
            ("Range", "BYTES=0-1"),
            ("Cookie", "a=1"),
            ("Authorization", "x"),
        ]);
        assert!(
            asked.is_conditional
                && asked.has_range
                && asked.has_cookies
                && asked.is_identified
                && !asked.is_head
        );
        for range in ["lines=1-2", "bytes=x", "bytes=2-1", "bytes=0-1"] {
            let head = request(Method::HEAD, "/", &[("Range", range)]);
            assert!(!Asked::read(&head, false, &Settings::default(), false).has_range, "{range}");
            assert_eq!(read(&[("Range", range)]).has_range, range == "bytes=0-1", "{range}");
        }
        assert!(Asked::read(&get("/", &[]), false, &Settings::default(), true).is_identified);
    }

    proptest! {
        #[test]
        fn any_line_is_read(line in "(max-age|max-stale|min-fresh|no-cache|[=, \"0-9\\\\]){0,10}") {
            let _ = control(&line);
        }
    }
}
