//! Credentials of strangers: keys, names with passwords, sealed cookies, origins; and the networks of the config.

use auth::{Cors, CorsSettings, Denied, KeyBook, Network, basic, csrf, key, session};
use message::{Method, Scheme};

const NOW: u64 = 1_800_000_000;

/// Reads `data` as each of them.
pub fn check(data: &[u8]) {
    check_basic(data);
    check_origin(data);
    let book = KeyBook::new();
    book.typed([([0; 32], "shop".into())]);
    let denied = book.check(data, NOW).expect_err("a key that nobody made");
    assert_eq!(denied == Denied::Absent, data.is_empty());
    let Ok(text) = std::str::from_utf8(data) else { return };
    check_key(text);
    check_network(text);
    let sealer = session::Sealer::new(&[[7; 32]]).expect("a key");
    assert_eq!(sealer.open("session", text), None, "a cookie that nobody sealed");
    if basic::examine(text).is_ok() {
        assert!(text.starts_with("$argon2id$") && text.len() <= 512, "{text}");
    }
}

fn check_key(text: &str) {
    let Some(parsed) = key::parse(text) else { return };
    assert!(key::looks_like(text.as_bytes()));
    let again = format!("tg_{}_{}_{}", parsed.id, parsed.secret, &text[60..]);
    assert_eq!(again, text);
    assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'), "{text}");
}

fn check_basic(data: &[u8]) {
    for text in [data, &[b"Basic ", data].concat()] {
        if let Ok((name, password)) = basic::parse(text) {
            assert!(!name.contains(':') && !name.chars().any(char::is_control), "{name:?}");
            assert_eq!(format!("{password:?}"), "[secret]");
        }
    }
}

fn check_network(text: &str) {
    let Ok(network) = text.parse::<Network>() else { return };
    let (address, bits) = text.split_once('/').unwrap_or((text, "128"));
    let address = address.parse().expect("the address of a network");
    assert!(network.contains(address), "{text} without {address}");
    let written: Network = network.to_string().parse().expect("a network that was written");
    assert_eq!(written, network, "{text}");
    if bits == "0" {
        assert!(network.contains(if address.is_ipv4() { [1, 2, 3, 4].into() } else { [7; 8].into() }));
    }
}

fn check_origin(data: &[u8]) {
    let origins = vec!["https://app.example.com".into(), "https://*.example.org".into()];
    let settings =
        CorsSettings { origins, headers: vec!["*".into()], credentials: true, ..CorsSettings::default() };
    let cors = Cors::new(&settings).expect("settings");
    if cors.actual(data).is_some() {
        let text = std::str::from_utf8(data).expect("an origin is ASCII");
        let host = text.strip_prefix("https://").expect("by TLS");
        assert!(host == "app.example.com" || host.ends_with(".example.org"), "{text}");
        assert!(host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b)), "{text}");
    }
    if let Some(fields) = cors.preflight(b"https://app.example.com", b"GET", Some(data)) {
        let mut lines = Vec::new();
        fields.write_lines(&mut lines);
        assert_eq!(lines.split(|&b| b == b'\n').count(), fields.len() + 1, "a split answer");
    }
    let evidence = csrf::Evidence {
        method: &Method::POST,
        upgrade: false,
        sec_fetch_site: None,
        origin: Some(data),
        referer: None,
        host: "app.example.com",
        scheme: Scheme::Https,
    };
    if csrf::allowed(&evidence) {
        assert!(data.to_ascii_lowercase().starts_with(b"https://app.example.com"), "another site's request");
    }
}
