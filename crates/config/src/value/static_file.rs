//! Words of static files: names, extensions, media types, and what browsers may keep.

use std::fmt;

use base::units::parse_duration;

use super::http::is_token;
use super::{Bad, Typed, typed, word};

word!(
    /// The name of a file, without folders.
    FileName, "file name", "the name of a file such as `index.html`, without folders", &["string"], |text| {
        let clean = !text.chars().any(|c| c.is_control() || c == '/' || c == '\\');
        let named = !matches!(text, "." | "..") && (1..=255).contains(&text.len());
        if clean && named { Ok(text.into()) } else { Err(Bad::plain()) }
    }
);

word!(
    /// The extension of a file's name: lower case, without the dot. Names are compared with it whatever their case.
    FileExtension, "file extension", "an extension such as `wasm`", &["string", "integer"], |text| {
        let bare = text.trim_start_matches(['*', '.']).to_ascii_lowercase();
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_+".contains(&b);
        let right = (1..=32).contains(&bare.len()) && bare.bytes().all(plain);
        match right {
            true if bare == text => Ok(bare),
            true => Err(Bad::mean(bare)),
            false => Err(Bad::plain()),
        }
    }
);

word!(
    /// The value of `Content-Type` (RFC 9110 section 8.3.1).
    MediaType, "media type", "a media type such as `application/wasm` or `text/html; charset=utf-8`", &["string"], |text| {
        let (essence, parameters) = text.split_once(';').unwrap_or((text, ""));
        let is_type = essence.trim_end().split_once('/').is_some_and(|(kind, sub)| is_token(kind) && is_token(sub));
        let clean = text.len() <= 256 && !parameters.chars().any(|c| c.is_control() || !c.is_ascii());
        if is_type && clean { Ok(text.trim().into()) } else { Err(Bad::plain()) }
    }
);

word!(
    /// The value of `Cache-Control` (RFC 9111 section 5.2.2).
    CacheControl, "cache control", "a value of `Cache-Control` such as `public, max-age=3600`", &["string", "integer"],
    cache_control
);

/// Directives that bring a number of seconds.
const SECONDS: [&str; 4] = ["max-age", "s-maxage", "stale-while-revalidate", "stale-if-error"];

/// Directives that stand alone.
const ALONE: [&str; 9] = [
    "public",
    "private",
    "no-cache",
    "no-store",
    "no-transform",
    "must-revalidate",
    "proxy-revalidate",
    "must-understand",
    "immutable",
];

/// Directives that are known are right; others may stand there, since anybody may define some.
fn cache_control(text: &str) -> Result<String, Bad> {
    let text = text.trim();
    let clean = text.chars().all(|c| c.is_ascii() && !c.is_control());
    if text.is_empty() || text.len() > 512 || !clean {
        return Err(Bad::plain());
    }
    if let Ok(time) = parse_duration(text) {
        return Err(Bad::plain().or_mean(format_args!("max-age={}", time.as_secs())));
    }
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Bad::plain().or_mean(format_args!("max-age={text}")));
    }
    // What stands between quotes may hold commas, and only directives of others have quotes.
    if text.contains('"') {
        return Ok(text.into());
    }
    text.split(',').map(str::trim).try_for_each(directive)?;
    Ok(text.into())
}

fn directive(text: &str) -> Result<(), Bad> {
    let (name, value) =
        text.split_once('=').map_or((text, None), |(name, value)| (name.trim(), Some(value.trim())));
    let plain = name.to_ascii_lowercase();
    if !is_token(name) {
        return Err(Bad::because("directives stand between commas"));
    }
    if let Some(known) = SECONDS.iter().find(|known| **known == plain) {
        return match value {
            Some(value) if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) => Ok(()),
            Some(value) => {
                let bad = Bad::because(format!("`{known}` is a number of seconds"));
                let better = parse_duration(value).map(|time| format!("{known}={}", time.as_secs()));
                Err(better.map_or(bad.clone(), |better| bad.or_mean(better)))
            }
            None => Err(Bad::because(format!("`{known}` needs a number of seconds"))
                .or_mean(format_args!("{known}=3600"))),
        };
    }
    let meant = plain.replace('_', "-");
    match SECONDS.iter().chain(&ALONE).find(|known| **known == meant && meant != plain) {
        Some(known) => Err(Bad::because(format!("`{known}` is written with `-`"))),
        None => Ok(()),
    }
}

