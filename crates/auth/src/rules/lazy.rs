//! Lists and maps of claims as CEL sees them, where they lie.
//!
//! To ask whether a word is in a list, for one member, or how many there are, copies nothing. What needs all members (a
//! loop, a comparison of two lists) makes CEL's own list or map of them, once, and of their members only when those are
//! asked in turn. `as_builtin` then shows that one: so a list of claims and one written in a rule are equal from both sides,
//! which a rule that denies by `!=` depends on.

use super::array::Array;
use super::object::Object;
use cel::common::types::{CelBool, CelDouble, CelInt, CelNull, CelString, CelUInt};
use cel::common::value::{CowVal, Val};
use serde_json::Value;

/// Members of a list or a map that are compared for one step of the budget.
pub(super) const COMPARED: usize = 16;

/// A value of JSON.
pub(super) fn value<'b>(json: &Value) -> CowVal<'b, '_> {
    CowVal::Owned(boxed(json))
}

pub(super) fn boxed<'v>(json: &'v Value) -> Box<dyn Val + 'v> {
    match json {
        Value::Null => Box::new(CelNull),
        Value::Bool(yes) => Box::new(CelBool::from(*yes)),
        Value::String(text) => Box::new(CelString::from(text.as_str())),
        Value::Array(items) => Box::new(Array::json(items)),
        Value::Object(members) => Box::new(Object::of(members)),
        Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(int), ..) => Box::new(CelInt::from(int)),
            (_, Some(uint), _) => Box::new(CelUInt::from(uint)),
            (.., double) => Box::new(CelDouble::from(double.unwrap_or(f64::NAN))),
        },
    }
}
