//! Label and field selectors: any text is read without a panic; what it is shown as means the same.

#![no_main]

use std::borrow::Cow;

use kctl::object::fields::{FieldSelector, escape};
use kctl::object::labels::{Selector, format_selector};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

fuzz_target!(|input: &str| {
    let labels = [json!({}), json!({"a": "b", "k8s.io/app": "x", "n": "3"}), json!({"a": "", "b": "c"})];
    if let Ok(selector) = Selector::parse(input) {
        let text = selector.to_string();
        let again = Selector::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert_eq!(again.to_string(), text);
        for labels in &labels {
            assert_eq!(selector.matches_labels(Some(labels)), again.matches_labels(Some(labels)), "{text}");
        }
        // A label selector object holds one value a key.
        let mut keys: Vec<_> = selector.requirements().iter().map(|requirement| requirement.key()).collect();
        keys.dedup();
        let single = keys.len() == selector.requirements().len();
        if let Ok(object) = selector.to_object()
            && single
        {
            format_selector(Some(&object));
            let other = Selector::from_object(Some(&object)).unwrap_or_else(|error| panic!("{error}\n{object}"));
            for labels in &labels {
                assert_eq!(selector.matches_labels(Some(labels)), other.matches_labels(Some(labels)), "{object}");
            }
        }
    }
    if let Ok(selector) = FieldSelector::parse(input) {
        selector.matches(|field| Cow::Owned(field.chars().rev().collect()));
        selector.exact("metadata.name");
    }
    let term = format!("f={}", escape(input));
    let selector = FieldSelector::parse(&term).unwrap_or_else(|error| panic!("{error}\n{term}"));
    assert_eq!(selector.exact("f"), Some(input));
});
