//! What a token costs a worker that has seen it before, and what it costs to verify one: `cargo bench -p auth --bench token`.
#![allow(unreachable_pub, reason = "the maker is shared with the tests")]

#[allow(dead_code, reason = "the bench uses its part of the maker")]
#[path = "../tests/maker/mod.rs"]
mod maker;

use auth::token::{Issuer, JwtSettings, KeySet, Revocation, Revocations, Revoked};
use divan::Bencher;
use maker::{NOW, Signer, claims, set};
use std::hint::black_box;
use std::sync::Arc;

fn main() {
    divan::main();
}

/// Some claims more, so that the token is as long as those of real providers: about a kilobyte.
fn token(signer: &Signer, algorithm: &str, n: usize) -> String {
    let more = format!(
        r#","jti":"token-{n}","scope":"orders:read orders:write profile email","azp":"web","x":"{}""#,
        "x".repeat(300)
    );
    signer.token(&format!(r#"{{"alg":"{algorithm}","kid":"k","typ":"at+jwt"}}"#), &claims(&more))
}

fn issuer(signer: &Signer) -> Issuer {
    let jwks = set(&[format!(r#""kid":"k",{}"#, signer.jwk())]);
    let keys = KeySet::from_jwks(jwks.as_bytes()).expect("a key");
    let settings = JwtSettings { audiences: vec!["shop".into()], ..JwtSettings::default() };
    Issuer::new("id", settings, Some(keys))
}

/// One of 1,000 tokens that were verified; `revoked` others were taken back.
#[divan::bench(args = [0, 100_000], sample_size = 1_000, threads = [1, 2])]
fn recall(bencher: Bencher<'_, '_>, revoked: usize) {
    let signer = maker::rsa(0);
    let revocations = Arc::new(Revocations::default());
    let issuer = issuer(&signer).with_revocations(revocations.clone());
    let tokens: Vec<_> = (0..1_000).map(|n| token(&signer, "RS256", n)).collect();
    for token in &tokens {
        issuer.verify(token, NOW).expect("a good token");
    }
    for n in 0..revoked {
        let what = Revoked::Token(format!("other-{n}").into());
        let record = Revocation { what, before: 0, until: None, changed: 1 };
        revocations.revoke(record, NOW).expect("room");
    }
    let next = std::sync::atomic::AtomicUsize::new(0);
    bencher
        .with_inputs(|| next.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % tokens.len())
        .bench_values(|n| issuer.recall(black_box(&tokens[n]), NOW).expect("it was verified").expires);
}

fn verify(bencher: Bencher<'_, '_>, signer: &Signer, algorithm: &str) {
    let issuer = issuer(signer);
    let token = token(signer, algorithm, 1);
    bencher.bench_local(|| issuer.verify(black_box(&token), NOW).expect("a good token"));
}

#[divan::bench]
fn verify_rs256(bencher: Bencher<'_, '_>) {
    verify(bencher, &maker::rsa(0), "RS256");
}

#[divan::bench]
fn verify_es256(bencher: Bencher<'_, '_>) {
    verify(bencher, &maker::p256(), "ES256");
}

#[divan::bench]
fn verify_eddsa(bencher: Bencher<'_, '_>) {
    verify(bencher, &maker::ed25519(), "EdDSA");
}
