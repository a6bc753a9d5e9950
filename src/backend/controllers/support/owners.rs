//! Owner references, and which objects a controller may claim.

use serde_json::json;

use super::selector;
use crate::backend::controllers::{Event, Key, View, Write};
use crate::object::{Meta, Object, Status};

/// The reference that makes `owner` the controller of an object.
pub fn controller_ref(owner: &Object) -> Object {
    json!({
        "apiVersion": owner.api_version(), "kind": owner.kind(), "name": owner.name(), "uid": owner.uid(),
        "controller": true, "blockOwnerDeletion": true,
    })
}

/// Whether `owner` controls `object`.
pub fn is_controlled_by(object: &Object, owner: &Object) -> bool {
    object.controller_ref().is_some_and(|reference| reference.str_at(&["uid"]) == owner.uid())
}

/// The key of an object's controlling owner, if it is of that kind.
pub fn controller_key(object: &Object, kind: &str, resource: &'static str) -> Option<Key> {
    let reference = object.controller_ref()?;
    (reference.str_at(&["kind"]) == kind).then(|| Key {
        resource,
        namespace: object.namespace().to_owned(),
        name: reference.str_at(&["name"]).to_owned(),
    })
}

/// The key of an object.
pub fn key_of(resource: &'static str, object: &Object) -> Key {
    Key { resource, namespace: object.namespace().to_owned(), name: object.name().to_owned() }
}

/// The owners of one resource whose `spec.selector` matches an object that no controller owns yet:
/// each may want to adopt it.
pub fn adopters(view: &View, resource: &'static str, orphan: &Object) -> Vec<Key> {
    if orphan.controller_ref().is_some() {
        return Vec::new();
    }
    view.list(resource, Some(orphan.namespace()))
        .filter(|owner| selector::of(owner.at(&["spec", "selector"])).matches(orphan))
        .map(|owner| key_of(resource, owner))
        .collect()
}

/// The event of a controller whose pod the API refused; none where the namespace is going away.
pub fn pod_refused(owner: Option<&Object>, write: &Write, status: &Status, component: &'static str) -> Vec<Write> {
    let (Some(owner), Write::Create { resource: "pods", .. }) = (owner, write) else { return Vec::new() };
    if crate::backend::controllers::deployment::namespace_ends(status) {
        return Vec::new();
    }
    vec![Write::Event(Event {
        regarding: owner.clone(),
        field_path: String::new(),
        kind: "Warning",
        reason: "FailedCreate".to_owned(),
        message: format!("Error creating: {}", status.message),
        component,
        host: String::new(),
    })]
}

/// What a controller finds among the objects of a resource in its namespace.
#[derive(Debug, Default)]
pub struct Claim {
    /// Owned and matching.
    pub owned: Vec<std::sync::Arc<Object>>,
    /// Owned by nobody and matching: these copies have the owner reference, to be written.
    pub adopt: Vec<Object>,
    /// Owned but no longer matching: these copies are without the owner reference, to be written.
    pub release: Vec<Object>,
}

/// Sorts the objects of a resource in `owner`'s namespace by whether `owner` has, wants or loses
/// them. An owner that is being deleted claims nothing new and releases nothing.
pub fn claim(view: &View, resource: &str, owner: &Object, wanted: impl Fn(&Object) -> bool) -> Claim {
    let mut claim = Claim::default();
    let selector = selector::of(owner.at(&["spec", "selector"]));
    let deleting = owner.deletion_timestamp().is_some();
    // What belongs to others is not even looked at.
    let own = view.owned_by(resource, owner.uid()).filter(|object| object.namespace() == owner.namespace());
    let own = own.filter(|object| object.controller_ref().is_some());
    for object in own.chain(view.orphans(resource, owner.namespace())).filter(|object| wanted(object)) {
        let matching = selector.matches(object);
        match object.controller_ref() {
            Some(reference) if reference.str_at(&["uid"]) != owner.uid() => {}
            Some(_) if matching => claim.owned.push(object.clone()),
            Some(_) if deleting => {}
            Some(_) => {
                let mut released = Object::clone(object);
                if let Some(list) = released.at_mut(&["metadata", "ownerReferences"]).as_array_mut() {
                    list.retain(|reference| reference.str_at(&["uid"]) != owner.uid());
                }
                claim.release.push(released);
            }
            None if matching && !deleting && object.deletion_timestamp().is_none() => {
                let mut adopted = Object::clone(object);
                let list = adopted.at_mut(&["metadata", "ownerReferences"]);
                if !list.is_array() {
                    *list = json!([]);
                }
                if let Some(list) = list.as_array_mut() {
                    list.push(controller_ref(owner));
                }
                claim.adopt.push(adopted);
            }
            None => {}
        }
    }
    claim
}
