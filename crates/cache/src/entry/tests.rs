use super::*;

/// A response of that URL with that body.
pub(crate) fn entry(url: &str, body: &[u8]) -> Entry {
    let mut fields = Fields::new();
    for (name, value) in [("Content-Type", "text/plain"), ("Server", "origin"), ("ETag", "\"1\"")] {
        fields.push(name, value.as_bytes()).unwrap();
    }
    Entry {
        status: StatusCode::OK,
        fields,
        content: Content::Whole(Bytes::copy_from_slice(body)),
        freshness: Freshness { lifetime: 60, ..Freshness::default() },
        vary: None,
        tags: Box::default(),
        url: url.into(),
        purge: AtomicU64::new(0),
    }
}

#[test]
fn a_response_weighs_its_body_and_all_that_is_said_of_it() {
    let weight = |entry: &Entry| entry.weight() as usize;
    let small = entry("a/", b"");
    assert!((300..800).contains(&weight(&small)), "{}", small.weight());
    assert_eq!(weight(&entry("a/", &[0; 10_000])), weight(&small) + 10_000 + 16);
    assert_eq!(weight(&entry(&"a".repeat(1_002), b"")), weight(&small) + 1_000);

    let mut tagged = entry("a/", b"");
    tagged.tags = (0..100).map(|n| Box::from(format!("tag-{n:06}"))).collect();
    assert_eq!(weight(&tagged), weight(&small) + 100 * (16 + 10 + 16) + 16);
    let mut varied = entry("a/", b"");
    varied.vary = Some(Vary(["accept".into()].into()));
    assert_eq!(weight(&varied), weight(&small) + 16 + 16 + 6 + 16);
    let mut long = entry("a/", b"");
    long.fields.push("X-Long", &[b'a'; 5_000]).unwrap();
    assert!((5_006..5_100).contains(&(weight(&long) - weight(&small))));
}

#[test]
fn a_body_that_is_not_here_weighs_nothing_and_has_its_length() {
    let whole = entry("a/", b"12345");
    let flow = Flow::new(Some(7), 100, 100);
    let growing = whole.with(Content::Growing(flow));
    let outside = whole.with(Content::File {
        file: Arc::new(std::fs::File::open("/dev/null").unwrap()),
        offset: 0,
        length: 1 << 40,
    });
    let endless = whole.with(Content::Growing(Flow::new(None, 100, 100)));
    assert_eq!(growing.weight(), outside.weight());
    assert!(growing.weight() < whole.weight());
    let lengths = [&whole, &growing, &outside, &endless].map(Entry::length);
    assert_eq!(lengths, [Some(5), Some(7), Some(1 << 40), None]);
}

#[test]
fn the_same_with_another_body_is_the_same_and_small() {
    let mut old = entry("a/b?c", b"old");
    old.fields.push("X-Gone", &[b'x'; 3_000]).unwrap();
    old.fields.remove_named(b"x-gone");
    old.tags = ["t".into()].into();
    old.vary = Some(Vary(["accept".into()].into()));
    old.purge = AtomicU64::new(7);
    let new = old.with(Content::Whole(Bytes::from_static(b"new")));
    let lines = |entry: &Entry| {
        let lines = entry.fields.iter().map(|(_, name, value)| (name.to_vec(), value.to_vec()));
        lines.collect::<Vec<_>>()
    };
    assert_eq!(lines(&new), lines(&old));
    assert_eq!((&new.url, &new.tags, &new.vary), (&old.url, &old.tags, &old.vary));
    assert_eq!((new.status, new.freshness), (old.status, old.freshness));
    assert_eq!(new.purge.load(Ordering::Relaxed), 7);
    assert_eq!(new.length(), Some(3));
    assert!(new.weight() + 3_000 < old.weight(), "what was taken out of the fields takes no memory");
}
