//! A value that is never shown.

use std::fmt;

use super::{Bad, Typed, typed};

/// A secret. Wherever it is printed or serialised it is `***`; only [`Secret::reveal`] gives it away.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The secret itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Typed for Secret {
    const FORMAT: &'static str = "secret";
    const EXPECTED: &'static str = "a secret: `${ENV}`, `file:/path`, or the text itself";

    fn read(text: &str) -> Result<Self, Bad> {
        if text.is_empty() { Err(Bad::because("it is empty")) } else { Ok(Self(text.into())) }
    }
}

typed!(Secret);
