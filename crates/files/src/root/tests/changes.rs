//! What is remembered, and what becomes of it when files change.

use super::*;

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
    net::bind::raise_fd_limit();
    let folder = Folder::new();
    for n in 0..50_000 {
        // Too large to be kept in memory, without a block on the disk.
        std::fs::File::create(folder.path(&n.to_string())).unwrap().set_len(20_000).unwrap();
    }
    let root = root(&folder);
    for n in (0..50_000).step_by(7) {
        let path = format!("/{n}");
        let served = root.serve(&path, &request(&path, &[]), 7).await.unwrap();
        assert_eq!(served.body.length(), Some(20_000));
        assert!(get(&root, &format!("/{n}x")).await.is_err());
    }
    let open = std::fs::read_dir("/proc/self/fd").unwrap().count();
    assert!((500..3000).contains(&open), "{open} descriptors are open");
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
