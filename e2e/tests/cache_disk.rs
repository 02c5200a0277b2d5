//! Responses on disk: warm after a restart, whole or not there after whatever befell the process or its files, and never more
//! than there may be.

use e2e::{Gate, Origin, PATIENCE, Raw, Response, Scratch, Signal, Tidegate, get, soon, tidegate_binary};
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const FRESH: &str = "Cache-Control: max-age=3600\r\n";

/// A body that follows from its URL and version: 64 bytes to 200 KiB.
fn body(target: &str, version: u64) -> Vec<u8> {
    let mut state = target.bytes().fold(version ^ 0x9e37_79b9_7f4a_7c15, |state, byte| {
        (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3).rotate_left(23)
    }) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let most = if next() % 4 == 0 { 25_600 } else { 2_000 };
    let words = 8 + usize::try_from(next() % most).expect("it is small");
    (0..words).flat_map(|_| next().to_le_bytes()).collect()
}

/// An origin of such bodies; the version grows with each request.
fn library() -> Origin {
    let versions = AtomicU64::new(0);
    Origin::start(move |exchange| {
        let version = versions.fetch_add(1, Ordering::SeqCst);
        let body = body(&exchange.request().target, version);
        exchange.answer("200 OK", &format!("{FRESH}ETag: \"{version}\"\r\nX-Version: {version}\r\n"), body);
    })
}

/// Is that the body of its URL, in the version that its head tells?
fn is_right(target: &str, answer: &Response) -> bool {
    let version = answer.fields.get("x-version").and_then(|version| version.parse().ok());
    answer.status == 200 && version.is_some_and(|version| answer.body == body(target, version))
}

/// A cache with a small memory and a disk below `data`.
fn config(origin: SocketAddr, data: &Scratch, disk: &str) -> String {
    let more =
        format!("data_dir: {}\ncache: {{ memory: 1MiB, disk: {disk} }}\nworkers: 2", data.path().display());
    Tidegate::caching_config(origin, "{}", &more)
}

/// The files of responses.
fn files(data: &Scratch) -> Vec<PathBuf> {
    let folders = fs::read_dir(data.file("cache")).into_iter().flatten().flatten();
    let parts = folders.filter(|folder| folder.file_name().len() == 2);
    let files = parts.filter_map(|part| fs::read_dir(part.path()).ok()).flatten().flatten();
    files.map(|file| file.path()).collect()
}

/// What all files below a folder take on the disk, in bytes.
fn disk_usage(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let of = |path: PathBuf| match fs::symlink_metadata(&path) {
        Ok(metadata) if metadata.is_dir() => disk_usage(&path),
        Ok(metadata) => metadata.blocks() * 512,
        Err(_) => 0,
    };
    entries.map(|entry| of(entry.path())).sum()
}

/// Fetches these, and waits until so many are on the disk.
#[track_caller]
fn fill(gateway: &Tidegate, data: &Scratch, targets: &[String]) {
    let mut client = gateway.connect();
    for target in targets {
        assert!(is_right(target, &client.get(target, "")), "{target}");
    }
    soon("they are on the disk", || files(data).len() >= targets.len());
}

fn targets(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("/of/{number}?a=b")).collect()
}

#[test]
fn what_was_kept_is_there_after_a_restart() {
    let (origin, data) = (library(), Scratch::new());
    let (config, targets) = (config(origin.address(), &data, "64MiB"), targets(60));
    for end in [Signal::TERM, Signal::KILL] {
        let mut gateway = Tidegate::start(&config);
        fill(&gateway, &data, &targets);
        gateway.signal(end);
        gateway.wait_exit(PATIENCE);
    }
    let gateway = Tidegate::start(&config);
    let mut client = gateway.connect();
    for target in &targets {
        let kept = client.get(target, "");
        assert!(kept.is_hit() && is_right(target, &kept), "{target}: {}", kept.cache_status());
        assert!(kept.age().is_some() && kept.fields.has("etag"), "{target}");
    }
    assert_eq!(origin.count(), 60);
    let part = client.get(&targets[0], "Range: bytes=8-15\r\n");
    assert_eq!((part.status, part.body), (206, body(&targets[0], 0)[8..16].to_vec()));
}

