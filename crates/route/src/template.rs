//! Paths that a rule is for: `/v1/products/{id}`, `/v1/orders/*`.
//!
//! A template is normalised the way every request's path is (`message::Target::parse`), so the two meet in one
//! spelling. The trailing slash means something: `/a` and `/a/` are two paths, but `/a/*` takes both.

use message::{BadTarget, Target};
use std::fmt;
use std::sync::Arc;

/// The most segments a template may have; it bounds how deep a search goes.
pub const MAX_SEGMENTS: usize = 64;
/// The most parameters a template may have; it bounds what a search remembers.
pub const MAX_PARAMS: usize = 16;

/// Why a path template was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPath {
    /// It does not start with `/`.
    #[error("a path starts with `/`, such as `/v1/products/{{id}}`")]
    NotAPath,
    /// A request with that path would be refused.
    #[error("no request can have this path: {0}")]
    Target(BadTarget),
    /// A `?` in the path.
    #[error("a path holds no query: match parameters with `query`")]
    Query,
    /// `//` in the middle.
    #[error("a path holds no empty segment: write `/a/b`, not `/a//b`")]
    EmptySegment,
    /// A brace that does not enclose a whole segment.
    #[error(
        "a parameter is a whole segment: write `/{{id}}`; parts such as `/{{id}}.json` are not supported"
    )]
    PartOfSegment,
    /// `{}` or `{a b}`.
    #[error("a parameter is named with letters, digits, `_` and `-`, such as `{{id}}`")]
    ParamName,
    /// The same name twice.
    #[error("two parameters of one path have the same name")]
    SameName,
    /// A `*` elsewhere than as the whole last segment.
    #[error("`*` stands only at the end for the rest of the path, such as `/v1/orders/*`")]
    Star,
    /// More than [`MAX_SEGMENTS`] segments.
    #[error("a path has at most {MAX_SEGMENTS} segments")]
    TooManySegments,
    /// More than [`MAX_PARAMS`] parameters.
    #[error("a path has at most {MAX_PARAMS} parameters")]
    TooManyParams,
}

/// What one segment of a template takes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Segment {
    /// This text. Empty only as the last one: the trailing slash.
    Static(Box<str>),
    /// `{name}`: any one segment that is not empty.
    Param,
    /// `*`: whatever follows, also nothing.
    Rest,
}

/// A checked path template. A clone shares what it holds: a site keeps each template more than once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PathTemplate(Arc<Parts>);

#[derive(Debug, PartialEq, Eq, Hash)]
struct Parts {
    segments: Box<[Segment]>,
    names: Box<[Box<str>]>,
}

impl PathTemplate {
    /// Reads a template. `{name}` is one segment that is not empty; `/*` at the end is the rest: `/a/*` takes
    /// `/a`, `/a/` and all below.
    pub fn parse(text: &str) -> Result<Self, BadPath> {
        if !text.starts_with('/') {
            return Err(BadPath::NotAPath);
        }
        let target = Target::parse(text.as_bytes(), false).map_err(BadPath::Target)?;
        if target.query().is_some() {
            return Err(BadPath::Query);
        }
        let mut segments = Vec::new();
        let mut names: Vec<Box<str>> = Vec::new();
        let mut texts = target.path()[1..].split('/').peekable();
        while let Some(text) = texts.next() {
            let last = texts.peek().is_none();
            let segment = match text {
                "*" if last => Segment::Rest,
                "" if !last => return Err(BadPath::EmptySegment),
                text if text.contains('*') => return Err(BadPath::Star),
                text if text.contains(['{', '}']) => {
                    names.push(param_name(text)?.into());
                    Segment::Param
                }
                text => Segment::Static(text.into()),
            };
            segments.push(segment);
        }
        check_bounds(&segments, &names)?;
        Ok(Self(Arc::new(Parts { segments: segments.into(), names: names.into() })))
    }

    /// The names of the parameters, from left to right: the `i`-th names the `i`-th value of
    /// [`Params`](crate::Params).
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.names.iter().map(|name| &**name)
    }

    pub(crate) fn segments(&self) -> &[Segment] {
        &self.0.segments
    }
}

