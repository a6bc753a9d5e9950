//! Applying manifests: bringing objects to the state that files declare.

pub mod applyset;
pub mod migration;
pub mod patcher;
pub mod prune;
pub mod server_side;

use super::resources::Info;
use crate::object::{Meta, Object};

/// An object as long messages describe it.
pub fn describe(info: &Info) -> String {
    let basic = format!("Name: {:?}, Namespace: {:?}", info.name, info.namespace);
    match &info.mapping {
        Some(mapping) => {
            let resource = &mapping.resource;
            let resource = format!("{}/{}, Resource={}", resource.group, resource.version, resource.resource);
            format!("Resource: {resource:?}, GroupVersionKind: {:?}\n{basic}", mapping.kind.to_string())
        }
        None => basic,
    }
}

/// Removes nulls from the maps of a manifest: an object that is created looks as one that is changed.
pub fn prune_nulls(value: &mut Object) {
    match value {
        Object::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(prune_nulls);
        }
        Object::Array(list) => list.iter_mut().for_each(prune_nulls),
        _ => {}
    }
}

/// What is said when an object that is being deleted was changed.
pub fn deleting_warning(object: &Object) -> Option<String> {
    object.at(&["metadata", "deletionTimestamp"])?;
    Some(format!("Warning: Detected changes to resource {} which is currently being deleted.", object.name()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nulls_of_maps_go() {
        let mut object = json!({"a": null, "b": [{"c": null, "d": 1}, null], "e": {"f": null}});
        prune_nulls(&mut object);
        assert_eq!(object, json!({"b": [{"d": 1}, null], "e": {}}));
    }
}
