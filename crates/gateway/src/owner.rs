//! Whose responses are these, on a route where each caller has its own?
//!
//! *Promise*: two callers never have the same name here, however they were identified and whatever they call themselves: a token's
//! subject is nobody's but with its issuer and the application that has the token, and none of it can be read as the name of a
//! consumer, nor as what another sends in `Authorization`.
//! *Cost*: nothing for a consumer of the config; one small text for a token, or for what nobody here has verified.

use auth::Caller;
use message::{Fields, Name};
use std::sync::Arc;

/// Stands between parts, and in front of what is no name of a consumer. It is in no name that the config gives.
const APART: char = '\0';

/// Who it is; `None`: nobody in particular.
pub(crate) fn owner(caller: Option<&Caller>, fields: &Fields) -> Option<Arc<str>> {
    match caller {
        Some(caller) if caller.is_own() => Some(Arc::clone(&caller.subject)),
        Some(caller) if caller.consumer.is_some() || !caller.subject.is_empty() => Some(told(caller).into()),
        _ => authorized(fields).map(Into::into),
    }
}

/// By a token, or by what an authority says.
fn told(caller: &Caller) -> String {
    let consumer = caller.consumer.as_ref().map_or("", |consumer| &consumer.name);
    let issuer = caller.claims.as_ref().and_then(|claims| claims.get("iss")).and_then(|value| value.as_str());
    // The subject comes last, since it may hold anything; an issuer is one that the config names.
    let (way, issuer) = (caller.way.as_str(), issuer.unwrap_or_default());
    format!("{APART}{way}{APART}{consumer}{APART}{issuer}{APART}{}", caller.subject)
}

/// By what it shows to the service, which alone knows what it is worth.
fn authorized(fields: &Fields) -> Option<String> {
    let mut shown = fields.all(Name::Authorization).peekable();
    shown.peek()?;
    let lines = shown.map(|line| format!("{APART}{}", line.escape_ascii()));
    Some(lines.fold(format!("{APART}authorization"), |all, line| all + &line))
}

#[cfg(test)]
mod tests {
    use super::*;
    use auth::{Consumer, Way};

    fn caller(way: Way, consumer: Option<&str>, subject: &str) -> Caller {
        let consumer = consumer.map(|name| Arc::new(Consumer { name: name.into(), ..Consumer::default() }));
        Caller { way, consumer, subject: subject.into(), ..Caller::nobody() }
    }

    fn fields(lines: &[&[u8]]) -> Fields {
        let mut fields = Fields::new();
        for line in lines {
            fields.add(Name::Authorization, line);
        }
        fields
    }

    #[test]
    fn no_two_callers_share_a_name() {
        let none = Fields::new();
        let known = [
            caller(Way::ApiKey, Some("anna"), "anna"),
            caller(Way::Jwt, None, "anna"),
            caller(Way::Jwt, Some("anna"), ""),
            caller(Way::Jwt, Some("anna"), "bert"),
            caller(Way::Jwt, Some("app"), "anna"),
            caller(Way::Jwt, Some("app"), "bert"),
            caller(Way::Introspection, Some("app"), "bert"),
        ];
        let shown: [&[&[u8]]; 4] =
            [&[b"anna"], &[b"Bearer a"], &[b"Bearer a\xff"], &[b"Bearer a", b"Bearer b"]];
        let mut names: Vec<_> = known.iter().filter_map(|caller| owner(Some(caller), &none)).collect();
        names.extend(shown.iter().filter_map(|lines| owner(None, &fields(lines))));
        assert_eq!(names.len(), known.len() + shown.len());
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), known.len() + shown.len(), "{names:?}");
    }

    #[test]
    fn a_consumer_is_the_same_by_whichever_credential_the_config_gives_it() {
        let none = Fields::new();
        let by_key = owner(Some(&caller(Way::ApiKey, Some("anna"), "anna")), &none);
        assert_eq!(by_key, owner(Some(&caller(Way::Mtls, Some("anna"), "anna")), &none));
        assert_eq!(by_key.as_deref(), Some("anna"));
    }

    #[test]
    fn who_shows_nothing_is_nobody_in_particular() {
        assert_eq!(owner(None, &Fields::new()), None);
        assert_eq!(owner(Some(&Caller::nobody()), &Fields::new()), None);
        assert!(owner(Some(&Caller::nobody()), &fields(&[b"Bearer a"])).is_some());
    }
}
