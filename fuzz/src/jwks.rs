//! The keys of an issuer, as a JWK set and as PEM: bounded, each of them tried out, and no key where there is no reason for one.

use auth::token::{Issuer, JwtSettings, KeySet, Refused};

/// A signature of nobody.
const FORGED: &str = "eyJhbGciOiJFUzI1NiJ9.e30.\
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Reads `data` as both.
pub fn check(data: &[u8]) {
    for read in [KeySet::from_jwks(data), KeySet::from_pem(data)] {
        let Ok(keys) = read else { continue };
        assert!((1..=100).contains(&keys.len()) && keys.skipped().len() <= 100, "{keys:?}");
        assert!(keys.kids().all(|kid| kid.len() <= 256), "{keys:?}");
        let issuer =
            Issuer::new("fuzz", JwtSettings { cache_bytes: 0, ..JwtSettings::default() }, Some(keys));
        match issuer.verify(FORGED, 0) {
            Err(Refused::UnknownKey { kid: None } | Refused::Denied(_)) => {}
            other => panic!("{other:?}"),
        }
    }
}
