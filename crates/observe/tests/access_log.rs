//! The access log as an operator meets it: files, rotation, loss, and lines that nobody can forge.

use base::meters::Counter;
use message::{Scheme, Version};
use observe::access_log::{AccessLog, Client, Entry, Format, Rotate, Settings, Sink};
use serde_json::Value;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const DEADLINE: Duration = Duration::from_secs(10);

fn entry() -> Entry<'static> {
    Entry {
        time: UNIX_EPOCH + Duration::from_millis(1_767_323_045_678),
        client: Client::Address(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7))),
        method: "GET",
        scheme: Scheme::Https,
        host: "api.example.com",
        path: "/v1/orders",
        query: Some("page=2&token=s3cret"),
        version: Version::HTTP_2,
        status: 200,
        bytes_in: 0,
        bytes_out: 1234,
        took: Duration::from_micros(1500),
        upstream_took: Some(Duration::from_micros(1007)),
        route: "orders",
        service: "shop",
        endpoint: "10.0.0.5:80",
        attempts: 1,
        auth: "",
        consumer: "",
        plan: "",
        request_id: "0123456789abcdef0123456789abcdef",
        traceparent: None,
        user_agent: Some(b"curl/8"),
        referer: Some(b"https://a/?api_key=s3cret"),
        stop: None,
        tls: Some("TLSv1.3"),
        complete: true,
    }
}

/// A folder of its own for one test, taken away at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tidegate-observe-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("access.log")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn settings(format: Format, path: &Path) -> Settings {
    Settings { format, sink: Sink::File(path.to_owned()), rotate: None, mask: Vec::new() }
}

/// What the log holds after these entries.
fn logged(format: Format, name: &str, entries: &[Entry<'_>]) -> String {
    let folder = Folder::new(name);
    let dropped = Arc::new(Counter::default());
    let log = AccessLog::start(&settings(format, &folder.file()), Arc::clone(&dropped)).expect("a log");
    let mut recorder = log.recorder();
    for entry in entries {
        recorder.record(entry);
    }
    recorder.flush();
    assert!(log.flush_and_stop(DEADLINE));
    assert_eq!(dropped.get(), 0);
    fs::read_to_string(folder.file()).expect("lines")
}

fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < DEADLINE, "never: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_json_line_says_everything_and_masks_secrets() {
    let text = logged(Format::Json, "json", &[entry()]);
    let line: Value = serde_json::from_str(text.strip_suffix('\n').unwrap()).unwrap();
    let want = serde_json::json!({
        "time": "2026-01-02T03:04:05.678Z", "client": "192.0.2.7", "method": "GET", "scheme": "https",
        "host": "api.example.com", "path": "/v1/orders", "query": "page=2&token=***", "version": "HTTP/2",
        "status": 200, "bytes_in": 0, "bytes_out": 1234, "duration_ms": 1.5, "upstream_ms": 1.007,
        "route": "orders", "service": "shop", "endpoint": "10.0.0.5:80", "attempts": 1,
        "request_id": "0123456789abcdef0123456789abcdef", "user_agent": "curl/8",
        "referer": "https://a/?api_key=***", "tls": "TLSv1.3", "complete": true,
    });
    assert_eq!(line, want);
}

#[test]
fn a_client_without_an_address_is_said_to_have_none() {
    let of = |client| Entry { client, ..entry() };
    let entries = [of(Client::Unix), of(Client::Unknown)];
    let text = logged(Format::Json, "unix", &entries);
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0]["client"], &lines[1]["client"]), (&"unix:".into(), &"unknown".into()));
    assert!(logged(Format::Clf, "clf-unix", &entries).starts_with("unix: - - ["));
}

#[test]
fn a_clf_line_is_the_combined_format() {
    assert_eq!(
        logged(Format::Clf, "clf", &[entry()]),
        "192.0.2.7 - - [02/Jan/2026:03:04:05 +0000] \"GET /v1/orders?page=2&token=*** HTTP/2\" 200 1234 \
         \"https://a/?api_key=***\" \"curl/8\"\n"
    );
    let bare = Entry { query: None, referer: None, user_agent: None, ..entry() };
    let text = logged(Format::Clf, "clf-bare", &[bare]);
    assert!(text.ends_with("\"GET /v1/orders HTTP/2\" 200 1234 \"-\" \"-\"\n"), "{text}");
}

#[test]
fn nothing_that_a_client_sends_can_forge_a_line() {
    let evil = "\"\n192.0.2.9 - - [x] \"GET /forged HTTP/1.1\" 200 0 \"-\" \"\u{1b}[2J\r\u{2028}\\";
    let forger = Entry {
        method: evil,
        host: evil,
        path: evil,
        query: Some(evil),
        request_id: evil,
        traceparent: Some(evil),
        user_agent: Some(b"\xff\xfe\"}\n{\"status\":500}"),
        referer: Some(evil.as_bytes()),
        ..entry()
    };
    for (format, name) in [(Format::Json, "forge-json"), (Format::Clf, "forge-clf")] {
        let text = logged(format, name, &[forger, entry()]);
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.bytes().all(|b| b == b'\n' || matches!(b, b' '..=b'~')), "{text}");
    }
    let text = logged(Format::Json, "forge-fields", &[forger]);
    let line: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(line["status"], 200);
    assert_eq!(line["path"], evil);
    assert_eq!(line["user_agent"], "\u{fffd}\u{fffd}\"}\n{\"status\":500}");
    // In CLF the quotes that delimit are exactly those that are not escaped: three pairs.
    let text = logged(Format::Clf, "forge-quotes", &[forger]);
    assert_eq!(text.replace("\\\\", "").replace("\\\"", "").matches('"').count(), 6, "{text}");
}