#[test]
fn responses_that_vary_are_kept_apart_over_a_restart() {
    let origin = Origin::start(|exchange| {
        let language = exchange.request().fields.get("accept-language").unwrap_or("none").to_owned();
        exchange.answer("200 OK", &format!("{FRESH}Vary: Accept-Language\r\n"), language);
    });
    let data = Scratch::new();
    let config = config(origin.address(), &data, "64MiB");
    let ask = |gateway: &Tidegate, language: &str| {
        gateway.connect().get("/", &format!("Accept-Language: {language}\r\n"))
    };
    let gateway = Tidegate::start(&config);
    for language in ["de", "en", "fr"] {
        assert_eq!(ask(&gateway, language).text(), language);
    }
    soon("all are on the disk", || files(&data).len() >= 4);
    drop(gateway);
    let gateway = Tidegate::start(&config);
    for language in ["fr", "de", "en"] {
        let kept = ask(&gateway, language);
        assert_eq!((kept.text().as_str(), kept.is_hit()), (language, true), "{kept}");
    }
    assert_eq!(ask(&gateway, "it").text(), "it");
    assert_eq!(origin.count(), 4);
}

#[test]
fn callers_have_copies_of_their_own_on_the_disk_too() {
    let origin = Origin::start(|exchange| {
        let who = exchange.request().fields.get("x-tidegate-consumer").unwrap_or("nobody").to_owned();
        exchange.answer("200 OK", FRESH, who);
    });
    let data = Scratch::new();
    let config = format!(
        "services: {{ api: \"{}\" }}\ndata_dir: {}\ncache: {{ disk: 64MiB }}\n\
         consumers: [{{ name: anna, api_keys: [a-key-0123456789abcdef] }}, {{ name: bert, api_keys: [b-key-0123456789abcdef] }}]\n\
         routes: [{{ service: api, auth: [api_key], cache: {{ per_consumer: true }} }}]\n",
        origin.url(),
        data.path().display()
    );
    let ask = |gateway: &Tidegate, key: &str| {
        gateway.connect().get("/", &format!("X-API-Key: {key}-key-0123456789abcdef\r\n"))
    };
    let gateway = Tidegate::start(&config);
    assert_eq!((ask(&gateway, "a").text(), ask(&gateway, "b").text()), ("anna".into(), "bert".into()));
    soon("both are on the disk", || files(&data).len() >= 2);
    drop(gateway);
    let gateway = Tidegate::start(&config);
    for (key, name) in [("b", "bert"), ("a", "anna")] {
        let kept = ask(&gateway, key);
        assert_eq!((kept.text().as_str(), kept.is_hit()), (name, true), "{kept}");
    }
    assert_eq!(gateway.get("/").status, 401);
}

/// What clients have seen under load.
#[derive(Default)]
struct Seen {
    hits: AtomicUsize,
    all: AtomicUsize,
    wrong: AtomicUsize,
    done: AtomicBool,
}

/// Asks for one of the targets after the other, in an order of its own, until the process dies. A body that was cut by its
/// death is no wrong one; a whole one has to be right.
fn visit(address: SocketAddr, targets: &[String], first: usize, seen: &Seen) {
    let mut turn = first;
    while !seen.done.load(Ordering::SeqCst) {
        let Ok(mut client) = Raw::try_connect(address) else { return };
        loop {
            turn = turn.wrapping_mul(1_103_515_245).wrapping_add(12_345);
            let target = &targets[(turn >> 8) % targets.len()];
            let Ok(answer) = client.send(get(target, "")).try_response() else { break };
            if !answer.complete {
                break;
            }
            seen.all.fetch_add(1, Ordering::SeqCst);
            seen.hits.fetch_add(usize::from(answer.is_hit()), Ordering::SeqCst);
            if !is_right(target, &answer) {
                seen.wrong.fetch_add(1, Ordering::SeqCst);
            }
        }
    }
}

