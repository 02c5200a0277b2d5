//! API keys and revocations of tokens of a running node: what the admin API and `tidegate keys` ask for.
//!
//! *Promise*: a key lasts (it is in the store, on the disk) before anybody is told its text, and a revocation before it is
//! confirmed; other nodes are told at once behind that. No text of a key gets into a log, an error or an event. *Not here*:
//! how records merge (`guarding/records.rs`, the room `auth`). *Cost*: one write to the disk a change, on a thread that
//! may wait; none on the road of requests.

mod reading;

use super::Node;
use crate::guarding::{KEYS, REVOKED, unix};
use crate::random;
use admin::{KeyRefusal, KeyView, MintedKey, NewKey, NewRevocation, RevocationView, Rotation};
use auth::token::{Revocation, Revoked};
use auth::{KeyRecord, key};
use reading::{bad, label, name, period, scopes, unknown};
use std::sync::PoisonError;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Records of keys that may be kept. Each change copies the index of all, which takes a tenth of a second then.
const KEYS_MOST: usize = 1_000_000;
/// How long a key that was replaced is good for yet, where nobody says.
const OVERLAP: Duration = Duration::from_secs(86_400);

impl Node {
    /// All keys, without their texts.
    pub(super) fn shown_keys(&self) -> Vec<KeyView> {
        let now = unix();
        self.guarding.keys.book.list().iter().map(|record| self.shown_key(record, now)).collect()
    }

    fn shown_key(&self, record: &KeyRecord, now: u64) -> KeyView {
        let text = |text: &str| text.to_owned();
        KeyView {
            id: text(&record.id),
            consumer: text(&record.consumer),
            label: text(&record.label),
            state: state(record, now),
            scopes: record.scopes.as_ref().map(|scopes| scopes.iter().map(text).collect()),
            plan: record.plan.as_deref().map(text),
            created: record.created,
            expires: record.expires,
            revoked: record.revoked,
            replaced_by: record.replaced_by.as_deref().map(text),
            last_used: self.guarding.keys.book.last_used(&record.id),
        }
    }

    /// Makes a key.
    pub(super) fn new_key(&self, wanted: &NewKey) -> Result<MintedKey, KeyRefusal> {
        self.can_be_of(wanted)?;
        self.needs_store()?;
        let scopes = wanted.scopes.as_deref().map(scopes).transpose()?;
        let label = label(&wanted.label)?;
        let lifetime = wanted.expires_in.as_deref().map(|text| period("expires_in", text)).transpose()?;
        let (now, minted) = (unix_ms(), key::mint(&mut |bytes| random::fill(bytes)));
        let record = KeyRecord {
            id: minted.id.clone(),
            consumer: wanted.consumer.as_str().into(),
            label,
            hash: minted.hash,
            scopes,
            plan: wanted.plan.as_deref().map(Into::into),
            created: now / 1000,
            expires: lifetime.map(|time| (now / 1000).saturating_add(time.as_secs())),
            revoked: None,
            replaced_by: None,
            changed: now,
        };
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        self.has_room_for_a_key()?;
        self.keep(&record)?;
        observe::log::info(format_args!("API key {} of {} was made", record.id, record.consumer));
        Ok(MintedKey {
            text: minted.text.to_string(),
            view: self.shown_key(&record, now / 1000),
            replaces: None,
        })
    }

