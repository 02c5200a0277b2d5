//! JSON Web Tokens: recalled where they were verified before, else verified on threads that no request waits for in turn.

use super::shown;
use crate::guard::{Guards, TokenSource, Tokens};
use crate::trip::Trip;
use auth::token::{Verified, peek_issuer};
use auth::{Caller, Denied, Known, Way, key};
use message::{Fields, Name};
use std::sync::Arc;
use std::time::Duration;

/// How long a request waits for keys that have to be fetched.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whose token is shown?
pub(super) async fn caller(trip: &mut Trip, tokens: &Tokens, guards: &Guards) -> Result<Arc<Known>, Denied> {
    let Some(head) = &trip.head else { return Err(Denied::Absent) };
    let mut denied = Denied::Absent;
    for source in &tokens.sources {
        let token = match token_in(&head.fields, source) {
            Ok(token) => token,
            Err(Denied::Absent) => continue,
            Err(why) => {
                denied = why;
                continue;
            }
        };
        if tokens.sources.len() > 1 && is_anothers(source, token) {
            // Another one may know it, and then its word is the one that counts.
            if denied == Denied::Absent {
                denied = Denied::Stranger("the token's issuer is not in the config");
            }
            continue;
        }
        match verified(trip, tokens, source, token).await {
            Ok(verified) => return caller_of(Way::Jwt, &verified, guards),
            Err(why) => denied = why,
        }
    }
    Err(denied)
}

/// The token that a request shows to this issuer.
fn token_in<'a>(fields: &'a Fields, source: &'a TokenSource) -> Result<&'a str, Denied> {
    let in_field = if source.header.eq_ignore_ascii_case(Name::Authorization.as_str()) {
        shown::authorization(fields, "bearer")
    } else {
        shown::one(fields, &source.header).map(|text| shown::behind(text, "bearer").unwrap_or(text))
    };
    let cookie = || source.cookie.as_deref().and_then(|name| shown::cookie(fields, name));
    match in_field {
        // API keys, and opaque tokens, are for other ways.
        Ok(token) if !key::looks_like(token.as_bytes()) && token.contains('.') => Ok(token),
        Ok(_) | Err(Denied::Absent) => cookie().ok_or(Denied::Absent),
        Err(why) => Err(why),
    }
}

/// Does the token say that somebody else has made it?
fn is_anothers(source: &TokenSource, token: &str) -> bool {
    let Some(issuer) = &source.issuer.settings().issuer else { return false };
    peek_issuer(token).is_none_or(|said| said != *issuer)
}

async fn verified(
    trip: &Trip,
    tokens: &Tokens,
    source: &TokenSource,
    token: &str,
) -> Result<Arc<Verified>, Denied> {
    if let Some(verified) = source.issuer.recall(token, trip.desk.unix()) {
        return Ok(verified);
    }
    let verifying = identity::verify(&tokens.verifiers, &tokens.keeper, &source.issuer, token, PATIENCE);
    Box::pin(verifying).await
}

/// The caller that an issuer has described; each description is of one way only.
pub(super) fn caller_of(way: Way, verified: &Verified, guards: &Guards) -> Result<Arc<Known>, Denied> {
    verified.caller.recall(guards.config, || Ok(made_of(way, verified, guards)))
}

fn made_of(way: Way, verified: &Verified, guards: &Guards) -> Caller {
    let consumer = verified.consumer_name.as_ref().and_then(|name| guards.consumers.get(name)).cloned();
    // A plan that is not in the config has no limits: such a claim says nothing.
    let claimed = verified.plan.as_ref().filter(|plan| guards.plans.contains_key(&***plan));
    let plan = claimed.or(consumer.as_ref().map(|consumer| &consumer.plan));
    Caller {
        way,
        subject: Arc::clone(&verified.subject),
        plan: plan.map_or_else(|| Arc::clone(&guards.nothing), Arc::clone),
        // A token that says nothing of scopes leaves them to the consumer.
        scopes: match &consumer {
            Some(consumer) if verified.scopes.is_empty() => consumer.scopes.clone(),
            _ => verified.scopes.clone(),
        },
        consumer,
        claims: Some(Arc::clone(&verified.claims)),
        credential: verified.jti.clone(),
    }
}
