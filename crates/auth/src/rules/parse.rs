//! From text to a tree, with bounds that hold before the parser is called.
//!
//! The parser walks its input recursively. Its own bound counts brackets, but a chain of a thousand members or sums nests
//! as deep; so what can nest is counted in the text first. What is cut off here is far beyond what anybody reads.

use super::BadRule;
use cel::IdedExpr;
use cel::common::ast::SourceInfo;

/// Longest text, in bytes.
const MOST_TEXT: usize = 4096;
/// Most operators, dots and brackets.
const MOST_MARKS: usize = 512;
/// How deep brackets may nest.
const MOST_DEPTH: u16 = 32;

/// Parses, with the standard macros and without the syntax of optional values.
pub(super) fn parse(text: &str) -> Result<(IdedExpr, SourceInfo), BadRule> {
    let whole = |message: String| BadRule { message, offset: None };
    if text.len() > MOST_TEXT {
        return Err(whole(format!("longer than {MOST_TEXT} bytes")));
    }
    if marks(text) > MOST_MARKS {
        return Err(whole(format!("more than {MOST_MARKS} operators, dots and brackets")));
    }
    let parser = cel::parser::Parser::new().max_recursion_depth(MOST_DEPTH).error_recovery_limit(4);
    parser.parse_with_source_info(text).map_err(|errors| {
        errors.errors.first().map_or_else(
            || whole("not an expression".into()),
            |first| BadRule { message: first.msg.clone(), offset: offset(text, first.pos) },
        )
    })
}

/// How many characters there are that can make a tree deeper, wherever they stand: text in quotes is not told apart.
fn marks(text: &str) -> usize {
    text.bytes().filter(|byte| b".[({?:+-*/%!<>=&|".contains(byte)).count()
}

/// From a line and a column, both from 1, to a place in the text.
fn offset(text: &str, (line, column): (isize, isize)) -> Option<usize> {
    let (line, column) =
        (usize::try_from(line).ok()?.checked_sub(1)?, usize::try_from(column).ok()?.checked_sub(1)?);
    let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let rest = text.get(start..)?;
    Some(start + rest.char_indices().nth(column).map_or(rest.len(), |(at, _)| at))
}
