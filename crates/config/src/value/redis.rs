//! The URL of a Redis or Valkey server.

use std::fmt;

use super::number::whole;
use super::url::authority;
use super::{Bad, Secret, Typed, typed, word};

/// `redis://user:password@host:port/database`, or `rediss://` with TLS. The password is never shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisUrl {
    /// With TLS.
    pub secure: bool,
    /// A DNS name or an address, lower case; IPv6 without brackets.
    pub host: String,
    /// The port; 6379 where none was typed.
    pub port: u16,
    /// Who logs in.
    pub username: Option<String>,
    /// With which password.
    pub password: Option<Secret>,
    /// The number of the database; 0 where none was typed.
    pub database: u16,
}

impl RedisUrl {
    /// The URL as a client needs it, password and all.
    pub fn revealed(&self) -> String {
        let shown = Self { username: None, password: None, ..self.clone() }.to_string();
        let (scheme, place) = shown.split_once("://").unwrap_or(("redis", &shown));
        let encoded = |text: &str| -> String {
            // What RFC 3986 section 2.3 reserves for nothing stays as it is.
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
            let one = |b: u8| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") };
            text.bytes().map(one).collect()
        };
        let name = self.username.as_deref().map(encoded).unwrap_or_default();
        match &self.password {
            Some(password) => format!("{scheme}://{name}:{}@{place}", encoded(password.reveal())),
            None if !name.is_empty() => format!("{scheme}://{name}@{place}"),
            None => shown,
        }
    }
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.secure { "rediss://" } else { "redis://" })?;
        match (&self.username, &self.password) {
            (None, None) => {}
            (name, password) => {
                f.write_str(name.as_deref().unwrap_or(""))?;
                f.write_str(if password.is_some() { ":***@" } else { "@" })?;
            }
        }
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)?;
        } else {
            write!(f, "{}:{}", self.host, self.port)?;
        }
        if self.database == 0 { Ok(()) } else { write!(f, "/{}", self.database) }
    }
}

impl Typed for RedisUrl {
    const FORMAT: &'static str = "redis url";
    const EXPECTED: &'static str = "a URL such as `redis://127.0.0.1:6379` or `rediss://redis.internal`";

    fn read(text: &str) -> Result<Self, Bad> {
        let Some((scheme, rest)) = text.split_once("://") else {
            let looks_right = text.contains(['.', ':']) && authority(text, 6379).is_ok();
            return Err(if looks_right { Bad::mean(format_args!("redis://{text}")) } else { Bad::plain() });
        };
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "redis" | "valkey" => false,
            "rediss" | "valkeys" => true,
            _ => return Err(Bad::because("the scheme must be redis, or rediss with TLS")),
        };
        let (login, place) =
            rest.rsplit_once('@').map_or((None, rest), |(login, place)| (Some(login), place));
        let (place, database) = place.split_once('/').unwrap_or((place, ""));
        let database = match database {
            "" => 0,
            number => {
                whole(number).ok_or_else(|| Bad::because("behind the `/` stands the number of a database"))?
            }
        };
        let (host, port) = authority(place, 6379).map_err(|bad| Bad { hint: None, ..bad })?;
        let (username, password) = login.map(credentials).transpose()?.unwrap_or_default();
        Ok(Self { secure, host, port, username, password, database })
    }
}

/// `user:password`, each of which may be empty, percent-decoded.
fn credentials(login: &str) -> Result<(Option<String>, Option<Secret>), Bad> {
    let (name, password) = login.split_once(':').unwrap_or((login, ""));
    let password = if password.is_empty() { None } else { Some(Secret::read(&decoded(password)?)?) };
    Ok((Some(decoded(name)?).filter(|name| !name.is_empty()), password))
}

fn decoded(text: &str) -> Result<String, Bad> {
    let bad = || Bad::because("user and password are percent-encoded: a `%` is written `%25`");
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        rest = behind;
        if *first != b'%' {
            out.push(*first);
            continue;
        }
        let digit = |at: usize| behind.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        let (Some(high), Some(low)) = (digit(0), digit(1)) else { return Err(bad()) };
        out.push(u8::try_from(high * 16 + low).map_err(|_| bad())?);
        rest = &behind[2..];
    }
    String::from_utf8(out).map_err(|_| bad())
}

word!(
    /// What the names of a cluster's keys start with. Braces would decide where a Redis Cluster keeps them.
    ClusterPrefix, "prefix", "1 to 64 letters, digits, `-`, `_`, `.` and `:`", &["string", "integer"], |text| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.:".contains(&b);
        if (1..=64).contains(&text.len()) && text.bytes().all(plain) { Ok(text.into()) } else { Err(Bad::plain()) }
    }
);

word!(
    /// The name that sentinels have for a master.
    SentinelMaster, "name of a master", "the name that the sentinels have for the master, such as `mymaster`",
    &["string", "integer"], |text| {
        // The characters that Sentinel itself allows for a name.
        let plain = |b: u8| b.is_ascii_alphanumeric() || b".-_".contains(&b);
        if (1..=256).contains(&text.len()) && text.bytes().all(plain) { Ok(text.into()) } else { Err(Bad::plain()) }
    }
);

typed!(RedisUrl);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_its_password() {
        for (text, shown) in [
            ("redis://127.0.0.1", "redis://127.0.0.1:6379"),
            ("rediss://Redis.internal:7000/3", "rediss://redis.internal:7000/3"),
            ("redis://:hunter2@[::1]", "redis://:***@[::1]:6379"),
            ("redis://app:hun%40ter2@a:1/", "redis://app:***@a:1"),
            ("redis://app@a", "redis://app@a:6379"),
            ("valkey://a", "redis://a:6379"),
        ] {
            let url = RedisUrl::read(text);
            assert_eq!(url.as_ref().map(ToString::to_string), Ok(shown.into()), "{text}");
            assert!(!format!("{url:?}").contains("ter2"), "{text}");
        }
        let url = RedisUrl::read("redis://app:hun%40ter2@a").ok();
        assert_eq!(url.and_then(|url| url.password).as_ref().map(Secret::reveal), Some("hun@ter2"));
    }

    #[test]
    fn what_is_no_url_of_a_redis_server_is_refused() {
        for text in [
            "",
            "redis",
            "http://a",
            "redis://",
            "redis://a:0",
            "redis://a/x",
            "redis://a/1/2",
            "redis://a/70000",
            "redis://%zz:b@a",
        ] {
            assert!(RedisUrl::read(text).is_err(), "{text}");
        }
        let hint = |text| RedisUrl::read(text).map_err(|bad| bad.hint.unwrap_or_default()).unwrap_err();
        assert_eq!(hint("127.0.0.1:6379"), "did you mean `redis://127.0.0.1:6379`?");
    }
}