/// The file that answers for paths at which there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spa {
    /// Nothing: 404.
    Off,
    /// This file, a path below the root.
    File(String),
}

impl Spa {
    /// The file that `true` stands for.
    pub const USUAL: &'static str = "index.html";

    /// The file; `None` where it is off.
    pub fn file(&self) -> Option<&str> {
        match self {
            Self::Off => None,
            Self::File(file) => Some(file),
        }
    }
}

impl fmt::Display for Spa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.file().unwrap_or("off"))
    }
}

impl Typed for Spa {
    const FORMAT: &'static str = "file or off";
    const EXPECTED: &'static str =
        "a file below the root such as `index.html`, `true` for that one, or `off`";
    const TYPES: &'static [&'static str] = &["string", "boolean"];

    fn read(text: &str) -> Result<Self, Bad> {
        match text {
            "true" | "on" => return Ok(Self::File(Self::USUAL.into())),
            "false" | "off" => return Ok(Self::Off),
            _ => {}
        }
        let is_path = |text: &str| {
            let clean = !text.chars().any(|c| c.is_control() || c == '\\');
            let parts = || text.split('/').all(|part| !matches!(part, "" | "." | ".."));
            clean && (1..=1024).contains(&text.len()) && parts()
        };
        let bare = text.trim_start_matches("./").trim_start_matches('/');
        match is_path(text) {
            true => Ok(Self::File(text.into())),
            false if is_path(bare) => Err(Bad::because("it is a path below the root").or_mean(bare)),
            false => Err(Bad::plain()),
        }
    }
}

typed!(Spa);

#[cfg(test)]
mod tests {
    use super::*;

    fn hint<T: Typed>(text: &str) -> Option<String> {
        T::read(text).err().and_then(|bad| bad.hint)
    }

    #[test]
    fn what_browsers_keep_is_said_in_directives() {
        for text in
            ["public, max-age=3600", "no-store", "max-age=0, must-revalidate", "private=\"a, b\"", "x-new=1"]
        {
            assert_eq!(CacheControl::read(text).map(|value| value.to_string()), Ok(text.into()));
        }
        assert_eq!(hint::<CacheControl>("1h"), Some("did you mean `max-age=3600`?".into()));
        assert_eq!(hint::<CacheControl>("3600"), Some("did you mean `max-age=3600`?".into()));
        assert_eq!(hint::<CacheControl>("public, max-age=1h"), Some("did you mean `max-age=3600`?".into()));
        for text in ["", "max-age", "max-age=", "max_age=1", "no_cache", "public; max-age=1", "a\nb", ", ,"] {
            assert!(CacheControl::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn files_are_named_below_the_root() {
        assert_eq!(Spa::read("true"), Ok(Spa::File("index.html".into())));
        assert_eq!(Spa::read("app/index.html"), Ok(Spa::File("app/index.html".into())));
        assert_eq!(Spa::read("off"), Ok(Spa::Off));
        assert_eq!(hint::<Spa>("/index.html"), Some("did you mean `index.html`?".into()));
        for text in ["", "/", "../index.html", "a//b", "a/../b", "a/"] {
            assert!(Spa::read(text).is_err(), "{text}");
        }
        assert!(FileName::read("index.html").is_ok());
        for text in ["", ".", "..", "a/b", "a\\b", "a\0"] {
            assert!(FileName::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_extension_has_no_dot_and_a_type_has_a_slash() {
        assert!(FileExtension::read("wasm").is_ok());
        assert_eq!(hint::<FileExtension>(".WASM"), Some("did you mean `wasm`?".into()));
        assert_eq!(hint::<FileExtension>("*.mjs"), Some("did you mean `mjs`?".into()));
        assert!(MediaType::read("text/html; charset=utf-8").is_ok());
        for text in ["", "wasm", "text/", "/html", "text/html\r\nx: y", "text/html; \u{e9}"] {
            assert!(MediaType::read(text).is_err(), "{text}");
        }
    }
}
