//! A report as text, in the form that compilers made familiar: message, place, source line, caret, hint.
//!
//! *Promise*: what the source says must not be shown is shown as `***`, and a line is never longer than a screen.

use std::fmt::Write as _;

use crate::report::{Problem, Report, Severity};
use crate::source::{Source, Span};

/// Columns of source that are shown of a long line, and how many of them stand before the caret.
const WIDTH: usize = 120;
const BEFORE: usize = 60;

/// The whole report, ending with the count.
pub(crate) fn report(report: &Report, colour: bool) -> String {
    let paint = Paint(colour);
    let mut out = String::new();
    let gutter = report
        .problems()
        .iter()
        .filter_map(|p| p.span)
        .map(|s| digits(report.source(), s))
        .max()
        .unwrap_or(0);
    for problem in report.problems() {
        one(&mut out, report.source(), problem, gutter, paint);
        out.push('\n');
    }
    if report.left_out() > 0 {
        let _ = writeln!(out, "and {} more problems", report.left_out());
    }
    out + &count(report) + "\n"
}

fn count(report: &Report) -> String {
    let of = |severity| report.problems().iter().filter(|problem| problem.severity == severity).count();
    let plural = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    let counts = match (of(Severity::Error) + report.left_out(), of(Severity::Warning)) {
        (errors, 0) => plural(errors, "error"),
        (0, warnings) => plural(warnings, "warning"),
        (errors, warnings) => format!("{} and {}", plural(errors, "error"), plural(warnings, "warning")),
    };
    format!("{counts} in {}", report.source().name())
}

fn digits(source: &Source, span: Span) -> usize {
    source.position(span.start).0.to_string().len()
}

fn one(out: &mut String, source: &Source, problem: &Problem, gutter: usize, paint: Paint) {
    let tint = if problem.severity == Severity::Error { RED } else { YELLOW };
    let _ =
        writeln!(out, "{}: {}", paint.on(tint, problem.severity.name()), paint.on(BOLD, &problem.message));
    let label = match (&problem.expected, &problem.found) {
        (Some(expected), Some(found)) => format!("expected {expected}, found {found}"),
        (Some(expected), None) => format!("expected {expected}"),
        (None, Some(found)) => format!("found {found}"),
        (None, None) => String::new(),
    };
    let note = |text: &str| format!("{:gutter$} {} {text}\n", "", paint.on(BLUE, "="));
    if let Some(span) = problem.span {
        place(out, source, span, &problem.path, &label, (gutter, tint, paint));
    } else if !label.is_empty() {
        out.push_str(&note(&label));
    }
    if let Some((span, text)) = &problem.also {
        place(out, source, *span, "", text, (gutter, BLUE, paint));
    }
    if let Some(hint) = &problem.hint {
        out.push_str(&note(&format!("help: {hint}")));
    }
}

/// The arrow with file, line, column and key path, then the line with the caret under it.
fn place(
    out: &mut String,
    source: &Source,
    span: Span,
    path: &str,
    label: &str,
    style: (usize, &str, Paint),
) {
    let (gutter, tint, paint) = style;
    let (line, column) = source.position(span.start);
    let path = if path.is_empty() { String::new() } else { format!(" ({path})") };
    let bar = paint.on(BLUE, "|");
    let (text, from, to) = line_with_caret(source, source.line(line), span);
    let carets = format!("{} {label}", "^".repeat(to - from));
    let _ = writeln!(out, "{:gutter$}{} {}:{line}:{column}{path}", "", paint.on(BLUE, "-->"), source.name());
    let _ = writeln!(out, "{:gutter$} {bar}", "");
    let _ = writeln!(out, "{line:>gutter$} {bar} {text}");
    let _ = writeln!(out, "{:gutter$} {bar} {}{}", "", " ".repeat(from), paint.on(tint, carets.trim_end()));
}

/// The line as it is shown, and the columns (from 0) between which the carets stand.
fn line_with_caret(source: &Source, line: Span, span: Span) -> (String, usize, usize) {
    let masks = source.masks(line);
    let mut shown: Vec<char> = Vec::new();
    let (mut from, mut to) = (None, None);
    let mut masked_until = 0;
    for (offset, c) in source.text().get(line.start..line.end).unwrap_or("").char_indices() {
        let byte = line.start + offset;
        if byte >= span.start && from.is_none() {
            from = Some(shown.len());
        }
        if byte >= span.end && to.is_none() {
            to = Some(shown.len());
        }
        match masks.iter().find(|mask| mask.start <= byte && byte < mask.end) {
            Some(mask) if masked_until < mask.end => {
                shown.extend("***".chars());
                masked_until = mask.end;
            }
            Some(_) => {}
            None if c == '\t' => shown.extend("    ".chars()),
            None => shown.push(if c.is_control() { '\u{fffd}' } else { c }),
        }
    }
    let from = from.unwrap_or(shown.len());
    window(&shown, from, to.unwrap_or(shown.len()).max(from + 1))
}

/// What is shown of a line that is longer than the screen.
fn window(shown: &[char], from: usize, to: usize) -> (String, usize, usize) {
    if shown.len() <= WIDTH {
        return (shown.iter().collect(), from, to);
    }
    let start = from.saturating_sub(BEFORE);
    let end = (start + WIDTH).min(shown.len());
    let lead = if start > 0 { "…" } else { "" };
    let tail = if end < shown.len() { "…" } else { "" };
    let text: String = shown[start..end].iter().collect();
    let shift = |column: usize| column.min(end.max(from + 1)) - start + lead.chars().count();
    (format!("{lead}{text}{tail}"), shift(from), shift(to))
}

const RED: &str = "1;31";
const YELLOW: &str = "1;33";
const BLUE: &str = "1;34";
const BOLD: &str = "1";

/// Whether texts carry ANSI escapes.
#[derive(Clone, Copy)]
struct Paint(bool);

impl Paint {
    fn on(self, tint: &str, text: &str) -> String {
        if self.0 && !text.is_empty() { format!("\x1b[{tint}m{text}\x1b[0m") } else { text.into() }
    }
}
