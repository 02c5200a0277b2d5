//! Files of a folder: found beneath it only, whole, in part or not at all where the client has them, in the form it takes.

use e2e::{Response, Scratch, Tidegate, curl, curl_raw, is_problem};
use std::fs::{self, File, FileTimes};
use std::os::unix::fs::symlink;
use std::time::{Duration, SystemTime};

/// The text of `hello.txt`.
const HELLO: &str = "0123456789abcdefghij";

/// A folder `public` with some files that were written long ago, and a secret beside it.
fn folder() -> Scratch {
    let scratch = Scratch::new();
    for folder in ["public/sub/deep", "public/.git", "public/.well-known", "public/empty"] {
        fs::create_dir_all(scratch.file(folder)).expect("a folder can be made");
    }
    for (name, content) in [
        ("secret", "secret"),
        ("public/hello.txt", HELLO),
        ("public/index.html", "<p>home"),
        ("public/sub/index.html", "<p>sub"),
        ("public/sub/app.js", "let plain"),
        ("public/sub/app.js.gz", "as gzip"),
        ("public/sub/app.js.br", "as brotli"),
        ("public/sub/only.js.gz", "nothing is there for it"),
        ("public/sub/deep/a b é%.txt", "a name"),
        ("public/.env", "secret"),
        ("public/.git/config", "secret"),
        ("public/.well-known/it", "known"),
        ("public/nothing", ""),
    ] {
        old(&scratch, name, content);
    }
    scratch
}

/// Writes a file as of 2025: what was written this second could be written again within it.
fn old(scratch: &Scratch, name: &str, content: &str) {
    let path = scratch.write(name, content);
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_735_689_600);
    let file = File::options().write(true).open(path).expect("it was written");
    file.set_times(FileTimes::new().set_modified(time)).expect("it is ours");
}

/// Serves `public` under `/f/` with these keys more.
#[track_caller]
fn serving(scratch: &Scratch, keys: &str) -> Tidegate {
    let root = scratch.file("public");
    let route = format!("{{ match: {{ path: \"/f/*\" }}, static: {{ root: {}{keys} }} }}", root.display());
    Tidegate::start(&format!("routes: [{route}]\nworkers: 2\n"))
}

/// [`serving`], once a second has passed since the files were written: until then another change could follow that does not
/// show, and their validators are weak (RFC 9110 section 8.8.1).
#[track_caller]
fn serving_settled(scratch: &Scratch, keys: &str) -> Tidegate {
    let gateway = serving(scratch, keys);
    let tag = || gateway.get("/f/hello.txt").fields.get("etag").unwrap_or_default().to_owned();
    e2e::soon("validators are strong", || tag().starts_with('"'));
    gateway
}

#[track_caller]
fn assert_body(answer: &Response, status: u16, body: &str) {
    assert!(answer.complete, "{answer}");
    assert_eq!((answer.status, answer.text().as_str()), (status, body), "{answer}");
}

#[test]
fn a_file_is_sent_with_what_is_known_of_it() {
    let folder = folder();
    let gateway =
        serving_settled(&folder, ", cache_control: \"public, max-age=60\", types: { js: text/x-own }");
    let answer = gateway.get("/f/hello.txt");
    assert_body(&answer, 200, HELLO);
    let fields = &answer.fields;
    assert_eq!(fields.get("content-length"), Some("20"));
    assert_eq!(fields.get("last-modified"), Some("Wed, 01 Jan 2025 00:00:00 GMT"));
    assert_eq!(fields.get("cache-control"), Some("public, max-age=60"));
    assert_eq!(fields.get("accept-ranges"), Some("bytes"));
    assert!(fields.get("content-type").is_some_and(|media| media.starts_with("text/plain")), "{answer}");
    assert!(
        fields.get("etag").is_some_and(|tag| tag.starts_with('"') && tag.len() > 3),
        "a strong one: {answer}"
    );
    assert!(fields.has("date"), "{answer}");
    let page = gateway.get("/f/sub/index.html");
    assert!(page.fields.get("content-type").is_some_and(|media| media.starts_with("text/html")), "{page}");
    assert_eq!(gateway.get("/f/sub/app.js").fields.get("content-type"), Some("text/x-own"));
    assert_body(&gateway.get("/f/nothing"), 200, "");
    assert_body(&gateway.get("/f/sub/deep/a%20b%20%C3%A9%25.txt?query=1"), 200, "a name");
}

