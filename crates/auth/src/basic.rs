//! Names and passwords: the `Basic` scheme (RFC 7617), and hashes of passwords (argon2id, RFC 9106, as PHC strings).
//!
//! Verifying takes tens of milliseconds and 19 MiB, on purpose: it never runs on a worker. A name that nobody has must
//! cost the same, or the time of a refusal tells which names there are: verify its password against a [`stand_in`].
//!
//! Hashes come from the config, whose author is trusted but may err: [`examine`] bounds what one may cost.

use crate::{Denied, Secret};
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// No longer credentials are decoded, in characters of base64.
const MOST_TEXT: usize = 2048;
/// Longest hash that is read.
const MOST_HASH: usize = 512;
/// What one verification may take: memory in KiB, passes over it, lanes.
const MOST_MEMORY: u32 = 256 * 1024;
const MOST_PASSES: u32 = 16;
const MOST_LANES: u32 = 16;

/// Padded or not, as clients write it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Why a hash in the config cannot be used. The text never holds the hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadHash {
    /// It is something else.
    #[error("not a password hash such as $argon2id$v=19$m=19456,t=2,p=1$SALT$HASH")]
    Malformed,
    /// A hash of another kind.
    #[error("not argon2id, the one kind of hash that is taken")]
    Algorithm,
    /// A password would take more than 256 MiB, 16 passes or 16 lanes.
    #[error("too costly to verify: at most m=262144, t=16 and p=16")]
    Costly,
}

/// The name and the password of an `Authorization` field. [`Denied::Absent`] where it is of another scheme.
pub fn parse(authorization: &[u8]) -> Result<(Box<str>, Secret), Denied> {
    let scheme = authorization.split(|&b| b == b' ').next().unwrap_or_default();
    if !scheme.eq_ignore_ascii_case(b"basic") {
        return Err(Denied::Absent);
    }
    let text = authorization[scheme.len()..].trim_ascii();
    if text.len() > MOST_TEXT {
        return Err(Denied::Malformed("longer than any name and password"));
    }
    let decoded = BASE64.decode(text).map_err(|_| Denied::Malformed("not base64"))?;
    let decoded = String::from_utf8(decoded).map_err(|_| Denied::Malformed("not UTF-8"))?;
    let (name, password) = decoded.split_once(':').ok_or(Denied::Malformed("no colon behind the name"))?;
    // RFC 7617 section 2 forbids them; in a name they would end up in logs.
    if decoded.chars().any(char::is_control) {
        return Err(Denied::Malformed("a control character"));
    }
    Ok((name.into(), password.into()))
}

/// Can passwords be verified against this hash, at a bearable cost?
pub fn examine(hash: &str) -> Result<(), BadHash> {
    read(hash).map(|_| ())
}

/// Is this the password? `false` also where the hash is none. Takes tens of milliseconds.
pub fn verify(hash: &str, password: &str) -> bool {
    read(hash).is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

/// A hash of a password, with 19 MiB and 2 passes (the first choice of OWASP's Password Storage Cheat Sheet). `random`
/// fills the salt. Takes tens of milliseconds.
pub fn hash(password: &str, random: &mut dyn FnMut(&mut [u8])) -> String {
    let mut salt = [0; 16];
    random(&mut salt);
    let hash = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::default());
    let hash = hash.hash_password_with_salt(password.as_bytes(), &salt);
    hash.expect("the salt and the parameters are argon2's own defaults").to_string()
}

/// A hash that no password has, to verify the passwords of unknown names against. It costs what most of these cost, or
/// what [`hash`] makes where there are none.
pub fn stand_in<'a>(hashes: impl IntoIterator<Item = &'a str>) -> String {
    let mut costs: Vec<(u32, u32, u32, usize)> = hashes
        .into_iter()
        .filter_map(|text| Params::try_from(&read(text).ok()?).ok())
        .map(|p| (p.m_cost(), p.t_cost(), p.p_cost(), p.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN)))
        .collect();
    costs.sort_unstable();
    let most = costs.chunk_by(|a, b| a == b).max_by_key(|alike| alike.len()).and_then(|alike| alike.first());
    let (memory, passes, lanes, len) = *most.unwrap_or(&(
        Params::DEFAULT_M_COST,
        Params::DEFAULT_T_COST,
        Params::DEFAULT_P_COST,
        Params::DEFAULT_OUTPUT_LEN,
    ));
    // Zeros, in base64. Nobody has found what hashes to them.
    let zeros = |bytes: usize| "A".repeat((bytes * 4).div_ceil(3));
    format!("$argon2id$v=19$m={memory},t={passes},p={lanes}${}${}", zeros(16), zeros(len))
}

fn read(text: &str) -> Result<PasswordHash, BadHash> {
    if text.len() > MOST_HASH {
        return Err(BadHash::Malformed);
    }
    // Hashes of other kinds (`$2y$...`) are no PHC strings either.
    if text.starts_with('$') && text.split('$').nth(1) != Some(Algorithm::Argon2id.as_str()) {
        return Err(BadHash::Algorithm);
    }
    let hash = PasswordHash::new(text).map_err(|_| BadHash::Malformed)?;
    if hash.salt.is_none() || hash.hash.is_none() {
        return Err(BadHash::Malformed);
    }
    let params = Params::try_from(&hash).map_err(|_| BadHash::Malformed)?;
    let is_costly =
        params.m_cost() > MOST_MEMORY || params.t_cost() > MOST_PASSES || params.p_cost() > MOST_LANES;
    if is_costly { Err(BadHash::Costly) } else { Ok(hash) }
}

#[cfg(test)]
mod tests;
