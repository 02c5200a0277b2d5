//! The names of keys in Redis.
//!
//! What stands in braces decides on which server of a Redis Cluster a key lies. Buckets and quotas are spread over 256 such
//! groups, because a script may only touch keys of one; everything else is little, is used together, and lies in one.

use limit::{Key, Window};

/// Names with a prefix.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    prefix: Box<str>,
}

impl Names {
    pub(crate) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.into() }
    }

    /// In which group a bucket or quota lies.
    pub(crate) fn group(key: Key) -> u8 {
        key.0.to_be_bytes()[0]
    }

    /// A bucket.
    pub(crate) fn bucket(&self, key: Key) -> String {
        format!("{}:{{{:02x}}}:b:{:032x}", self.prefix, Self::group(key), key.0)
    }

    /// A quota.
    pub(crate) fn quota(&self, key: Key, window: Window) -> String {
        format!("{}:{{{:02x}}}:q:{}:{:032x}", self.prefix, Self::group(key), word(window), key.0)
    }

    /// One of a kind.
    pub(crate) fn single(&self, what: &str) -> String {
        format!("{{{}}}:{what}", self.prefix)
    }

    /// A set of records: the records, their order, the last number.
    pub(crate) fn set(&self, set: &str) -> [String; 3] {
        ["data", "order", "last"].map(|part| self.single(&format!("set:{set}:{part}")))
    }
}

/// A window as the scripts call it.
pub(crate) const fn word(window: Window) -> &'static str {
    match window {
        Window::Hour => "hour",
        Window::Day => "day",
        Window::Month => "month",
    }
}
