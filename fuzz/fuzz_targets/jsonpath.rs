//! JSONPath: any text is parsed and executed without a panic, leniently and strictly.
//!
//! Input: a template, and after a NUL the JSON it is executed on (a fixed object if there is none).

#![no_main]

use kctl::output::jsonpath::{JsonPath, relaxed};
use kctl_fuzz::subject;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| {
    let (text, value) = subject(input);
    if let Ok(path) = JsonPath::parse(text) {
        let mut out = Vec::new();
        let strict = path.execute(&value, &mut out).expect("a vector takes all");
        if let Err(error) = &strict {
            assert!(out.is_empty(), "{text}: output before an error");
            path.explain(error, &value);
        }
        let path = path.allow_missing_keys(true);
        let _ = path.execute(&value, &mut Vec::new());
        let _ = path.as_json(true).execute(&value, &mut Vec::new());
    }
    let _ = relaxed(text);
    if let Ok(path) = JsonPath::parse_relaxed(text) {
        path.steps();
        let _ = path.find(&value);
    }
});
