//! What the origin says of caching: `Cache-Control`, or a targeted field in its place (RFC 9213 section 2.2).
//!
//! *Promise*: what forbids is taken in any form, what allows only in its own. A span that is said twice and differs, or cannot be
//! read, counts as said and as worth nothing (RFC 9111 section 4.2.1), so the response is stale.
//! *Not here*: `Expires`, `Date` and what the operator says (`lifetime`).

use crate::Settings;
use crate::directives::{Argument, Directive, directives};
use crate::structured::{self, Value};
use message::{Fields, Name};

/// What the origin says of caching.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "they are the words of a list, each there or not")]
pub(crate) struct Policy {
    pub(crate) no_store: bool,
    /// All of the response, not single fields.
    pub(crate) no_cache: bool,
    /// All of the response, not single fields.
    pub(crate) private: bool,
    pub(crate) public: bool,
    pub(crate) must_revalidate: bool,
    pub(crate) proxy_revalidate: bool,
    pub(crate) must_understand: bool,
    pub(crate) max_age: Span,
    pub(crate) s_maxage: Span,
    pub(crate) stale_while_revalidate: Span,
    pub(crate) stale_if_error: Span,
    /// Fields that are not kept, in lower case: `no-cache="..."` and `private="..."` name them.
    pub(crate) withheld: Vec<Box<[u8]>>,
    /// It comes from a targeted field: `Cache-Control` and `Expires` do not count.
    pub(crate) is_targeted: bool,
}

/// A span of time that the origin may have told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Span {
    /// It has not.
    #[default]
    Absent,
    /// It has, but it cannot be read, or there are several.
    Invalid,
    /// Seconds.
    Of(u32),
}

impl Span {
    /// Takes note of what stands in a directive.
    fn hear(&mut self, argument: &Argument<'_>) {
        let said = argument.seconds().map_or(Self::Invalid, Self::Of);
        *self = if *self == Self::Absent || *self == said { said } else { Self::Invalid };
    }

    /// Was something said?
    pub(crate) fn is_said(self) -> bool {
        self != Self::Absent
    }

    /// Seconds, where something was said: 0 for what cannot be read.
    pub(crate) fn seconds(self) -> Option<u32> {
        match self {
            Self::Absent => None,
            Self::Invalid => Some(0),
            Self::Of(seconds) => Some(seconds),
        }
    }
}

impl Policy {
    /// Reads what a response says.
    pub(crate) fn of(fields: &Fields, settings: &Settings) -> Self {
        if let Some(policy) = settings.targeted.iter().find_map(|name| Self::targeted(fields, name)) {
            return policy;
        }
        let mut policy = Self::default();
        for (directive, argument) in fields.all(Name::CacheControl).flat_map(directives) {
            policy.hear(directive, &argument);
        }
        policy
    }

    /// What a targeted field says. `None` where it is not there, empty, or broken.
    fn targeted(fields: &Fields, name: &str) -> Option<Self> {
        let mut lines = fields.all_named(name);
        let mut text = lines.next()?.to_vec();
        for line in lines {
            text.extend_from_slice(b", ");
            text.extend_from_slice(line);
        }
        // The last value of a key counts (RFC 9651 section 4.2.2), so values are heard when all are known.
        let mut said: Vec<(Directive, Value<'_>)> = Vec::new();
        let count = structured::dictionary(&text, |key, value| {
            if let Some(directive) = Directive::of(key) {
                said.retain(|(other, _)| *other != directive);
                said.push((directive, value));
            }
        })?;
        if count == 0 {
            return None;
        }
        let mut policy = Self { is_targeted: true, ..Self::default() };
        for (directive, value) in said {
            if let Some(argument) = argument(value) {
                policy.hear(directive, &argument);
            }
        }
        Some(policy)
    }

    fn hear(&mut self, directive: Directive, argument: &Argument<'_>) {
        let is_alone = *argument == Argument::None;
        match directive {
            Directive::MaxAge => self.max_age.hear(argument),
            Directive::SMaxage => self.s_maxage.hear(argument),
            Directive::StaleWhileRevalidate => self.stale_while_revalidate.hear(argument),
            Directive::StaleIfError => self.stale_if_error.hear(argument),
            Directive::NoStore => self.no_store = true,
            Directive::MustRevalidate => self.must_revalidate = true,
            Directive::ProxyRevalidate => self.proxy_revalidate = true,
            Directive::NoCache => self.no_cache |= !self.withhold(argument),
            Directive::Private => self.private |= !self.withhold(argument),
            Directive::Public => self.public |= is_alone,
            Directive::MustUnderstand => self.must_understand |= is_alone,
            // Of requests only.
            Directive::MinFresh | Directive::MaxStale | Directive::OnlyIfCached => {}
        }
    }

    /// Takes note of the fields that a directive names. False where it names none, or one without which this cache could not go on
    /// as the origin wants: then the directive is for the whole response, which is always allowed (RFC 9111 sections 5.2.2.4, 5.2.2.7).
    fn withhold(&mut self, argument: &Argument<'_>) -> bool {
        let Some(names) = argument.field_names() else { return false };
        if names.iter().any(|name| is_needed(name)) {
            return false;
        }
        self.withheld.extend(names);
        true
    }
}

/// The argument that a structured value is. A value of another type than the directive's is not consumed (RFC 9213 section 2.1): for
/// a number that means none that could be read. `?0` is as if the directive were not there.
fn argument(value: Value<'_>) -> Option<Argument<'_>> {
    match value {
        Value::Boolean(true) => Some(Argument::None),
        Value::Boolean(false) => None,
        Value::Integer(seconds) if seconds >= 0 => {
            let seconds = u32::try_from(seconds).unwrap_or(crate::dates::LONGEST);
            Some(Argument::Number(seconds.min(crate::dates::LONGEST)))
        }
        Value::String(text) => Some(Argument::String(text)),
        Value::Integer(_) | Value::Other => Some(Argument::Malformed),
    }
}

/// Does this cache's own judgement rest on that field, now or when a 304 comes?
fn is_needed(name: &[u8]) -> bool {
    matches!(name, b"cache-control" | b"date" | b"expires" | b"vary" | b"content-encoding")
}

#[cfg(test)]
mod tests;
