//! Every file of `tests/bad` and the exact text that explains it, in the `.txt` beside it.
//!
//! `TIDEGATE_BLESS=1 cargo test -p config` writes the texts anew; read the difference before it is committed.

use std::fs;
use std::path::{Path, PathBuf};

/// The environment of these tests; everything else is unset.
fn env(name: &str) -> Option<String> {
    match name {
        "WORD" => Some("hunter2-from-env".into()),
        "EMPTY" => Some(String::new()),
        _ => None,
    }
}

fn report(path: &Path) -> config::Report {
    match config::load_with(path, &env) {
        Ok(loaded) => panic!("{} was accepted: {:#}", path.display(), loaded.file.redacted()),
        Err(report) => report,
    }
}

fn cases() -> Vec<PathBuf> {
    let entries = fs::read_dir("tests/bad").expect("the folder of the cases");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a case").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "yaml"));
    paths.push("tests/bad/missing_file.yaml".into());
    assert!(paths.len() >= 30, "only {} cases", paths.len());
    paths
}

fn compare(path: &Path, text: &str, different: &mut Vec<String>) {
    let expected = path.with_extension("txt");
    if std::env::var_os("TIDEGATE_BLESS").is_some() {
        fs::write(&expected, text).expect("the text beside the case");
    } else if fs::read_to_string(&expected).unwrap_or_default() != text {
        different.push(format!("{}:\n{text}", path.display()));
    }
}

#[test]
fn every_bad_file_is_explained_as_written_beside_it() {
    let mut different = Vec::new();
    for path in cases() {
        compare(&path, &report(&path).render(false), &mut different);
    }
    assert!(different.is_empty(), "{} differ\n\n{}", different.len(), different.join("\n\n"));
}

#[test]
fn no_secret_stands_in_any_explanation() {
    for path in cases() {
        let report = report(&path);
        let shown = format!("{}{}{report:?}", report.render(true), report.to_json());
        assert!(!shown.contains("hunter2"), "{} shows a secret:\n{shown}", path.display());
    }
}