    /// Makes a key in the place of another one: for the same consumer, with the same rights, good for as long.
    pub(super) fn new_key_for(&self, id: &str, rotation: &Rotation) -> Result<MintedKey, KeyRefusal> {
        let overlap = match rotation.overlap.as_deref() {
            None => OVERLAP,
            Some("0" | "0s") => Duration::ZERO,
            Some(text) => period("overlap", text)?,
        };
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let old = self.guarding.keys.book.get(id).ok_or(KeyRefusal::NoKey)?;
        let (now, minted) = (unix_ms(), key::mint(&mut |bytes| random::fill(bytes)));
        can_be_replaced(&old, now / 1000)?;
        self.has_room_for_a_key()?;
        let lifetime = old.expires.map(|at| at.saturating_sub(old.created));
        let new = KeyRecord {
            id: minted.id.clone(),
            hash: minted.hash,
            created: now / 1000,
            expires: lifetime.map(|time| (now / 1000).saturating_add(time)),
            changed: now,
            ..KeyRecord::clone(&old)
        };
        self.keep(&new)?;
        let mut old = KeyRecord::clone(&old);
        old.retire(&new.id, overlap, now);
        if let Err(why) = self.keep(&old) {
            // Nobody will hear its text.
            let mut new = new;
            new.revoke(now);
            let _ = self.keep(&new);
            return Err(why);
        }
        observe::log::info(format_args!("API key {} of {} takes the place of {id}", new.id, new.consumer));
        let replaces = Some(self.shown_key(&old, now / 1000));
        Ok(MintedKey { text: minted.text.to_string(), view: self.shown_key(&new, now / 1000), replaces })
    }

    /// Takes a key back.
    pub(super) fn take_back_key(&self, id: &str) -> Result<KeyView, KeyRefusal> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let known = self.guarding.keys.book.get(id).ok_or(KeyRefusal::NoKey)?;
        let (mut record, now) = (KeyRecord::clone(&known), unix_ms());
        if record.revoked.is_none() {
            record.revoke(now);
            self.keep(&record)?;
            observe::log::info(format_args!("API key {id} of {} was revoked", record.consumer));
        }
        Ok(self.shown_key(&record, now / 1000))
    }

    /// Makes a record last, then known here, then elsewhere.
    fn keep(&self, record: &KeyRecord) -> Result<(), KeyRefusal> {
        self.guarding.keys.put(record.clone()).map_err(|why| failed("The key", &why))?;
        if let Some(cluster) = self.guarding.cluster() {
            cluster.tell(KEYS, &record.id);
        }
        Ok(())
    }

    /// All revocations.
    pub(super) fn shown_revocations(&self) -> Vec<RevocationView> {
        self.guarding.revoked.known.list().iter().map(shown_revocation).collect()
    }

    /// Revokes tokens.
    pub(super) fn take_back_tokens(&self, wanted: &NewRevocation) -> Result<RevocationView, KeyRefusal> {
        self.needs_store()?;
        let now = unix_ms();
        let what = match (&wanted.jti, &wanted.subject) {
            (Some(jti), None) => Revoked::Token(name("jti", jti)?),
            (_, Some(subject)) => Revoked::Subject(name("subject", subject)?),
            (None, None) => return Err(bad("Say which tokens: by `jti`, or by `subject`.".into())),
        };
        if wanted.until.is_some_and(|until| until <= now / 1000) {
            return Err(bad("`until` has passed: such tokens have expired and are refused already.".into()));
        }
        // Tokens say in whole seconds when they were issued: those of this second are meant too.
        let before = if matches!(what, Revoked::Subject(_)) { now / 1000 + 1 } else { 0 };
        let new = Revocation { what, before, until: wanted.until, changed: now };
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let record = self.widened(new);
        let id = record.id();
        self.guarding.revoked.put(record.clone()).map_err(|why| failed("The revocation", &why))?;
        if let Some(cluster) = self.guarding.cluster() {
            cluster.tell(REVOKED, &id);
        }
        observe::log::info(format_args!("tokens were revoked: {}", id.escape_debug()));
        Ok(shown_revocation(&record))
    }

    /// With what was revoked by the same name before: no revocation takes back a part of another one.
    fn widened(&self, mut record: Revocation) -> Revocation {
        let all = self.guarding.revoked.known.list();
        if let Some(known) = all.iter().find(|known| known.what == record.what) {
            record.before = record.before.max(known.before);
            record.until = record.until.zip(known.until).map(|(one, other)| one.max(other));
            record.changed = record.changed.max(known.changed.saturating_add(1));
        }
        record
    }

    /// Does the config know the consumer and the plan?
    fn can_be_of(&self, wanted: &NewKey) -> Result<(), KeyRefusal> {
        let version = self.version();
        let consumers: Vec<&str> = version.file.consumers.iter().map(|c| c.name.as_str()).collect();
        if !consumers.contains(&wanted.consumer.as_str()) {
            return Err(unknown(
                "consumer",
                &wanted.consumer,
                &consumers,
                "consumers: [{ name: mobile-app }]",
            ));
        }
        let plans: Vec<&str> = version.file.plans.keys().map(config::PlanName::as_str).collect();
        match &wanted.plan {
            Some(plan) if !plans.contains(&plan.as_str()) => {
                Err(unknown("plan", plan, &plans, "plans: { pro: { rate_limit: 100/s } }"))
            }
            _ => Ok(()),
        }
    }

    /// Is there anything in which keys and revocations last?
    fn needs_store(&self) -> Result<(), KeyRefusal> {
        if self.guarding.store().is_some() {
            return Ok(());
        }
        let why = "No route asks who is calling, so nothing would be kept and nothing would be checked: give a route \
                   `auth: [api_key]` (or another way) in the config, and reload.";
        Err(KeyRefusal::NotNow(why.into()))
    }

    fn has_room_for_a_key(&self) -> Result<(), KeyRefusal> {
        if self.guarding.keys.book.list().len() < KEYS_MOST {
            return Ok(());
        }
        Err(KeyRefusal::NotNow(format!("There are {KEYS_MOST} keys already, with those that are revoked.")))
    }
}

