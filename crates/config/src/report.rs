//! Everything that is wrong with a config file, told at once: [`Problem`]s collected in a [`Report`].
//!
//! The rooms' own checks, which run after the file became [`crate::File`], add theirs with [`Report::add`]: the
//! report knows the file's tree and finds the place of a [`Path`] by itself. *Not here*: how a problem looks
//! (`render.rs`).

use serde_json::{Value, json};

use crate::path::Path;
use crate::source::{Source, Span, without_credentials};

/// Problems kept; more are only counted, so that a large broken file cannot fill the memory.
const MAX_PROBLEMS: usize = 200;

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file works, but probably not as meant.
    Warning,
}

impl Severity {
    /// The word that texts and JSON use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub message: String,
    /// The key path, `services.shop.endpoints[0]`; empty where the problem is about the whole file.
    pub path: String,
    /// The place in the file, where there is one.
    pub span: Option<Span>,
    /// What was expected there.
    pub expected: Option<String>,
    /// What was found instead.
    pub found: Option<String>,
    /// What to do.
    pub hint: Option<String>,
    /// Another place that belongs to the problem, and what it is.
    pub also: Option<(Span, String)>,
}

impl Problem {
    pub(crate) fn new(severity: Severity, message: impl Into<String>) -> Self {
        let (path, span) = (String::new(), None);
        Self {
            severity,
            message: message.into(),
            path,
            span,
            expected: None,
            found: None,
            hint: None,
            also: None,
        }
    }

    pub(crate) fn error(message: impl Into<String>) -> Self {
        Self::new(Severity::Error, message)
    }

    pub(crate) fn warning(message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, message)
    }

    pub(crate) fn at(mut self, span: Span) -> Self {
        self.span = Some(span);
        self
    }

    pub(crate) fn path(mut self, path: &Path) -> Self {
        self.path = path.to_string();
        self
    }

    pub(crate) fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    pub(crate) fn found(mut self, found: impl Into<String>) -> Self {
        self.found = Some(found.into());
        self
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint.or(self.hint);
        self
    }

    pub(crate) fn also(mut self, span: Span, note: impl Into<String>) -> Self {
        self.also = Some((span, note.into()));
        self
    }

    pub(crate) fn boxed(self) -> Box<Self> {
        Box::new(self)
    }
}

/// All problems of one file.
#[derive(Clone, Debug, Default)]
pub struct Report {
    source: Box<Source>,
    problems: Vec<Problem>,
    left_out: usize,
}

impl Report {
    /// A report without problems about `source`.
    pub fn new(source: Source) -> Self {
        Self { source: Box::new(source), ..Self::default() }
    }

    /// The file that the problems are about.
    pub fn source(&self) -> &Source {
        &self.source
    }

    pub(crate) fn source_mut(&mut self) -> &mut Source {
        &mut self.source
    }

    /// Adds an error about the value at `path`: what is wrong in one line, what was expected there, what to do.
    pub fn add(
        &mut self,
        path: &Path,
        message: impl Into<String>,
        expected: Option<&str>,
        hint: Option<&str>,
    ) {
        let problem = Problem::error(message);
        self.push_at(
            path,
            Problem { expected: expected.map(Into::into), hint: hint.map(Into::into), ..problem },
        );
    }

    /// Adds a warning about the value at `path`: what is doubtful in one line, and what to do.
    pub fn warn(&mut self, path: &Path, message: impl Into<String>, hint: Option<&str>) {
        let problem = Problem::warning(message);
        self.push_at(path, Problem { hint: hint.map(Into::into), ..problem });
    }

    /// Adds a problem at the place of `path`, where it has none of its own.
    pub(crate) fn push_at(&mut self, path: &Path, problem: Problem) {
        let span = problem.span.or_else(|| self.source.tree().map(|tree| tree.locate(path)));
        self.push(Problem { span, ..problem.path(path) });
    }

    /// Adds a problem; a URL that one of its texts repeats loses user and password.
    pub(crate) fn push(&mut self, mut problem: Problem) {
        problem.message = without_credentials(&problem.message);
        for text in [&mut problem.expected, &mut problem.found, &mut problem.hint].into_iter().flatten() {
            *text = without_credentials(text);
        }
        if self.problems.len() < MAX_PROBLEMS { self.problems.push(problem) } else { self.left_out += 1 }
    }

    /// Whether there is an error, so that the file cannot be used.
    pub fn has_errors(&self) -> bool {
        self.left_out > 0 || self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// The problems in the order of the file, those without a place first.
    pub fn problems(&self) -> Vec<&Problem> {
        let mut problems: Vec<&Problem> = self.problems.iter().collect();
        problems.sort_by_key(|problem| problem.span.map(|span| span.start));
        problems
    }

    /// How many problems were counted but not kept.
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// The text for people; with `colour`, with ANSI escapes for a terminal.
    pub fn render(&self, colour: bool) -> String {
        crate::render::report(self, colour)
    }

    /// The problems for programs: a list of objects, lines and columns counted from 1.
    pub fn to_json(&self) -> Value {
        self.problems().into_iter().map(|problem| self.problem_json(problem)).collect()
    }

    fn problem_json(&self, problem: &Problem) -> Value {
        let start = problem.span.map(|span| self.source.position(span.start));
        let end = problem.span.map(|span| self.source.position(span.end));
        json!({
            "severity": problem.severity.name(),
            "message": problem.message,
            "file": self.source.name(),
            "line": start.map(|at| at.0),
            "column": start.map(|at| at.1),
            "end_line": end.map(|at| at.0),
            "end_column": end.map(|at| at.1),
            "path": problem.path,
            "expected": problem.expected,
            "found": problem.found,
            "hint": problem.hint,
        })
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Report {}
