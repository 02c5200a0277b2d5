//! Compressed siblings and media types.

use super::*;

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
