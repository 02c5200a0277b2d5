//! How an issuer's keys stand.

use super::Entry;
use auth::token::KeySet;
use std::time::SystemTime;

/// How an issuer's keys stand, for metrics and people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// The issuer's name in the config.
    pub issuer: Box<str>,
    /// Where its keys are, without the query of a URL.
    pub source: Box<str>,
    /// How many are known.
    pub keys: usize,
    /// How many of the last set cannot be used.
    pub skipped: usize,
    /// Looks that brought keys.
    pub answered: u64,
    /// Looks that did not.
    pub failed: u64,
    /// When the last look that did has ended.
    pub last: Option<SystemTime>,
    /// Why the last look did not.
    pub trouble: Option<Box<str>>,
}

impl Entry {
    pub(in crate::keeper) fn view(&self) -> View {
        let held = self.held();
        View {
            issuer: self.name.clone(),
            source: self.source.shown(),
            keys: held.keys.as_ref().map_or(0, KeySet::len),
            skipped: held.keys.as_ref().map_or(0, |keys| keys.skipped().len()),
            answered: held.answered,
            failed: held.failed,
            last: held.last,
            trouble: held.trouble.clone(),
        }
    }
}
