//! CEL expressions, bounded. Whether they compile is asked where they are compiled, by `tidegate check` as well.

use super::{Bad, word};

/// Bytes of one expression.
const MAX: usize = 4 * 1024;

word!(
    /// A CEL expression over `request`, `caller` and `claims`, at most 4 KiB.
    Expression, "expression", "a CEL expression such as `claims.scope.contains(\"orders\")`, at most 4 KiB",
    &["string", "boolean"], |text| {
        if text.trim().is_empty() {
            return Err(Bad::because("it is empty"));
        }
        if text.len() > MAX {
            return Err(Bad::because("it is longer than 4 KiB"));
        }
        if text.contains(|c: char| c.is_control() && !c.is_ascii_whitespace()) {
            return Err(Bad::because("it holds control characters"));
        }
        Ok(text.into())
    }
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Typed;

    #[test]
    fn an_expression_is_bounded() {
        assert!(Expression::read("true").is_ok());
        assert!(Expression::read("a &&\n  b").is_ok());
        assert!(Expression::read(&"a".repeat(MAX)).is_ok());
        for text in ["", "  ", "a\0", &"a".repeat(MAX + 1)] {
            assert!(Expression::read(text).is_err(), "{text}");
        }
    }
}