#[test]
fn head_tells_what_get_would() {
    let folder = folder();
    let gateway = serving_settled(&folder, "");
    let mut client = gateway.connect();
    for path in ["/f/hello.txt", "/f/sub/", "/f/sub", "/f/absent"] {
        let (head, whole) = (client.head(path, ""), client.get(path, ""));
        assert_eq!(head.status, whole.status, "{path}");
        for name in ["content-length", "content-type", "etag", "last-modified", "location", "vary"] {
            // The wire adds a length of nothing to what has a body alone.
            if whole.status < 400 && !(name == "content-length" && whole.body.is_empty()) {
                assert_eq!(head.fields.get(name), whole.fields.get(name), "{path} {name}");
            }
        }
    }
}

#[test]
fn conditions_hold_for_files() {
    let folder = folder();
    let gateway = serving_settled(&folder, ", cache_control: no-cache");
    let tag = gateway.get("/f/hello.txt").fields.get("etag").expect("a tag").to_owned();
    let (same, older) = ("Wed, 01 Jan 2025 00:00:00 GMT", "Tue, 31 Dec 2024 00:00:00 GMT");
    for (fields, status) in [
        (format!("If-None-Match: {tag}"), 304),
        (format!("If-None-Match: \"x\", W/{tag}"), 304),
        ("If-None-Match: *".to_owned(), 304),
        ("If-None-Match: \"x\"".to_owned(), 200),
        (format!("If-Modified-Since: {same}"), 304),
        (format!("If-Modified-Since: {older}"), 200),
        (format!("If-None-Match: \"x\"\r\nIf-Modified-Since: {same}"), 200),
        (format!("If-Match: {tag}"), 200),
        ("If-Match: \"x\"".to_owned(), 412),
        (format!("If-Unmodified-Since: {same}"), 200),
        (format!("If-Unmodified-Since: {older}"), 412),
    ] {
        let answer = gateway.connect().get("/f/hello.txt", &format!("{fields}\r\n"));
        assert_eq!(answer.status, status, "RFC 9110 section 13.2.2, {fields}: {answer}");
        if status == 304 {
            assert_eq!(answer.fields.get("etag"), Some(tag.as_str()), "{answer}");
            assert_eq!(answer.fields.get("cache-control"), Some("no-cache"), "{answer}");
        }
        assert_eq!(answer.text(), if status == 200 { HELLO } else { "" });
    }
}

#[test]
fn parts_of_files_are_sent() {
    let folder = folder();
    let gateway = serving_settled(&folder, "");
    let tag = gateway.get("/f/hello.txt").fields.get("etag").expect("a tag").to_owned();
    let ask = |fields: &str| gateway.connect().get("/f/hello.txt", &format!("{fields}\r\n"));
    for (range, from, to) in
        [("0-3", 0, 3), ("15-", 15, 19), ("-5", 15, 19), ("18-100", 18, 19), ("-100", 0, 19)]
    {
        let part = ask(&format!("Range: bytes={range}"));
        assert_body(&part, 206, &HELLO[from..=to]);
        assert_eq!(
            part.fields.get("content-range"),
            Some(format!("bytes {from}-{to}/20").as_str()),
            "{range}"
        );
    }
    let beyond = ask("Range: bytes=20-");
    assert_eq!((beyond.status, beyond.fields.get("content-range")), (416, Some("bytes */20")), "{beyond}");
    assert_body(&ask("Range: bytes=9-0"), 200, HELLO);
    assert_body(&ask(&format!("Range: bytes=0-3\r\nIf-Range: {tag}")), 206, "0123");
    assert_body(&ask("Range: bytes=0-3\r\nIf-Range: \"x\""), 200, HELLO);
    let several = ask("Range: bytes=0-1,-2");
    assert_eq!(several.status, 206);
    let media = several.fields.get("content-type").unwrap_or_default();
    let boundary = media.strip_prefix("multipart/byteranges; boundary=").expect(media).trim_matches('"');
    let text = several.text();
    assert_eq!(text.matches(&format!("--{boundary}")).count(), 3, "{text}");
    assert!(text.contains("\r\n\r\n01\r\n") && text.contains("\r\n\r\nij\r\n"), "{text}");
    assert_eq!(several.fields.get("content-length"), Some(several.body.len().to_string().as_str()));
}

