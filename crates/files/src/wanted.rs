//! Which name below the root a path means.
//!
//! It is decoded once. What could be read in two ways, or leads elsewhere, is refused rather than cleaned: the wire has
//! resolved `.` and `..` before, so whoever sends them here in another spelling means no good.
//!
//! *Not here*: what lies under that name, and links, which the kernel watches over (`beneath`).
//! Hot path: one pass over the path; nothing is allocated unless it holds a `%`.

use std::borrow::Cow;

/// Longest name of a file or folder, in bytes (`NAME_MAX`).
const NAME_MOST: usize = 255;
/// Longest path, in bytes: below `PATH_MAX`, with room for an index file and a sibling's extension.
const PATH_MOST: usize = 3072;
/// Most names in a path. No folder that is meant for people is deeper.
const DEPTH_MOST: usize = 64;

/// A name below the root.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wanted<'a> {
    /// The names, with `/` between them and none around them; empty: the root itself.
    pub(crate) name: Cow<'a, [u8]>,
    /// It ends with a slash: the folder is meant.
    pub(crate) is_folder: bool,
    /// It is too long for anything that could be there.
    pub(crate) is_too_long: bool,
}

impl<'a> Wanted<'a> {
    /// Reads a path, with or without a `/` in front. `None`: nothing is served under such a path.
    pub(crate) fn read(path: &'a str, dotfiles: bool) -> Option<Self> {
        let decoded = decoded(path.strip_prefix('/').unwrap_or(path))?;
        let is_folder = decoded.last().is_none_or(|&last| last == b'/');
        let name = match decoded {
            Cow::Borrowed(name) => Cow::Borrowed(name.strip_suffix(b"/").unwrap_or(name)),
            Cow::Owned(mut name) => {
                name.truncate(name.len() - usize::from(name.last() == Some(&b'/')));
                Cow::Owned(name)
            }
        };
        let (mut depth, mut longest) = (0, 0);
        if !name.is_empty() {
            for segment in name.split(|&b| b == b'/') {
                if !may_be_named(segment, dotfiles) {
                    return None;
                }
                depth += 1;
                longest = longest.max(segment.len());
            }
        } else if path.len() > 1 {
            return None; // Slashes alone.
        }
        let is_too_long = longest > NAME_MOST || depth > DEPTH_MOST || name.len() > PATH_MOST;
        Some(Self { name, is_folder, is_too_long })
    }

    /// Has its last name an extension, as files of an application have and its places do not?
    pub(crate) fn has_extension(&self) -> bool {
        !self.is_folder && extension(&self.name).is_some()
    }
}

/// What follows the last dot of a name, where something stands on both sides of it.
pub(crate) fn extension(name: &[u8]) -> Option<&[u8]> {
    let last = name.rsplit(|&b| b == b'/').next()?;
    let dot = last.iter().rposition(|&b| b == b'.')?;
    let behind = &last[dot + 1..];
    (dot > 0 && !behind.is_empty()).then_some(behind)
}

fn may_be_named(segment: &[u8], dotfiles: bool) -> bool {
    match segment {
        b"" | b"." | b".." => false,
        [b'.', ..] if !dotfiles && segment != b".well-known" => false,
        // A backslash is a separator for others who read the same path, and for whoever has put a file there by mistake.
        _ => !segment.iter().any(|b| matches!(b, 0 | b'\\')),
    }
}

