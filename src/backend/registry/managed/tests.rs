use serde_json::json;

use super::*;
use crate::object::builtin;

fn deployments() -> &'static Resource {
    builtin::by_group_resource("deployments.apps").expect("deployments")
}

fn now() -> Timestamp {
    time::parse_rfc3339("2026-01-02T03:04:05Z").expect("a time")
}

fn who(name: &str, applies: bool) -> Manager {
    Manager { name: name.into(), subresource: String::new(), applies }
}

fn deployment(spec: Object) -> Object {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "labels": {"app": "web"}}, "spec": spec})
}

fn sets(object: &Object) -> Vec<(String, Object)> {
    let entries = object.list_at(&["metadata", "managedFields"]).iter();
    entries.map(|entry| (entry.str_at(&["manager"]).to_owned(), entry["fieldsV1"].clone())).collect()
}

#[test]
fn applied_fields_are_owned_and_go_when_no_longer_applied() {
    let containers = |items: Object| deployment(json!({"replicas": 2, "template": {"spec": {"containers": items}}}));
    let first =
        containers(json!([{"name": "a", "image": "x", "ports": [{"containerPort": 80}]}, {"name": "b", "image": "y"}]));
    let made = apply(deployments(), None, &first, &who("me", true), false, now()).expect("applied");
    assert_eq!(
        sets(&made),
        [(
            "me".to_owned(),
            json!({
                "f:metadata": {"f:labels": {"f:app": {}}},
                "f:spec": {"f:replicas": {}, "f:template": {"f:spec": {"f:containers": {
                    "k:{\"name\":\"a\"}": {".": {}, "f:image": {}, "f:name": {}, "f:ports": {
                        "k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}},
                    }},
                    "k:{\"name\":\"b\"}": {".": {}, "f:image": {}, "f:name": {}},
                }}}},
            })
        )]
    );
    let mut second = containers(json!([{"name": "b", "image": "z"}]));
    second.remove_at(&["spec", "replicas"]);
    let changed = apply(deployments(), Some(&made), &second, &who("me", true), false, now()).expect("applied");
    assert_eq!(changed.at(&["spec", "template", "spec", "containers"]), Some(&json!([{"name": "b", "image": "z"}])));
    assert_eq!(changed.at(&["spec", "replicas"]), None);
    let again = apply(deployments(), Some(&changed), &second, &who("me", true), false, now()).expect("applied");
    assert_eq!(again, changed);
}

#[test]
fn fields_of_others_are_conflicts() {
    let mut old = deployment(json!({"replicas": 2, "paused": true}));
    update(deployments(), None, &mut old, &who("kubectl-create", false), now());
    let wanted = deployment(json!({"replicas": 3}));
    let refused = apply(deployments(), Some(&old), &wanted, &who("me", true), false, now()).expect_err("a conflict");
    assert_eq!(
        refused.message,
        "Apply failed with 1 conflict: conflict with \"kubectl-create\" using apps/v1: .spec.replicas"
    );
    assert_eq!((refused.code, refused.details.expect("details").causes[0].field.as_str()), (409, ".spec.replicas"));
    let forced = apply(deployments(), Some(&old), &wanted, &who("me", true), true, now()).expect("forced");
    let sets = sets(&forced);
    assert_eq!(sets[0].0, "me");
    assert_eq!(sets[1].1["f:spec"], json!({"f:paused": {}}));
    // The same value is nobody's conflict, and then shared.
    let same = deployment(json!({"paused": true}));
    let shared = apply(deployments(), Some(&old), &same, &who("me", true), false, now()).expect("applied");
    assert!(shared.bool_at(&["spec", "paused"]));
}

#[test]
fn several_conflicts_are_listed_by_manager() {
    let mut old = deployment(json!({"replicas": 2, "paused": true}));
    update(deployments(), None, &mut old, &who("b", false), now());
    let mut newer = old.clone();
    newer.set_at(&["spec", "minReadySeconds"], 5);
    update(deployments(), Some(&old), &mut newer, &who("a", false), now());
    let wanted = deployment(json!({"replicas": 3, "paused": false, "minReadySeconds": 6}));
    let refused = apply(deployments(), Some(&newer), &wanted, &who("me", true), false, now()).expect_err("conflicts");
    assert_eq!(
        refused.message,
        "Apply failed with 3 conflicts: conflicts with \"a\" using apps/v1:\n- .spec.minReadySeconds\nconflicts with \"b\" using apps/v1:\n- .spec.paused\n- .spec.replicas"
    );
}

#[test]
fn what_others_own_stays() {
    let first = deployment(json!({"replicas": 2, "paused": true}));
    let one = apply(deployments(), None, &first, &who("one", true), false, now()).expect("applied");
    let two = apply(deployments(), Some(&one), &deployment(json!({"replicas": 2})), &who("two", true), false, now());
    let less = deployment(json!({}));
    let left =
        apply(deployments(), Some(&two.expect("applied")), &less, &who("one", true), false, now()).expect("applied");
    assert_eq!(left.at(&["spec"]).and_then(|spec| spec.get("replicas")), Some(&json!(2)));
    assert_eq!(left.at(&["spec", "paused"]), None);
}

#[test]
fn objects_from_before_have_one_manager() {
    let old = deployment(json!({"replicas": 2}));
    let refused = apply(deployments(), Some(&old), &deployment(json!({"replicas": 3})), &who("me", true), false, now());
    assert_eq!(
        refused.expect_err("a conflict").message,
        "Apply failed with 1 conflict: conflict with \"before-first-apply\" using apps/v1: .spec.replicas"
    );
}

#[test]
fn lists_keep_their_order() {
    let with = |names: &[&str]| {
        let items: Vec<Object> = names.iter().map(|name| json!({"name": name})).collect();
        deployment(json!({"template": {"spec": {"containers": items}}}))
    };
    let node = Node::of(deployments());
    for (old, new, want) in [
        (vec!["a", "b"], vec!["b", "c"], vec!["a", "b", "c"]),
        (vec!["a", "b", "c"], vec!["c", "a"], vec!["c", "b", "a"]),
        (vec!["x"], vec!["a", "b"], vec!["x", "a", "b"]),
        (vec![], vec!["a"], vec!["a"]),
    ] {
        assert_eq!(tree::merge(node, &with(&old), &with(&new)), with(&want), "{old:?} {new:?}");
    }
}