#[test]
fn lines_of_many_workers_all_arrive_whole() {
    let folder = Folder::new("workers");
    let dropped = Arc::new(Counter::default());
    let log = AccessLog::start(&settings(Format::Json, &folder.file()), Arc::clone(&dropped)).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut recorder = log.recorder();
                (0..2000).for_each(|_| recorder.record(&entry()));
            });
        }
    });
    assert!(log.flush_and_stop(DEADLINE));
    let text = fs::read_to_string(folder.file()).unwrap();
    assert!(text.lines().all(|l| serde_json::from_str::<Value>(l).is_ok()));
    assert_eq!(text.lines().count() as u64 + dropped.get(), 8000);
}

#[test]
fn a_full_disk_is_counted_and_the_log_goes_on() {
    let dropped = Arc::new(Counter::default());
    let log =
        AccessLog::start(&settings(Format::Json, Path::new("/dev/full")), Arc::clone(&dropped)).unwrap();
    let mut recorder = log.recorder();
    for n in 1..=3 {
        recorder.record(&entry());
        recorder.flush();
        until("the loss is counted", || dropped.get() == n);
    }
    assert!(log.flush_and_stop(DEADLINE));
}

#[test]
fn a_writer_that_stands_still_makes_no_worker_wait() {
    // A pipe that nobody reads is full after 64 KiB; the writer then stands still in its write.
    let folder = Folder::new("stuck");
    let status = std::process::Command::new("mkfifo").arg(folder.file()).status().unwrap();
    assert!(status.success());
    // Holding the reading end open, so that opening and writing do not fail.
    let reader = fs::OpenOptions::new().read(true).write(true).open(folder.file()).unwrap();
    let dropped = Arc::new(Counter::default());
    let log = AccessLog::start(&settings(Format::Json, &folder.file()), Arc::clone(&dropped)).unwrap();
    let mut recorder = log.recorder();
    // More than the pipe, the channel and the buffer hold together: about 4.3 MiB.
    for _ in 0..20_000 {
        recorder.record(&entry());
    }
    assert!(dropped.get() > 0);
    let before = dropped.get();
    recorder.record(&entry());
    recorder.flush();
    assert_eq!(dropped.get(), before, "a flush that finds no room keeps its lines");
    assert!(!log.flush_and_stop(Duration::from_millis(1)), "the writer cannot end, and says so in time");
    drop(recorder);
    drop(reader);
}

#[test]
fn a_file_that_was_moved_away_is_made_anew() {
    let folder = Folder::new("moved");
    let log = AccessLog::start(&settings(Format::Json, &folder.file()), Arc::default()).unwrap();
    let mut recorder = log.recorder();
    let moved = folder.0.join("moved.log");
    fs::rename(folder.file(), &moved).unwrap();
    until("the file is there again", || {
        recorder.record(&entry());
        recorder.flush();
        folder.file().metadata().is_ok_and(|m| m.len() > 0)
    });
    assert!(log.flush_and_stop(DEADLINE));
}

#[test]
fn a_file_is_rotated_at_its_size_and_old_ones_go() {
    let folder = Folder::new("rotate");
    let rotate = Some(Rotate { max_size: 10_000, keep: 2 });
    let settings = Settings { rotate, ..settings(Format::Json, &folder.file()) };
    let log = AccessLog::start(&settings, Arc::default()).unwrap();
    let mut recorder = log.recorder();
    for _ in 0..200 {
        recorder.record(&entry());
        recorder.flush();
    }
    assert!(log.flush_and_stop(DEADLINE));
    let mut names: Vec<_> =
        fs::read_dir(&folder.0).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["access.log", "access.log.1", "access.log.2"]);
    for name in &names[1..] {
        let text = fs::read_to_string(folder.0.join(name)).unwrap();
        assert!(text.len() >= 10_000 && text.ends_with("}\n"), "{name}: {}", text.len());
    }
}

#[test]
fn only_the_owner_and_its_group_can_read_a_log() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new("mode");
    let log = AccessLog::start(&settings(Format::Json, &folder.file()), Arc::default()).unwrap();
    assert_eq!(folder.file().metadata().unwrap().permissions().mode() & 0o007, 0);
    assert!(log.flush_and_stop(DEADLINE));
    assert!(log.flush_and_stop(DEADLINE), "stopping twice is fine");
}

#[test]
fn what_comes_after_the_end_is_dropped_and_counted() {
    let folder = Folder::new("late");
    let dropped = Arc::new(Counter::default());
    let log = AccessLog::start(&settings(Format::Json, &folder.file()), Arc::clone(&dropped)).unwrap();
    let mut recorder = log.recorder();
    assert!(log.flush_and_stop(DEADLINE));
    recorder.record(&Entry { time: SystemTime::now(), ..entry() });
    recorder.flush();
    assert_eq!(dropped.get(), 1);
}

#[test]
fn a_file_that_cannot_be_opened_is_an_error_at_the_start() {
    let nowhere = Path::new("/nonexistent/tidegate/access.log");
    assert!(AccessLog::start(&settings(Format::Json, nowhere), Arc::default()).is_err());
}
