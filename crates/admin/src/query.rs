//! The query of a request, as a form writes it.

use message::percent_decoded;

/// A query string.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Query<'a>(&'a str);

impl<'a> Query<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        Self(text)
    }

    /// The values of a parameter, in their order.
    pub(crate) fn all(self, name: &'a str) -> impl Iterator<Item = String> {
        let value = move |pair: &'a str| pair.strip_prefix(name)?.strip_prefix('=');
        self.0.split('&').filter_map(value).map(decoded)
    }

    /// The first of them.
    pub(crate) fn first(self, name: &'a str) -> Option<String> {
        self.all(name).next()
    }
}

fn decoded(value: &str) -> String {
    // A form writes a space as a plus.
    percent_decoded(&value.replace('+', " ")).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_and_names_are_whole_names() {
        let query = Query::of("urls=no&url=http%3A%2F%2Fa%3A1&url=b+c&url");
        assert_eq!(query.all("url").collect::<Vec<_>>(), ["http://a:1", "b c"]);
        assert_eq!(query.first("ur"), None);
    }
}
