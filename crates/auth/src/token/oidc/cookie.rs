//! The cookies of a login and of a session (RFC 6265).
//!
//! A browser keeps 4,096 bytes of name, value and attributes, so a long session is cut into pieces. All are `HttpOnly`, and
//! `SameSite=Lax`: the way back from the provider is a top-level GET, which `Strict` would not let through.

use message::Fields;
use std::fmt::Write;

/// Bytes of a value.
const PIECE: usize = 3800;
/// The most pieces: with them, a request's head stays below the usual 16 KiB.
const PIECES: usize = 3;

/// `Set-Cookie` with a value and an age in seconds; 0 takes the cookie away.
pub(super) fn set(name: &str, value: &str, path: &str, age: u64, secure: bool) -> String {
    let mut text = format!("{name}={value}; Path={path}; Max-Age={age}; HttpOnly; SameSite=Lax");
    if secure {
        text.push_str("; Secure");
    }
    text
}

/// The value of a cookie in the request.
pub(super) fn get<'a>(fields: &'a Fields, name: &'a str) -> Option<&'a str> {
    fields.cookies(name).find_map(|value| std::str::from_utf8(value).ok())
}

/// `Set-Cookie`s for a long value, which take away pieces that an earlier, longer one has left. `None`: it does not fit.
pub(super) fn set_pieces(name: &str, value: &str, age: u64, secure: bool) -> Option<Vec<String>> {
    let pieces: Vec<&[u8]> = value.as_bytes().chunks(PIECE).collect();
    if pieces.len() > PIECES || !value.is_ascii() {
        return None;
    }
    let piece = |at: usize| {
        let value = pieces.get(at).map_or("", |piece| std::str::from_utf8(piece).unwrap_or_default());
        let age = if value.is_empty() { 0 } else { age };
        set(&piece_name(name, at), value, "/", age, secure)
    };
    Some((0..PIECES).map(piece).collect())
}

/// The long value of the request.
pub(super) fn get_pieces(fields: &Fields, name: &str) -> Option<String> {
    let mut whole = get(fields, name)?.to_owned();
    for at in 1..PIECES {
        match get(fields, &piece_name(name, at)) {
            Some(piece) if whole.len() < PIECES * PIECE => whole.push_str(piece),
            _ => break,
        }
    }
    Some(whole)
}

/// The names of all pieces that there can be.
pub(super) fn piece_names(name: &str) -> impl Iterator<Item = String> + '_ {
    (0..PIECES).map(move |at| piece_name(name, at))
}

/// The first has the name itself, the others a number behind it.
fn piece_name(name: &str, at: usize) -> String {
    let mut text = name.to_owned();
    if at > 0 {
        let _ = write!(text, "_{at}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use message::Name;

    /// What a browser would send after these `Set-Cookie`s.
    fn sent(cookies: &[String]) -> Fields {
        let kept = cookies.iter().filter(|text| !text.contains("Max-Age=0"));
        let pairs: Vec<_> = kept.filter_map(|text| text.split(';').next()).collect();
        let mut fields = Fields::new();
        fields.add(Name::Cookie, format!("other=1; {}", pairs.join("; ")).as_bytes());
        fields
    }

    #[test]
    fn a_long_value_comes_back_whole_and_a_shorter_one_takes_its_pieces_away() {
        for length in [0, 1, 3800, 3801, 9000, 3 * 3800] {
            let value: String = ('a'..='z').cycle().take(length).collect();
            let cookies = set_pieces("s", &value, 60, true).unwrap();
            assert_eq!(cookies.len(), 3);
            assert!(cookies.iter().all(|text| text.len() < 4096));
            assert_eq!(get_pieces(&sent(&cookies), "s").unwrap_or_default(), value);
        }
        assert!(set_pieces("s", &"a".repeat(3 * 3800 + 1), 60, true).is_none());
    }

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let mut fields = Fields::new();
        fields.add(Name::Cookie, b"as=1; s=2;ss=3");
        fields.add(Name::Cookie, b"s_1=4");
        assert_eq!((get(&fields, "s"), get(&fields, "ss"), get(&fields, "x")), (Some("2"), Some("3"), None));
        assert_eq!(get_pieces(&fields, "s").as_deref(), Some("24"));
    }

    #[test]
    fn a_cookie_is_out_of_reach_for_scripts_and_for_other_sites() {
        assert_eq!(
            set("s", "v", "/cb", 60, true),
            "s=v; Path=/cb; Max-Age=60; HttpOnly; SameSite=Lax; Secure"
        );
        assert!(!set("s", "v", "/", 60, false).contains("Secure"));
    }
}
