//! The whole room, from a path to the bytes of an answer.

mod changes;
mod conditions;
mod forms;

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

#[test]
fn a_root_that_is_none_is_told() {
    let folder = folder(&[("a", "")]);
    assert!(matches!(Root::open(settings(&folder.path("a"))), Err(RootError::NoFolder(_))));
    assert!(matches!(Root::open(settings(&folder.path("missing"))), Err(RootError::Folder { .. })));
    let split = Some("a\r\nx: y".into());
    let split = FilesSettings { cache_control: split, ..settings(folder.as_ref()) };
    assert!(matches!(Root::open(split), Err(RootError::Value(_))));
}
