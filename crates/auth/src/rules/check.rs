//! What can be known of a rule before any request comes: that its names and functions exist, that its parts fit together,
//! and that its answer can be yes or no. CEL itself would find out with the first request, and deny it.
//!
//! The check also puts the rule in its final form: patterns and networks are compiled, loops pass the meter.

use super::BadRule;
use super::compiled::Compiled;
use super::facts::{MEMBERS, Member};
use super::kinds::{FUNCTIONS, Kind, functions, kind_of, members_of, usage};
use super::loops::{makes_new_list, membership, meter};
use cel::IdedExpr;
use cel::common::ast::operators as op;
use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue, SelectExpr, SourceInfo};

const MOST_NODES: usize = 512;
const MOST_DEPTH: usize = 64;
const ROOTS: [&str; 3] = ["request", "caller", "claims"];

/// What the check found.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) compiled: Vec<Compiled>,
    pub(super) asks_of_caller: bool,
}

/// Checks a rule, and finishes it.
pub(super) fn check(rule: &mut IdedExpr, source: &SourceInfo, text: &str) -> Result<Checked, BadRule> {
    let checked = Checked { compiled: Vec::new(), asks_of_caller: false };
    let mut check = Check { source, text, variables: Vec::new(), nodes: 0, checked };
    let kind = check.visit(rule, 0)?;
    check.expect(rule, kind, &[Kind::Bool], "the answer of a rule")?;
    Ok(check.checked)
}

struct Check<'a> {
    source: &'a SourceInfo,
    text: &'a str,
    /// Of the loops around this place, innermost last.
    variables: Vec<String>,
    nodes: usize,
    checked: Checked,
}

