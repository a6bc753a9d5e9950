//! Taking over objects of another cluster as they are: no defaults, no validation, no admission, and
//! what only the server sets stays.

use super::Api;
use super::catalog::DEFINITIONS;
use super::random;
use super::transaction::Inside;
use crate::backend::registry::{self, convert};
use crate::object::{GroupVersionKind, Meta, Object, Status, builtin, time};

impl Api {
    /// Fills a store that holds nothing yet: every object keeps its `resourceVersion` too, and the
    /// store's revision becomes the highest of them. Returns how many objects there were.
    ///
    /// # Errors
    /// A kind that neither this server nor a definition among the objects knows, or a missing name;
    /// then nothing is taken over.
    pub fn restore(&self, objects: Vec<Object>) -> Result<usize, Status> {
        self.write(|inside| {
            let objects = inside.take(objects)?;
            let version = |object: &Object| object.resource_version().parse::<u64>().ok();
            let mut highest = objects.iter().filter_map(|(_, object)| version(object)).max().unwrap_or(1);
            let count = objects.len();
            for (resource, mut object) in objects {
                if version(&object).is_none() {
                    highest += 1;
                    object.set_at(&["metadata", "resourceVersion"], highest.to_string());
                }
                inside.transaction.restore(&resource, &object)?;
            }
            inside.transaction.restored(highest)?;
            Ok(count)
        })
    }

    /// Adds objects to the cluster, or replaces those of the same name. They keep everything but
    /// their `resourceVersion`, which counts what happens in this cluster. Returns how many there were.
    ///
    /// # Errors
    /// As of [`Self::restore`].
    pub fn import(&self, objects: Vec<Object>) -> Result<usize, Status> {
        self.write(|inside| {
            let objects = inside.take(objects)?;
            let count = objects.len();
            for (resource, mut object) in objects {
                match inside.transaction.get(&resource, object.namespace(), object.name())? {
                    Some(_) => inside.transaction.update(&resource, &mut object, None)?,
                    None => inside.transaction.create(&resource, &mut object)?,
                };
            }
            Ok(count)
        })
    }
}

impl Inside<'_, '_> {
    /// Finds the resources of objects, and gives them what no object can be without.
    fn take(&mut self, objects: Vec<Object>) -> Result<Vec<(String, Object)>, Status> {
        let mut definitions = self.transaction.list(DEFINITIONS, None)?;
        definitions.extend(objects.iter().filter(|object| object.kind() == "CustomResourceDefinition").cloned());
        objects.into_iter().map(|object| self.take_one(object, &definitions)).collect()
    }

    fn take_one(&mut self, mut object: Object, definitions: &[Object]) -> Result<(String, Object), Status> {
        let kind = object.gvk();
        if object.name().is_empty() {
            return Err(Status::bad_request(format!("an object of kind {:?} has no name", kind.kind)));
        }
        let resource = match builtin::by_gvk(&kind) {
            Some(resource) => {
                let stored = registry::storage_of(resource);
                if let Some(convert) = convert::between(resource, stored) {
                    object = convert.apply(&object);
                }
                if stored.namespaced && object.namespace().is_empty() {
                    object.set_at(&["metadata", "namespace"], "default");
                }
                stored.group_resource().to_owned()
            }
            None => defined(&kind, definitions).ok_or_else(|| {
                Status::bad_request(format!(
                    "no resource is known for kind {:?} in {:?}",
                    kind.kind,
                    object.api_version()
                ))
            })?,
        };
        if object.uid().is_empty() {
            object.set_at(&["metadata", "uid"], random::uuid(self.rng.get_mut()));
        }
        if object.creation_timestamp().is_none() {
            object.set_at(&["metadata", "creationTimestamp"], time::rfc3339(self.now));
        }
        if resource == DEFINITIONS && object.list_at(&["status", "conditions"]).is_empty() {
            self.establish(&mut object);
        }
        Ok((resource, object))
    }
}

/// The resource that a definition gives to a kind.
fn defined(kind: &GroupVersionKind, definitions: &[Object]) -> Option<String> {
    let definition = definitions.iter().find(|definition| {
        definition.str_at(&["spec", "group"]) == kind.group
            && definition.str_at(&["spec", "names", "kind"]) == kind.kind
    })?;
    Some(definition.name().to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::backend::store::{Store, StoreError};
    use crate::object::clock::Clock;

    fn api() -> Api {
        let now = "2026-01-02T03:04:05Z".parse().expect("a time");
        Api::new(Store::memory().expect("a store"), Clock::manual(now), Some(1))
    }

    fn pod(name: &str, version: &str) -> Object {
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "n", "uid": "u-1", "resourceVersion": version, "creationTimestamp": "2025-12-31T00:00:00Z"}, "status": {"phase": "Running"}})
    }

    #[test]
    fn an_empty_store_gets_objects_as_they_are() {
        let api = api();
        let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": "boats.sea.example.org"}, "spec": {"group": "sea.example.org", "names": {"kind": "Boat"}}});
        let boat =
            json!({"apiVersion": "sea.example.org/v1", "kind": "Boat", "metadata": {"name": "b", "namespace": "n"}});
        let objects = vec![boat, pod("a", "700"), pod("b", "70"), definition];
        assert_eq!(api.restore(objects), Ok(4));
        assert_eq!(api.get("pods", "n", "a"), Ok(pod("a", "700")));
        let boat = api.get("boats.sea.example.org", "n", "b").expect("a boat");
        assert_eq!((boat.resource_version(), boat.uid().len()), ("701", 36));
        let revision = api.store().revision().expect("a revision");
        assert_eq!(revision, 702);
        assert!(api.store().changes_since(702).expect("a log").is_empty());
        assert!(matches!(api.store().changes_since(700), Err(StoreError::Compacted { .. })));
        api.import(vec![pod("c", "5")]).expect("imported");
        assert_eq!(api.get("pods", "n", "c").expect("a pod").resource_version(), "703");
        assert_eq!(api.store().changes_since(702).expect("a log").len(), 1);
    }

    #[test]
    fn objects_come_into_a_cluster_in_use() {
        let api = api();
        api.import(vec![pod("a", "700")]).expect("imported");
        let mut other = pod("a", "700");
        other["metadata"]["uid"] = json!("u-2");
        api.import(vec![other]).expect("imported again");
        let found = api.get("pods", "n", "a").expect("a pod");
        assert_eq!(
            (found.uid(), found.resource_version(), found.str_at(&["status", "phase"])),
            ("u-2", "3", "Running")
        );
    }

    #[test]
    fn what_is_not_known_is_refused_and_undone() {
        let api = api();
        let stranger = json!({"apiVersion": "x/v1", "kind": "X", "metadata": {"name": "x"}});
        let refused = api.restore(vec![pod("a", "3"), stranger]).expect_err("refused");
        assert_eq!(refused.message, "no resource is known for kind \"X\" in \"x/v1\"");
        assert!(api.get("pods", "n", "a").is_err());
        assert!(api.import(vec![json!({"apiVersion": "v1", "kind": "Pod", "metadata": {}})]).is_err());
    }
}
