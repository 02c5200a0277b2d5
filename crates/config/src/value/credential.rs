//! What consumers show: API keys, hashes of passwords, certificates.

use std::fmt;

use super::number::whole;
use super::secret::secret;
use super::{Bad, Typed, typed, word};

/// Characters of an API key, at least and at most.
const KEY: std::ops::RangeInclusive<usize> = 16..=512;

/// Different characters of an API key, at least: sixteen random hexadecimal digits have about ten.
const DIFFERENT: usize = 6;

secret!(
    /// An API key that is typed in the config. It is never shown; only [`ApiKey::reveal`] gives it away.
    ApiKey, "api key",
    "an API key of 16 to 512 visible ASCII characters: `${ENV}`, `file:/path`, or the text itself", api_key
);

fn api_key(text: &str) -> Result<(), Bad> {
    let better = "`tidegate keys create` makes keys that nobody guesses and stores no more than their hash";
    if !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Bad::because("it holds spaces, or characters that are not ASCII"));
    }
    if text.len() < *KEY.start() {
        return Err(Bad::because("it is shorter than 16 characters, which can be guessed").hint(better));
    }
    if text.len() > *KEY.end() {
        return Err(Bad::because("it is longer than 512 characters"));
    }
    let mut seen = [false; 128];
    text.bytes().for_each(|byte| seen[usize::from(byte & 0x7f)] = true);
    if seen.iter().filter(|seen| **seen).count() < DIFFERENT {
        return Err(Bad::because("it repeats a few characters, which can be guessed").hint(better));
    }
    Ok(())
}

/// KiB that verifying one password may take: verifying is bounded as a whole.
const MOST_MEMORY: u32 = 64 * 1024;

/// Passes over that memory.
const MOST_PASSES: u32 = 16;

/// Lanes of one hash.
const MOST_LANES: u32 = 16;

secret!(
    /// The hash of a password in the PHC string format, argon2id (RFC 9106). It is never shown; only
    /// [`PasswordHash::reveal`] gives it away.
    PasswordHash, "password hash", "a hash such as `$argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>`", |text| {
        argon2id(text).map_err(|reason| Bad::because(reason).hint("`tidegate hash-password` makes it from a password"))
    }
);

/// Checks the form of a PHC string: `$argon2id$v=19$m=..,t=..,p=..$salt$hash`.
fn argon2id(text: &str) -> Result<(), &'static str> {
    let mut parts = text.split('$');
    let (before, name) = (parts.next(), parts.next());
    match (before, name) {
        (Some(""), Some("argon2id")) => {}
        (Some(""), Some("2a" | "2b" | "2y")) => return Err("it is a bcrypt hash"),
        (Some(""), Some("apr1" | "1" | "5" | "6" | "y")) => return Err("it is a hash of crypt(3)"),
        (Some(_), None) => return Err("it is no hash, and a password must not stand in a file"),
        _ => return Err("it is not of the kind argon2id"),
    }
    let (version, costs, salt, hash) = (parts.next(), parts.next(), parts.next(), parts.next());
    let (Some("v=19"), Some(costs), Some(salt), Some(hash), None) =
        (version, costs, salt, hash, parts.next())
    else {
        return Err("it has not the five parts of an argon2id hash of version 19");
    };
    let mut costs = costs.split(',');
    let mut cost = |name: &str| costs.next()?.strip_prefix(name).and_then(whole::<u32>);
    let (Some(memory), Some(passes), Some(lanes)) = (cost("m="), cost("t="), cost("p=")) else {
        return Err("its costs are not written as `m=19456,t=2,p=1`");
    };
    if costs.next().is_some() {
        return Err("its costs are not written as `m=19456,t=2,p=1`");
    }
    if memory > MOST_MEMORY || passes > MOST_PASSES || lanes > MOST_LANES {
        return Err("verifying it would cost too much: at most m=65536, t=16 and p=16");
    }
    if lanes == 0 || passes == 0 || memory < 8 * lanes {
        return Err("its costs are too low");
    }
    // Base64 without padding: 8 to 48 bytes of salt, 16 to 64 of hash (RFC 9106 section 3.1).
    let base64 = |text: &str, lengths: std::ops::RangeInclusive<usize>| {
        lengths.contains(&text.len())
            && text.len() % 4 != 1
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/')
    };
    if !base64(salt, 11..=64) || !base64(hash, 22..=86) {
        return Err("salt or hash is cut or damaged");
    }
    Ok(())
}

