//! Text that was checked: the shape that names, paths and the like have in common.

/// Declares a checked string: its type, its schema format, what is expected, how text becomes it.
macro_rules! word {
    ($(#[$doc:meta])* $name:ident, $format:literal, $expected:literal, $types:expr, $read:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl crate::value::Typed for $name {
            const FORMAT: &'static str = $format;
            const EXPECTED: &'static str = $expected;
            const TYPES: &'static [&'static str] = $types;

            fn read(text: &str) -> Result<Self, crate::value::Bad> {
                let read: fn(&str) -> Result<String, crate::value::Bad> = $read;
                read(text).map(Self)
            }
        }

        crate::value::typed!($name);
    };
}
pub(super) use word;