#[test]
fn who_takes_a_compressed_form_gets_it() {
    let folder = folder();
    let gateway = serving(&folder, "");
    let ask =
        |path: &str, accepted: &str| gateway.connect().get(path, &format!("Accept-Encoding: {accepted}\r\n"));
    let mut tags = Vec::new();
    for (accepted, coding, body) in [
        ("gzip", Some("gzip"), "as gzip"),
        ("gzip, br", Some("br"), "as brotli"),
        ("gzip;q=1, br;q=0.5", Some("gzip"), "as gzip"),
        ("br;q=0, gzip", Some("gzip"), "as gzip"),
        ("*", Some("br"), "as brotli"),
        ("identity", None, "let plain"),
        ("zstd, deflate", None, "let plain"),
        ("gzip;q=0", None, "let plain"),
    ] {
        let answer = ask("/f/sub/app.js", accepted);
        assert_body(&answer, 200, body);
        assert_eq!(answer.fields.get("content-encoding"), coding, "{accepted}: {answer}");
        assert!(answer.fields.lists("vary", "accept-encoding"), "{answer}");
        assert!(
            answer.fields.get("content-type").is_some_and(|media| media.contains("javascript")),
            "{answer}"
        );
        tags.push((coding, answer.fields.get("etag").unwrap_or_default().to_owned()));
    }
    tags.sort();
    tags.dedup();
    let forms: std::collections::BTreeSet<_> = tags.iter().map(|(_, tag)| tag).collect();
    assert_eq!((tags.len(), forms.len()), (3, 3), "each form has a tag of its own: {tags:?}");
    assert_eq!(ask("/f/sub/only.js", "gzip").status, 404, "a form of nothing");
    let off = serving(&folder, ", precompressed: false");
    assert_body(&off.connect().get("/f/sub/app.js", "Accept-Encoding: br\r\n"), 200, "let plain");
}

#[test]
fn an_index_stands_for_its_folder_and_folders_are_not_listed() {
    let folder = folder();
    let gateway = serving(&folder, "");
    assert_body(&gateway.get("/f/"), 200, "<p>home");
    assert_body(&gateway.get("/f/sub/"), 200, "<p>sub");
    let moved = gateway.get("/f/sub?a=b");
    assert_eq!((moved.status, moved.fields.get("location")), (301, Some("/f/sub/?a=b")), "{moved}");
    for path in ["/f/empty/", "/f/empty", "/f/hello.txt/", "/f/absent/"] {
        let answer = gateway.get(path);
        assert!(answer.status == 404 && is_problem(&answer), "{path}: {answer}");
    }
    let without = serving(&folder, ", index: []");
    assert_eq!(without.get("/f/").status, 404);
    let another = serving(&folder, ", index: [absent.html, hello.txt]");
    assert_body(&another.get("/f/"), 200, HELLO);
}

#[test]
fn the_page_of_an_application_answers_where_there_is_no_file() {
    let folder = folder();
    let gateway = serving(&folder, ", spa: true");
    for path in ["/f/orders/7", "/f/absent", "/f/a.b/c"] {
        assert_body(&gateway.get(path), 200, "<p>home");
    }
    for path in ["/f/logo.png", "/f/sub/absent.js", "/f/.env", "/f/%2e%2e/secret"] {
        assert!(matches!(gateway.get(path).status, 400 | 404), "{path}");
    }
    assert_body(&gateway.get("/f/hello.txt"), 200, HELLO);
    assert_eq!(gateway.connect().ask("POST", "/f/orders/7", "").status, 405);
}

