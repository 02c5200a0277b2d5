//! Files.

use super::*;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use testing::Folder;

/// A line is the port of an endpoint.
fn parse(path: &Path) -> Result<Vec<EndpointSettings>, String> {
    let text = std::fs::read_to_string(path).map_err(|e| e.to_string())?;
    let endpoint = |line: &str| {
        let port: u16 = line.parse().map_err(|_| format!("`{line}` is no port"))?;
        Ok(found(&template(), ([127, 0, 0, 1], port).into(), Weight::ONE))
    };
    text.lines().map(endpoint).collect()
}

/// A source, and how often its file was read.
fn source(path: &Path) -> (Source, Arc<AtomicUsize>) {
    let reads = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&reads);
    let parse: Parse = Arc::new(move |path| {
        count.fetch_add(1, Ordering::Relaxed);
        parse(path)
    });
    (Source::File(FileSettings { path: path.to_owned(), parse }), reads)
}

#[test]
fn a_changed_file_is_read_again_and_an_unchanged_one_is_not() {
    run(async {
        let folder = Folder::new();
        let path = folder.path("endpoints");
        std::fs::write(&path, "81\n80\n").unwrap();
        let (source, reads) = source(&path);
        let Watch::File(settings, mut seen) = Watch::new(&source) else { unreachable!("made so") };
        let mut look = || file::look(&settings, &mut seen);
        let first = look().endpoints.unwrap();
        let order: Vec<_> = first.iter().map(|f| &*f.settings.label).collect();
        assert_eq!(order, ["http://127.0.0.1:81", "http://127.0.0.1:80"], "in the order of the file");
        assert!(look().endpoints.is_none() && look().endpoints.is_none());
        assert_eq!(reads.load(Ordering::Relaxed), 1);
        std::fs::write(&path, "80\n81\n82\n").unwrap();
        assert_eq!(look().endpoints.unwrap().len(), 3);
        std::fs::write(folder.path("new"), "80\n81\n83\n").unwrap();
        std::fs::rename(folder.path("new"), &path).unwrap();
        assert!(labels(&look().endpoints.unwrap()).contains("http://127.0.0.1:83"));
        std::fs::write(&path, "").unwrap();
        assert_eq!(look().endpoints.unwrap(), [], "a list may be empty: somebody has written that");
    });
}

#[test]
fn a_file_that_is_away_or_nonsense_changes_nothing_and_is_told_of_until_it_is_good() {
    run(async {
        let folder = Folder::new();
        let path = folder.path("endpoints");
        let (source, reads) = source(&path);
        let Watch::File(settings, mut seen) = Watch::new(&source) else { unreachable!("made so") };
        let mut look = || file::look(&settings, &mut seen);
        let away = look();
        assert!(away.endpoints.is_none() && away.trouble.unwrap().contains("No such file"));
        std::fs::write(&path, "eighty").unwrap();
        for _ in 0..3 {
            let nonsense = look();
            assert!(nonsense.endpoints.is_none());
            assert!(nonsense.trouble.unwrap().ends_with("`eighty` is no port"));
        }
        assert_eq!(reads.load(Ordering::Relaxed), 1);
        std::fs::write(&path, "80").unwrap();
        let good = look();
        assert_eq!((good.endpoints.unwrap().len(), good.trouble), (1, None));
        std::fs::remove_file(&path).unwrap();
        assert!(look().endpoints.is_none());
    });
}

#[test]
fn a_followed_file_is_reported_when_it_changes() {
    run(async {
        let folder = Folder::new();
        let path = folder.path("endpoints");
        std::fs::write(&path, "80\n").unwrap();
        let (source, reads) = source(&path);
        let reports = Reports::default();
        let mut discoveries = reports.discoveries();
        discoveries.adopt(shop(source));
        reports.until(&["http://127.0.0.1:80"]).await;
        std::fs::write(&path, "nonsense\n").unwrap();
        until("it is read", || reads.load(Ordering::Relaxed) == 2).await;
        assert_eq!(labels(&discoveries.found("shop").unwrap()), set(&["http://127.0.0.1:80"]));
        std::fs::write(&path, "81\n82\n").unwrap();
        reports.until(&["http://127.0.0.1:81", "http://127.0.0.1:82"]).await;
        assert_eq!(reports.count(), 2);
    });
}
