use super::*;
use rustix::fs::{AtFlags, CWD, FileType as Kind, RenameFlags, mknodat, renameat_with};
use std::io::Read as _;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicBool, Ordering};
use testing::Folder as Temporary;

/// A folder `root` with something in it, and something beside it that is nobody's business.
fn tree() -> Temporary {
    let folder = Temporary::new();
    std::fs::create_dir_all(folder.path("root/sub/deep")).unwrap();
    std::fs::create_dir_all(folder.path("root-beside")).unwrap();
    for name in ["root/a", "root/sub/b", "root/sub/deep/c", "secret", "root-beside/d"] {
        folder.write(name, name);
    }
    folder
}

/// It, looked at in both ways.
fn both(folder: &Temporary, links: bool) -> [Beneath; 2] {
    let open = || Beneath::new(&folder.path("root"), links).unwrap();
    let by_kernel = open();
    assert!(by_kernel.by_kernel, "the tests are to see both ways");
    [by_kernel, Beneath { by_kernel: false, ..open() }]
}

/// What a file holds, or what else there is.
fn look(beneath: &Beneath, name: &str) -> String {
    match beneath.look(name.as_bytes()).unwrap() {
        Found::File(mut file, stat) => {
            let mut text = String::new();
            file.read_to_string(&mut text).unwrap();
            assert_eq!(stat.st_size, i64::try_from(text.len()).unwrap());
            text
        }
        Found::Folder => "folder".into(),
        Found::Nothing => "nothing".into(),
    }
}

#[test]
fn files_and_folders_are_found_and_nothing_else() {
    let folder = tree();
    let fifo = folder.path("root/fifo");
    mknodat(CWD, &fifo, Kind::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    let _socket = UnixListener::bind(folder.path("root/socket")).unwrap();
    for beneath in both(&folder, false).iter().chain(&both(&folder, true)) {
        for (name, want) in [
            ("", "folder"),
            ("a", "root/a"),
            ("sub", "folder"),
            ("sub/b", "root/sub/b"),
            ("sub/deep/c", "root/sub/deep/c"),
            ("missing", "nothing"),
            ("sub/missing/c", "nothing"),
            ("a/b", "nothing"),
            ("fifo", "nothing"),
            ("socket", "nothing"),
            ("..", "nothing"),
            ("../secret", "nothing"),
            ("sub/../../secret", "nothing"),
        ] {
            assert_eq!(look(beneath, name), want, "{name}");
        }
        assert_eq!(look(beneath, &"x".repeat(300)), "nothing");
    }
}

/// Links in the tree: name, target, and what a look through it finds where links are followed.
fn links(folder: &Temporary) -> Vec<(&'static str, String, &'static str)> {
    let at = |name: &str| folder.path(name).canonicalize().unwrap().to_str().unwrap().to_owned();
    vec![
        ("near", "sub/b".into(), "root/sub/b"),
        ("sub/up", "../a".into(), "root/a"),
        ("sub/round", "./../sub//deep/../b".into(), "root/sub/b"),
        ("shelf", "sub/deep/".into(), "folder"),
        ("chain", "near".into(), "root/sub/b"),
        ("absolute", at("root/sub/b"), "root/sub/b"),
        ("sub/itself", at("root"), "folder"),
        ("out", "../secret".into(), "nothing"),
        ("sub/deep/far", "../../../secret".into(), "nothing"),
        ("back", "../root/a".into(), "nothing"),
        ("elsewhere", at("secret"), "nothing"),
        ("beside", at("root-beside/d"), "nothing"),
        ("system", "/etc/passwd".into(), "nothing"),
        ("loop", "loop".into(), "nothing"),
        ("dangling", "missing".into(), "nothing"),
    ]
}

#[test]
fn links_are_followed_to_what_lies_under_the_root_and_nowhere_else() {
    let folder = tree();
    let links = links(&folder);
    for (name, target, _) in &links {
        symlink(target, folder.path("root").join(name)).unwrap();
    }
    for beneath in both(&folder, true) {
        for (name, _, want) in &links {
            assert_eq!(look(&beneath, name), *want, "{name} by_kernel={}", beneath.by_kernel);
        }
        assert_eq!(look(&beneath, "shelf/c"), "root/sub/deep/c");
        assert_eq!(look(&beneath, "sub/itself/sub/up"), "root/a");
        assert_eq!(look(&beneath, "near/x"), "nothing");
    }
}

#[test]
fn no_link_is_followed_where_none_is_to_be() {
    let folder = tree();
    let links = links(&folder);
    for (name, target, _) in &links {
        symlink(target, folder.path("root").join(name)).unwrap();
    }
    for beneath in both(&folder, false) {
        for (name, ..) in &links {
            assert_eq!(look(&beneath, name), "nothing", "{name} by_kernel={}", beneath.by_kernel);
        }
        assert_eq!(look(&beneath, "shelf/c"), "nothing");
        assert_eq!(look(&beneath, "sub/b"), "root/sub/b");
    }
}

#[test]
fn a_link_that_is_swapped_in_while_somebody_looks_never_leads_outside() {
    for links in [false, true] {
        let folder = tree();
        std::fs::create_dir(folder.path("outside")).unwrap();
        folder.write("outside/b", "outside");
        symlink("../outside", folder.path("root/swapped")).unwrap();
        let (one, other) = (folder.path("root/sub"), folder.path("root/swapped"));
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    renameat_with(CWD, &one, CWD, &other, RenameFlags::EXCHANGE).unwrap();
                }
            });
            let _end = AtItsEnd(&done);
            for beneath in both(&folder, links) {
                let deadline = Instant::now() + Duration::from_secs(20);
                let (mut there, mut swapped) = (0, 0);
                while there < 1000 || swapped < 1000 {
                    match look(&beneath, "sub/b").as_str() {
                        "root/sub/b" => there += 1,
                        "nothing" => swapped += 1,
                        other => panic!("it led to {other}"),
                    }
                    assert!(Instant::now() < deadline, "{there} times there, {swapped} times swapped");
                }
            }
        });
    }
}

