//! Every file of `tests/bad`, `tests/bad_endpoints` and `tests/doubtful`, and the exact text that explains it, in the
//! `.txt` beside it.
//!
//! `TIDEGATE_BLESS=1 cargo test -p config` writes the texts anew; read the difference before it is committed.

use std::fs;
use std::path::{Path, PathBuf};

use config::Report;

/// The environment of these tests; everything else is unset.
fn env(name: &str) -> Option<String> {
    match name {
        "WORD" => Some("hunter2-from-env".into()),
        "EMPTY" => Some(String::new()),
        _ => None,
    }
}

/// Why a config file is refused.
fn refused(path: &Path) -> Report {
    match config::load_with(path, &env) {
        Ok(loaded) => panic!("{} was accepted: {:#}", path.display(), loaded.file.redacted()),
        Err(report) => report,
    }
}

/// Why a file of endpoints is refused.
fn refused_endpoints(path: &Path) -> Report {
    match config::load_endpoints(path) {
        Ok(endpoints) => panic!("{} was accepted: {endpoints:#?}", path.display()),
        Err(report) => report,
    }
}

/// What is doubtful in a config file that is accepted.
fn doubtful(path: &Path) -> Report {
    match config::load_with(path, &env) {
        Ok(loaded) => loaded.report,
        Err(report) => panic!("{} was refused: {report}", path.display()),
    }
}

fn cases(folder: &str, least: usize) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder of the cases");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a case").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "yaml" || end == "json"));
    assert!(paths.len() >= least, "only {} cases in {folder}", paths.len());
    paths
}

fn bad_cases() -> Vec<PathBuf> {
    let mut paths = cases("tests/bad", 40);
    paths.push("tests/bad/missing_file.yaml".into());
    paths
}

/// Compares what each case is told with the text beside it.
fn compare(paths: &[PathBuf], told: fn(&Path) -> Report) {
    let mut different = Vec::new();
    for path in paths {
        let (text, expected) = (told(path).render(false), path.with_extension("txt"));
        if std::env::var_os("TIDEGATE_BLESS").is_some() {
            fs::write(&expected, text).expect("the text beside the case");
        } else if fs::read_to_string(&expected).unwrap_or_default() != text {
            different.push(format!("{}:\n{text}", path.display()));
        }
    }
    assert!(different.is_empty(), "{} differ\n\n{}", different.len(), different.join("\n\n"));
}

#[test]
fn every_bad_file_is_explained_as_written_beside_it() {
    compare(&bad_cases(), refused);
}

#[test]
fn every_bad_file_of_endpoints_is_explained_as_written_beside_it() {
    let mut paths = cases("tests/bad_endpoints", 5);
    paths.push("tests/bad_endpoints/missing_file.yaml".into());
    compare(&paths, refused_endpoints);
}

#[test]
fn every_doubtful_file_is_warned_about_as_written_beside_it() {
    let paths = cases("tests/doubtful", 3);
    for path in &paths {
        assert!(!doubtful(path).problems().is_empty(), "{} is not doubtful", path.display());
    }
    compare(&paths, doubtful);
}

#[test]
fn no_secret_stands_in_any_explanation() {
    for path in bad_cases() {
        let report = refused(&path);
        let shown = format!("{}{}{report:?}", report.render(true), report.to_json());
        assert!(!shown.contains("hunter2"), "{} shows a secret:\n{shown}", path.display());
    }
}