/// The SHA-256 fingerprint of a certificate, of its DER form.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The 32 bytes.
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Typed for Fingerprint {
    const FORMAT: &'static str = "fingerprint";
    const EXPECTED: &'static str = "a SHA-256 fingerprint: 64 hexadecimal digits, with or without colons";

    fn read(text: &str) -> Result<Self, Bad> {
        if text.len() > 256 {
            return Err(Bad::plain());
        }
        let lower = text.to_ascii_lowercase();
        let digits = lower.rsplit(['=', ' ']).next().unwrap_or("");
        let digits = digits.strip_prefix("sha256:").unwrap_or(digits).replace(':', "");
        let mut bytes = Vec::with_capacity(32);
        for pair in digits.as_bytes().chunks(2) {
            let digit = |at: usize| pair.get(at).and_then(|byte| char::from(*byte).to_digit(16));
            let (Some(high), Some(low)) = (digit(0), digit(1)) else { return Err(Bad::plain()) };
            bytes.push(u8::try_from(high * 16 + low).map_err(|_| Bad::plain())?);
        }
        let hint = "`openssl x509 -in client.pem -noout -fingerprint -sha256` shows it";
        match (<[u8; 32]>::try_from(bytes.as_slice()), bytes.len()) {
            (Ok(bytes), _) => Ok(Self(bytes)),
            (Err(_), 20) => Err(Bad::because("this is a SHA-1 fingerprint").hint(hint)),
            (Err(_), _) => Err(Bad::plain().hint(hint)),
        }
    }
}

word!(
    /// A name in a certificate: a DNS name, address, email or URI of its subject alternative names, or its whole subject.
    CertificateText, "name in a certificate", "a text as it stands in the certificate", &["string"], |text| {
        let clean = !text.chars().any(char::is_control);
        if clean && (1..=1024).contains(&text.len()) { Ok(text.into()) } else { Err(Bad::plain()) }
    }
);

typed!(Fingerprint);

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$qLml5cbqZjP4tSFjQ3ISlzPuQoXDPoNgLJyWyrd5TYA";

    #[test]
    fn keys_that_can_be_guessed_are_refused() {
        assert!(ApiKey::read("0123456789abcdef").is_ok());
        for text in [
            "",
            "short",
            "aaaaaaaaaaaaaaaaaaaaaaaa",
            "abcabcabcabcabcabc",
            "with a space in it",
            &"0123456789".repeat(52),
        ] {
            assert!(ApiKey::read(text).is_err(), "{text}");
        }
        assert_eq!(format!("{:?}", ApiKey::read("0123456789abcdef")), "Ok(***)");
    }

    #[test]
    fn a_password_hash_is_argon2id_within_bounds() {
        assert!(PasswordHash::read(HASH).is_ok());
        let but = |from: &str, to: &str| PasswordHash::read(&HASH.replace(from, to)).is_err();
        assert!(but("argon2id", "argon2i") && but("v=19", "v=16") && but("v=19$", ""));
        assert!(
            but("m=19456", "m=999999") && but("m=19456", "m=4") && but("t=2", "t=0") && but("p=1", "p=99")
        );
        assert!(but("m=19456,t=2,p=1", "t=2,m=19456,p=1") && but("p=1", "p=1,x=1") && but("t=2", "t=+2"));
        assert!(but("qLml5", "=====") && but("c29tZXNhbHRzb21lc2FsdA", "YQ"));
        assert!(PasswordHash::read(&format!("{HASH}$more")).is_err());
        for text in ["", "hunter2", "$2y$10$abcdefghijklmnopqrstuv", "$apr1$x$y", "$", "$$$$$"] {
            assert!(PasswordHash::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_fingerprint_is_read_with_and_without_colons() {
        let plain = "ab".repeat(32);
        let colons = vec!["AB"; 32].join(":");
        for text in [&plain, &colons, &format!("SHA256:{colons}"), &format!("sha256 Fingerprint={colons}")] {
            assert_eq!(Fingerprint::read(text).map(|print| print.to_string()), Ok(plain.clone()), "{text}");
        }
        for text in ["", "ab", &"ab".repeat(20), &"ab".repeat(33), &"zz".repeat(32), &"ä".repeat(40)] {
            assert!(Fingerprint::read(text).is_err(), "{text}");
        }
    }
}
