//! Tags of a route's responses: texts with `{name}` for the parameters of the path, of the query and of fields.

/// A tag in which parameters are filled in: `product-{id}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {}

impl Template {
    /// Reads it. The error says what is wrong, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        todo!()
    }

    /// The names that it needs.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::empty()
    }

    /// The tag with what `value` says of each name. `None` where it has none for one of them: then there is no such tag.
    pub fn fill<'a>(&self, value: impl Fn(&str) -> Option<std::borrow::Cow<'a, str>>) -> Option<Box<str>> {
        todo!()
    }
}
