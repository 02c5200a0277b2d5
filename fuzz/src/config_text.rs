//! The config file: any text gives a file or a report that can be shown.

/// Longest text that is tried, in bytes: what is found in a large file is found in a small one.
const MOST: usize = 16 * 1024;

/// Reads `data` as a config file.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(&data[..data.len().min(MOST)]) else { return };
    let env = |name: &str| name.len().is_multiple_of(2).then(|| "8080".to_owned());
    match config::parse(text, "fuzz.yaml", &env) {
        Ok(loaded) => {
            assert!(!loaded.report.has_errors(), "a file with errors was accepted");
            assert!(loaded.file.redacted().is_object(), "a file that was accepted cannot be shown");
        }
        Err(report) => {
            assert!(report.has_errors(), "a file without errors was refused");
            let shown = report.render(true);
            assert!(
                !shown.contains("passed its check but"),
                "the check let through what no type takes:\n{shown}"
            );
            assert!(report.to_json().is_array());
        }
    }
}
