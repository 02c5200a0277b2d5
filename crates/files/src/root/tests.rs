use super::*;
use http_body_util::BodyExt;
use message::{Target, Version};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};
use testing::Folder;

fn settings(root: &Path) -> FilesSettings {
    FilesSettings {
        root: root.to_owned(),
        index: vec!["index.html".into()],
        spa: None,
        precompressed: false,
        cache_control: None,
        dotfiles: false,
        links: false,
        types: Vec::new(),
    }
}

/// A folder with these files, all an hour old.
fn folder(files: &[(&str, &str)]) -> Folder {
    let folder = Folder::new();
    for (name, text) in files {
        std::fs::create_dir_all(folder.path(name).parent().unwrap()).unwrap();
        folder.write(name, text);
    }
    folder
}

/// 500,000 bytes of which each stretch is different.
fn numbers() -> String {
    (0..100_000).fold(String::new(), |all, n| all + &format!("{n:05}"))
}

fn root(folder: &Folder) -> Root {
    Root::open(settings(folder.as_ref())).unwrap()
}

fn request(target: &str, lines: &[(&str, &str)]) -> RequestHead {
    let mut fields = Fields::new();
    for (name, value) in lines {
        fields.push(name, value.as_bytes()).unwrap();
    }
    RequestHead {
        method: Method::GET,
        target: Target::parse(target.as_bytes(), false).unwrap(),
        authority: None,
        version: Version::HTTP_11,
        fields,
        upgrade: None,
    }
}

/// An answer whose body was read.
#[derive(Debug)]
struct Got {
    status: u16,
    fields: Fields,
    told: Option<u64>,
    body: Vec<u8>,
}