#[test]
fn no_spelling_of_a_path_leads_out_of_the_folder() {
    let folder = folder();
    for gateway in [serving(&folder, ""), serving(&folder, ", links: true, dotfiles: true")] {
        for path in [
            "/f/../secret",
            "/f/sub/../../secret",
            "/f/./../secret",
            "/f/%2e%2e/secret",
            "/f/%2E%2e/secret",
            "/f/.%2e/secret",
            "/f/%2e./secret",
            "/f/..%2fsecret",
            "/f/..%2Fsecret",
            "/f/%2e%2e%2fsecret",
            "/f/sub%2f..%2f..%2fsecret",
            "/f/..%5csecret",
            "/f/..\\secret",
            "/f/\\..\\secret",
            "/f/%252e%252e/secret",
            "/f/%252e%252e%252fsecret",
            "/f//../secret",
            "/f/sub//../../secret",
            "/f/....//secret",
            "/f/..;/secret",
            "/f/..%00/secret",
            "/f/hello.txt%00.html",
            "/f/%c0%ae%c0%ae/secret",
            "/f/%ff%fe/secret",
            "/f/..%c0%afsecret",
            "/f/%u002e%u002e/secret",
            "/f/../../../../../../../etc/passwd",
            "/f//etc/passwd",
            "/f/%2fetc/passwd",
            "/f/proc/self/environ",
            "/../secret",
            "//f/../secret",
        ] {
            let line = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            let answer = gateway.connect().send(line).response();
            assert!((400..500).contains(&answer.status), "{path}: {answer}");
            assert!(
                !answer.text().contains("secret\n") && !answer.text().contains("root:"),
                "{path}: {answer}"
            );
            assert_ne!(answer.text(), "secret", "{path}");
        }
    }
}

#[test]
fn names_that_begin_with_a_dot_are_served_only_where_the_route_says_so() {
    let folder = folder();
    let (closed, open) = (serving(&folder, ""), serving(&folder, ", dotfiles: true"));
    for path in ["/f/.env", "/f/.git/config", "/f/%2eenv", "/f/.git/", "/f/.well-known/../.env"] {
        let answer = closed.get(path);
        assert_eq!(answer.status, 404, "{path}: {answer}");
    }
    assert_body(&closed.get("/f/.well-known/it"), 200, "known");
    assert_body(&open.get("/f/.env"), 200, "secret");
}

#[test]
fn links_are_followed_only_where_the_route_says_so_and_never_out_of_the_folder() {
    let folder = folder();
    let link = |to: &str, at: &str| symlink(to, folder.file(at)).expect("a link can be made");
    link("hello.txt", "public/inside");
    link("sub", "public/folder");
    link("../secret", "public/outside");
    link(&folder.file("secret").to_string_lossy(), "public/absolute");
    link("../../secret", "public/sub/up");
    link("..", "public/above");
    link("loop", "public/loop");
    link("/etc", "public/etc");
    link("outside", "public/chain");
    let out = ["outside", "absolute", "sub/up", "above/secret", "loop", "etc/passwd", "chain"];
    let (closed, open) = (serving(&folder, ""), serving(&folder, ", links: true"));
    for path in ["inside", "folder/index.html"].iter().chain(&out) {
        assert_eq!(closed.get(&format!("/f/{path}")).status, 404, "{path}");
    }
    for path in out {
        assert_eq!(open.get(&format!("/f/{path}")).status, 404, "{path}");
    }
    assert_body(&open.get("/f/inside"), 200, HELLO);
    assert_body(&open.get("/f/folder/index.html"), 200, "<p>sub");
}

#[test]
fn what_is_not_there_is_404_and_other_methods_are_405() {
    let folder = folder();
    let gateway = serving(&folder, "");
    let absent = gateway.get("/f/absent.txt");
    assert!(absent.status == 404 && is_problem(&absent), "{absent}");
    for method in ["POST", "PUT", "DELETE", "PATCH", "PROPFIND"] {
        let answer = gateway.connect().ask(method, "/f/hello.txt", "");
        assert!(answer.status == 405 && is_problem(&answer), "{method}: {answer}");
        assert!(answer.fields.lists("allow", "GET") && answer.fields.lists("allow", "HEAD"), "{answer}");
    }
    assert_eq!(fs::read_to_string(folder.file("public/hello.txt")).expect("it is there"), HELLO);
    let long = gateway.get(&format!("/f/{}", "a".repeat(4000)));
    assert!(matches!(long.status, 404 | 414), "{long}");
}

