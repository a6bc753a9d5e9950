//! What controllers see: every object at one moment, found by name, owner or node.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::Key;
use crate::object::{Meta, Object, Timestamp};

/// All objects of the cluster at one moment.
#[derive(Debug, Default)]
pub struct View {
    now: Timestamp,
    /// By resource, then by namespace and name.
    objects: HashMap<&'static str, BTreeMap<(String, String), Arc<Object>>>,
    by_owner: HashMap<String, BTreeSet<Key>>,
    by_node: HashMap<String, BTreeSet<Key>>,
}

impl View {
    /// The view of these objects (resource and object) at `now`.
    pub fn of(objects: impl IntoIterator<Item = (&'static str, Object)>, now: Timestamp) -> Self {
        let mut view = Self { now, ..Self::default() };
        for (resource, object) in objects {
            let key = Key { resource, namespace: object.namespace().into(), name: object.name().into() };
            view.set(key, Some(Arc::new(object)));
        }
        view
    }

    /// The moment at which the controller looks.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Moves the view to another moment.
    pub fn set_now(&mut self, now: Timestamp) {
        self.now = now;
    }

    /// The object of that name.
    pub fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<&Arc<Object>> {
        self.objects.get(resource)?.get(&(namespace.to_owned(), name.to_owned()))
    }

    /// The object that a key names.
    pub fn at(&self, key: &Key) -> Option<&Arc<Object>> {
        self.get(key.resource, &key.namespace, &key.name)
    }

    /// All objects of a resource, in one namespace or in all, sorted by namespace and name.
    pub fn list<'a>(&'a self, resource: &str, namespace: Option<&'a str>) -> impl Iterator<Item = &'a Arc<Object>> {
        let from = (namespace.unwrap_or("").to_owned(), String::new());
        self.objects
            .get(resource)
            .into_iter()
            .flat_map(move |objects| objects.range(from.clone()..))
            .take_while(move |((object_namespace, _), _)| namespace.is_none_or(|wanted| object_namespace == wanted))
            .map(|(_, object)| object)
    }

    /// Everything, sorted by resource, namespace and name.
    pub fn all(&self) -> impl Iterator<Item = (Key, &Arc<Object>)> {
        let mut resources: Vec<_> = self.objects.iter().collect();
        resources.sort_unstable_by_key(|(resource, _)| **resource);
        resources.into_iter().flat_map(|(resource, objects)| {
            objects.iter().map(|((namespace, name), object)| {
                (Key { resource, namespace: namespace.clone(), name: name.clone() }, object)
            })
        })
    }

    /// Everything in a namespace, sorted by resource and name.
    pub fn in_namespace<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = (Key, &'a Arc<Object>)> {
        let mut resources: Vec<_> = self.objects.keys().copied().collect();
        resources.sort_unstable();
        resources.into_iter().flat_map(move |resource| {
            self.list(resource, Some(namespace)).map(move |object| {
                (Key { resource, namespace: namespace.to_owned(), name: object.name().to_owned() }, object)
            })
        })
    }

    /// The objects of a resource that have an owner reference with this UID.
    pub fn owned_by<'a>(&'a self, resource: &'a str, uid: &str) -> impl Iterator<Item = &'a Arc<Object>> {
        let keys = self.by_owner.get(uid).into_iter().flatten();
        keys.filter(move |key| key.resource == resource).filter_map(|key| self.at(key))
    }

    /// The keys of everything that has an owner reference with this UID.
    pub fn dependents(&self, uid: &str) -> impl Iterator<Item = &Key> {
        self.by_owner.get(uid).into_iter().flatten()
    }

    /// The pods that are bound to a node.
    pub fn pods_on(&self, node: &str) -> impl Iterator<Item = &Arc<Object>> {
        self.by_node.get(node).into_iter().flatten().filter_map(|key| self.at(key))
    }

    /// Replaces, adds (`Some`) or removes (`None`) an object.
    pub fn set(&mut self, key: Key, object: Option<Arc<Object>>) {
        let place = (key.namespace.clone(), key.name.clone());
        let objects = self.objects.entry(key.resource).or_default();
        let old = match &object {
            Some(new) => objects.insert(place, Arc::clone(new)),
            None => objects.remove(&place),
        };
        if let Some(old) = old {
            for (index, value) in Self::indexed(&key, &old) {
                let index = if index == Index::Owner { &mut self.by_owner } else { &mut self.by_node };
                if let Some(keys) = index.get_mut(value) {
                    keys.remove(&key);
                    if keys.is_empty() {
                        index.remove(value);
                    }
                }
            }
        }
        if let Some(new) = object {
            for (index, value) in Self::indexed(&key, &new) {
                let index = if index == Index::Owner { &mut self.by_owner } else { &mut self.by_node };
                index.entry(value.to_owned()).or_default().insert(key.clone());
            }
        }
    }

    fn indexed<'a>(key: &Key, object: &'a Object) -> Vec<(Index, &'a str)> {
        let owners = object.list_at(&["metadata", "ownerReferences"]);
        let mut values: Vec<_> = owners.iter().map(|owner| (Index::Owner, owner.str_at(&["uid"]))).collect();
        if key.resource == "pods" && !object.str_at(&["spec", "nodeName"]).is_empty() {
            values.push((Index::Node, object.str_at(&["spec", "nodeName"])));
        }
        values
    }
}

#[derive(PartialEq, Clone, Copy)]
enum Index {
    Owner,
    Node,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn finds_by_name_namespace_owner_and_node() {
        let pod = |namespace: &str, name: &str, node: &str| {
            (
                "pods",
                json!({"metadata": {"namespace": namespace, "name": name, "ownerReferences": [{"uid": "u1"}]}, "spec": {"nodeName": node}}),
            )
        };
        let mut view = View::of([pod("b", "2", "n1"), pod("a", "1", "n1"), pod("b", "1", "")], Timestamp::UNIX_EPOCH);
        let names = |objects: Vec<&Arc<Object>>| {
            objects.iter().map(|o| format!("{}/{}", o.namespace(), o.name())).collect::<Vec<_>>()
        };
        assert_eq!(names(view.list("pods", Some("b")).collect()), ["b/1", "b/2"]);
        assert_eq!(names(view.list("pods", None).collect()), ["a/1", "b/1", "b/2"]);
        assert_eq!(names(view.pods_on("n1").collect()), ["a/1", "b/2"]);
        assert_eq!(view.owned_by("pods", "u1").count(), 3);
        view.set(Key { resource: "pods", namespace: "a".into(), name: "1".into() }, None);
        assert_eq!(names(view.pods_on("n1").collect()), ["b/2"]);
        assert_eq!(view.dependents("u1").count(), 2);
    }
}