/// `TIDEGATE_LONG_TESTS` has it killed more often.
fn rounds() -> usize {
    if std::env::var_os("TIDEGATE_LONG_TESTS").is_some() { 50 } else { 10 }
}

#[test]
fn killed_while_it_writes_it_comes_back_with_right_bodies_only_and_within_its_bound() {
    const BOUND: u64 = 16 << 20;
    /// What is no response: a ledger, a seed, a lock.
    const ASIDE: u64 = 64 << 10;
    let (origin, data, targets) = (library(), Scratch::new(), targets(600));
    let config = config(origin.address(), &data, "16MiB");
    let mut kept_over = 0;
    for round in 0..rounds() {
        let mut gateway = Tidegate::start(&config);
        let used = disk_usage(&data.file("cache"));
        assert!(used <= BOUND + ASIDE, "round {round}: {used} bytes at the start");
        let seen = Seen::default();
        std::thread::scope(|scope| {
            for client in 0..6 {
                let (address, targets, seen) = (gateway.address(), &targets, &seen);
                scope.spawn(move || visit(address, targets, round * 7919 + client * 104_729, seen));
            }
            // Killed at another point of its work each time.
            let enough = 100 + round * 37;
            soon("there is load", || seen.all.load(Ordering::SeqCst) >= enough);
            let used = disk_usage(&data.file("cache"));
            assert!(used <= BOUND + ASIDE, "round {round}: {used} bytes under load");
            seen.done.store(true, Ordering::SeqCst);
            gateway.signal(Signal::KILL);
            gateway.wait_exit(PATIENCE);
        });
        assert_eq!(seen.wrong.load(Ordering::SeqCst), 0, "round {round}: {}", gateway.stderr());
        if round > 0 {
            kept_over += seen.hits.load(Ordering::SeqCst);
        }
    }
    assert!(kept_over > 0, "nothing was found again");
}

/// Opens a file for damage.
fn open(path: &Path) -> File {
    File::options().read(true).write(true).open(path).expect("it is ours")
}

#[test]
fn a_file_that_was_damaged_is_never_served() {
    let (origin, data) = (library(), Scratch::new());
    let (config, targets) = (config(origin.address(), &data, "64MiB"), targets(60));
    let gateway = Tidegate::start(&config);
    fill(&gateway, &data, &targets);
    drop(gateway);
    let files = files(&data);
    assert_eq!(files.len(), 60);
    for (number, path) in files.iter().enumerate() {
        let mut file = open(path);
        let length = file.metadata().expect("it is there").len();
        match number % 6 {
            // One bit: in the head, in the middle, at the end, and in between.
            kind @ 0..4 => {
                let place = [40, length / 2, length - 1, length * (number as u64 + 1) / 61][kind];
                let mut byte = [0];
                file.seek(SeekFrom::Start(place)).expect("it is a file");
                file.read_exact(&mut byte).expect("it is that long");
                file.seek(SeekFrom::Start(place)).expect("it is a file");
                file.write_all(&[byte[0] ^ (1 << (number % 8))]).expect("it is ours");
            }
            // What a power cut leaves: short, or zeros.
            4 => file.set_len(length / 2).expect("it is ours"),
            _ => {
                file.set_len(0).expect("it is ours");
                file.set_len(length).expect("it is ours");
            }
        }
    }
    let gateway = Tidegate::start(&config);
    let mut client = gateway.connect();
    for target in &targets {
        let answer = client.get(target, "");
        assert!(is_right(target, &answer) && !answer.is_hit(), "{target}: {}", answer.cache_status());
    }
    assert_eq!(origin.count(), 120, "each is fetched anew");
    soon("the operator is told", || {
        gateway.stderr().contains("damaged") || gateway.stdout().contains("damaged")
    });
}

