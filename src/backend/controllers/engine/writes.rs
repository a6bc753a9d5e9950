//! What a look asks to be written, one write after the other.

use std::collections::VecDeque;

use super::NAMESPACE_FINALIZERS;
use super::io::{DeleteOptions, LogSink, Writer};
use super::queue::Item;
use crate::backend::controllers::{Key, Write};
use crate::object::{Meta, Object, Status};

/// What is left to write after a look.
pub(super) struct Writes {
    pub item: Item,
    pub rest: VecDeque<Write>,
    pub versions: Versions,
    /// Whether they answer a refusal, so that further refusals do not count.
    pub answers: bool,
}

/// The resource versions that writes of one outcome led to: key, the version the controller saw, the
/// version now. Later writes to the same object build upon the earlier ones.
pub(super) type Versions = Vec<(Key, String, String)>;

/// Applies a write. Where it is `final`, it will not be applied again: what is written is taken out of it, and
/// nothing but its name is left.
pub(super) fn apply(
    writer: &dyn Writer,
    logs: &dyn LogSink,
    write: &mut Write,
    is_final: bool,
    versions: &mut Versions,
) -> Result<(), Status> {
    match write {
        Write::Create { resource, object } => writer.create(resource, take(object, is_final)).map(drop),
        Write::Update { resource, object } => {
            replace(resource, take(object, is_final), versions, |object| writer.update(resource, object))
        }
        Write::UpdateStatus { resource, object } => {
            let part = if is_final { status_of(take(object, true)) } else { status_of_copy(object) };
            replace(resource, part, versions, |object| writer.update_status(resource, object))
        }
        Write::Bind { pod, node } => writer.bind(&pod.namespace, &pod.name, node),
        Write::Delete { key, uid, grace_period_seconds, propagation } => {
            let options = DeleteOptions {
                uid: (!uid.is_empty()).then(|| uid.clone()),
                grace_period_seconds: *grace_period_seconds,
                propagation: *propagation,
            };
            match writer.delete(key.resource, &key.namespace, &key.name, &options) {
                Err(status) if status.is_not_found() => Ok(()),
                result => result,
            }
        }
        // An event that cannot be recorded (its namespace is going away) is no reason to stop.
        Write::Event(event) => {
            let _ = writer.record_event(event);
            Ok(())
        }
        Write::DropEvents { until } => writer.drop_events(*until),
        Write::Log { pod_uid, container, restart, time, line } => {
            logs.append(pod_uid, container, *restart, *time, line);
            Ok(())
        }
    }
}

fn replace(
    resource: &'static str,
    mut object: Object,
    versions: &mut Versions,
    write: impl FnOnce(Object) -> Result<Object, Status>,
) -> Result<(), Status> {
    let resource = if resource == NAMESPACE_FINALIZERS { "namespaces" } else { resource };
    let key = Key { resource, namespace: object.namespace().to_owned(), name: object.name().to_owned() };
    let seen = object.resource_version().to_owned();
    let earlier = versions.iter().position(|(other, before, _)| *other == key && *before == seen);
    if let Some((_, _, after)) = earlier.and_then(|index| versions.get(index)) {
        object.set_at(&["metadata", "resourceVersion"], after.clone());
    }
    let written = write(object)?.resource_version().to_owned();
    match earlier.and_then(|index| versions.get_mut(index)) {
        Some(entry) => entry.2 = written,
        None => versions.push((key, seen, written)),
    }
    Ok(())
}

/// What is written: the object, or a copy.
fn take(object: &mut Object, is_final: bool) -> Object {
    if !is_final {
        return object.clone();
    }
    let name = serde_json::json!({"metadata": {"namespace": object.namespace(), "name": object.name()}});
    std::mem::replace(object, name)
}

/// Which object it is, and which of its versions.
const IDENTITY: [&[&str]; 6] = [
    &["apiVersion"],
    &["kind"],
    &["metadata", "name"],
    &["metadata", "namespace"],
    &["metadata", "uid"],
    &["metadata", "resourceVersion"],
];
/// What may come with a status.
const REPORTED: [&[&str]; 2] = [&["metadata", "annotations"], &["metadata", "finalizers"]];
const STATUS: &[&str] = &["status"];

/// An object of these parts, each as `value` has it.
fn of_parts(
    paths: impl IntoIterator<Item = &'static [&'static str]>,
    mut value: impl FnMut(&[&str]) -> Option<Object>,
) -> Object {
    let mut part = serde_json::json!({"metadata": {}});
    for path in paths {
        if let Some(value) = value(path) {
            part.set_at(path, value);
        }
    }
    part
}

/// What counts of an object whose status is written.
fn status_of(mut object: Object) -> Object {
    of_parts(IDENTITY.into_iter().chain(REPORTED).chain([STATUS]), |path| object.remove_at(path))
}

/// The part of an object that [`Write::UpdateStatus`] is about, with another status.
pub fn with_status(object: &Object, status: Object) -> Object {
    let mut part = of_parts(IDENTITY.into_iter().chain(REPORTED), |path| object.at(path).cloned());
    part.set_at(STATUS, status);
    part
}

fn status_of_copy(object: &Object) -> Object {
    with_status(object, object.at(STATUS).cloned().unwrap_or_default())
}

/// The part of an object of which an event takes a reference.
pub fn reference(object: &Object) -> Object {
    of_parts(IDENTITY, |path| object.at(path).cloned())
}