impl fmt::Display for PathTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names = self.names();
        self.0.segments.iter().try_for_each(|segment| match segment {
            Segment::Static(text) => write!(f, "/{text}"),
            Segment::Param => write!(f, "/{{{}}}", names.next().unwrap_or_default()),
            Segment::Rest => f.write_str("/*"),
        })
    }
}

/// The name in `{name}`.
fn param_name(segment: &str) -> Result<&str, BadPath> {
    let name = segment
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
        .filter(|name| !name.contains(['{', '}']))
        .ok_or(BadPath::PartOfSegment)?;
    let named_well = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if name.is_empty() || !named_well { Err(BadPath::ParamName) } else { Ok(name) }
}

fn check_bounds(segments: &[Segment], names: &[Box<str>]) -> Result<(), BadPath> {
    if segments.len() > MAX_SEGMENTS {
        Err(BadPath::TooManySegments)
    } else if names.len() > MAX_PARAMS {
        Err(BadPath::TooManyParams)
    } else if names.iter().enumerate().any(|(i, name)| names[..i].contains(name)) {
        Err(BadPath::SameName)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_normalised_as_requests_are() {
        for (text, want) in [
            ("/", "/"),
            ("/*", "/*"),
            ("/v1/products/{id}", "/v1/products/{id}"),
            ("/v1/orders/*", "/v1/orders/*"),
            ("/a/", "/a/"),
            ("/%61/%2d%7e/x%2fy", "/a/-~/x%2Fy"),
            ("/a/./b/../c", "/a/c"),
            ("/{a}/{b_1}/{c-2}/*", "/{a}/{b_1}/{c-2}/*"),
            ("/%7Bid%7D", "/%7Bid%7D"),
        ] {
            assert_eq!(PathTemplate::parse(text).map(|t| t.to_string()).as_deref(), Ok(want), "{text}");
        }
        let template = PathTemplate::parse("/{a}/x/{b}").unwrap();
        assert_eq!(template.names().collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn a_bad_template_is_refused_with_its_reason() {
        for (text, want) in [
            ("", BadPath::NotAPath),
            ("a", BadPath::NotAPath),
            ("*", BadPath::NotAPath),
            ("/a b", BadPath::Target(BadTarget::Character)),
            ("/é", BadPath::Target(BadTarget::Character)),
            ("/%zz", BadPath::Target(BadTarget::Percent)),
            ("/../a", BadPath::Target(BadTarget::AboveRoot)),
            ("/a?b=c", BadPath::Query),
            ("/a?", BadPath::Query),
            ("//a", BadPath::EmptySegment),
            ("/a//", BadPath::EmptySegment),
            ("/{id}.json", BadPath::PartOfSegment),
            ("/v{id}", BadPath::PartOfSegment),
            ("/{a}{b}", BadPath::PartOfSegment),
            ("/{a", BadPath::PartOfSegment),
            ("/a}", BadPath::PartOfSegment),
            ("/{}", BadPath::ParamName),
            ("/{a.b}", BadPath::ParamName),
            ("/{id}/x/{id}", BadPath::SameName),
            ("/a/*/b", BadPath::Star),
            ("/a*", BadPath::Star),
            ("/**", BadPath::Star),
            ("/*/", BadPath::Star),
            ("/{a*}", BadPath::Star),
        ] {
            assert_eq!(PathTemplate::parse(text), Err(want), "{text}");
        }
        let many = |n: usize| (0..n).fold(String::new(), |path, i| format!("{path}/{{p{i}}}"));
        assert!(PathTemplate::parse(&many(MAX_PARAMS)).is_ok());
        assert_eq!(PathTemplate::parse(&many(MAX_PARAMS + 1)), Err(BadPath::TooManyParams));
        assert!(PathTemplate::parse(&"/a".repeat(MAX_SEGMENTS)).is_ok());
        assert_eq!(PathTemplate::parse(&"/a".repeat(MAX_SEGMENTS + 1)), Err(BadPath::TooManySegments));
    }
}
