//! What holds of server-side apply whoever applies what.

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::object::builtin;

const MANAGERS: [&str; 3] = ["one", "two", "three"];

fn deployments() -> &'static Resource {
    builtin::by_group_resource("deployments.apps").expect("deployments")
}

fn container() -> impl Strategy<Value = Object> {
    let env = btree_map("[EF]", "[12]", 0..3);
    let ports = proptest::sample::subsequence(vec![80, 81], 0..=2);
    (option::of("[12]"), env, ports).prop_map(|(image, env, ports)| {
        let mut container = json!({});
        if let Some(image) = image {
            container["image"] = image.into();
        }
        if !env.is_empty() {
            container["env"] = env.into_iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
        }
        if !ports.is_empty() {
            container["ports"] = ports.into_iter().map(|port| json!({"containerPort": port})).collect();
        }
        container
    })
}

/// What somebody may want of a deployment.
fn wish() -> impl Strategy<Value = Object> {
    let labels = btree_map("[abc]", "[12]", 0..3);
    let containers = btree_map("[xyz]", container(), 0..3);
    let selector = option::of(btree_map("[ab]", "[12]", 1..3));
    (labels, option::of(0..3_i64), containers, selector).prop_map(|(labels, replicas, containers, selector)| {
        let mut object = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}});
        if !labels.is_empty() {
            object["metadata"]["labels"] = json!(labels);
        }
        if let Some(replicas) = replicas {
            object.set_at(&["spec", "replicas"], replicas);
        }
        if let Some(selector) = selector {
            object.set_at(&["spec", "template", "spec", "nodeSelector"], json!(selector));
        }
        if !containers.is_empty() {
            let list = containers.into_iter().map(|(name, mut container)| {
                container["name"] = name.into();
                container
            });
            object.set_at(&["spec", "template", "spec", "containers"], list.collect::<Vec<_>>());
        }
        object
    })
}

fn set_of(object: &Object, manager: &str) -> Set {
    read(object).into_iter().find(|entry| entry.manager.name == manager).map(|entry| entry.set).unwrap_or_default()
}

fn others(object: &Object, manager: &str) -> Set {
    let entries = read(object).into_iter().filter(|entry| entry.manager.name != manager);
    entries.fold(Set::default(), |all, entry| all.union(&entry.set))
}

proptest! {
    #[test]
    fn what_is_applied_is_there_and_owned_and_nobody_loses_a_field_unasked(
        steps in vec((0..MANAGERS.len(), wish(), any::<bool>()), 1..8),
    ) {
        let resource = deployments();
        let node = Node::of(resource);
        let now = Timestamp::UNIX_EPOCH;
        let mut live: Option<Object> = None;
        for (who, wish, force) in steps {
            let name = MANAGERS[who];
            let manager = Manager { name: name.into(), subresource: String::new(), applies: true };
            let new = match apply(resource, live.as_ref(), &wish, &manager, force, now) {
                Ok(new) => new,
                Err(refused) => {
                    prop_assert!(!force, "forced, but {}", refused.message);
                    prop_assert_eq!(refused.code, 409);
                    apply(resource, live.as_ref(), &wish, &manager, true, now).expect("forced")
                }
            };
            // Twice is once.
            let again = apply(resource, Some(&new), &wish, &manager, false, now);
            prop_assert_eq!(again.as_ref().ok(), Some(&new));
            // It is all there, and owned.
            prop_assert_eq!(&tree::merge(node, &new, &wish), &new);
            let own = tree::fields(node, &wish).difference(&not_managed());
            prop_assert_eq!(&set_of(&new, name), &own);
            let before = live.clone().unwrap_or_else(|| empty(resource));
            let owned = others(&before, name);
            // Without force the others keep what they own.
            if let Ok(unforced) = apply(resource, live.as_ref(), &wish, &manager, false, now) {
                for other in MANAGERS.iter().filter(|other| **other != name) {
                    prop_assert_eq!(set_of(&unforced, other), set_of(&before, other));
                }
            }
            // What is no longer wanted and nobody else's is gone.
            let dropped = set_of(&before, name).difference(&own).difference(&owned);
            let left = tree::fields(node, &new).intersection(&dropped);
            prop_assert!(left.is_empty(), "{:?} is left", left.paths());
            // What others own is still there.
            let lost = others(&new, name).difference(&tree::fields(node, &new).with_parents());
            prop_assert!(lost.is_empty(), "{:?} is lost", lost.paths());
            live = Some(new);
        }
    }

    #[test]
    fn updates_own_what_they_change(first in wish(), second in wish()) {
        let resource = deployments();
        let now = Timestamp::UNIX_EPOCH;
        let who = |name: &str| Manager { name: name.into(), subresource: String::new(), applies: false };
        let mut old = first;
        update(resource, None, &mut old, &who("one"), now);
        let mut new = second.clone();
        if let Some(fields) = old.at(&["metadata", "managedFields"]) {
            new.set_at(&["metadata", "managedFields"], fields.clone());
        }
        update(resource, Some(&old), &mut new, &who("two"), now);
        let node = Node::of(resource);
        let all = set_of(&new, "one").union(&set_of(&new, "two"));
        let there = tree::fields(node, &second).difference(&not_managed());
        prop_assert!(there.difference(&all).is_empty(), "{:?} is nobody's", there.difference(&all).paths());
        prop_assert!(set_of(&new, "one").intersection(&set_of(&new, "two")).is_empty());
    }
}