impl Check<'_> {
    fn visit(&mut self, node: &mut IdedExpr, depth: usize) -> Result<Kind, BadRule> {
        self.nodes += 1;
        if self.nodes > MOST_NODES || depth > MOST_DEPTH {
            return Err(
                self.bad(node.id, format!("more than {MOST_NODES} parts, or more than {MOST_DEPTH} deep"))
            );
        }
        let id = node.id;
        match &mut node.expr {
            Expr::Literal(literal) => Ok(kind_of(literal)),
            Expr::Ident(name) => self.variable(id, name),
            Expr::Select(select) => self.member(id, select, depth),
            Expr::Call(call) => self.call(id, call, depth),
            Expr::List(list) => {
                list.elements.iter_mut().try_for_each(|item| self.visit(item, depth + 1).map(|_| ()))?;
                Ok(Kind::List)
            }
            Expr::Map(map) => {
                for entry in &mut map.entries {
                    let EntryExpr::MapEntry(entry) = &mut entry.expr else {
                        return Err(self.bad(id, "a message"));
                    };
                    let key = self.visit(&mut entry.key, depth + 1)?;
                    self.expect(&entry.key, key, &[Kind::Text, Kind::Number, Kind::Bool], "a key")?;
                    self.visit(&mut entry.value, depth + 1)?;
                }
                Ok(Kind::Map)
            }
            Expr::Comprehension(a_loop) => {
                let (kind, steps) = self.a_loop(id, a_loop, depth)?;
                match membership(a_loop) {
                    Some(simpler) => node.expr = simpler,
                    None => meter(&mut a_loop.iter_range, steps),
                }
                Ok(kind)
            }
            Expr::Struct(message) => Err(self.bad(id, format!("there is no type `{}`", message.type_name))),
            Expr::Unspecified => Err(self.bad(id, "not an expression")),
        }
    }

    fn variable(&mut self, id: u64, name: &str) -> Result<Kind, BadRule> {
        if self.variables.iter().any(|variable| variable == name) {
            return Ok(Kind::Any);
        }
        match name {
            "claims" => {
                self.checked.asks_of_caller = true;
                Ok(Kind::Map)
            }
            "request" | "caller" => {
                Err(self.bad(id, format!("`{name}` alone says nothing: ask for {}", members_of(name))))
            }
            _ => Err(self.bad(
                id,
                format!("there is no `{name}`: a rule knows {}", ROOTS.map(|r| format!("`{r}`")).join(", ")),
            )),
        }
    }

    fn member(&mut self, id: u64, select: &mut SelectExpr, depth: usize) -> Result<Kind, BadRule> {
        let field = &select.field;
        if let Expr::Ident(root) = &select.operand.expr
            && matches!(&**root, "request" | "caller")
        {
            self.nodes += 1;
            let Some((.., member)) = MEMBERS.iter().find(|(of, name, _)| of == root && name == field) else {
                return Err(self.bad(id, format!("`{root}` has no `{field}`, but {}", members_of(root))));
            };
            if select.test {
                return Err(
                    self.bad(id, format!("`{root}.{field}` is always there; compare it with an empty one"))
                );
            }
            self.checked.asks_of_caller |= root == "caller";
            return Ok(match member {
                Member::Text => Kind::Text,
                Member::Words => Kind::List,
                Member::Named => Kind::Named,
            });
        }
        let of = self.visit(&mut select.operand, depth + 1)?;
        self.expect(&select.operand, of, &[Kind::Map, Kind::Named], "what has members")?;
        Ok(match of {
            _ if select.test => Kind::Bool,
            Kind::Named => Kind::Text,
            _ => Kind::Any,
        })
    }

    fn call(&mut self, id: u64, call: &mut CallExpr, depth: usize) -> Result<Kind, BadRule> {
        let mut kinds = Vec::with_capacity(call.args.len() + 1);
        for part in call.target.as_deref_mut().into_iter().chain(&mut call.args) {
            kinds.push(self.visit(part, depth + 1)?);
        }
        if call.target.is_none()
            && let Some(kind) = self.operator(id, call, &kinds)?
        {
            return Ok(kind);
        }
        let name = call.func_name.as_str();
        let forms = || FUNCTIONS.iter().filter(|(known, ..)| *known == name);
        if forms().next().is_none() {
            return Err(self.bad(id, format!("there is no function `{name}`, but {}", functions())));
        }
        let Some((.., kind)) =
            forms().find(|(_, on, args, _)| (*on, *args) == (call.target.is_some(), call.args.len()))
        else {
            let usages: Vec<_> = forms().map(|(name, on, args, _)| usage(name, *on, *args)).collect();
            return Err(self.bad(id, format!("`{name}` is called as {}", usages.join(" or "))));
        };
        self.arguments(id, call, &kinds)?;
        Ok(*kind)
    }

    /// The kind of an operator's result; `None` where it is none.
    fn operator(&mut self, id: u64, call: &CallExpr, kinds: &[Kind]) -> Result<Option<Kind>, BadRule> {
        let expect_all = |wanted: &[Kind], what: &str| {
            call.args.iter().zip(kinds).try_for_each(|(part, kind)| self.expect(part, *kind, wanted, what))
        };
        Ok(Some(match (call.func_name.as_str(), kinds) {
            (op::LOGICAL_AND | op::LOGICAL_OR | op::LOGICAL_NOT | op::NOT_STRICTLY_FALSE, _) => {
                expect_all(&[Kind::Bool], "a part of `&&`, `||` and `!`")?;
                Kind::Bool
            }
            (op::CONDITIONAL, [condition, yes, no]) => {
                self.expect(&call.args[0], *condition, &[Kind::Bool], "what stands before `?`")?;
                if yes == no { *yes } else { Kind::Any }
            }
            (op::EQUALS | op::NOT_EQUALS, [a, b]) => {
                self.comparable(id, *a, *b)?;
                Kind::Bool
            }
            (op::LESS | op::LESS_EQUALS | op::GREATER | op::GREATER_EQUALS, [a, b]) => {
                self.comparable(id, *a, *b)?;
                expect_all(&[Kind::Text, Kind::Number, Kind::Bool], "what has an order")?;
                Kind::Bool
            }
            (op::IN, [_, within]) => {
                self.expect(
                    &call.args[1],
                    *within,
                    &[Kind::List, Kind::Map, Kind::Named],
                    "what stands behind `in`",
                )?;
                Kind::Bool
            }
            (op::INDEX, [of, index]) => {
                self.expect(
                    &call.args[0],
                    *of,
                    &[Kind::List, Kind::Map, Kind::Named],
                    "what stands before `[`",
                )?;
                let wanted: &[Kind] =
                    if *of == Kind::Named { &[Kind::Text] } else { &[Kind::Text, Kind::Number, Kind::Bool] };
                self.expect(&call.args[1], *index, wanted, "what stands in `[]`")?;
                if *of == Kind::Named { Kind::Text } else { Kind::Any }
            }
            (op::ADD, [a, b]) => {
                self.comparable(id, *a, *b)?;
                expect_all(&[Kind::Text, Kind::Number, Kind::List], "a part of `+`")?;
                if *a == Kind::Any { *b } else { *a }
            }
            (op::SUBSTRACT | op::MULTIPLY | op::DIVIDE | op::MODULO | op::NEGATE, _) => {
                expect_all(&[Kind::Number], "a part of a calculation")?;
                Kind::Number
            }
            _ => return Ok(None),
        }))
    }

    /// Arguments of a function that is called rightly: what it is called on, and literals to be compiled.
    fn arguments(&mut self, id: u64, call: &mut CallExpr, kinds: &[Kind]) -> Result<(), BadRule> {
        let name = call.func_name.as_str();
        let subject = call.target.as_deref().or(call.args.first());
        let wanted: &[Kind] = match name {
            "size" => &[Kind::Text, Kind::List, Kind::Map],
            "string" | "int" | "uint" | "double" | "bool" => &[Kind::Text, Kind::Number, Kind::Bool],
            _ => &[Kind::Text],
        };
        if let (Some(part), Some(kind)) = (subject, kinds.first()) {
            if name == "contains" && *kind == Kind::List {
                return Err(self.bad(part.id, "a list is asked with `in`: \"word\" in the.list"));
            }
            self.expect(part, *kind, wanted, &format!("what `{name}` takes"))?;
        }
        let Some(argument) = call.args.first_mut().filter(|_| call.target.is_some()) else { return Ok(()) };
        self.expect(argument, kinds[1], &[Kind::Text], &format!("what `{name}` takes"))?;
        if matches!(name, "matches" | "inNetwork") {
            let Expr::Literal(LiteralValue::String(literal)) = &argument.expr else {
                return Err(self.bad(
                    id,
                    format!("what `{name}` takes must be written out, so that it is compiled once"),
                ));
            };
            let compiled =
                Compiled::of(name, literal.inner()).map_err(|message| self.bad(argument.id, message))?;
            argument.expr = Expr::Ident(format!("@{}", self.checked.compiled.len()));
            self.checked.compiled.push(compiled);
        }
        Ok(())
    }

    /// What comes of a loop, and how many steps a turn takes.
    fn a_loop(
        &mut self,
        id: u64,
        a_loop: &mut ComprehensionExpr,
        depth: usize,
    ) -> Result<(Kind, i64), BadRule> {
        let range = self.visit(&mut a_loop.iter_range, depth + 1)?;
        self.expect(&a_loop.iter_range, range, &[Kind::List, Kind::Map], "what a loop goes over")?;
        if makes_new_list(a_loop) {
            return Err(self.bad(id, "there is no `map`: ask with `exists`, `all` or `filter`"));
        }
        let variable = a_loop.iter_var.as_str();
        if ROOTS.contains(&variable) || self.variables.iter().any(|outer| outer == variable) {
            return Err(
                self.bad(id, format!("`{variable}` is taken: give the variable of the loop another name"))
            );
        }
        let before = (self.nodes, self.variables.len());
        self.visit(&mut a_loop.accu_init, depth + 1)?;
        self.variables.push(a_loop.accu_var.clone());
        self.variables.push(a_loop.iter_var.clone());
        self.visit(&mut a_loop.loop_cond, depth + 1)?;
        let step = self.visit(&mut a_loop.loop_step, depth + 1)?;
        self.visit(&mut a_loop.result, depth + 1)?;
        self.variables.truncate(before.1);
        let steps = i64::try_from(self.nodes - before.0).unwrap_or(i64::MAX);
        let kind = match (&a_loop.result.expr, step) {
            // `exists_one` counts, and compares in the end.
            (Expr::Call(_), _) | (_, Kind::Bool) => Kind::Bool,
            _ => Kind::List,
        };
        Ok((kind, steps))
    }

    /// Can the two ever be equal?
    fn comparable(&self, id: u64, a: Kind, b: Kind) -> Result<(), BadRule> {
        if a == Kind::Named || b == Kind::Named {
            return Err(
                self.bad(id, "headers and parameters are asked for by name: request.headers[\"x-name\"]")
            );
        }
        if a == Kind::Any || b == Kind::Any || a == b {
            return Ok(());
        }
        Err(self.bad(id, format!("{} is never {}", a.word(), b.word())))
    }

    fn expect(&self, part: &IdedExpr, kind: Kind, wanted: &[Kind], what: &str) -> Result<(), BadRule> {
        if kind.may_be(wanted) {
            return Ok(());
        }
        let words: Vec<_> =
            wanted.iter().filter(|kind| **kind != Kind::Named).map(|kind| kind.word()).collect();
        Err(self.bad(part.id, format!("{what} is {}, not {}", words.join(" or "), kind.word())))
    }

    fn bad(&self, id: u64, message: impl Into<String>) -> BadRule {
        let offset = self.source.offset_for(id).map(|(start, _)| start as usize);
        let offset = offset.filter(|at| self.text.is_char_boundary(*at));
        BadRule { message: message.into(), offset }
    }
}
