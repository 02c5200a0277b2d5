//! Names and passwords as clients send them, hashes as operators write them.

use super::*;
use proptest::prelude::*;

/// "correct horse" with the smallest parameters, so that the tests take no time.
const CHEAP: &str = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$";

fn cheap(password: &str) -> String {
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8, 1, 1, None).unwrap());
    argon2.hash_password_with_salt(password.as_bytes(), b"saltsaltsaltsalt").unwrap().to_string()
}

fn parsed(text: &str) -> Result<(String, String), Denied> {
    parse(text.as_bytes()).map(|(name, password)| (name.into(), password.as_str().into()))
}

#[test]
fn a_name_and_a_password_are_read_as_rfc_7617_writes_them() {
    let pair = |name: &str, password: &str| Ok((name.to_owned(), password.to_owned()));
    assert_eq!(parsed("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), pair("Aladdin", "open sesame"));
    assert_eq!(parsed("basic  QWxhZGRpbjpvcGVuIHNlc2FtZQ "), pair("Aladdin", "open sesame"));
    assert_eq!(parsed("Basic dGVzdDoxMjPCow=="), pair("test", "123\u{a3}"));
    assert_eq!(parsed("Basic YTpiOmM="), pair("a", "b:c"));
    assert_eq!(parsed("Basic Og=="), pair("", ""));
}

#[test]
fn another_scheme_is_absent_and_a_bad_value_malformed() {
    for text in ["", "Bearer x", "Basicx", "Digest a"] {
        assert_eq!(parsed(text), Err(Denied::Absent), "{text}");
    }
    for (text, why) in [
        ("Basic", "no colon behind the name"),
        ("Basic !", "not base64"),
        ("Basic YWJj", "no colon behind the name"),
        ("Basic OqM=", "not UTF-8"),
        ("Basic YQo6Yg==", "a control character"),
    ] {
        assert_eq!(parsed(text), Err(Denied::Malformed(why)), "{text}");
    }
    let long = format!("Basic {}", "A".repeat(2049));
    assert_eq!(parsed(&long), Err(Denied::Malformed("longer than any name and password")));
}

#[test]
fn the_password_is_verified_and_no_other() {
    let hash = cheap("correct horse");
    assert!(hash.starts_with(CHEAP), "{hash}");
    assert!(verify(&hash, "correct horse"));
    assert!(!verify(&hash, "correct hors"));
    assert!(!verify(CHEAP, ""), "a hash without its end");
    assert!(!verify("correct horse", "correct horse"), "a password in clear text is no hash");
}

#[test]
fn a_hash_that_another_tool_made_is_verified() {
    // argon2-cffi 25.1: hash_secret(b"hunter2", b"saltsaltsalt", 2, 64, 2, 24, Type.ID), over the reference code in C.
    let hash = "$argon2id$v=19$m=64,t=2,p=2$c2FsdHNhbHRzYWx0$GNBSSekpuqCwzRsMT5NEIypZdqPijffr";
    assert!(verify(hash, "hunter2"));
    assert!(!verify(hash, "hunter3"));
}

#[test]
fn a_hash_made_here_verifies_and_has_a_salt_of_its_own() {
    let made = |byte| hash("pass", &mut |salt| salt.fill(byte));
    assert!(made(1).starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", made(1));
    assert_ne!(made(1), made(2));
    assert!(verify(&made(1), "pass"));
}

#[test]
fn a_hash_that_would_cost_too_much_is_refused_without_its_text() {
    let good = cheap("x");
    assert_eq!(examine(&good), Ok(()));
    for (from, to, want) in [
        ("m=8", "m=262145", BadHash::Costly),
        ("t=1", "t=17", BadHash::Costly),
        ("m=8,t=1,p=1", "m=262144,t=1,p=17", BadHash::Costly),
        ("m=8,t=1,p=1", "m=4294967295,t=4294967295,p=1", BadHash::Costly),
        ("argon2id", "argon2i", BadHash::Algorithm),
        ("$argon2id$v=19$m=8,t=1,p=1$", "", BadHash::Malformed),
        ("m=8", "m=0", BadHash::Malformed),
    ] {
        let bad = good.replace(from, to);
        let error = examine(&bad).unwrap_err();
        assert_eq!(error, want, "{bad}");
        assert!(!verify(&bad, "x"), "{bad}");
        assert!(!error.to_string().contains(&good[CHEAP.len()..]));
    }
    assert_eq!(examine(CHEAP), Err(BadHash::Malformed));
    assert_eq!(examine("$2y$10$abcdefghijklmnopqrstuu"), Err(BadHash::Algorithm));
}

#[test]
fn a_stand_in_costs_what_most_hashes_cost_and_fits_no_password() {
    let costs = |text: &str| {
        let params = Params::try_from(&read(text).unwrap()).unwrap();
        (params.m_cost(), params.t_cost(), params.p_cost(), params.output_len())
    };
    assert_eq!(costs(&stand_in([])), (19_456, 2, 1, Some(32)));
    let (a, b) = (cheap("a"), cheap("b"));
    let other = a.replace("m=8", "m=16");
    let stand_in = stand_in([&*other, &*a, &*b, "none"]);
    assert_eq!(costs(&stand_in), (8, 1, 1, Some(32)));
    for password in ["", "a", "b"] {
        assert!(!verify(&stand_in, password));
    }
}

proptest! {
    #[test]
    fn any_name_and_password_come_out_as_they_went_in(name in "[^:\\p{Cc}]{0,20}", password in "\\PC{0,40}") {
        let text = format!("Basic {}", BASE64.encode(format!("{name}:{password}")));
        prop_assert_eq!(parsed(&text), Ok((name, password)));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
        let _ = parse(&[b"Basic ", &bytes[..]].concat());
        let _ = parse(&bytes);
    }

    #[test]
    fn any_text_is_a_hash_or_none(text in "\\$argon2id\\$v=19\\$m=[0-9]{1,12},t=[0-9]{1,3},p=1\\$[A-Za-z0-9+/]{0,30}\\$[A-Za-z0-9+/]{0,60}") {
        let _ = examine(&text);
    }
}