#[test]
fn files_that_change_places_are_not_taken_for_each_other() {
    let (origin, data) = (library(), Scratch::new());
    let (config, targets) = (config(origin.address(), &data, "64MiB"), targets(2));
    let gateway = Tidegate::start(&config);
    fill(&gateway, &data, &targets);
    drop(gateway);
    let files = files(&data);
    let aside = data.file("aside");
    for (from, to) in [(&files[0], &aside), (&files[1], &files[0]), (&aside, &files[1])] {
        fs::rename(from, to).expect("they are ours");
    }
    let gateway = Tidegate::start(&config);
    for target in &targets {
        assert!(is_right(target, &gateway.get(target)), "{target}");
    }
}

/// 50 MiB of which no two pieces are alike.
fn large() -> Vec<u8> {
    (0..50_u32 << 18).flat_map(|word| word.wrapping_mul(2_654_435_761).to_le_bytes()).collect()
}

#[test]
fn a_large_response_is_streamed_to_the_disk_while_it_is_served_and_then_in_parts_from_there() {
    let (gate, large, data) = (Gate::shut(), Arc::new(large()), Scratch::new());
    let (origins, sent) = (gate.clone(), Arc::clone(&large));
    let origin = Origin::start(move |exchange| {
        if exchange.request().target != "/large" {
            exchange.answer("200 OK", FRESH, "small");
            return;
        }
        let (first, second) = sent.split_at(sent.len() / 2);
        exchange.send(format!("HTTP/1.1 200 OK\r\n{FRESH}Content-Length: {}\r\n\r\n", sent.len()));
        exchange.send(first);
        origins.pass();
        exchange.send(second);
    });
    let config = config(origin.address(), &data, "256MiB");
    let gateway = Tidegate::start(&config);
    gateway.get("/warm");
    let before = gateway.peak_memory();
    let mut client = gateway.connect();
    client.send(get("/large", "Connection: close\r\n"));
    assert_eq!(client.try_head().expect("a head").status, 200);
    let half = client.read_exactly(large.len() / 2).expect("the first half comes before the second is sent");
    assert!(half == large[..large.len() / 2]);
    gate.open();
    let rest = client.read_exactly(large.len() / 2).expect("the rest comes");
    assert!(rest == large[large.len() / 2..]);
    soon("it is on the disk", || {
        disk_usage(&data.file("cache")) >= 50 << 20 && gateway.connect().head("/large", "").is_hit()
    });
    let cuts = |gateway: &Tidegate| {
        for (range, from, to) in [
            ("0-99", 0, 100),
            ("26214300-26214500", 26_214_300, 26_214_501),
            ("-7", large.len() - 7, large.len()),
        ] {
            let part = gateway.connect().get("/large", &format!("Range: bytes={range}\r\n"));
            assert_eq!(part.status, 206, "{range}: {}", part.cache_status());
            assert!(part.is_hit() && part.body == large[from..to], "{range}: {} bytes", part.body.len());
        }
    };
    cuts(&gateway);
    let grown = gateway.peak_memory() - before;
    assert!(grown < 40 << 20, "the process grew by {grown} bytes");
    drop(gateway);
    let gateway = Tidegate::start(&config);
    soon("it is found again", || gateway.connect().head("/large", "").is_hit());
    cuts(&gateway);
    let whole = gateway.get("/large");
    assert!(whole.is_hit() && whole.body == *large, "{} bytes", whole.body.len());
    // A HEAD that comes before the last byte is on the disk may go on to the origin; a GET would fetch all of it again.
    let fetched = |request: &&e2e::Request| (&*request.method, &*request.target) == ("GET", "/large");
    assert_eq!(origin.requests().iter().filter(fetched).count(), 1);
}

#[test]
fn a_large_response_that_breaks_off_leaves_nothing_on_the_disk() {
    let data = Scratch::new();
    let origin = Origin::start(|exchange| {
        exchange.send(format!("HTTP/1.1 200 OK\r\n{FRESH}Content-Length: 20000000\r\n\r\n"));
        exchange.send(vec![b'x'; 10_000_000]);
        exchange.close();
    });
    let gateway = Tidegate::start(&config(origin.address(), &data, "64MiB"));
    for _ in 0..2 {
        assert!(!gateway.get("/").complete);
    }
    assert_eq!(origin.count(), 2);
    soon("what was written is gone", || disk_usage(&data.file("cache")) < 1 << 20);
    assert!(files(&data).is_empty());
}