/// Decodes percent-encodings. `None`: one is broken, or it stands for a slash.
fn decoded(path: &str) -> Option<Cow<'_, [u8]>> {
    let bytes = path.as_bytes();
    if !bytes.contains(&b'%') {
        return Some(Cow::Borrowed(bytes));
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [first, behind @ ..] = rest {
        rest = behind;
        if *first != b'%' {
            out.push(*first);
            continue;
        }
        let [high, low, behind @ ..] = behind else { return None };
        let byte = hex(*high)? << 4 | hex(*low)?;
        if byte == b'/' {
            return None;
        }
        out.push(byte);
        rest = behind;
    }
    Some(Cow::Owned(out))
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(path: &str) -> Option<(String, bool)> {
        Wanted::read(path, false).map(|w| (String::from_utf8_lossy(&w.name).into_owned(), w.is_folder))
    }

    #[test]
    fn a_path_means_a_name_or_a_folder() {
        for (path, want) in [
            ("", ("", true)),
            ("/", ("", true)),
            ("a.txt", ("a.txt", false)),
            ("/a/b.txt", ("a/b.txt", false)),
            ("/a/b/", ("a/b", true)),
            ("/%C3%A9t%C3%A9/a%20b%25.txt", ("été/a b%.txt", false)),
            ("/%61/%2561", ("a/%61", false)),
            ("/.well-known/x", (".well-known/x", false)),
            ("/a..b/...c..", ("", false)),
            ("/a../b..", ("a../b..", false)),
        ] {
            let want = (!path.contains("...")).then(|| (want.0.to_owned(), want.1));
            assert_eq!(name(path), want, "{path}");
        }
    }

    #[test]
    fn what_could_lead_elsewhere_is_refused_in_every_spelling() {
        for path in [
            "..",
            "/..",
            "/../",
            "/a/..",
            "/a/../b",
            "/.",
            "/a/./b",
            "/%2e",
            "/%2E%2e",
            "/%2e%2e/a",
            "/.%2e/a",
            "/a/%2e%2e/b",
            "//",
            "///",
            "//a",
            "/a//b",
            "/a//",
            "/%2f",
            "/%2F",
            "/a%2Fb",
            "/a%2f..%2fb",
            "/..%2fa",
            "/..%5ca",
            "/a%5cb",
            "/a\\b",
            "/..\\a",
            "/%00",
            "/a%00.txt",
            "/a%0",
            "/a%",
            "/a%zz",
            "/%%32e",
            "/a/%",
            "/.git",
            "/a/.env",
            "/%2egit/config",
            "/.well-known/.x",
            "/.well-knownx",
        ] {
            assert_eq!(name(path), None, "{path}");
        }
    }

    #[test]
    fn names_that_begin_with_a_dot_are_served_where_the_operator_says_so() {
        assert!(Wanted::read("/.git/config", true).is_some());
        assert!(Wanted::read("/..", true).is_none() && Wanted::read("/a/.", true).is_none());
    }

    #[test]
    fn what_is_too_long_for_a_name_is_told() {
        let too_long = |path: &str| Wanted::read(path, false).unwrap().is_too_long;
        assert!(!too_long(&"a".repeat(255)) && too_long(&"a".repeat(256)));
        assert!(!too_long(&"a/".repeat(64)) && too_long(&"a/".repeat(65)));
        assert!(too_long(&format!("{}/", "a".repeat(250)).repeat(13)));
        assert!(!too_long(&"%61".repeat(255)), "the name counts, not its spelling");
    }

    #[test]
    fn only_what_follows_an_inner_dot_is_an_extension() {
        for (path, want) in [
            ("/a.js", true),
            ("/a/b.c", true),
            ("/a.b/c", false),
            ("/a", false),
            ("/a.", false),
            ("/a.b/", false),
        ] {
            assert_eq!(Wanted::read(path, false).unwrap().has_extension(), want, "{path}");
        }
    }

    proptest! {
        #[test]
        fn no_path_ever_climbs_or_splits(path in "(/|\\.|%2[eEfF]|%5[cC]|%00|\\\\|%25|[a-c%]){0,24}", dotfiles: bool) {
            if let Some(wanted) = Wanted::read(&path, dotfiles) {
                let name = &wanted.name;
                prop_assert!(!name.contains(&0) && !name.contains(&b'\\'));
                let is_rooted = name.is_empty();
                for segment in name.split(|&b| b == b'/') {
                    prop_assert!(segment != b"." && segment != b".." && (is_rooted || !segment.is_empty()));
                    prop_assert!(dotfiles || !segment.starts_with(b".") || segment == b".well-known");
                }
            }
        }
    }
}
