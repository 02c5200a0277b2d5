//! Text of the file without a copy: a piece of the one text that was read, or a text of its own.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

/// A string that is cheap to clone and, where it stands in the file as it is, holds no memory of its own.
#[derive(Clone)]
pub(crate) enum Text {
    /// Bytes `start..end` of `whole`.
    Piece { whole: Arc<str>, start: u32, end: u32 },
    /// What stands nowhere in the file: the value of a variable, or what escapes stand for.
    Own(Arc<str>),
}

impl Text {
    /// `text`, which stands at byte `at` of `whole`, or else is kept as a text of its own.
    pub(crate) fn at(whole: &Arc<str>, at: usize, text: &str) -> Self {
        let end = at + text.len();
        match (u32::try_from(at), u32::try_from(end)) {
            (Ok(start), Ok(stop)) if whole.get(at..end) == Some(text) => {
                Self::Piece { whole: Arc::clone(whole), start, end: stop }
            }
            _ => Self::Own(text.into()),
        }
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Piece { whole, start, end } => whole.get(*start as usize..*end as usize).unwrap_or(""),
            Self::Own(text) => text,
        }
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::Own(text.into())
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Text {}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_stands_in_the_file_is_a_piece_of_it_and_any_other_its_own() {
        let whole: Arc<str> = "a: \"b\\x41é\"".into();
        assert!(matches!(Text::at(&whole, 4, "b"), Text::Piece { start: 4, end: 5, .. }));
        for (at, text) in [(4, "bA"), (9, "b"), (usize::MAX - 1, "b"), (99, "")] {
            let kept = Text::at(&whole, at.min(usize::MAX - text.len()), text);
            assert!(matches!(kept, Text::Own(_)), "{at} {text}");
            assert_eq!(&*kept, text);
        }
        assert_eq!(std::mem::size_of::<Text>(), 24);
    }
}
