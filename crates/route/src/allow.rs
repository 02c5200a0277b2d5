//! Which methods a path takes: the `Allow` field of a 405 (RFC 9110 section 10.2.1).

use crate::methods::MethodSet;
use message::Method;
use std::fmt;

/// The methods of the rules that would have taken the request but for its method. Displays as the value of the
/// `Allow` field. GET implies HEAD.
#[derive(Clone, Copy, Debug)]
pub struct Allow<'t> {
    set: MethodSet,
    names: &'t [Method],
}

impl<'t> Allow<'t> {
    pub(crate) fn new(set: MethodSet, names: &'t [Method]) -> Self {
        let implied = if set.has(MethodSet::GET) { MethodSet::HEAD } else { MethodSet::default() };
        Self { set: set.with(implied), names }
    }

    /// The methods, each once.
    pub fn methods(&self) -> impl Iterator<Item = &'t Method> {
        let set = self.set;
        self.names.iter().enumerate().filter(move |(at, _)| set.has(MethodSet(1 << at))).map(|(_, m)| m)
    }
}

impl fmt::Display for Allow<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, method) in self.methods().enumerate() {
            write!(f, "{}{method}", if i == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}
