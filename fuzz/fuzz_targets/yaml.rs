//! YAML: any text is read without a panic, alone and as a stream, and what is written of it reads back as it was.

#![no_main]

use kctl::object::yaml;
use kctl::output::{json, kyaml, yaml as writer};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|input: &[u8]| {
    let _ = yaml::parse_v3(input);
    yaml::json_mistake(input);
    let value = yaml::parse(input);
    if let Ok(strict) = yaml::parse_strict(input) {
        assert_eq!(value.as_ref(), Ok(&strict));
    }
    for document in yaml::documents(input).chain(yaml::documents_v3(input)) {
        let _ = document;
    }
    let Ok(value) = value else { return };
    // kubectl's writer takes these for line breaks and loses them; what it writes, kctl writes.
    if json::compact(&value).contains(['\u{85}', '\u{2028}', '\u{2029}']) {
        return;
    }
    // Nor does it quote a key that reads as a merge.
    if holds_merge_key(&value) {
        return;
    }
    let text = writer::to_string(&value).expect("a vector takes all");
    let again = yaml::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(json::compact(&again), json::compact(&value), "{text}");
    // kubectl writes keys of any length on one line, where YAML allows 1,024 characters.
    if longest_key(&value) > 500 {
        return;
    }
    let mut text = Vec::new();
    kyaml::write(&mut text, &value).expect("a vector takes all");
    let again = yaml::parse(&text).unwrap_or_else(|error| panic!("{error}\n{}", String::from_utf8_lossy(&text)));
    assert_eq!(json::compact(&again), json::compact(&value), "{}", String::from_utf8_lossy(&text));
});

fn holds_merge_key(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(holds_merge_key),
        Value::Object(map) => map.iter().any(|(key, value)| key == "<<" || holds_merge_key(value)),
        _ => false,
    }
}

fn longest_key(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(longest_key).max().unwrap_or(0),
        Value::Object(map) => map.iter().map(|(key, value)| key.len().max(longest_key(value))).max().unwrap_or(0),
        _ => 0,
    }
}
