//! Conditions and ranges, over small files in memory and large ones.

use super::*;

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
        assert!(got.field("content-type").is_none());
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
async fn a_date_in_if_range_counts_once_the_file_has_stood_for_a_while() {
    let folder = folder(&[("a", "hello")]);
    let old = SystemTime::now() - Duration::from_secs(3600);
    std::fs::File::options().write(true).open(folder.path("a")).unwrap().set_modified(old).unwrap();
    let root = root(&folder);
    let modified = settled(&root, "/a").await.field("last-modified").unwrap().to_owned();
    let got = get_with(&root, "/a", &[("Range", "bytes=0-1"), ("If-Range", &modified)]).await;
    assert_eq!((got.status, got.text()), (206, "he"));
    let other = httpdate::fmt_http_date(old - Duration::from_secs(60));
    let got = get_with(&root, "/a", &[("Range", "bytes=0-1"), ("If-Range", &other)]).await;
    assert_eq!((got.status, got.text()), (200, "hello"));
}