impl Got {
    fn field(&self, name: &str) -> Option<&str> {
        let mut lines =
            self.fields.iter().filter(|(_, named, _)| named.eq_ignore_ascii_case(name.as_bytes()));
        lines.next().map(|(.., value)| std::str::from_utf8(value).unwrap())
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

async fn ask(root: &Root, request: &RequestHead) -> Result<Got, Unserved> {
    let served = root.serve(request.target.path(), request, 7).await?;
    let told = served.body.length();
    let body = served.body.collect().await.unwrap().to_bytes().to_vec();
    Ok(Got { status: served.head.status.as_u16(), fields: served.head.fields, told, body })
}

async fn get(root: &Root, target: &str) -> Result<Got, Unserved> {
    ask(root, &request(target, &[])).await
}

async fn get_with(root: &Root, target: &str, lines: &[(&str, &str)]) -> Got {
    ask(root, &request(target, lines)).await.unwrap()
}

/// Asks until the answer is as it should be.
async fn until(
    root: &Root,
    target: &str,
    what: impl Fn(&Result<Got, Unserved>) -> bool,
) -> Result<Got, Unserved> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let got = get(root, target).await;
        if what(&got) {
            return got;
        }
        assert!(Instant::now() < deadline, "waited in vain, the last was {got:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The answer once the file's last change is long enough ago.
async fn settled(root: &Root, target: &str) -> Got {
    let strong =
        |got: &Result<Got, Unserved>| !got.as_ref().unwrap().field("etag").unwrap().starts_with("W/");
    until(root, target, strong).await.unwrap()
}

#[tokio::test]
async fn a_file_is_answered_whole_with_what_there_is_to_tell() {
    let large = "0123456789abcdef".repeat(20_000);
    let folder =
        folder(&[("a.html", "hello"), ("sub/large.bin", &large), ("empty.txt", ""), ("été %.txt", "é")]);
    let root =
        Root::open(FilesSettings { cache_control: Some("max-age=60".into()), ..settings(folder.as_ref()) })
            .unwrap();
    let got = get(&root, "/a.html").await.unwrap();
    assert_eq!((got.status, got.text(), got.told), (200, "hello", Some(5)));
    for (name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        ("accept-ranges", "bytes"),
        ("cache-control", "max-age=60"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(got.field(name), Some(value), "{name}");
    }
    assert!(got.field("vary").is_none() && got.field("content-encoding").is_none());
    let modified = httpdate::parse_http_date(got.field("last-modified").unwrap()).unwrap();
    assert!(modified <= SystemTime::now() && modified + Duration::from_secs(60) > SystemTime::now());
    let got = get(&root, "/sub/large.bin").await.unwrap();
    assert_eq!((got.text() == large, got.told), (true, Some(320_000)));
    let got = get(&root, "/empty.txt").await.unwrap();
    assert_eq!((got.status, got.body.len(), got.told), (200, 0, Some(0)));
    assert_eq!(get(&root, "/%C3%A9t%C3%A9%20%25.txt").await.unwrap().text(), "é");
}

#[tokio::test]
async fn a_path_is_taken_with_or_without_a_slash_in_front() {
    let folder = folder(&[("a", "hello")]);
    let root = root(&folder);
    for path in ["a", "/a"] {
        assert!(root.serve(path, &request("/files/a", &[]), 7).await.is_ok());
    }
}

#[tokio::test]
async fn what_may_not_be_served_is_not_found_like_what_is_not_there() {
    let folder = folder(&[
        ("root/a", "a"),
        ("root/.env", "secret"),
        ("root/.git/config", "secret"),
        ("secret", "secret"),
    ]);
    symlink("../secret", folder.path("root/link")).unwrap();
    let root = Root::open(settings(&folder.path("root"))).unwrap();
    for path in [
        "missing",
        "missing/",
        "a/",
        "a/b",
        ".env",
        ".git/config",
        ".git/",
        "%2eenv",
        "link",
        "../secret",
        "%2e%2e/secret",
        "..%2fsecret",
        "..%5csecret",
        "a%00",
        "a//",
        "//a",
        "x/../../secret",
        "",
        "/",
    ] {
        let got = root.serve(path, &request("/", &[]), 7).await.map(|served| served.head.status);
        assert_eq!(got, Err(Unserved::NotFound), "{path}");
    }
    let long = "x".repeat(5000);
    assert_eq!(root.serve(&long, &request("/", &[]), 7).await.unwrap_err(), Unserved::NotFound);
}

#[tokio::test]
async fn only_get_and_head_are_for_files() {
    let folder = folder(&[("a", "hello")]);
    let root = root(&folder);
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let request = RequestHead { method, ..request("/a", &[]) };
        assert_eq!(ask(&root, &request).await.unwrap_err(), Unserved::Method);
    }
    let head = RequestHead { method: Method::HEAD, ..request("/a", &[]) };
    let (head, got) = (ask(&root, &head).await.unwrap(), get(&root, "/a").await.unwrap());
    assert_eq!((head.status, head.body.len(), head.told), (200, 0, Some(5)));
    assert_eq!(head.field("etag"), got.field("etag"));
}

#[tokio::test]
async fn a_folder_is_answered_by_its_index_and_redirected_to_its_own_path() {
    let folder = folder(&[
        ("index.html", "top"),
        ("docs/index.htm", "docs"),
        ("bare/a", "a"),
        ("both/index.html", "both"),
    ]);
    let index = vec!["index.html".into(), "/index.htm".into()];
    let root = Root::open(FilesSettings { index, ..settings(folder.as_ref()) }).unwrap();
    for (path, want) in [("/", "top"), ("/docs/", "docs"), ("/both/", "both"), ("/docs/?q", "docs")] {
        let got = get(&root, path).await.unwrap();
        assert_eq!(
            (got.text(), got.field("content-type")),
            (want, Some("text/html; charset=utf-8")),
            "{path}"
        );
    }
    for (target, want) in [("/docs", "/docs/"), ("/docs?a=b//c", "/docs/?a=b//c"), ("/docs?", "/docs/?")] {
        let got = get(&root, target).await.unwrap();
        assert_eq!((got.status, got.field("location"), got.told), (301, Some(want), Some(0)), "{target}");
    }
    for path in ["/bare", "/bare/"] {
        assert_eq!(get(&root, path).await.unwrap_err(), Unserved::NotFound, "{path}");
    }
    let root = Root::open(FilesSettings { index: vec![], ..settings(folder.as_ref()) }).unwrap();
    assert_eq!(get(&root, "/").await.unwrap_err(), Unserved::NotFound);
}

#[tokio::test]
async fn a_redirect_never_leads_to_another_host() {
    let folder = folder(&[("index.html", "top"), ("docs/index.html", "docs")]);
    let root = root(&folder);
    let request = request("//evil.example/docs", &[]);
    let served = root.serve("docs", &request, 7).await.unwrap();
    assert_eq!(served.head.fields.get_str(Name::Location), Some("/evil.example/docs/"));
    let request = self::request("/assets", &[]);
    let served = root.serve("", &request, 7).await.unwrap();
    assert_eq!(served.head.fields.get_str(Name::Location), Some("/assets/"), "the route's own path");
}

#[tokio::test]
async fn an_application_answers_for_places_that_are_no_files() {
    let folder = folder(&[("app.html", "app"), ("a.js", "code"), ("docs/x", "x")]);
    let root =
        Root::open(FilesSettings { spa: Some("app.html".into()), ..settings(folder.as_ref()) }).unwrap();
    let long = format!("/reset/{}", "x".repeat(300));
    for path in ["/", "/users/7", "/users/", "/docs", "/docs/", "/docs/x/y", &long] {
        let got = get(&root, path).await.unwrap();
        assert_eq!((got.status, got.text()), (200, "app"), "{path}");
        assert_eq!(got.field("content-type"), Some("text/html; charset=utf-8"));
    }
    assert_eq!(get(&root, "/a.js").await.unwrap().text(), "code");
    assert_eq!(get(&root, "/docs/x").await.unwrap().text(), "x");
    for path in ["/b.js", "/docs/logo.png", "/.env", "/%2e%2e%2fsecret", "//x"] {
        assert_eq!(get(&root, path).await.unwrap_err(), Unserved::NotFound, "{path}");
    }
    let root =
        Root::open(FilesSettings { spa: Some("missing.html".into()), ..settings(folder.as_ref()) }).unwrap();
    assert_eq!(get(&root, "/users/7").await.unwrap_err(), Unserved::NotFound);
}

#[tokio::test]
async fn types_of_the_config_come_first() {
    let folder = folder(&[("a.ts", ""), ("b.TS", ""), ("c.js", ""), ("d.xyz", ""), ("e", "")]);
    let types = vec![("ts".into(), "text/typescript".into())];
    let root = Root::open(FilesSettings { types, ..settings(folder.as_ref()) }).unwrap();
    for (path, want) in [
        ("/a.ts", "text/typescript"),
        ("/b.TS", "text/typescript"),
        ("/c.js", "text/javascript; charset=utf-8"),
        ("/d.xyz", "application/octet-stream"),
        ("/e", "application/octet-stream"),
    ] {
        assert_eq!(get(&root, path).await.unwrap().field("content-type"), Some(want), "{path}");
    }
}

#[tokio::test]
async fn a_client_that_has_a_file_is_told_so() {
    let folder = folder(&[("a", "hello")]);
    let root =
        Root::open(FilesSettings { cache_control: Some("no-cache".into()), ..settings(folder.as_ref()) })
            .unwrap();
    let first = settled(&root, "/a").await;
    let (etag, modified) = (first.field("etag").unwrap(), first.field("last-modified").unwrap());
    for line in [("If-None-Match", etag), ("If-None-Match", "*"), ("If-Modified-Since", modified)] {
        let got = get_with(&root, "/a", &[line]).await;
        assert_eq!((got.status, got.told, got.field("etag")), (304, Some(0), Some(etag)), "{line:?}");
        assert_eq!(got.field("cache-control"), Some("no-cache"));
        assert!(got.field("content-type").is_none() && got.field("x-content-type-options").is_none());
    }
    assert_eq!(get_with(&root, "/a", &[("If-None-Match", "\"other\"")]).await.status, 200);
    let got = get_with(&root, "/a", &[("If-Match", "\"other\"")]).await;
    assert_eq!((got.status, got.body.len()), (412, 0));
}

#[tokio::test]
async fn a_file_that_has_just_changed_is_tagged_as_weak_and_later_as_strong() {
    let folder = folder(&[("a", "hello")]);
    let root = root(&folder);
    let first = get(&root, "/a").await.unwrap();
    assert!(first.field("etag").unwrap().starts_with("W/\""));
    let got =
        get_with(&root, "/a", &[("Range", "bytes=0-1"), ("If-Range", first.field("etag").unwrap())]).await;
    assert_eq!((got.status, got.text()), (200, "hello"), "parts of it may not fit together");
    let later = settled(&root, "/a").await;
    assert_eq!(later.field("etag"), first.field("etag").unwrap().strip_prefix("W/"));
    let got =
        get_with(&root, "/a", &[("Range", "bytes=0-1"), ("If-Range", later.field("etag").unwrap())]).await;
    assert_eq!((got.status, got.text()), (206, "he"));
}

#[tokio::test]
async fn a_part_of_a_file_is_that_part() {
    let large = numbers();
    let folder = folder(&[("small", "0123456789"), ("large", &large)]);
    let root = root(&folder);
    for (path, whole) in [("/small", "0123456789"), ("/large", &*large)] {
        let total = whole.len();
        for (asked, first, last) in
            [("0-0", 0, 0), ("3-5", 3, 5), ("7-", 7, total - 1), ("-4", total - 4, total - 1)]
        {
            let got = get_with(&root, path, &[("Range", &format!("bytes={asked}"))]).await;
            assert_eq!((got.status, got.text()), (206, &whole[first..=last]), "{path} {asked}");
            assert_eq!(got.field("content-range"), Some(&*format!("bytes {first}-{last}/{total}")));
            assert_eq!(got.told, Some((last - first + 1) as u64));
        }
        let got = get_with(&root, path, &[("Range", "bytes=9999999-")]).await;
        assert_eq!((got.status, got.field("content-range")), (416, Some(&*format!("bytes */{total}"))));
        assert!(got.body.is_empty() && got.field("content-type").is_none());
    }
}

#[tokio::test]
async fn several_parts_of_a_file_come_with_a_head_each() {
    let large = numbers();
    let folder = folder(&[("small.txt", "0123456789"), ("large.txt", &large)]);
    let root = root(&folder);
    for (path, whole, second) in
        [("/small.txt", "0123456789", 6..9), ("/large.txt", &*large, 400_000..450_000)]
    {
        let asked = format!("bytes=1-2,{}-{}", second.start, second.end - 1);
        let got = get_with(&root, path, &[("Range", &asked)]).await;
        let content_type = got.field("content-type").unwrap();
        let boundary =
            content_type.strip_prefix("multipart/byteranges; boundary=").unwrap().trim_matches('"');
        assert_eq!(
            (got.status, got.told, got.field("content-range")),
            (206, Some(got.body.len() as u64), None)
        );
        let parts: Vec<&str> = got.text().split(&format!("--{boundary}")).collect();
        assert_eq!((parts.len(), parts[3].trim_end()), (4, "--"), "two parts and the end");
        for (part, range) in parts[1..3].iter().zip([1..3, second]) {
            let (head, body) = part.split_once("\r\n\r\n").unwrap();
            let head = head.to_lowercase();
            assert_eq!(body.strip_suffix("\r\n"), Some(&whole[range.clone()]));
            assert!(head.contains("content-type: text/plain; charset=utf-8"), "{head}");
            let told = format!("content-range: bytes {}-{}/{}", range.start, range.end - 1, whole.len());
            assert!(head.contains(&told), "{head}");
        }
    }
}

#[tokio::test]
async fn the_form_that_a_client_likes_best_is_sent() {
    let folder = folder(&[
        ("a.js", "plain"),
        ("a.js.br", "brotli"),
        ("a.js.gz", "gzipped"),
        ("b.js", "plain"),
        ("b.js.zst", "zstandard"),
        ("c.js", "plain"),
        ("d.js.gz", "alone"),
        ("index.html", "plain"),
        ("index.html.gz", "gzipped"),
    ]);
    let root = Root::open(FilesSettings { precompressed: true, ..settings(folder.as_ref()) }).unwrap();
    for (path, accepts, coding, want) in [
        ("/a.js", "gzip, br, zstd", Some("br"), "brotli"),
        ("/a.js", "gzip", Some("gzip"), "gzipped"),
        ("/a.js", "br;q=0.1, gzip;q=0.9", Some("gzip"), "gzipped"),
        ("/a.js", "zstd", None, "plain"),
        ("/a.js", "br;q=0", None, "plain"),
        ("/a.js", "", None, "plain"),
        ("/a.js", "identity, br;q=0.5", None, "plain"),
        ("/a.js", "identity;q=0", None, "plain"),
        ("/a.js", "*", Some("br"), "brotli"),
        ("/b.js", "gzip, br, zstd", Some("zstd"), "zstandard"),
        ("/c.js", "gzip, br, zstd", None, "plain"),
        ("/", "gzip", Some("gzip"), "gzipped"),
        ("/a.js.gz", "identity", None, "gzipped"),
    ] {
        let got = get_with(&root, path, &[("Accept-Encoding", accepts)]).await;
        assert_eq!((got.field("content-encoding"), got.text()), (coding, want), "{path} {accepts}");
        assert_eq!(got.field("vary"), Some("accept-encoding"));
    }
    assert_eq!(get(&root, "/d.js").await.unwrap_err(), Unserved::NotFound, "a sibling alone is no file");
    let got = get_with(&root, "/a.js", &[("Accept-Encoding", "br")]).await;
    assert_eq!(got.field("content-type"), Some("text/javascript; charset=utf-8"));
    assert_eq!(got.told, Some(6));
}

#[tokio::test]
async fn each_form_of_a_file_has_a_tag_and_ranges_of_its_own() {
    let folder = folder(&[("a.js", "0123456789"), ("a.js.br", "abcdefghij"), ("a.js.gz", "ABCDEFGHIJ")]);
    let time = SystemTime::now() - Duration::from_secs(3600);
    for name in ["a.js", "a.js.br", "a.js.gz"] {
        std::fs::File::options().write(true).open(folder.path(name)).unwrap().set_modified(time).unwrap();
    }
    let root = Root::open(FilesSettings { precompressed: true, ..settings(folder.as_ref()) }).unwrap();
    let mut tags = Vec::new();
    for accepts in ["identity", "br", "gzip"] {
        let got = get_with(&root, "/a.js", &[("Accept-Encoding", accepts)]).await;
        tags.push(got.field("etag").unwrap().trim_start_matches("W/").to_owned());
    }
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), 3, "{tags:?}");
    let got = get_with(&root, "/a.js", &[("Accept-Encoding", "br"), ("Range", "bytes=2-3")]).await;
    assert_eq!((got.status, got.text(), got.field("content-encoding")), (206, "cd", Some("br")));
    assert_eq!(got.field("content-range"), Some("bytes 2-3/10"));
}

#[tokio::test]
async fn files_that_come_change_and_go_are_noticed_within_moments() {
    let folder = folder(&[("a", "old")]);
    let root = root(&folder);
    assert_eq!(get(&root, "/a").await.unwrap().text(), "old");
    assert!(get(&root, "/b").await.is_err());
    folder.write("new", "newer");
    std::fs::rename(folder.path("new"), folder.path("a")).unwrap();
    until(&root, "/a", |got| got.as_ref().unwrap().text() == "newer").await.unwrap();
    folder.write("a", "in place");
    until(&root, "/a", |got| got.as_ref().unwrap().text() == "in place").await.unwrap();
    folder.write("b", "here");
    until(&root, "/b", |got| got.as_ref().is_ok_and(|got| got.text() == "here")).await.unwrap();
    std::fs::remove_file(folder.path("a")).unwrap();
    until(&root, "/a", |got| *got.as_ref().err().unwrap_or(&Unserved::Method) == Unserved::NotFound)
        .await
        .unwrap_err();
}

#[tokio::test]
async fn a_file_that_is_replaced_while_it_is_sent_is_sent_whole() {
    let (old, new) = ("old ".repeat(100_000), "new ".repeat(50_000));
    let folder = folder(&[("a", &old), ("b", &new)]);
    let root = root(&folder);
    let request = request("/a", &[]);
    let mut served = root.serve("/a", &request, 7).await.unwrap();
    let first = served.body.frame().await.unwrap().unwrap().into_data().unwrap();
    std::fs::rename(folder.path("b"), folder.path("a")).unwrap();
    let rest = served.body.collect().await.unwrap().to_bytes();
    assert!([first, rest].concat() == old.as_bytes());
    until(&root, "/a", |got| got.as_ref().unwrap().text() == new).await.unwrap();
}

#[tokio::test]
async fn what_is_remembered_is_bounded_in_a_folder_of_50_000_files() {
    let folder = Folder::new();
    for n in 0..50_000 {
        folder.write(&n.to_string(), "");
    }
    let root = root(&folder);
    for n in (0..50_000).step_by(7) {
        assert_eq!(get(&root, &format!("/{n}")).await.unwrap().status, 200);
        assert!(get(&root, &format!("/{n}x")).await.is_err());
    }
    let open = std::fs::read_dir("/proc/self/fd").unwrap().count();
    assert!(open < 3000, "{open} descriptors are open");
    let (there, absent) = root.shelf.held();
    assert!((500..=1100).contains(&there) && absent <= 1100, "{there} and {absent} are remembered");
}

#[tokio::test]
async fn a_hit_asks_nobody() {
    let folder = folder(&[("a", "hello")]);
    let root = root(&folder);
    let request = request("/a", &[]);
    settled(&root, "/a").await;
    // Right behind a look a hit is ready at once, without a thread.
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        if std::pin::pin!(root.serve("/a", &request, 7)).as_mut().poll(&mut cx).is_ready() {
            break;
        }
        assert!(Instant::now() < deadline, "each hit waits");
        let _ = get(&root, "/a").await;
    }
}

#[test]
fn a_root_that_is_none_is_told() {
    let folder = folder(&[("a", "")]);
    assert!(matches!(Root::open(settings(&folder.path("a"))), Err(RootError::NoFolder(_))));
    assert!(matches!(Root::open(settings(&folder.path("missing"))), Err(RootError::Folder { .. })));
}
