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

pub(super) fn apply(
    writer: &dyn Writer,
    logs: &dyn LogSink,
    write: &Write,
    versions: &mut Versions,
) -> Result<(), Status> {
    match write {
        Write::Create { resource, object } => match writer.create(resource, object.clone()) {
            Ok(_) => Ok(()),
            Err(status) => Err(status),
        },
        Write::Update { resource, object } => {
            replace(resource, object, object.clone(), versions, |object| writer.update(resource, object))
        }
        Write::UpdateStatus { resource, object } => {
            replace(resource, object, status_of(object), versions, |object| writer.update_status(resource, object))
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
    object: &Object,
    mut written: Object,
    versions: &mut Versions,
    write: impl FnOnce(Object) -> Result<Object, Status>,
) -> Result<(), Status> {
    let resource = if resource == NAMESPACE_FINALIZERS { "namespaces" } else { resource };
    let key = Key { resource, namespace: object.namespace().to_owned(), name: object.name().to_owned() };
    let seen = object.resource_version().to_owned();
    let earlier = versions.iter().position(|(other, before, _)| *other == key && *before == seen);
    if let Some((_, _, after)) = earlier.and_then(|index| versions.get(index)) {
        written.set_at(&["metadata", "resourceVersion"], after.clone());
    }
    let written = write(written)?.resource_version().to_owned();
    match earlier.and_then(|index| versions.get_mut(index)) {
        Some(entry) => entry.2 = written,
        None => versions.push((key, seen, written)),
    }
    Ok(())
}

/// What counts of an object whose status is written.
fn status_of(object: &Object) -> Object {
    let mut part = serde_json::json!({"metadata": {}});
    for path in [
        &["apiVersion"][..],
        &["kind"],
        &["metadata", "name"],
        &["metadata", "namespace"],
        &["metadata", "uid"],
        &["metadata", "resourceVersion"],
        &["metadata", "annotations"],
        &["metadata", "finalizers"],
        &["status"],
    ] {
        if let Some(value) = object.at(path) {
            part.set_at(path, value.clone());
        }
    }
    part
}
