//! Loops in the form that the parser gives them: which are taken, and how they are bounded.
//!
//! `exists`, `all`, `exists_one` and `filter` end with yes, no, or less than they began with. `map` builds new values, and a
//! few in a row build as many as they like, so it is told apart by its form and refused.

use super::functions::METER;
use cel::IdedExpr;
use cel::common::ast::operators as op;
use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, LiteralValue};
use cel::common::types::CelInt;

/// `filter` appends the variable itself, `map` something else.
pub(super) fn makes_new_list(a_loop: &ComprehensionExpr) -> bool {
    let appended = |step: &IdedExpr| match &step.expr {
        Expr::Call(call) if call.func_name == op::ADD => match call.args.as_slice() {
            [_, IdedExpr { expr: Expr::List(list), .. }] => Some(list.elements.clone()),
            _ => None,
        },
        _ => None,
    };
    let Expr::List(_) = &a_loop.accu_init.expr else { return false };
    let items = match &a_loop.loop_step.expr {
        Expr::Call(call) if call.func_name == op::CONDITIONAL => call.args.get(1).and_then(appended),
        _ => appended(&a_loop.loop_step),
    };
    !items.is_some_and(|items| {
        matches!(items.as_slice(), [IdedExpr { expr: Expr::Ident(name), .. }] if *name == a_loop.iter_var)
    })
}

/// `list.exists(x, x == "word")` is `"word" in list`, which takes a hundredth of the time: no turn of a loop is made.
pub(super) fn membership(a_loop: &mut ComprehensionExpr) -> Option<Expr> {
    let Expr::Call(or) = &mut a_loop.loop_step.expr else { return None };
    let Some(Expr::Call(equals)) = or.args.get_mut(1).map(|step| &mut step.expr) else { return None };
    if or.func_name != op::LOGICAL_OR || equals.func_name != op::EQUALS {
        return None;
    }
    let is_variable = |part: &IdedExpr| matches!(&part.expr, Expr::Ident(name) if *name == a_loop.iter_var);
    let is_literal = |part: &IdedExpr| matches!(part.expr, Expr::Literal(_));
    let wanted = match equals.args.as_mut_slice() {
        [a, b] if is_variable(a) && is_literal(b) => std::mem::take(b),
        [a, b] if is_literal(a) && is_variable(b) => std::mem::take(a),
        _ => return None,
    };
    let args = vec![wanted, std::mem::take(&mut a_loop.iter_range)];
    Some(Expr::Call(CallExpr { func_name: op::IN.into(), target: None, args }))
}

/// Puts the meter around what a loop goes over.
pub(super) fn meter(range: &mut IdedExpr, steps: i64) {
    let id = range.id;
    let inner = std::mem::take(range);
    let steps = IdedExpr { id, expr: Expr::Literal(LiteralValue::Int(CelInt::from(steps))) };
    *range = IdedExpr {
        id,
        expr: Expr::Call(CallExpr { func_name: METER.into(), target: None, args: vec![inner, steps] }),
    };
}
