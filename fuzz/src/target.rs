//! A request's target and its host: normalised once and for all, and nothing in them that could split a message.

use message::{Authority, Target, percent_decoded};

/// Reads `data` behind its first byte as a target and as a host.
pub fn check(data: &[u8]) {
    let Some((first, raw)) = data.split_first() else { return };
    let merge = first & 1 == 1;
    if let Ok(target) = Target::parse(raw, merge) {
        check_target(&target, merge);
    }
    if let Ok(authority) = Authority::parse(raw) {
        check_authority(&authority);
    }
}

fn check_target(target: &Target, merge: bool) {
    let (text, path) = (target.as_str(), target.path());
    assert!(
        text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\' && b != b'#'),
        "a dirty target: {text:?}"
    );
    assert_eq!(Target::parse(text.as_bytes(), merge).as_ref(), Ok(target), "not normalised: {text}");
    assert_eq!(target.query().map_or(path.len(), |q| path.len() + 1 + q.len()), text.len());
    if path == "*" {
        return;
    }
    let mut segments = path.strip_prefix('/').expect("a path starts with /").split('/').peekable();
    while let Some(segment) = segments.next() {
        assert!(!matches!(segment, "." | ".."), "a dotted segment is left: {path}");
        assert!(
            !merge || !segment.is_empty() || segments.peek().is_none(),
            "an empty segment is left: {path}"
        );
        assert!(!segment.contains("%2F") || percent_decoded(segment).contains('/'));
    }
    assert!(!path.contains("%00"), "a NUL in a path: {path}");
}

fn check_authority(authority: &Authority) {
    let text = authority.as_str();
    assert!(!authority.host().is_empty(), "a host without a name");
    assert!(
        text.bytes().all(|b| b.is_ascii_graphic() && !b.is_ascii_uppercase() && !b"@/?#%,\\".contains(&b)),
        "a dirty host: {text:?}"
    );
    // A name that ends in several dots loses one at a time. No rule can name such a host.
    if !authority.host().ends_with('.') {
        assert_eq!(Authority::parse(text.as_bytes()).as_ref(), Ok(authority), "not normalised: {text}");
    }
}
