//! The functions of rules: those of CEL, a few of our own, and the meter that every loop passes.
//!
//! The meter is a call that the check puts around what a loop goes over. It takes from a budget that lies beside the
//! thread, as functions of CEL are told nothing but their arguments; an evaluation begins and ends on one thread.

#![expect(clippy::needless_pass_by_value, reason = "CEL hands a function its arguments so")]

use super::compiled::{COMPILED, Compiled};
use cel::common::types::{CelBool, CelInt, CelString, DYN_TYPE, INT_TYPE, STRING_TYPE};
use cel::common::value::{CowVal, Val};
use cel::{DeclarationError, Env, ExecutionError};
use std::cell::Cell;
use std::sync::{Arc, LazyLock};

/// The meter's name; `@` cannot be written in a rule.
pub(super) const METER: &str = "@loop";
/// Steps that the loops of one evaluation may take.
const BUDGET: u64 = 100_000;

thread_local! {
    /// What is left; `None`: more was asked for.
    static LEFT: Cell<Option<u64>> = const { Cell::new(None) };
}

/// Begins an evaluation.
pub(super) fn refill() {
    LEFT.set(Some(BUDGET));
}

/// Did the evaluation ask for more steps than it may have?
pub(super) fn is_exhausted() -> bool {
    LEFT.get().is_none()
}

/// Takes steps out of the budget.
pub(super) fn spend(steps: usize) -> Result<(), ExecutionError> {
    let left = LEFT.get().and_then(|left| left.checked_sub(steps as u64));
    LEFT.set(left);
    left.map(|_| ()).ok_or_else(|| ExecutionError::function_error(METER, "costly"))
}

/// The functions, made once for all rules.
pub(super) fn env() -> Arc<Env> {
    static ENV: LazyLock<Arc<Env>> = LazyLock::new(|| {
        let mut env = Env::default().with_optional_support(false).with_stdlib();
        declare(&mut env).expect("no name is declared twice");
        Arc::new(env)
    });
    Arc::clone(&ENV)
}

fn declare(env: &mut Env) -> Result<(), DeclarationError> {
    let compiled = || vec![COMPILED.to_owned()];
    env.add_overload(METER, METER, vec![DYN_TYPE, INT_TYPE], metered)?;
    env.add_member_overload("matches", "matches", STRING_TYPE, compiled(), matches)?;
    env.add_member_overload("inNetwork", "inNetwork", STRING_TYPE, compiled(), in_network)?;
    env.add_member_overload("lowerAscii", "lowerAscii", STRING_TYPE, vec![], lower_ascii)?;
    env.add_member_overload("upperAscii", "upperAscii", STRING_TYPE, vec![], upper_ascii)
}

/// `@loop(range, steps a turn)` is the range.
fn metered<'b, 'v>(mut args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let turns = args[0].as_sizer().map_or(0, |sizer| *sizer.size().inner());
    let each = args[1].downcast_ref::<CelInt>().map_or(1, |each| *each.inner());
    spend(usize::try_from(turns.saturating_mul(each)).unwrap_or(usize::MAX))?;
    Ok(args.swap_remove(0))
}

fn matches<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    match (text(&*args[0])?, args[1].downcast_ref::<Compiled>()) {
        (text, Some(Compiled::Pattern(pattern))) => Ok(yes(pattern.is_match(text))),
        _ => Err(ExecutionError::function_error("matches", "not a pattern")),
    }
}

/// A text that is no address is in no network.
fn in_network<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    match (text(&*args[0])?, args[1].downcast_ref::<Compiled>()) {
        (text, Some(Compiled::Network(network))) => {
            Ok(yes(text.parse().is_ok_and(|address| network.contains(address))))
        }
        _ => Err(ExecutionError::function_error("inNetwork", "not a network")),
    }
}

fn lower_ascii<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    Ok(CowVal::owned(CelString::from(text(&*args[0])?.to_ascii_lowercase())))
}

fn upper_ascii<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    Ok(CowVal::owned(CelString::from(text(&*args[0])?.to_ascii_uppercase())))
}

fn text<'b>(value: &'b (dyn Val + '_)) -> Result<&'b str, ExecutionError> {
    let text = value.downcast_ref::<CelString<'_>>().map(CelString::inner);
    text.ok_or_else(|| ExecutionError::no_such_overload("text", vec![value.get_type().name().to_owned()]))
}

fn yes<'b, 'v>(answer: bool) -> CowVal<'b, 'v> {
    CowVal::owned(CelBool::from(answer))
}
