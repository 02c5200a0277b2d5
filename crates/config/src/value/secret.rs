//! Values that are never shown.

use super::Bad;

/// Declares a checked secret: its type, its schema format, what is expected, how text is checked.
macro_rules! secret {
    ($(#[$doc:meta])* $name:ident, $format:literal, $expected:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq)]
        pub struct $name(String);

        impl $name {
            /// The text itself.
            pub fn reveal(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("***")
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("***")
            }
        }

        impl crate::value::Typed for $name {
            const FORMAT: &'static str = $format;
            const EXPECTED: &'static str = $expected;
            const SECRET: bool = true;

            fn read(text: &str) -> Result<Self, crate::value::Bad> {
                let check: fn(&str) -> Result<(), crate::value::Bad> = $check;
                check(text).map(|()| Self(text.into()))
            }
        }

        crate::value::typed!($name);
    };
}
pub(super) use secret;

secret!(
    /// A secret. Wherever it is printed or serialised it is `***`; only [`Secret::reveal`] gives it away.
    Secret, "secret", "a secret: `${ENV}`, `file:/path`, or the text itself", |text| {
        if text.is_empty() { Err(Bad::because("it is empty")) } else { Ok(()) }
    }
);

secret!(
    /// A secret that is a key: too long to be guessed. It is never shown; only [`KeySecret::reveal`] gives it away.
    KeySecret, "key secret", "a secret of at least 32 characters: `${ENV}`, `file:/path`, or the text itself", |text| {
        // As many bytes as HMAC-SHA-256 asks for (RFC 7518 section 3.2).
        if text.len() < 32 {
            let hint = "`openssl rand -base64 32` makes one";
            return Err(Bad::because("it is shorter than 32 characters, which can be guessed").hint(hint));
        }
        Ok(())
    }
);
