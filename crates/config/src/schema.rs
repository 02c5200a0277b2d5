//! The JSON Schema of the config, generated from the types of `file/`.
//!
//! The check of a file runs on [`internal`]; editors get [`schema`], which says in standard words what the marks
//! `x-...` mean here: that a bare value may stand for a mapping, that `${ENV}` may stand for a number.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use crate::file::File;

/// The schema as the types give it; an optional key may be absent, but is never null.
pub(crate) fn internal() -> &'static Value {
    static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
        let settings = schemars::generate::SchemaSettings::draft2020_12();
        let mut schema = settings.into_generator().into_root_schema_for::<File>().to_value();
        without_null(&mut schema);
        schema
    });
    &SCHEMA
}

/// JSON Schema (draft 2020-12) of `tidegate.yaml`, for editors.
pub fn schema() -> Value {
    let mut schema = internal().clone();
    for_editors(&mut schema);
    if let Value::Object(top) = &mut schema {
        top.insert("title".into(), "Tidegate config".into());
    }
    schema
}

/// The schema that a `$ref` names, or the schema itself.
pub(crate) fn resolve(schema: &'static Value) -> &'static Value {
    let name = schema.get("$ref").and_then(Value::as_str).and_then(|to| to.strip_prefix("#/$defs/"));
    name.and_then(|name| internal().get("$defs")?.get(name)).unwrap_or(schema)
}

/// What a schema says under `key`: beside its `$ref` first, then behind it.
pub(crate) fn mark(schema: &'static Value, key: &str) -> Option<&'static Value> {
    schema.get(key).or_else(|| resolve(schema).get(key))
}

/// The texts of a list of words under `key`.
pub(crate) fn words(schema: &'static Value, key: &str) -> Vec<&'static str> {
    let list = mark(schema, key).and_then(Value::as_array);
    list.map(|list| list.iter().filter_map(Value::as_str).collect()).unwrap_or_default()
}

/// The words that a closed choice allows: `enum`, or `oneOf` with a `const` each.
pub(crate) fn choices(schema: &'static Value) -> Vec<&'static str> {
    let one_of = mark(schema, "oneOf").and_then(Value::as_array);
    let consts = one_of.into_iter().flatten().filter_map(|branch| branch.get("const")?.as_str());
    let enums = words(schema, "enum");
    let branches = one_of.into_iter().flatten().flat_map(|branch| words(branch, "enum"));
    consts.chain(enums).chain(branches).collect()
}

/// The keys of a mapping with fixed keys.
pub(crate) fn properties(schema: &'static Value) -> Option<&'static Map<String, Value>> {
    resolve(schema).get("properties")?.as_object()
}

fn is_null_type(schema: &Value) -> bool {
    schema.get("type").is_some_and(|kind| kind == "null")
}

/// Takes `null` out of types and choices, and null defaults away.
fn without_null(schema: &mut Value) {
    if let Value::Object(map) = schema {
        if map.get("default").is_some_and(Value::is_null) {
            map.remove("default");
        }
        if let Some(Value::Array(types)) = map.get_mut("type") {
            types.retain(|kind| kind != "null");
            if let [one] = types.as_slice() {
                let one = one.clone();
                map.insert("type".into(), one);
            }
        }
        if let Some(Value::Array(branches)) = map.get("anyOf")
            && let [one, null] = branches.as_slice()
            && is_null_type(null)
            && let Value::Object(one) = one.clone()
        {
            map.remove("anyOf");
            map.extend(one);
        }
    }
    each_child(schema, without_null);
}

fn for_editors(schema: &mut Value) {
    each_child(schema, for_editors);
    let Value::Object(map) = schema else { return };
    if map.get("type").is_some_and(|kind| kind == "integer" || kind == "boolean") {
        let kind = map["type"].clone();
        let text = if kind == "boolean" { r"^(on|off)$|\$\{" } else { r"\$\{" };
        map.insert("type".into(), json!([kind, "string"]));
        map.insert("pattern".into(), text.into());
    }
    if map.contains_key("x-one-or-list")
        && let Some(item) = map.get("items").cloned()
    {
        let list: Map<String, Value> =
            ["type", "items", "minItems"].iter().filter_map(|key| map.remove_entry(*key)).collect();
        map.insert("anyOf".into(), json!([list, item]));
        return;
    }
    let short = map.get("x-shorthand").and_then(Value::as_str);
    let Some(bare) = short.and_then(|key| map.get("properties")?.get(key)).cloned() else { return };
    let bare = bare.get("items").cloned().unwrap_or(bare);
    let list = map.get("x-list").and_then(Value::as_str);
    let list = list.and_then(|key| map.get("properties")?.get(key)).cloned();
    // Where a bare item may stand for the list, the list comes first.
    let list = list.map(|list| list.get("anyOf").and_then(|forms| forms.get(0)).cloned().unwrap_or(list));
    let full = Value::Object(std::mem::take(map));
    let forms: Vec<Value> = [full, bare].into_iter().chain(list).collect();
    map.extend([("anyOf".to_owned(), Value::Array(forms))]);
}

fn each_child(schema: &mut Value, visit: fn(&mut Value)) {
    match schema {
        Value::Object(map) => map.values_mut().for_each(visit),
        Value::Array(list) => list.iter_mut().for_each(visit),
        _ => {}
    }
}