/// How a key stands, in a word.
fn state(record: &KeyRecord, now: u64) -> &'static str {
    match (record.usable(now), &record.replaced_by) {
        (Ok(()), None) => "active",
        (Ok(()), Some(_)) => "retiring",
        (Err(_), _) if record.revoked.is_some() => "revoked",
        (Err(_), _) => "expired",
    }
}

fn can_be_replaced(record: &KeyRecord, now: u64) -> Result<(), KeyRefusal> {
    let why = match (state(record, now), &record.replaced_by) {
        (_, Some(by)) => format!("The key was replaced by `{by}` already: rotate that one."),
        ("active", None) => return Ok(()),
        (state, None) => format!("The key is {state}: make a new one for `{}`.", record.consumer),
    };
    Err(KeyRefusal::NotNow(why))
}

fn shown_revocation(record: &Revocation) -> RevocationView {
    let (jti, subject) = match &record.what {
        Revoked::Token(jti) => (Some(jti.to_string()), None),
        Revoked::Subject(subject) => (None, Some(subject.to_string())),
    };
    RevocationView {
        issued_before: subject.as_ref().map(|_| record.before),
        jti,
        subject,
        until: record.until,
        changed: record.changed / 1000,
    }
}

fn failed(what: &str, why: &anyhow::Error) -> KeyRefusal {
    observe::log::error(format_args!("{what} could not be kept: {why:#}"));
    KeyRefusal::Failed(format!("{what} could not be kept, so nothing was changed: {why:#}."))
}

/// Milliseconds since 1970.
fn unix_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn said(refusal: &KeyRefusal) -> &str {
        match refusal {
            KeyRefusal::Bad(why) | KeyRefusal::NotNow(why) | KeyRefusal::Failed(why) => why,
            KeyRefusal::NoKey => "",
        }
    }

    #[test]
    fn a_key_is_replaced_once_and_only_while_it_is_good() {
        let mut record: KeyRecord = serde_json::from_value(json!({
            "id": "a", "consumer": "web", "hash": "00".repeat(32), "created": 1, "expires": 100, "changed": 1000,
        }))
        .unwrap();
        assert_eq!((state(&record, 99), can_be_replaced(&record, 99)), ("active", Ok(())));
        assert_eq!(state(&record, 100), "expired");
        assert!(said(&can_be_replaced(&record, 100).unwrap_err()).contains("expired"));
        record.retire("b", Duration::from_secs(10), 50_000);
        assert_eq!((state(&record, 59), state(&record, 60)), ("retiring", "expired"));
        assert!(said(&can_be_replaced(&record, 59).unwrap_err()).contains("`b`"));
        record.revoke(55_000);
        assert_eq!(state(&record, 56), "revoked");
    }
}
