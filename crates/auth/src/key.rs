//! The text of an API key: `tg_<id>_<secret>_<crc>`.
//!
//! The id (12 characters of base 62) may be shown and finds the record; the secret (43 characters) holds 256 random bits,
//! so a plain SHA-256 of the whole text is all that has to be kept: there is nothing to guess that a slow hash would
//! protect. The last 6 characters are the CRC-32 (ISO 3309) of what stands before them. They tell a mistyped key from an
//! unknown one, and a scanner of source code a key from any other text, without asking anybody; they secure nothing.
//!
//! *Not here*: who the key belongs to (`KeyRecord`), which keys there are (`KeyBook`).

use crate::Secret;
use aws_lc_rs::digest::{SHA256, digest};

/// What every key begins with.
pub const PREFIX: &str = "tg_";

const ID: usize = 12;
const SECRET: usize = 43;
const CRC: usize = 6;
const LEN: usize = PREFIX.len() + ID + 1 + SECRET + 1 + CRC;
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A new key. The text goes to its owner and nowhere else.
#[derive(Debug)]
pub struct Minted {
    /// The key.
    pub text: Secret,
    /// What it is called by: 12 letters and digits.
    pub id: Box<str>,
    /// What is kept of it.
    pub hash: [u8; 32],
}

/// A key taken apart; its check sum is right.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Parsed<'a> {
    /// What it is called by.
    pub id: &'a str,
    /// What proves it.
    pub secret: &'a str,
}

/// Makes a key. `random` fills what it is given with bytes that nobody can foretell.
pub fn mint(random: &mut dyn FnMut(&mut [u8])) -> Minted {
    let (mut id, mut secret) = ([0; 16], [0; 32]);
    random(&mut id);
    random(&mut secret);
    let mut text = String::with_capacity(LEN);
    text.push_str(PREFIX);
    // 128 bits on 62^12 values: no id is likelier than another by more than one in 2^56.
    push_base62(&mut text, &mut id, ID);
    text.push('_');
    push_base62(&mut text, &mut secret, SECRET);
    let crc = crc32(text.as_bytes());
    text.push('_');
    push_base62(&mut text, &mut crc.to_be_bytes(), CRC);
    Minted { id: text[PREFIX.len()..][..ID].into(), hash: hash(text.as_bytes()), text: text.into() }
}

/// What is kept of a key, minted or typed: SHA-256 of the whole text.
pub fn hash(text: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, text).as_ref());
    out
}

/// Does it mean to be such a key, rather than a token of another kind? Mistyped ones do.
pub fn looks_like(text: &[u8]) -> bool {
    text.starts_with(PREFIX.as_bytes())
}

/// Takes a key apart; `None` where it was never minted like this.
pub fn parse(text: &str) -> Option<Parsed<'_>> {
    let id = id_of(text.as_bytes())?;
    let (before, crc) = text.split_at_checked(LEN - CRC - 1)?;
    let secret = before.split_at_checked(LEN - CRC - 1 - SECRET)?.1;
    let mut expected = String::with_capacity(CRC + 1);
    expected.push('_');
    push_base62(&mut expected, &mut crc32(before.as_bytes()).to_be_bytes(), CRC);
    let is_sound = secret.bytes().all(|b| b.is_ascii_alphanumeric()) && crc == expected;
    is_sound.then_some(Parsed { id, secret })
}

/// The id in what has the shape of a key. The check sum is not looked at: where the id is known, the hash says more.
pub(crate) fn id_of(text: &[u8]) -> Option<&str> {
    let id = &text.strip_prefix(PREFIX.as_bytes()).filter(|_| text.len() == LEN)?[..ID];
    let has_shape = text[PREFIX.len() + ID] == b'_' && id.iter().all(u8::is_ascii_alphanumeric);
    std::str::from_utf8(id).ok().filter(|_| has_shape)
}

/// Appends the lowest `digits` digits of a big-endian number, which is used up.
fn push_base62(out: &mut String, number: &mut [u8], digits: usize) {
    let mut text = [0; SECRET];
    for digit in text[..digits].iter_mut().rev() {
        let mut rest = 0_u16;
        for byte in number.iter_mut() {
            let value = rest << 8 | u16::from(*byte);
            *byte = (value / 62) as u8;
            rest = value % 62;
        }
        *digit = DIGITS[usize::from(rest)];
    }
    out.extend(text[..digits].iter().map(|&b| char::from(b)));
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| crc >> 1 ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Bytes that follow from `seed`.
    fn minted(seed: u64) -> Minted {
        let mut source = base::IdSource::seeded(seed);
        mint(&mut |bytes| bytes.fill_with(|| source.next_u64().to_le_bytes()[0]))
    }

    #[test]
    fn the_check_sum_is_the_crc_32_of_everybody_else() {
        // The check value of CRC-32/ISO-HDLC in the catalogue of parametrised CRC algorithms.
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn the_largest_secret_fits_its_digits() {
        let mut text = String::new();
        push_base62(&mut text, &mut [0xff; 32], SECRET);
        assert_eq!(text, "yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp1", "2^256 - 1 in base 62");
    }

    #[test]
    fn a_minted_key_is_recognised_and_hides_in_debug() {
        let key = minted(1);
        let text = key.text.as_str();
        assert_eq!(text.len(), 66);
        assert!(looks_like(text.as_bytes()) && text.starts_with(&format!("tg_{}_", key.id)));
        let parsed = parse(text).unwrap();
        assert_eq!((parsed.id, parsed.secret.len()), (&*key.id, 43));
        assert_eq!(key.hash, hash(text.as_bytes()));
        assert!(!format!("{key:?}").contains(parsed.secret));
        assert_eq!(key.text.to_string(), text);
    }

    #[test]
    fn no_two_keys_are_alike() {
        let ids: std::collections::HashSet<_> = (0..1000).map(|seed| minted(seed).id).collect();
        assert_eq!(ids.len(), 1000);
    }

    proptest! {
        #[test]
        fn one_wrong_character_is_noticed(seed: u64, at in 3_usize..66, to in "[0-9A-Za-z_-]") {
            let mut text = minted(seed).text.as_str().to_owned();
            prop_assume!(text[at..=at] != to);
            text.replace_range(at..=at, &to);
            prop_assert!(parse(&text).is_none());
        }

        #[test]
        fn any_text_is_taken_apart_or_refused(text in "(tg_)?[0-9A-Za-z_\u{e9}]{0,80}") {
            if let Some(parsed) = parse(&text) {
                prop_assert_eq!(text.len(), LEN);
                prop_assert_eq!(Some(parsed.id), id_of(text.as_bytes()));
            }
        }
    }
}
