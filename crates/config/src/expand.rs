//! `${ENV}` and `${ENV:-default}` in values, and `file:/path` for secrets.
//!
//! Expansion comes after the file was read as YAML, so a variable can change one value and never the file's
//! shape. As in a shell, the default is taken where the variable is unset or empty; `$${` is a plain `${`.
//! *Promise*: what a variable or a file holds is never part of an error text.

use std::fs;
use std::io::Read as _;

use crate::node::{Kind, Node, Scalar};
use crate::path::Trail;
use crate::report::{Problem, Report};
use crate::source::{Source, Span};

/// How the environment is asked.
pub type Env<'e> = &'e dyn Fn(&str) -> Option<String>;

/// Bytes that a secret file may hold. Keys and tokens are far smaller.
const MAX_SECRET: u64 = 64 * 1024;

/// Expands every value below `node`; what cannot be expanded becomes [`Kind::Broken`].
pub(crate) fn tree(node: &mut Node, path: &Trail<'_>, env: Env<'_>, report: &mut Report) {
    match &mut node.kind {
        Kind::List(items) => {
            for (at, item) in items.iter_mut().enumerate() {
                tree(item, &path.index(at), env, report);
            }
        }
        Kind::Map(entries) => {
            for entry in entries.iter_mut() {
                tree(&mut entry.value, &path.key(&entry.key), env, report);
            }
        }
        Kind::Scalar(scalar) if scalar.text.contains("${") => {
            if let Err(problem) = scalar_in_place(scalar, node.span, env, report.source()) {
                report.push(problem.path(&path.path()));
                node.kind = Kind::Broken;
            }
        }
        Kind::Scalar(_) | Kind::Broken => {}
    }
}

fn scalar_in_place(
    scalar: &mut Scalar,
    span: Span,
    env: Env<'_>,
    source: &Source,
) -> Result<(), Box<Problem>> {
    let mut text = String::new();
    let mut rest = &*scalar.text;
    let mut used = false;
    while let Some(dollar) = rest.find("${") {
        let before = &rest[..dollar];
        let behind = &rest[dollar + 2..];
        if let Some(literal) = before.strip_suffix('$') {
            text.push_str(literal);
            text.push_str("${");
            rest = behind;
            continue;
        }
        text.push_str(before);
        let Some((inside, after)) = behind.split_once('}') else {
            let problem = Problem::error("this `${` has no `}`").at(within(source, span, "${"));
            return Err(problem.hint("a plain `${` is written `$${`").boxed());
        };
        text.push_str(&variable(inside, env).map_err(|(message, hint)| {
            Problem::error(message)
                .at(within(source, span, &format!("${{{inside}}}")))
                .maybe_hint(hint)
                .boxed()
        })?);
        used = true;
        rest = after;
    }
    text.push_str(rest);
    let typed = std::mem::replace(&mut scalar.text, text.into());
    // A value that only held an escape came from nobody's environment, and may be shown.
    if used {
        scalar.origin_mut().typed = Some(typed);
    }
    Ok(())
}

/// The value of what stands between `${` and `}`, or the message and the hint.
fn variable(inside: &str, env: Env<'_>) -> Result<String, (String, Option<String>)> {
    let (name, default) =
        inside.split_once(":-").map_or((inside, None), |(name, default)| (name, Some(default)));
    let first_is_digit = name.starts_with(|c: char| c.is_ascii_digit());
    if name.is_empty() || first_is_digit || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        let hint = "write `${NAME}` or `${NAME:-default}`; a plain `${` is written `$${`";
        return Err(("this is no name of an environment variable".into(), Some(hint.into())));
    }
    match (env(name), default) {
        (Some(value), None) => Ok(value),
        (Some(value), Some(_)) if !value.is_empty() => Ok(value),
        (_, Some(default)) => Ok(default.into()),
        (None, None) => {
            let hint = format!("set it, or give a default: `${{{name}:-default}}`");
            Err((format!("the environment variable `{name}` is not set"), Some(hint)))
        }
    }
}

/// The place of `part` inside the value; the whole value where YAML's escapes hide it.
fn within(source: &Source, span: Span, part: &str) -> Span {
    let text = source.text().get(span.start..span.end).unwrap_or("");
    text.find(part).map_or(span, |at| Span { start: span.start + at, end: span.start + at + part.len() })
}

/// A secret: the text itself, or with `file:/path` what the file holds without the line break at its end.
pub(crate) fn secret(text: &str) -> Result<String, String> {
    let secret = match text.strip_prefix("file:") {
        Some(path) => secret_file(path)?,
        None => text.into(),
    };
    if secret.is_empty() { Err("the secret is empty".into()) } else { Ok(secret) }
}

fn secret_file(path: &str) -> Result<String, String> {
    let problem = |reason: &dyn std::fmt::Display| format!("cannot read the secret file `{path}`: {reason}");
    // A pipe or a device would hold up the start for ever.
    if !fs::metadata(path).map_err(|error| problem(&error))?.is_file() {
        return Err(problem(&"it is not a regular file"));
    }
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(|error| problem(&error))?;
    file.take(MAX_SECRET + 1).read_to_end(&mut bytes).map_err(|error| problem(&error))?;
    if bytes.len() as u64 > MAX_SECRET {
        return Err(problem(&"it is larger than 64 KiB"));
    }
    let text = String::from_utf8(bytes).map_err(|_| problem(&"it is not UTF-8"))?;
    Ok(text.trim_end_matches(['\n', '\r']).into())
}
