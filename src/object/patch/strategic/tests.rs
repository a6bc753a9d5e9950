//! Strategic merge patches, applied and made.

use super::{Object, PatchError, Type, apply, create_three_way, create_two_way};
use crate::object::schema;
use proptest::prelude::*;
use serde_json::json;

fn merge_item() -> &'static Type {
    schema::named("test.v1.MergeItem").expect("the test's own type")
}

fn deployment() -> &'static Type {
    schema::named("apps.v1.Deployment").expect("a built-in type")
}

fn table(text: &str) -> Vec<Object> {
    serde_json::from_str(text).expect("a table")
}

/// Runs a case and says what went wrong.
fn complaint(case: &Object, step: &str, got: Result<Object, PatchError>, want: &Object) -> Option<String> {
    match (got, case.get("error").and_then(Object::as_str)) {
        (Ok(got), None) if got == *want => None,
        (Err(error), Some(text)) if error.to_string().contains(text) => None,
        (got, _) => Some(format!("{step}: {case}\n  got  {got:?}\n  want {want}")),
    }
}

#[test]
fn applies_the_recorded_table() {
    let cases = table(include_str!("../../../../tests/data/patch/strategic-apply.json"));
    assert!(cases.len() > 20);
    let complaints: Vec<String> = cases
        .iter()
        .filter_map(|case| {
            let got = apply(case["original"].clone(), case["two_way"].clone(), merge_item());
            let want = case.get("two_way_result").unwrap_or(&case["modified"]);
            complaint(case, "apply", got, want)
        })
        .collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn creates_the_recorded_table() {
    let cases = table(include_str!("../../../../tests/data/patch/strategic-create.json"));
    assert!(cases.len() > 100);
    let mut complaints = Vec::new();
    let empty = json!({});
    for case in &cases {
        let at = |name: &str| case.get(name).unwrap_or(&empty);
        let created = create_two_way(at("original"), at("modified"), merge_item());
        if let (Ok(patch), true) = (&created, case.get("two_way").is_some()) {
            if patch != at("two_way") {
                complaints.push(format!("two-way: {case}\n  got  {patch}"));
            } else {
                let result = apply(at("original").clone(), patch.clone(), merge_item());
                let want = case.get("two_way_result").unwrap_or(at("modified"));
                complaints.extend(complaint(case, "two-way result", result, want));
            }
        } else if let Err(error) = &created {
            complaints.push(format!("two-way: {case}\n  got {error}"));
        }
        let created = create_three_way(at("original"), at("modified"), at("current"), merge_item(), false);
        let patch = match created {
            // The table marks conflicts only in its descriptions.
            Err(PatchError::Conflict(_)) => {
                create_three_way(at("original"), at("modified"), at("current"), merge_item(), true)
            }
            other => other,
        };
        match patch {
            Ok(patch) if patch == *at("three_way") => {
                let result = apply(at("current").clone(), patch, merge_item());
                complaints.extend(complaint(case, "three-way result", result, at("result")));
            }
            other => complaints.push(format!("three-way: {case}\n  got  {other:?}")),
        }
    }
    assert!(complaints.is_empty(), "{} complaints\n{}", complaints.len(), complaints.join("\n"));
}

#[test]
fn merges_containers_by_name() {
    let original = json!({"spec": {"template": {"spec": {"containers": [
        {"name": "a", "image": "a:1", "ports": [{"containerPort": 80}]}, {"name": "b", "image": "b:1"}]}}}});
    let patch = json!({"spec": {"template": {"spec": {"containers": [{"name": "b", "image": "b:2"}]}}}});
    assert_eq!(
        apply(original.clone(), patch, deployment()),
        Ok(json!({"spec": {"template": {"spec": {"containers": [
            {"name": "a", "image": "a:1", "ports": [{"containerPort": 80}]}, {"name": "b", "image": "b:2"}]}}}}))
    );
    let patch = json!({"spec": {"template": {"spec": {"containers": [{"image": "b:2"}]}}}});
    assert_eq!(
        apply(original, patch, deployment()).expect_err("a refusal").to_string(),
        "map: map[image:b:2] does not contain declared merge key: name"
    );
}

#[test]
fn switches_the_strategy_of_a_deployment() {
    let rolling = json!({"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}});
    let recreate = json!({"spec": {"strategy": {"type": "Recreate"}}});
    let patch = create_two_way(&rolling, &recreate, deployment()).expect("a patch");
    assert_eq!(
        patch,
        json!({"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate", "rollingUpdate": null}}})
    );
    assert_eq!(apply(rolling, patch, deployment()), Ok(recreate));
}

fn any_item() -> impl Strategy<Value = Object> {
    let names = || prop::collection::btree_map("[a-d]", "[x-z]{0,1}", 0..4);
    let list = || {
        names().prop_map(|map| {
            let elements: Vec<Object> =
                map.into_iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
            Object::from(elements)
        })
    };
    let ints = || {
        prop::collection::btree_set(0_i64..6, 0..4).prop_map(|set| Object::from(set.into_iter().collect::<Vec<_>>()))
    };
    (list(), ints(), list(), prop::option::of("[a-c]"), names()).prop_map(|(merging, ints, plain, name, map)| {
        let mut item =
            json!({"nonMergingList": plain, "simpleMap": map, "mergeItemPtr": {"mergingList": merging.clone()}});
        if merging.as_array().is_some_and(|list| !list.is_empty()) {
            item["mergingList"] = merging;
        }
        if ints.as_array().is_some_and(|list| !list.is_empty()) {
            item["mergingIntList"] = ints;
        }
        if let Some(name) = name {
            item["retainKeysMap"] = json!({"name": name, "simpleMap": {"a": "b"}});
        }
        item
    })
}

proptest! {
    #[test]
    fn a_difference_applied_is_the_other(a in any_item(), b in any_item()) {
        let patch = create_two_way(&a, &b, merge_item()).expect("a patch");
        prop_assert_eq!(apply(a, patch, merge_item()), Ok(b));
    }

    #[test]
    fn three_ways_end_where_asked(a in any_item(), b in any_item()) {
        let patch = create_three_way(&a, &b, &a, merge_item(), true).expect("a patch");
        prop_assert_eq!(apply(a, patch, merge_item()), Ok(b));
    }

    #[test]
    fn any_patch_is_applied_or_refused(
        a in crate::object::patch::merge::tests::any_object(),
        b in crate::object::patch::merge::tests::any_object(),
    ) {
        let wrap = |value: Object| json!({"mergingList": [value.clone()], "mergeItemPtr": value.clone(), "$setElementOrder/mergingList": value, "mergingIntList": [1]});
        let _ = apply(wrap(a), wrap(b), merge_item());
    }
}
