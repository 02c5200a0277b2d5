//! Methods as bits: each table numbers the methods that its rules name.

use message::Method;

/// A set of methods. Bit 63 is no method of the table's; only [`MethodSet::ANY`] has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct MethodSet(pub(crate) u64);

impl MethodSet {
    /// Every method, also those that no rule names.
    pub(crate) const ANY: Self = Self(u64::MAX);
    pub(crate) const GET: Self = Self(1);
    pub(crate) const HEAD: Self = Self(2);
    /// A method that no rule names.
    pub(crate) const UNKNOWN: Self = Self(1 << 63);

    pub(crate) const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Does it name the method itself, not only through "any"?
    pub(crate) const fn names(self, other: Self) -> bool {
        self.0 != Self::ANY.0 && self.has(other)
    }

    pub(crate) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The methods that the rules of one table name, by bit. GET and HEAD always come first.
#[derive(Debug)]
pub(crate) struct MethodNames(Vec<Method>);

impl MethodNames {
    /// Methods that fit beside the unknown one.
    pub(crate) const MOST: usize = 63;

    pub(crate) fn new() -> Self {
        Self(vec![Method::GET, Method::HEAD])
    }

    /// The bit of a request's method.
    pub(crate) fn bit(&self, method: &Method) -> MethodSet {
        self.0.iter().position(|m| m == method).map_or(MethodSet::UNKNOWN, |at| MethodSet(1 << at))
    }

    /// The set for a rule's methods; none means any. `None` where the table has no bit left.
    pub(crate) fn intern(&mut self, methods: &[Method]) -> Option<MethodSet> {
        if methods.is_empty() {
            return Some(MethodSet::ANY);
        }
        let mut set = MethodSet::default();
        for method in methods {
            if self.bit(method) == MethodSet::UNKNOWN {
                if self.0.len() == Self::MOST {
                    return None;
                }
                self.0.push(method.clone());
            }
            set = set.with(self.bit(method));
        }
        Some(set)
    }

    pub(crate) fn all(&self) -> &[Method] {
        &self.0
    }
}
