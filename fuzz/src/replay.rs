//! Replays a corpus: every committed file as it is, then seeded changes to it. For the tests of the rooms.
//!
//! The same seed gives the same inputs on every machine, so what fails once fails again; the message of a failure
//! names the input. *Not here*: feedback from coverage. Finding new ground is the fuzzer's work, holding it is this one's.

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

/// A small generator of numbers: `SplitMix64` (Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).unwrap_or_default()
    }
}

/// Checks every file of `fuzz/corpus/<name>` and `changes` seeded changes to them.
///
/// # Panics
/// With the input, where a check fails; and where there is no corpus.
pub fn replay(name: &str, changes: usize, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(name);
    let mut paths: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
        .map(|entry| entry.expect("an entry of the corpus").path())
        .collect();
    // The order of a folder differs between machines.
    paths.sort();
    let corpus: Vec<Vec<u8>> =
        paths.iter().map(|path| fs::read(path).expect("a file of the corpus")).collect();
    assert!(corpus.len() >= 3, "a corpus of {} is none", corpus.len());
    for input in &corpus {
        assert!(input.len() <= 1024, "a seed has at most 1 KiB");
        run(name, input, check);
    }
    let mut random = Random(0x7469_6465);
    for _ in 0..changes {
        let input = changed(&corpus, &mut random);
        run(name, &input, check);
    }
}

fn run(name: &str, input: &[u8], check: fn(&[u8])) {
    if let Err(panic) = catch_unwind(|| check(input)) {
        let why = panic.downcast_ref::<String>().cloned();
        let why =
            why.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default();
        panic!("{name}: b\"{}\"\n{why}", input.escape_ascii());
    }
}

/// One to four changes to one of the corpus.
fn changed(corpus: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut input = corpus[random.below(corpus.len())].clone();
    for _ in 0..=random.below(4) {
        change(&mut input, corpus, random);
    }
    input
}

/// Bytes and words that parsers have stumbled over.
const TRAPS: &[&[u8]] = &[
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b"\t",
    b" ",
    b":",
    b";",
    b",",
    b"%2e",
    b"%2F",
    b"%00",
    b"%",
    b"..",
    b"/",
    b"//",
    b"*",
    b"{",
    b"}",
    b"@",
    b"[",
    b"]",
    b"\x7f",
    b"\x80",
    b"\xff\xff",
    b"\xc3\xa9",
    b"0",
    b"-1",
    b"99999999999999999999",
    b"7fffffffffffffff",
    b"Host: a\r\n",
    b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: gzip, chunked\r\n",
    b"Connection: te, x\r\n",
    b"TE: trailers\r\n",
    b"0\r\n\r\n",
    b"HTTP/1.0",
    b"Upgrade: websocket\r\nConnection: upgrade\r\n",
    b"${",
    b"- ",
    b"\n  ",
    b"&a ",
    b"*a",
    b"!!int ",
    b"#",
];

fn change(input: &mut Vec<u8>, corpus: &[Vec<u8>], random: &mut Random) {
    let at = random.below(input.len() + 1);
    let end = (at + 1 + random.below(8)).min(input.len());
    match random.below(7) {
        0 if at < input.len() => input[at] ^= 1 << random.below(8),
        1 if at < input.len() => input[at] = random.next().to_le_bytes()[0],
        2 => drop(input.drain(at..end)),
        3 => {
            let piece = input[at..end].to_vec();
            input.splice(at..at, piece);
        }
        4 => input.truncate(at),
        5 => {
            let other = &corpus[random.below(corpus.len())];
            let from = random.below(other.len());
            let to = (from + 1 + random.below(64)).min(other.len());
            input.splice(at..end, other[from..to].iter().copied());
        }
        _ => {
            let trap = TRAPS[random.below(TRAPS.len())];
            input.splice(at..at, trap.iter().copied());
        }
    }
}
