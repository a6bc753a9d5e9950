//! Reading the parts that every object has.

use super::{GroupVersion, GroupVersionKind, Object, Timestamp, time};

/// Reads an object's type and metadata, and any other field by path. Absent or wrongly typed
/// fields read as empty: whoever needs to tell the difference validates first.
pub trait Meta {
    /// The value at a path of field names, or `None` where any of them is absent.
    fn at(&self, path: &[&str]) -> Option<&Object>;
    /// The value at a path, made (as empty maps on the way, null at the end) where it is absent.
    fn at_mut(&mut self, path: &[&str]) -> &mut Object;
    /// The string at a path, or `""`.
    fn str_at(&self, path: &[&str]) -> &str;
    /// The integer at a path.
    fn int_at(&self, path: &[&str]) -> Option<i64>;
    /// The boolean at a path, false where it is absent.
    fn bool_at(&self, path: &[&str]) -> bool;
    /// The list at a path, or an empty one.
    fn list_at(&self, path: &[&str]) -> &[Object];
    /// The RFC 3339 time at a path.
    fn time_at(&self, path: &[&str]) -> Option<Timestamp>;
    /// The entries of the map at a path whose values are strings, sorted by key.
    fn map_at(&self, path: &[&str]) -> Vec<(&str, &str)>;
    /// Sets the value at a path, making the maps on the way.
    fn set_at(&mut self, path: &[&str], value: impl Into<Object>);
    /// Removes the field at a path and returns it.
    fn remove_at(&mut self, path: &[&str]) -> Option<Object>;

    /// `apiVersion`.
    fn api_version(&self) -> &str {
        self.str_at(&["apiVersion"])
    }
    /// `kind`.
    fn kind(&self) -> &str {
        self.str_at(&["kind"])
    }
    /// `apiVersion` and `kind` together.
    fn gvk(&self) -> GroupVersionKind {
        GroupVersion::parse(self.api_version()).unwrap_or_default().kind(self.kind())
    }
    /// `metadata.name`.
    fn name(&self) -> &str {
        self.str_at(&["metadata", "name"])
    }
    /// `metadata.namespace`, empty for what belongs to no namespace.
    fn namespace(&self) -> &str {
        self.str_at(&["metadata", "namespace"])
    }
    /// `metadata.uid`.
    fn uid(&self) -> &str {
        self.str_at(&["metadata", "uid"])
    }
    /// `metadata.resourceVersion`.
    fn resource_version(&self) -> &str {
        self.str_at(&["metadata", "resourceVersion"])
    }
    /// `metadata.generation`.
    fn generation(&self) -> i64 {
        self.int_at(&["metadata", "generation"]).unwrap_or(0)
    }
    /// `metadata.creationTimestamp`.
    fn creation_timestamp(&self) -> Option<Timestamp> {
        self.time_at(&["metadata", "creationTimestamp"])
    }
    /// `metadata.deletionTimestamp`: set once the object is being deleted.
    fn deletion_timestamp(&self) -> Option<Timestamp> {
        self.time_at(&["metadata", "deletionTimestamp"])
    }
    /// `metadata.labels`, sorted by key.
    fn labels(&self) -> Vec<(&str, &str)> {
        self.map_at(&["metadata", "labels"])
    }
    /// The value of a label.
    fn label(&self, key: &str) -> Option<&str> {
        self.at(&["metadata", "labels", key])?.as_str()
    }
    /// `metadata.annotations`, sorted by key.
    fn annotations(&self) -> Vec<(&str, &str)> {
        self.map_at(&["metadata", "annotations"])
    }
    /// The value of an annotation.
    fn annotation(&self, key: &str) -> Option<&str> {
        self.at(&["metadata", "annotations", key])?.as_str()
    }
    /// The owner reference that has `controller: true`.
    fn controller_ref(&self) -> Option<&Object> {
        self.list_at(&["metadata", "ownerReferences"]).iter().find(|owner| owner.bool_at(&["controller"]))
    }
}

impl Meta for Object {
    fn at(&self, path: &[&str]) -> Option<&Object> {
        path.iter().try_fold(self, |value, field| value.as_object()?.get(*field))
    }

    fn at_mut(&mut self, path: &[&str]) -> &mut Object {
        path.iter().fold(self, |value, field| {
            if !value.is_object() {
                *value = Object::Object(serde_json::Map::new());
            }
            let Object::Object(map) = value else { unreachable!("made a map above") };
            map.entry(*field).or_insert(Object::Null)
        })
    }

    fn str_at(&self, path: &[&str]) -> &str {
        self.at(path).and_then(Object::as_str).unwrap_or("")
    }

    fn int_at(&self, path: &[&str]) -> Option<i64> {
        self.at(path)?.as_i64()
    }

    fn bool_at(&self, path: &[&str]) -> bool {
        self.at(path).and_then(Object::as_bool).unwrap_or(false)
    }

    fn list_at(&self, path: &[&str]) -> &[Object] {
        self.at(path).and_then(Object::as_array).map_or(&[], Vec::as_slice)
    }

    fn time_at(&self, path: &[&str]) -> Option<Timestamp> {
        time::parse_rfc3339(self.at(path)?.as_str()?)
    }

    fn map_at(&self, path: &[&str]) -> Vec<(&str, &str)> {
        let Some(map) = self.at(path).and_then(Object::as_object) else { return Vec::new() };
        map.iter().filter_map(|(key, value)| Some((key.as_str(), value.as_str()?))).collect()
    }

    fn set_at(&mut self, path: &[&str], value: impl Into<Object>) {
        *self.at_mut(path) = value.into();
    }

    fn remove_at(&mut self, path: &[&str]) -> Option<Object> {
        let (last, parents) = path.split_last()?;
        let parent = parents.iter().try_fold(self, |value, field| value.as_object_mut()?.get_mut(*field))?;
        parent.as_object_mut()?.remove(*last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_and_writes_by_path() {
        let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "labels": {"x": "y"}}});
        assert_eq!(pod.gvk().to_string(), "/v1, Kind=Pod");
        assert_eq!(pod.label("x"), Some("y"));
        pod.set_at(&["spec", "nodeName"], "n1");
        assert_eq!(pod.str_at(&["spec", "nodeName"]), "n1");
        assert_eq!(pod.remove_at(&["metadata", "labels", "x"]), Some(json!("y")));
        assert_eq!(pod.remove_at(&["nothing", "here"]), None);
        assert!(pod.labels().is_empty());
    }
}