#[test]
fn what_is_no_file_is_404() {
    let folder = folder();
    let made = std::process::Command::new("mkfifo").arg(folder.file("public/pipe")).status();
    assert!(made.is_ok_and(|status| status.success()));
    let _socket = std::os::unix::net::UnixListener::bind(folder.file("public/socket")).expect("a socket");
    let gateway = serving(&folder, "");
    for path in ["/f/pipe", "/f/socket"] {
        assert_eq!(gateway.get(path).status, 404, "{path}");
    }
}

/// 10 MiB of which no two pieces are alike.
fn large() -> Vec<u8> {
    (0..10_u32 << 18).flat_map(|word| word.wrapping_mul(2_654_435_761).to_le_bytes()).collect()
}

#[test]
fn a_large_file_reaches_many_clients_byte_by_byte() {
    let (folder, large) = (folder(), large());
    folder.write("public/large.bin", &large);
    let gateway = serving(&folder, "");
    let before = gateway.peak_memory();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let answer = gateway.get("/f/large.bin");
                assert!(answer.complete && answer.body == large, "{} bytes", answer.body.len());
            });
        }
        scope.spawn(|| {
            let seen = curl_raw(&["--http2-prior-knowledge", &gateway.url("/f/large.bin")]);
            assert!(seen.stdout == large, "{} bytes over HTTP/2", seen.stdout.len());
        });
        scope.spawn(|| {
            let part = gateway.connect().get("/f/large.bin", "Range: bytes=5000000-9999999\r\n");
            assert_eq!(part.status, 206);
            assert!(part.body == large[5_000_000..10_000_000], "{} bytes", part.body.len());
        });
    });
    let grown = gateway.peak_memory() - before;
    assert!(grown < 48 << 20, "the process grew by {grown} bytes");
}

#[test]
fn files_are_served_over_http_2() {
    let folder = folder();
    let gateway = serving(&folder, "");
    let ask = |args: &[&str], path: &str| {
        curl(&[&["--http2-prior-knowledge"], args, &[&gateway.url(path)]].concat())
    };
    let whole = ask(&[], "/f/hello.txt");
    assert_eq!((whole.status, whole.version.as_str(), whole.body.as_str()), (200, "2", HELLO), "{whole:?}");
    let part = ask(&["--range", "2-4"], "/f/hello.txt");
    assert_eq!((part.status, part.body.as_str()), (206, "234"), "{part:?}");
    assert_eq!(ask(&["--head"], "/f/hello.txt").status, 200);
    assert_eq!(ask(&["--path-as-is"], "/f/../secret").status / 100, 4);
    assert_eq!(ask(&[], "/f/absent").status, 404);
}

#[test]
fn a_file_that_is_replaced_while_it_is_sent_arrives_as_it_was() {
    let (folder, large) = (folder(), large());
    folder.write("public/large.bin", &large);
    let gateway = serving(&folder, "");
    let mut client = gateway.connect().with_small_window();
    client.send("GET /f/large.bin HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let head = client.try_head().expect("a head");
    assert_eq!(head.status, 200);
    let mut body = client.read_exactly(100_000).expect("it begins");
    let new = folder.write("public/new", "new");
    fs::rename(new, folder.file("public/large.bin")).expect("it can be replaced");
    body.extend(client.read_to_end().expect("it comes to its end"));
    assert!(body == large, "{} bytes", body.len());
    e2e::soon("the new one is served", || gateway.get("/f/large.bin").text() == "new");
}

#[test]
fn a_file_that_is_cut_short_while_it_is_sent_is_a_cut_and_the_process_lives() {
    let (folder, large) = (folder(), large());
    folder.write("public/large.bin", &large);
    let gateway = serving(&folder, "");
    let mut client = gateway.connect().with_small_window();
    client.send("GET /f/large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.try_head().expect("a head").status, 200);
    client.read_exactly(100_000).expect("it begins");
    let file = File::options().write(true).open(folder.file("public/large.bin")).expect("it is there");
    file.set_len(200_000).expect("it is ours");
    let rest = client.read_to_end().unwrap_or_default();
    assert!(rest.len() < large.len() - 100_000, "{} bytes", rest.len());
    assert_body(&gateway.get("/f/hello.txt"), 200, HELLO);
}
