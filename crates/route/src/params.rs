//! What the parameters of a path stand for: ranges of the path, found without allocating.

use crate::template::{MAX_PARAMS, PathTemplate};
use std::borrow::Cow;

/// Where the parameters of the found rule lie in the path. Filled by [`Table::find`](crate::Table::find); one
/// may be used again and again. It holds no text: each look asks for the path that was searched.
#[derive(Clone, Debug, Default)]
pub struct Params {
    spans: [Span; MAX_PARAMS],
    len: usize,
    rest: Option<Span>,
}

/// Bytes `start..end` of the path.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Span {
    fn of(self, path: &str) -> Option<&str> {
        path.get(self.start as usize..self.end as usize)
    }
}

impl Params {
    /// No parameters yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many parameters the found rule has.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Has the found rule no parameter?
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The value of the `index`-th parameter as it stands in the path, still percent-encoded. The cheap way for
    /// those who looked up the index of a name when the config was loaded.
    pub fn get<'a>(&self, index: usize, path: &'a str) -> Option<&'a str> {
        self.spans[..self.len].get(index)?.of(path)
    }

    /// What `/*` stands for, without its leading slash and still percent-encoded: `css/a.css` for
    /// `/assets/css/a.css` under `/assets/*`, empty for `/assets`. `None` where the rule has no `/*`.
    pub fn rest<'a>(&self, path: &'a str) -> Option<&'a str> {
        self.rest?.of(path)
    }

    /// The parameters by the names that the found rule's template gives them.
    pub fn named<'a>(&'a self, template: &'a PathTemplate, path: &'a str) -> Named<'a> {
        Named { params: self, template, path }
    }

    pub(crate) fn clear(&mut self) {
        self.len = 0;
        self.rest = None;
    }

    /// Remembers one more value. A template has at most [`MAX_PARAMS`], so none is ever lost.
    pub(crate) fn push(&mut self, span: Span) {
        if let Some(slot) = self.spans.get_mut(self.len) {
            *slot = span;
            self.len += 1;
        }
    }

    pub(crate) fn pop(&mut self) {
        self.len = self.len.saturating_sub(1);
    }

    pub(crate) fn set_rest(&mut self, span: Span) {
        self.rest = Some(span);
    }
}

/// Parameters with their names.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    params: &'a Params,
    template: &'a PathTemplate,
    path: &'a str,
}

impl<'a> Named<'a> {
    /// The value of that name, still percent-encoded.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        let index = self.template.names().position(|n| n == name)?;
        self.params.get(index, self.path)
    }

    /// The value of that name, decoded; borrowed where nothing was encoded.
    pub fn decoded(&self, name: &str) -> Option<Cow<'a, str>> {
        self.get(name).map(message::percent_decoded)
    }

    /// All names and values, from left to right, still percent-encoded.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let (params, path) = (self.params, self.path);
        self.template.names().enumerate().filter_map(move |(i, name)| Some((name, params.get(i, path)?)))
    }
}
