//! Bytes become lines: of bounded length, of bounded number in a second, and the last of them are remembered.

use memchr::memchr;
use std::collections::VecDeque;
use std::fmt::Write as _;

/// Bytes of a line; what is longer is cut.
const LINE_MOST: usize = 8 * 1024;
/// Lines that are remembered for the report of an end, and bytes of each: the report is one packet.
const LAST: usize = 20;
const LAST_BYTES: usize = 400;
/// What stands behind a line that was cut.
const CUT: &[u8] = b" [cut]";

/// Takes whole lines, without their ends.
pub(super) trait Takes {
    /// One of the instance's.
    fn line(&mut self, line: &[u8]);
}

/// Lines in the making.
#[derive(Debug)]
pub(super) struct Lines {
    name: Box<str>,
    /// A line whose end has not come.
    begun: Vec<u8>,
    /// It is too long, and the rest of it is passed over.
    is_cut: bool,
    last: VecDeque<Vec<u8>>,
    most_per_second: u32,
    this_second: u32,
    dropped: u64,
}

impl Lines {
    pub(super) fn new(name: &str, most_per_second: u32) -> Self {
        Self {
            name: name.into(),
            begun: Vec::new(),
            is_cut: false,
            last: VecDeque::with_capacity(LAST),
            most_per_second,
            this_second: 0,
            dropped: 0,
        }
    }

    /// Takes what was read.
    pub(super) fn take(&mut self, mut bytes: &[u8], to: &mut impl Takes) {
        while let Some(end) = memchr(b'\n', bytes) {
            self.extend(&bytes[..end]);
            self.finish(to);
            bytes = &bytes[end + 1..];
        }
        self.extend(bytes);
    }

    /// A second has passed.
    pub(super) fn next_second(&mut self, to: &mut impl Takes) {
        self.this_second = 0;
        if self.dropped > 0 {
            let told =
                format!("tidegate: {} lines of {} were dropped, it writes too many", self.dropped, self.name);
            self.dropped = 0;
            to.line(told.as_bytes());
        }
    }

    /// Nothing more will come.
    pub(super) fn end(&mut self, to: &mut impl Takes) {
        if !self.begun.is_empty() {
            self.finish(to);
        }
        self.next_second(to);
    }

    /// The last lines, one below the other. What is no UTF-8 is replaced, and control characters are escaped.
    pub(super) fn last_words(&self) -> String {
        let mut words = String::new();
        let begun = self.begun.get(..self.begun.len().min(LAST_BYTES)).filter(|b| !b.is_empty());
        for line in self.last.iter().map(Vec::as_slice).chain(begun) {
            if !words.is_empty() {
                words.push('\n');
            }
            for c in String::from_utf8_lossy(line).chars() {
                if c.is_control() && c != '\t' {
                    let _ = write!(words, "{}", c.escape_default());
                } else {
                    words.push(c);
                }
            }
        }
        words
    }

    fn extend(&mut self, bytes: &[u8]) {
        let room = LINE_MOST - self.begun.len().min(LINE_MOST);
        self.begun.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.is_cut |= bytes.len() > room;
    }

    fn finish(&mut self, to: &mut impl Takes) {
        self.remember();
        if self.this_second < self.most_per_second {
            self.this_second += 1;
            if self.is_cut {
                self.begun.extend_from_slice(CUT);
            }
            to.line(&self.begun);
        } else {
            self.dropped += 1;
        }
        self.begun.clear();
        self.is_cut = false;
    }

    /// Lines that are dropped are remembered too: why something ended stands in the last ones. Their room is used again.
    fn remember(&mut self) {
        let mut kept =
            if self.last.len() < LAST { Vec::new() } else { self.last.pop_front().unwrap_or_default() };
        kept.clear();
        kept.extend_from_slice(&self.begun[..self.begun.len().min(LAST_BYTES)]);
        self.last.push_back(kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Taken(Vec<String>);

    impl Takes for Taken {
        fn line(&mut self, line: &[u8]) {
            self.0.push(String::from_utf8_lossy(line).into_owned());
        }
    }

    #[test]
    fn lines_are_whole_however_they_come() {
        let (mut lines, mut taken) = (Lines::new("shop-1", 100), Taken::default());
        for part in ["on", "e\ntwo\n\nth", "ree"] {
            lines.take(part.as_bytes(), &mut taken);
        }
        assert_eq!(taken.0, ["one", "two", ""]);
        assert_eq!(lines.last_words(), "one\ntwo\n\nthree");
        lines.end(&mut taken);
        assert_eq!(taken.0, ["one", "two", "", "three"]);
    }

    #[test]
    fn a_line_without_an_end_is_cut_and_costs_no_more_memory() {
        let (mut lines, mut taken) = (Lines::new("shop-1", 100), Taken::default());
        for _ in 0..1000 {
            lines.take(&[b'x'; 1000], &mut taken);
        }
        assert!(lines.begun.capacity() <= 2 * LINE_MOST);
        lines.take(b"\nshort\n", &mut taken);
        assert_eq!(taken.0[0].len(), LINE_MOST + CUT.len());
        assert!(taken.0[0].ends_with("x [cut]"));
        assert_eq!(taken.0[1], "short");
    }

    #[test]
    fn what_is_too_much_for_a_second_is_counted_and_the_last_words_are_known_all_the_same() {
        let (mut lines, mut taken) = (Lines::new("shop-1", 3), Taken::default());
        for n in 0..50 {
            lines.take(format!("line {n}\n").as_bytes(), &mut taken);
        }
        assert_eq!(taken.0, ["line 0", "line 1", "line 2"]);
        lines.next_second(&mut taken);
        assert_eq!(taken.0[3], "tidegate: 47 lines of shop-1 were dropped, it writes too many");
        lines.take(b"again\n", &mut taken);
        assert_eq!(taken.0[4], "again");
        let words = lines.last_words();
        assert_eq!(words.lines().count(), LAST);
        assert!(words.starts_with("line 31\n") && words.ends_with("line 49\nagain"), "{words}");
    }

    #[test]
    fn last_words_are_bounded_and_move_no_terminal() {
        let (mut lines, mut taken) = (Lines::new("shop-1", 0), Taken::default());
        for _ in 0..100 {
            lines.take(&[b'\x1b'; 10_000], &mut taken);
            lines.take(b"\xff\n", &mut taken);
        }
        let words = lines.last_words();
        assert!(words.len() <= LAST * LAST_BYTES * 6 + LAST, "{}", words.len());
        assert!(!words.contains('\x1b') && words.contains("\\u{1b}"));
        assert!(taken.0.is_empty());
    }
}
