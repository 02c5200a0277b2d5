//! Any text gives a file or a report, and what the check lets through fits the types.

use std::fs;

use proptest::prelude::*;

fn check(text: &str) -> Result<(), TestCaseError> {
    let env = |name: &str| name.len().is_multiple_of(2).then(|| "1".to_owned());
    match config::parse(text, "any.yaml", &env) {
        Ok(loaded) => prop_assert!(!loaded.report.has_errors()),
        Err(report) => {
            prop_assert!(report.has_errors());
            let shown = report.render(true);
            prop_assert!(!shown.contains("passed its check but"), "{}", shown);
            prop_assert!(report.to_json().is_array());
        }
    }
    Ok(())
}

/// Pieces that files are made of, so that random ones get past the parser and deep into the check.
fn piece() -> impl Strategy<Value = String> {
    let words: Vec<&'static str> = vec![
        "listeners: ",
        "services: ",
        "routes: ",
        "admin: ",
        "limits: ",
        "observe: ",
        "match: ",
        "service: ",
        "address: ",
        "endpoints: ",
        "url: ",
        "weight: ",
        "tls: ",
        "headers: ",
        "path: ",
        "respond: ",
        "redirect: ",
        "timeouts: ",
        "access_log: ",
        "token: ",
        "certificates: ",
        "cache: ",
        "name: ",
        "methods: ",
        "prefix: ",
        "max_body: ",
        "to: ",
        "{",
        "}",
        "[",
        "]",
        ", ",
        "\n",
        "\n  ",
        "\n    ",
        "- ",
        "\n  - ",
        "a: ",
        "a",
        "off",
        "true",
        "null",
        "~",
        "0",
        "-1",
        "1.2",
        "8080",
        "15s",
        "1MiB",
        "\":1\"",
        "\"http://a:1\"",
        "/x",
        "\"\"",
        "${A}",
        "${AB}",
        "$${",
        "${",
        "file:/nope",
        "&a ",
        "*a",
        "<<: ",
        "? ",
        "!!str ",
        "|\n  x",
        "'",
        "\"",
        "#",
        "\t",
        "é",
        "\u{feff}",
        "---\n",
    ];
    prop::sample::select(words).prop_map(str::to_owned)
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in any::<String>()) {
        check(&text)?;
    }

    #[test]
    fn text_made_of_pieces_of_configs_never_panics(pieces in prop::collection::vec(piece(), 0..40)) {
        check(&pieces.concat())?;
    }

    #[test]
    fn a_damaged_example_never_panics(at in 0usize..4000, cut in 0usize..40, pieces in prop::collection::vec(piece(), 0..3)) {
        let text = fs::read_to_string("../../examples/reverse-proxy.yaml").unwrap();
        let chars: Vec<char> = text.chars().collect();
        let at = at % chars.len();
        let head: String = chars[..at].iter().collect();
        let tail: String = chars[(at + cut).min(chars.len())..].iter().collect();
        check(&format!("{head}{}{tail}", pieces.concat()))?;
    }

    #[test]
    fn a_value_replaced_in_a_whole_file_never_panics(line in 0usize..200, value in piece()) {
        let text = fs::read_to_string("../../examples/reverse-proxy.yaml").unwrap();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let line = line % lines.len();
        if let Some((key, _)) = lines[line].split_once(": ") {
            lines[line] = format!("{key}: {value}");
        }
        check(&lines.join("\n"))?;
    }
}
