//! Patches of all kinds: none panics, and a difference that was made leads where it should.
//!
//! Input: up to three JSON values, one after another: the original, the modified, the current object.

#![no_main]

use kctl::object::patch::{json, merge, strategic, three_way};
use kctl::object::schema;
use libfuzzer_sys::fuzz_target;
use serde_json::{Deserializer, Value};

fuzz_target!(|input: &[u8]| {
    let mut values = Deserializer::from_slice(input).into_iter::<Value>().map_while(Result::ok);
    let Some(original) = values.next() else { return };
    let modified = values.next().unwrap_or(Value::Null);
    let current = values.next().unwrap_or_else(|| original.clone());

    let mut target = original.clone();
    let _ = json::apply(&mut target, modified.to_string().as_bytes());
    let mut target = original.clone();
    merge::apply(&mut target, &modified);

    if !(original.is_object() && modified.is_object()) {
        return;
    }
    let mut target = original.clone();
    merge::apply(&mut target, &merge::diff(&original, &modified));
    if !holds_null(&modified) && !holds_null(&original) {
        assert_eq!(target, modified);
    }
    if let Ok(patch) = three_way::create(&original, &modified, &current) {
        let mut target = current.clone();
        merge::apply(&mut target, &patch);
    }
    let types = ["Pod", "Service", "Deployment", "Node", "ServiceAccount"];
    for of in types.iter().filter_map(|kind| schema_of(kind)) {
        let _ = strategic::apply(original.clone(), modified.clone(), of);
        if let Ok(patch) = strategic::create_two_way(&original, &modified, of) {
            let _ = strategic::apply(original.clone(), patch, of);
        }
        for overwrite in [true, false] {
            if let Ok(patch) = strategic::create_three_way(&original, &modified, &current, of, overwrite) {
                let _ = strategic::apply(current.clone(), patch, of);
            }
        }
    }
});

fn schema_of(kind: &str) -> Option<&'static schema::Type> {
    let version = if kind == "Deployment" { "apps/v1" } else { "v1" };
    schema::of_object(&serde_json::json!({"apiVersion": version, "kind": kind}))
}

/// Merge patches cannot say null.
fn holds_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().any(holds_null),
        Value::Object(map) => map.values().any(holds_null),
        _ => false,
    }
}
