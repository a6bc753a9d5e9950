//! JSON: what is written reads back as the same, in every form.

#![no_main]

use kctl::object::{schema, yaml};
use kctl::output::{json, number};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|input: &[u8]| {
    schema::duplicate_fields(input);
    let mistake = yaml::json_mistake(input);
    let Ok(value) = serde_json::from_slice::<Value>(input) else { return };
    assert_eq!(mistake, None);
    number::go_syntax(&value);
    number::go_print(&value);
    let compact = json::compact(&value);
    for text in [compact.clone(), json::pretty(&value)] {
        let again: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert_eq!(json::compact(&again), compact);
    }
    if let Some(of) = schema::of_object(&value) {
        let check = schema::check(of, &value);
        check.strict_errors();
        let mut normal = value.clone();
        schema::normalize(of, &mut normal);
        let once = normal.clone();
        schema::normalize(of, &mut normal);
        assert_eq!(normal, once);
    }
});