/// Ends what waits for it, also when an assertion fails.
struct AtItsEnd<'a>(&'a AtomicBool);

impl Drop for AtItsEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_root_that_is_swapped_for_another_is_noticed_within_moments() {
    let folder = tree();
    std::fs::create_dir(folder.path("next")).unwrap();
    folder.write("next/a", "next");
    symlink("root", folder.path("current")).unwrap();
    let beneath = Beneath::new(&folder.path("current"), false).unwrap();
    assert_eq!(look(&beneath, "a"), "root/a");
    symlink("next", folder.path("coming")).unwrap();
    std::fs::rename(folder.path("coming"), folder.path("current")).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while look(&beneath, "a") != "next" {
        assert!(Instant::now() < deadline, "the old root is still served");
        std::thread::yield_now();
    }
    std::fs::remove_file(folder.path("current")).unwrap();
    let end = Instant::now() + LOOK + LOOK / 4;
    while Instant::now() < end {
        assert_eq!(
            look(&beneath, "a"),
            "next",
            "a root that is missing for a moment is the one that was there"
        );
    }
}

#[test]
fn what_was_opened_blocks_like_any_file() {
    let folder = tree();
    for beneath in both(&folder, false) {
        let Found::File(file, _) = beneath.look(b"a").unwrap() else { panic!("it is a file") };
        assert!(!rustix::fs::fcntl_getfl(&file).unwrap().contains(OFlags::NONBLOCK));
    }
}

#[test]
fn a_root_must_be_a_folder() {
    let folder = tree();
    let kind = |name: &str| Beneath::new(&folder.path(name), false).unwrap_err().kind();
    assert_eq!(kind("secret"), io::ErrorKind::NotADirectory);
    assert_eq!(kind("missing"), io::ErrorKind::NotFound);
    assert!(rustix::fs::statat(CWD, folder.path("root"), AtFlags::empty()).is_ok());
}
