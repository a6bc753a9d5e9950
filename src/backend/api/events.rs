//! Events, as client-go's recorder makes and merges them.

use serde_json::json;

use super::{Api, WriteOptions};
use crate::backend::controllers::Event;
use crate::backend::controllers::expiry;
use crate::backend::store::{ListOptions, StoreError};
use crate::object::{Meta, Object, Status, Timestamp, names, time};

/// Creates an event, or raises the count of the one that differs in nothing but its times.
pub(super) fn record(api: &Api, event: &Event) -> Result<(), Status> {
    let resource = api.known("events")?;
    let regarding = &event.regarding;
    let namespace = match regarding.namespace() {
        "" => "default",
        namespace => namespace,
    };
    let reference = reference(regarding, &event.field_path);
    let source = match event.host.as_str() {
        "" => json!({"component": event.component}),
        host => json!({"component": event.component, "host": host}),
    };
    api.write(|inside| {
        let now = time::rfc3339(inside.now);
        let same = |old: &Object| {
            old["involvedObject"]["uid"] == reference["uid"]
                && old.str_at(&["reason"]) == event.reason
                && old.str_at(&["message"]) == event.message
                && old.str_at(&["type"]) == event.kind
                && old["source"] == source
                && ["kind", "name", "fieldPath"].iter().all(|f| old.at(&["involvedObject", f]) == reference.get(*f))
        };
        // The recorder's names start with the object's, so that only a short range is looked at.
        let base = match regarding.name() {
            name if names::dns1123_subdomain(name).is_empty() => name,
            _ => "object",
        };
        let earlier = inside.transaction.list_named("events", namespace, &format!("{base}."))?;
        if let Some(mut old) = earlier.into_iter().find(same) {
            let count = old.int_at(&["count"]).unwrap_or(1) + 1;
            old.set_at(&["count"], count);
            old.set_at(&["lastTimestamp"], now);
            inside.transaction.update("events", &mut old, None)?;
            return Ok(());
        }
        let mut unique = inside.now.as_nanosecond();
        let name = loop {
            let name = format!("{base}.{unique:x}");
            if !inside.transaction.exists("events", namespace, &name)? {
                break name;
            }
            unique += 1;
        };
        let object = json!({
            "metadata": {"name": name, "namespace": namespace},
            "involvedObject": reference,
            "reason": event.reason,
            "message": event.message,
            "source": source,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
            "type": event.kind,
            "eventTime": null,
            "reportingComponent": event.component,
            "reportingInstance": event.host,
        });
        if inside.is_admitted_by_itself() {
            return inside.create_own(resource, object);
        }
        inside.create(resource, object, &WriteOptions::default()).map(drop)
    })
}

/// Removes the events that end until then.
pub(super) fn drop_over(api: &Api, until: Timestamp) -> Result<(), Status> {
    let mut over = Vec::new();
    api.store().scan("events", &ListOptions::default(), |namespace, name, revision, bytes| {
        if expiry::end_of(bytes).is_some_and(|end| end <= until.as_second()) {
            over.push((namespace.to_owned(), name.to_owned(), revision));
        }
    })?;
    if over.is_empty() {
        return Ok(());
    }
    api.write(|inside| {
        for (namespace, name, revision) in &over {
            match inside.transaction.delete("events", namespace, name, Some(*revision)) {
                // Somebody was faster, or wrote it again.
                Ok(()) | Err(StoreError::NotFound { .. } | StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    })
}

fn reference(object: &Object, field_path: &str) -> Object {
    let mut reference = json!({"kind": object.kind(), "apiVersion": object.api_version(), "name": object.name()});
    for (field, value) in [
        ("namespace", object.namespace()),
        ("uid", object.uid()),
        ("resourceVersion", object.resource_version()),
        ("fieldPath", field_path),
    ] {
        if !value.is_empty() {
            reference.set_at(&[field], value);
        }
    }
    reference
}
