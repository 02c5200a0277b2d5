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
    /// What services are told, where that cannot be copied from the caller as it is.
    told: Option<Box<Fields>>,
    config: u64,
}

impl Known {
    /// As the config of that number knows the caller.
    pub fn new(caller: Caller, config: u64) -> Arc<Self> {
        let consumer = caller.consumer.as_ref().map_or("", |consumer| &consumer.name);
        let is_plain = |text: &str| matches!(plain(text), Cow::Borrowed(_));
        let as_it_is = caller.scopes.is_empty()
            && is_plain(consumer)
            && is_plain(&caller.subject)
            && is_plain(&caller.plan);
        let told = (!as_it_is).then(|| Box::new(told(&caller)));
        Arc::new(Self { caller, told, config })
    }

    /// The caller itself.
    pub fn as_caller(&self) -> &Caller {
        &self.caller
    }

    /// Adds the fields by which services are told who is calling: `X-Tidegate-Auth` and those beside it.
    pub fn tell(&self, fields: &mut Fields) {
        if let Some(told) = &self.told {
            fields.extend(told);
            return;
        }
        fields.add(Name::XTidegateAuth, self.way.as_str().as_bytes());
        // The subject of a consumer's own credential is its name, and one look into memory that is cold does for both.
        let consumer = match &self.consumer {
            Some(_) if self.is_own() => &*self.subject,
            Some(consumer) => &consumer.name,
            None => "",
        };
        for (name, text) in [
            (Name::XTidegateConsumer, consumer),
            (Name::XTidegateSubject, &*self.subject),
            (Name::XTidegatePlan, &*self.plan),
        ] {
            if !text.is_empty() {
                fields.add(name, text.as_bytes());
            }
        }
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
        let mut fields = Fields::new();
        Known::new(caller("caf\u{e9} 1%\n"), 1).tell(&mut fields);
        let value = |name| fields.get_str(name);
        assert_eq!(value(Name::XTidegateAuth), Some("api_key"));
        assert_eq!(value(Name::XTidegateConsumer), Some("caf%C3%A9%201%25%0A"));
        assert_eq!(value(Name::XTidegatePlan), Some("pro"));
        assert_eq!(value(Name::XTidegateScopes), Some("a b"));
        let mut fields = Fields::new();
        Known::new(Caller::nobody(), 1).tell(&mut fields);
        assert_eq!(fields.len(), 1);
    }

    #[test]
    fn what_is_plain_is_told_as_what_is_not() {
        let mut plain = caller("shop");
        plain.scopes = Scopes::default();
        let mut fields = Fields::new();
        Known::new(plain.clone(), 1).tell(&mut fields);
        let lines = |fields: &Fields| fields.iter().map(|(n, _, v)| (n, v.to_vec())).collect::<Vec<_>>();
        assert_eq!(lines(&fields), lines(&told(&plain)));
        plain.subject = "alice".into();
        plain.way = Way::Jwt;
        fields.clear();
        Known::new(plain.clone(), 1).tell(&mut fields);
        assert_eq!(lines(&fields), lines(&told(&plain)));
    }
}
