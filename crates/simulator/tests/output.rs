//! The forms in which a report comes out.

use simulator::{Fixed, Overrides, Parameters, Report, Trace, compare};

/// A minute of load that is too much for one instance, under a name that tries to break out of a page.
fn overloaded() -> Report {
    let trace = Trace::parse("seconds,rps\n0,50\n30,500\n60,500\n").expect("it is good");
    let said = Overrides { hold_size: Some(100), ..Overrides::default() };
    let parameters = Parameters::default().with(&said).checked().expect("it is good");
    compare(&trace, &parameters, "<b>&\"load\"", Fixed)
}

#[test]
fn the_page_needs_nothing_from_elsewhere() {
    let page = overloaded().html();
    for word in ["<script", "<link", "<img", "http:", "https:", "src=", "url(", "@import"] {
        assert!(!page.contains(word), "`{word}` in the page");
    }
    for word in ["<svg", "prefers-color-scheme: dark", "Tidegate", "plain HPA", "Requests lost", "p95"] {
        assert!(page.contains(word), "`{word}` is not in the page");
    }
    assert!(page.len() < 400_000, "{} bytes", page.len());
}

#[test]
fn texts_in_the_page_are_escaped() {
    let page = overloaded().html();
    assert!(!page.contains("<b>") && page.contains("&lt;b&gt;&amp;"));
}

#[test]
fn the_text_has_both_sides_with_their_settings() {
    let text = overloaded().text();
    for words in ["Tidegate", "plain HPA", "sync 15s", "tolerance 0.1", "holds 100 requests", "longest queue"]
    {
        assert!(text.contains(words), "`{words}` is missing:\n{text}");
    }
    assert!(text.lines().count() < 100, "{text}");
    assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
}

#[test]
fn the_csv_has_as_many_cells_in_each_line() {
    let csv = overloaded().csv();
    let mut cells = csv.lines().map(|line| line.split(',').count());
    let header = cells.next().unwrap();
    assert_eq!(header, 14);
    assert!(cells.all(|count| count == header));
    assert_eq!(csv.lines().count(), 61);
}

#[test]
fn the_json_says_what_was_lost_and_when() {
    let json = overloaded().json();
    let lost = json["tidegate"]["summary"]["lost"].as_f64().unwrap();
    assert!(lost > 1000.0, "{lost}");
    let rows = json["tidegate"]["rows"].as_array().unwrap();
    let sum: f64 = rows.iter().map(|row| row["lost"].as_f64().unwrap()).sum();
    assert!((sum / lost - 1.0).abs() < 1e-6);
    assert!(json["recorded"].is_null());
}

#[test]
fn a_recorded_run_is_compared_with_the_model_of_it() {
    let text = "seconds,rps,instances,p95_ms,failed\n0,100,2,310,0\n60,100,2,320,1\n120,100,4,300,0\n";
    let trace = Trace::parse(text).unwrap();
    let parameters = Parameters::default().checked().unwrap();
    let report = compare(&trace, &parameters, "run", Fixed);
    let found = report.recorded.expect("it is recorded");
    // The model begins with as many instances as there were, and this one keeps them.
    assert!((found.mean_deviation).abs() < 0.01, "{found:?}");
    let (recorded, simulated) = (found.recorded_p95.unwrap(), found.simulated_p95.unwrap());
    assert!((simulated / recorded - 1.0).abs() < 0.1, "{found:?}");
    assert_eq!(found.recorded_failed, Some(1.0));
    assert!(report.text().contains("mean deviation over time"), "{}", report.text());
}
