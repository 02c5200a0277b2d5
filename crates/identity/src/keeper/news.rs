//! What an operator is told of an issuer's keys: each change of state once.

use super::source::NoKeys;
use observe::log::Level;
use std::fmt;
use std::sync::Arc;

/// Who hears of it. It is called on the keeper's thread and must not wait for anybody.
pub type OnNews = Arc<dyn Fn(&News) + Send + Sync>;

/// Something has changed. Its text is a line for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// The issuer's name in the config.
    pub issuer: Box<str>,
    /// Where its keys are, without the query of a URL.
    pub source: Box<str>,
    /// What.
    pub what: What,
}

/// What has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// There are keys for the first time.
    Known(Keys),
    /// They are other keys than before.
    Changed(Keys),
    /// A look has brought none.
    Failing {
        /// Why.
        trouble: NoKeys,
        /// How many are known from before, and hold.
        known: usize,
    },
    /// There are again, after looks that brought none.
    Recovered(Keys),
    /// Until the issuer answers, the keys are those of an earlier run.
    FromCopy(Keys),
    /// The keys cannot be kept for the next start, or what was kept cannot be used; why.
    CopyLost(Box<str>),
}

/// How many keys there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// That can be used.
    pub count: usize,
    /// That cannot.
    pub skipped: usize,
    /// Why the first of those cannot.
    pub why: Option<&'static str>,
}

impl News {
    /// How much it matters.
    pub fn level(&self) -> Level {
        match self.what {
            What::Known(_) | What::Changed(_) | What::Recovered(_) => Level::Info,
            What::Failing { .. } | What::FromCopy(_) | What::CopyLost(_) => Level::Warning,
        }
    }
}

impl fmt::Display for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "keys of issuer `{}` ({}): ", self.issuer, self.source)?;
        match &self.what {
            What::Known(keys) => keys.fmt(f),
            What::Changed(keys) => write!(f, "they have changed, {keys}"),
            What::Failing { trouble, known: 0 } => write!(f, "{trouble}; none are known"),
            What::Failing { trouble, known } => write!(f, "{trouble}; the {known} known before hold"),
            What::Recovered(keys) => write!(f, "they can be had again, {keys}"),
            What::FromCopy(keys) => write!(f, "{keys}, kept from an earlier run until the issuer answers"),
            What::CopyLost(why) => write!(f, "{why}"),
        }
    }
}

impl fmt::Display for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count {
            1 => f.write_str("1 key")?,
            count => write!(f, "{count} keys")?,
        }
        match self.why {
            Some(why) => write!(f, " and {} that cannot be used ({why})", self.skipped),
            None => Ok(()),
        }
    }
}
