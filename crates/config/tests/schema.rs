//! The schema and what is generated from it.

use std::fs;

use serde_json::Value;

/// Calls `visit` with every object of the schema that describes a value.
fn each(value: &Value, visit: &mut impl FnMut(&serde_json::Map<String, Value>)) {
    match value {
        Value::Object(map) => {
            visit(map);
            map.values().for_each(|inner| each(inner, visit));
        }
        Value::Array(list) => list.iter().for_each(|inner| each(inner, visit)),
        _ => {}
    }
}

#[test]
fn every_key_is_described() {
    let schema = config::schema();
    let mut keys = 0;
    each(&schema, &mut |map| {
        for (key, rule) in map.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let description = rule.get("description").and_then(Value::as_str).unwrap_or("");
            assert!(!description.is_empty(), "`{key}` has no description");
            keys += 1;
        }
    });
    assert!(keys > 60, "only {keys} keys");
}

#[test]
fn every_mapping_refuses_unknown_keys() {
    each(&config::schema(), &mut |map| {
        if map.contains_key("properties") {
            assert_eq!(map.get("additionalProperties"), Some(&Value::Bool(false)), "{map:?}");
        }
    });
}

#[test]
fn no_key_that_exists_is_said_to_come_later() {
    each(&config::schema(), &mut |map| {
        let keys = map.get("properties").and_then(Value::as_object);
        for later in map.get("x-later").and_then(Value::as_array).into_iter().flatten() {
            let name = later.as_str().unwrap();
            assert!(keys.is_none_or(|keys| !keys.contains_key(name)), "`{name}`");
        }
    });
}

#[test]
fn what_is_shown_of_every_example_fits_the_schema_that_editors_get() {
    let validator = jsonschema::draft202012::new(&config::schema()).unwrap();
    for entry in fs::read_dir("../../examples").unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let loaded = config::load_with(&path, &|_| None).unwrap_or_else(|report| panic!("{report}"));
        let mut shown = loaded.file.redacted();
        strip_null(&mut shown);
        let problems: Vec<String> = validator.iter_errors(&shown).map(|error| error.to_string()).collect();
        assert!(problems.is_empty(), "{}: {problems:#?}", path.display());
        shown["services"]["odd"] = serde_json::json!({ "endpoints": [], "retry": { "budget": 20 } });
        assert!(!validator.is_valid(&shown), "the schema takes anything");
    }
}

#[test]
fn editors_let_the_short_forms_of_instances_pass_and_refuse_what_is_none() {
    let validator = jsonschema::draft202012::new(&config::schema()).unwrap();
    let fits = |instances: Value| {
        validator.is_valid(&serde_json::json!({
            "listeners": [8080],
            "services": { "shop": { "instances": instances } },
            "routes": [{ "service": "shop" }],
        }))
    };
    for typed in [
        serde_json::json!("node server.js"),
        serde_json::json!(["node", "server.js"]),
        serde_json::json!({ "command": "node server.js", "scale": 3, "hold": 100, "log": "off" }),
        serde_json::json!({ "command": ["node"], "port": 3000, "watch": "./app", "env": { "WORKERS": 2 } }),
        serde_json::json!({ "command": "a", "scale": { "zero": "5m", "schedule": [{ "days": "mon-fri", "min": 1 }] } }),
    ] {
        assert!(fits(typed.clone()), "{typed}");
    }
    for typed in [
        serde_json::json!({ "comand": "node" }),
        serde_json::json!({ "command": [["node"]] }),
        serde_json::json!({ "command": "a", "scale": { "count": 0 } }),
        serde_json::json!({ "command": "a", "scale": { "up": { "select": "most" } } }),
    ] {
        assert!(!fits(typed.clone()), "{typed}");
    }
}

#[test]
fn editors_let_the_short_forms_of_caches_and_files_pass_and_refuse_what_is_none() {
    let validator = jsonschema::draft202012::new(&config::schema()).unwrap();
    let fits = |key: &str, value: &Value| {
        let mut route = serde_json::json!({ "service": "shop" });
        route[key] = value.clone();
        validator.is_valid(&serde_json::json!({ "listeners": [8080], "routes": [route] }))
    };
    for typed in [
        serde_json::json!("60s"),
        serde_json::json!({}),
        serde_json::json!({ "statuses": { "404": "10s" }, "tags": "product-{id}" }),
        serde_json::json!({ "key": { "query": "none", "headers": "accept-language" } }),
        serde_json::json!({ "key": { "query": ["a", "utm_*"] } }),
        serde_json::json!({ "key": { "query": { "except": ["utm_*"] } } }),
    ] {
        assert!(fits("cache", &typed), "{typed}");
    }
    for typed in [
        serde_json::json!(["60s"]),
        serde_json::json!({ "tll": "60s" }),
        serde_json::json!({ "key": { "query": "sorted" } }),
        serde_json::json!({ "key": { "query": { "without": ["a"] } } }),
    ] {
        assert!(!fits("cache", &typed), "{typed}");
    }
    for typed in [
        serde_json::json!("./public"),
        serde_json::json!({ "root": "./public", "spa": true, "index": "a.html" }),
    ] {
        assert!(fits("static", &typed), "{typed}");
    }
    assert!(!fits("static", &serde_json::json!({ "spa": true })), "without a root");
}

/// A key that is absent is shown as null, which a file may not hold.
fn strip_null(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(strip_null);
        }
        Value::Array(list) => list.iter_mut().for_each(strip_null),
        _ => {}
    }
}

#[test]
fn the_reference_in_docs_is_the_one_that_the_types_give() {
    let path = "../../docs/reference/config.md";
    let reference = config::reference();
    if std::env::var_os("TIDEGATE_BLESS").is_some() {
        fs::create_dir_all("../../docs/reference").unwrap();
        fs::write(path, &reference).unwrap();
    }
    let committed = fs::read_to_string(path).unwrap_or_default();
    assert!(committed == reference, "run `TIDEGATE_BLESS=1 cargo test -p config` and commit {path}");
}
