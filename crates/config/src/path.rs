//! The [`Path`] that names one value of the file, and the [`Trail`] that becomes one where it is needed.
//!
//! A walk over the file is at a new place with every value, and has something to say about few of them. So it carries
//! a trail, which lives on the stack and costs nothing, and makes a path only of the places that it talks about.

use std::fmt;

use crate::node::clip;

/// The way from the top of the file to one value: `services.shop.endpoints[0]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path(Vec<Step>);

/// One step down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Key(String),
    Index(usize),
}

impl Path {
    /// The top of the file.
    pub fn new() -> Self {
        Self::default()
    }

    /// The value of `key` below this path.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        let mut path = self.clone();
        path.0.push(Step::Key(key.into()));
        path
    }

    /// The item `index`, counted from 0, of the list at this path.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        let mut path = self.clone();
        path.0.push(Step::Index(index));
        path
    }

    pub(crate) fn steps(&self) -> &[Step] {
        &self.0
    }

    /// The path in words for the message of an error: ``service `shop` ``, `route 3`, `` `timeouts` of route 3 ``.
    pub(crate) fn in_words(&self) -> String {
        let (thing, rest) = match self.0.as_slice() {
            [] => return "the file".into(),
            // Only a list of endpoints is a file without keys.
            [Step::Index(at), rest @ ..] => (format!("endpoint {}", at + 1), rest),
            [Step::Key(list), Step::Key(name), rest @ ..] if list == "services" || list == "plans" => {
                (format!("{} `{name}`", list.trim_end_matches('s')), rest)
            }
            [Step::Key(list), Step::Index(at), rest @ ..]
                if ["routes", "listeners", "consumers"].contains(&list.as_str()) =>
            {
                (format!("{} {}", list.trim_end_matches('s'), at + 1), rest)
            }
            all => return format!("`{}`", Self(all.to_vec())),
        };
        if rest.is_empty() { thing } else { format!("`{}` of {thing}", Self(rest.to_vec())) }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) if at == 0 => write!(f, "{}", clip(key))?,
                Step::Key(key) => write!(f, ".{}", clip(key))?,
            }
        }
        Ok(())
    }
}

/// A way down the tree, each step linked to the one before it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Trail<'t> {
    /// The top of the file.
    Top,
    /// A key of the mapping that the trail leads to.
    Key(&'t Trail<'t>, &'t str),
    /// An item, counted from 0, of the list that the trail leads to.
    Index(&'t Trail<'t>, usize),
}

impl Trail<'_> {
    pub(crate) fn key<'t>(&'t self, key: &'t str) -> Trail<'t> {
        Trail::Key(self, key)
    }

    pub(crate) fn index(&self, index: usize) -> Trail<'_> {
        Trail::Index(self, index)
    }

    /// The same way as a path of its own.
    pub(crate) fn path(&self) -> Path {
        match self {
            Trail::Top => Path::new(),
            Trail::Key(before, key) => before.path().key(key),
            Trail::Index(before, index) => before.path().index(*index),
        }
    }

    /// See [`Path::in_words`].
    pub(crate) fn in_words(&self) -> String {
        self.path().in_words()
    }
}
