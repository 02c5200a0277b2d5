//! Rules that operators write: expressions of CEL (the Common Expression Language) that say yes or no to a request.
//!
//! `allow: 'claims.tenant == "acme" && request.method in ["GET", "HEAD"]'`. Three names are known: `request` (`method`, `path`,
//! `host`, `ip`, `query`, `headers`), `caller` (`way`, `consumer`, `subject`, `plan`, `scopes`, `credential`) and `claims`. An
//! expression is parsed once, and what can be known then is an error then: other names and functions, a pattern that is none,
//! text compared with a number, an answer that is not yes or no (`check.rs`).
//!
//! What cannot be answered denies: [`AllowRule::eval`] gives an error for a claim that is not there, unless the rule asks
//! `has(claims.x)` first. Errors hold names of the rule and types, never a value of the request.
//!
//! *Bounds*: a rule has at most 4 KiB and 512 nodes, 32 deep. Loops (`exists`, `all`, `exists_one`, `filter`) share a budget
//! of 100,000 steps an evaluation, so a token with long lists costs milliseconds and then an error, not seconds. There is
//! no `map`: nothing in a loop can grow. Patterns and networks are written out and compiled with the rule; patterns take
//! linear time.
//!
//! Hot path: a fresh context (no allocation), and a few small boxes for the values that the rule touches. Claims are
//! looked at where they lie, not copied.

mod array;
mod check;
mod compiled;
mod facts;
mod functions;
mod kinds;
mod lazy;
mod loops;
mod multi;
mod object;
mod parse;

pub use facts::Facts;

use cel::common::types::CelBool;
use cel::{Context, ExecutionError, Value};
use compiled::Compiled;
use std::fmt;

/// Why a text is no rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BadRule {
    /// What is wrong, for whoever wrote it.
    pub message: String,
    /// Where in the text, in bytes from its start, as far as that is known.
    pub offset: Option<usize>,
}

/// Why a rule has no answer for a request. Never holds a value of the request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleFault {
    /// A claim, a header or a parameter that the request does not have.
    #[error("it asks for {} that is not there", .0.as_deref().map_or("something".into(), |name| format!("`{name}`")))]
    Missing(Option<Box<str>>),
    /// What it compares or calls does not fit, as text and a number.
    #[error("{0}")]
    Types(String),
    /// The request can be read in two ways, or not as text.
    #[error("{0}")]
    Ambiguous(&'static str),
    /// Its loops went over more than they may.
    #[error("its loops take more than 100000 steps")]
    Costly,
    /// The answer is neither yes nor no.
    #[error("its answer is neither true nor false")]
    NotBool,
    /// A calculation without a result.
    #[error("{0}")]
    Arithmetic(&'static str),
}

/// An expression that allows a request, or does not.
pub struct AllowRule {
    text: Box<str>,
    expression: cel::IdedExpr,
    compiled: Vec<Compiled>,
    asks_of_caller: bool,
}

impl AllowRule {
    /// Compiles a rule, in bounded time and memory.
    pub fn compile(text: &str) -> Result<Self, BadRule> {
        let (mut expression, source) = parse::parse(text)?;
        let checked = check::check(&mut expression, &source, text)?;
        Ok(Self {
            text: text.into(),
            expression,
            compiled: checked.compiled,
            asks_of_caller: checked.asks_of_caller,
        })
    }

    /// Does the rule say yes? An error is to be taken as no, and told to the operator.
    pub fn eval(&self, facts: &Facts<'_>) -> Result<bool, RuleFault> {
        let resolver = facts::Resolver { facts, compiled: &self.compiled };
        let mut context = Context::with_env(functions::env());
        context.set_variable_resolver(&resolver);
        functions::refill();
        let answer = Value::resolve_val(&self.expression, &context);
        // An error within a loop may have been outvoted by what stands beside it. This one may not.
        if functions::is_exhausted() {
            return Err(RuleFault::Costly);
        }
        let answer = answer.map_err(|error| self.fault(&error))?;
        answer.downcast_ref::<CelBool>().map(|answer| *answer.inner()).ok_or(RuleFault::NotBool)
    }

    /// Does the answer depend on who is calling, so that it can only be had once that is known?
    pub fn asks_of_caller(&self) -> bool {
        self.asks_of_caller
    }

    /// The rule as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What may be said of an error. Most of its texts hold values, and those of a request may be secrets.
    fn fault(&self, error: &ExecutionError) -> RuleFault {
        match error {
            // A key that was calculated is a value; one that the rule names is not.
            ExecutionError::NoSuchKey(key) => {
                let named = !key.is_empty() && self.text.contains(key.as_str());
                RuleFault::Missing(named.then(|| key.as_str().into()))
            }
            ExecutionError::IndexOutOfBounds(_) => RuleFault::Missing(None),
            ExecutionError::NoSuchOverload(overload) => RuleFault::Types(overload.to_string()),
            ExecutionError::FunctionError { function, message } => multi::ambiguity(function, message)
                .map_or_else(
                    || RuleFault::Types(format!("`{function}` cannot take what it was given")),
                    RuleFault::Ambiguous,
                ),
            ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => {
                RuleFault::Arithmetic("a division by zero")
            }
            ExecutionError::Overflow(..) => RuleFault::Arithmetic("a number out of range"),
            _ => RuleFault::Types("values of types that do not fit".into()),
        }
    }
}

impl fmt::Debug for AllowRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AllowRule").field(&self.text).finish()
    }
}

#[cfg(test)]
mod tests;