/// Asks for these twice; each answer has to be right.
#[track_caller]
fn go_on(gateway: &Tidegate, targets: &[String]) {
    let began = Instant::now();
    for target in targets.iter().chain(targets) {
        let answer = gateway.get(target);
        assert!(is_right(target, &answer), "{target}: {answer}");
    }
    assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
}

#[test]
fn without_its_folder_requests_go_on() {
    let (origin, data, targets) = (library(), Scratch::new(), targets(30));
    let mut gateway = Tidegate::start(&config(origin.address(), &data, "64MiB"));
    fill(&gateway, &data, &targets);
    fs::remove_dir_all(data.file("cache")).expect("it is ours");
    go_on(&gateway, &targets);
    fs::write(data.file("cache"), "a file where a folder was").expect("it is ours");
    go_on(&gateway, &self::targets(60));
    assert!(gateway.is_running());
}

#[test]
fn a_folder_that_cannot_be_written_any_more_is_no_harm() {
    let (origin, data, targets) = (library(), Scratch::new(), targets(30));
    let gateway = Tidegate::start(&config(origin.address(), &data, "64MiB"));
    fill(&gateway, &data, &targets);
    fs::remove_dir_all(data.file("cache/tmp")).expect("it is ours");
    fs::write(data.file("cache/tmp"), "a file where a folder was").expect("it is ours");
    let others: Vec<String> = (100..130).map(|number| format!("/of/{number}?a=b")).collect();
    go_on(&gateway, &others);
    let kept = gateway.get(&targets[0]);
    assert!(
        kept.is_hit() && is_right(&targets[0], &kept),
        "what is there can be read: {}",
        kept.cache_status()
    );
}

#[test]
fn on_a_full_disk_requests_go_on() {
    let (origin, data) = (library(), Scratch::new());
    fs::create_dir(data.file("cache")).expect("it is ours");
    // A small disk, where this machine lets us make one; else files that may not grow.
    let shell = format!(
        "mount -t tmpfs -o size=3m none {} 2>/dev/null || {{ trap '' XFSZ; ulimit -f 64; }}",
        data.file("cache").display()
    );
    let gateway = Tidegate::start_through(&shell, &config(origin.address(), &data, "64MiB"));
    go_on(&gateway, &targets(200));
    let told = gateway.stderr() + &gateway.stdout();
    assert!(told.contains("disk cache"), "the operator is told: {told}");
    assert!(told.matches("disk cache").count() < 20, "and not for each request: {told}");
}

#[test]
fn a_folder_that_another_process_uses_is_an_error_that_says_so() {
    let (origin, data) = (library(), Scratch::new());
    let config = config(origin.address(), &data, "64MiB");
    let gateway = Tidegate::start(&config);
    let began = Instant::now();
    let mut second = Tidegate::spawn_with(&["run", "{config}"], &config);
    let status = second.wait_exit(PATIENCE);
    assert_eq!(status.code(), Some(1));
    let told = second.stderr();
    let folder = data.file("cache").display().to_string();
    assert!(told.contains(&folder) && told.contains("in use by another process"), "{told}");
    assert!(began.elapsed() < Duration::from_secs(10));
    assert!(is_right("/a", &gateway.get("/a")));
    // Its own folder is all that it lacks.
    drop(gateway);
    let third = Tidegate::start(&config);
    assert!(is_right("/a", &third.get("/a")));
}

#[test]
fn a_check_touches_no_folder() {
    let (origin, data) = (library(), Scratch::new());
    let file = data.write(
        "tidegate.yaml",
        format!("listeners: [\"127.0.0.1:1\"]\n{}", config(origin.address(), &data, "64MiB")),
    );
    let done = e2e::run(Command::new(tidegate_binary()).arg("check").arg(file).current_dir(data.path()));
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert!(!data.file("cache").exists());
}
