//! A caller with all that its requests need ready-made, remembered beside its credential.
//!
//! Hot path: one look into an `ArcSwapOption` and one count of references, whatever is known of the caller. Who a caller is
//! depends on the config, so what was made of it holds for one config only and is made anew after a reload.

use crate::{Caller, Denied};
use arc_swap::ArcSwapOption;
use message::{Fields, Name};
use std::borrow::Cow;
use std::fmt::Write as _;
use std::ops::Deref;
use std::sync::Arc;

/// A caller, and what services are told of it.
#[derive(Debug)]
pub struct Known {
    caller: Caller,
    told: Fields,
    config: u64,
}

impl Known {
    /// As the config of that number knows the caller.
    pub fn new(caller: Caller, config: u64) -> Arc<Self> {
        let told = told(&caller);
        Arc::new(Self { caller, told, config })
    }

    /// The caller itself.
    pub fn as_caller(&self) -> &Caller {
        &self.caller
    }

    /// The fields by which services are told who is calling: `X-Tidegate-Auth` and those beside it.
    pub fn told(&self) -> &Fields {
        &self.told
    }
}

impl Deref for Known {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.caller
    }
}

/// Where the caller that belongs to a credential is remembered.
#[derive(Debug, Default)]
pub struct Remembered(ArcSwapOption<Known>);

impl Remembered {
    /// The caller as the config of that number knows it: remembered, or made now.
    pub fn recall(
        &self,
        config: u64,
        make: impl FnOnce() -> Result<Caller, Denied>,
    ) -> Result<Arc<Known>, Denied> {
        let known = self.0.load();
        if let Some(known) = known.as_ref().filter(|known| known.config == config) {
            return Ok(Arc::clone(known));
        }
        let known = Known::new(make()?, config);
        self.0.store(Some(Arc::clone(&known)));
        Ok(known)
    }
}

/// A copy of a credential's description begins with nothing remembered.
impl Clone for Remembered {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// What is remembered says nothing that its credential does not say.
impl PartialEq for Remembered {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// Tells whom Tidegate has found to call.
fn told(caller: &Caller) -> Fields {
    let mut fields = Fields::new();
    fields.add(Name::XTidegateAuth, caller.way.as_str().as_bytes());
    let consumer = caller.consumer.as_ref().map_or("", |consumer| &consumer.name);
    let scopes = caller.scopes.iter().collect::<Vec<_>>().join(" ");
    for (name, text) in [
        (Name::XTidegateConsumer, consumer),
        (Name::XTidegateSubject, &*caller.subject),
        (Name::XTidegatePlan, &*caller.plan),
        (Name::XTidegateScopes, &scopes),
    ] {
        if !text.is_empty() {
            fields.add(name, plain(text).as_bytes());
        }
    }
    fields
}

/// The text as it may stand in a field: what is not visible ASCII or a space within is percent-encoded, and so is `%`.
fn plain(text: &str) -> Cow<'_, str> {
    let fits = |b: u8| (b.is_ascii_graphic() && b != b'%') || b == b' ';
    if text.bytes().all(fits) && text.trim_ascii().len() == text.len() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for byte in text.bytes() {
        if fits(byte) && byte != b' ' {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Consumer, Scopes, Way};

    fn caller(name: &str) -> Caller {
        let consumer = Consumer { name: name.into(), plan: "pro".into(), scopes: Scopes::of(["b", "a"]) };
        Caller::of(Way::ApiKey, &Arc::new(consumer))
    }

    #[test]
    fn a_caller_is_made_once_for_each_config() {
        let remembered = Remembered::default();
        let first = remembered.recall(1, || Ok(caller("shop"))).unwrap();
        let again = remembered.recall(1, || panic!("it is remembered")).unwrap();
        assert!(Arc::ptr_eq(&first, &again));
        assert_eq!(
            remembered.recall(2, || Err(Denied::Stranger("gone"))).unwrap_err(),
            Denied::Stranger("gone")
        );
        assert_eq!(&*remembered.recall(2, || Ok(caller("other"))).unwrap().subject, "other");
        assert!(remembered.clone().recall(2, || Err(Denied::Absent)).is_err(), "a copy remembers nothing");
    }

    #[test]
    fn services_are_told_who_is_calling_and_nothing_that_would_split_a_field() {
        let known = Known::new(caller("caf\u{e9} 1%\n"), 1);
        let value = |name| known.told().get_str(name);
        assert_eq!(value(Name::XTidegateAuth), Some("api_key"));
        assert_eq!(value(Name::XTidegateConsumer), Some("caf%C3%A9%201%25%0A"));
        assert_eq!(value(Name::XTidegatePlan), Some("pro"));
        assert_eq!(value(Name::XTidegateScopes), Some("a b"));
        let nobody = Known::new(Caller::nobody(), 1);
        assert_eq!(nobody.told().len(), 1);
    }
}
