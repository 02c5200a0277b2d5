//! A text that nobody but its owner may see.
//!
//! There is one way to show it, `Display`, for the one place that hands it to its owner; `Debug` hides it, so it cannot slip
//! into a log with the struct that holds it.

use std::fmt;

/// A password, or the text of a key.
///
/// Two of them cannot be compared with `==`, which takes longer the more of them is alike.
#[derive(Clone)]
pub struct Secret(Box<str>);

impl Secret {
    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<T: Into<Box<str>>> From<T> for Secret {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}
