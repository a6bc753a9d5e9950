//! An event as JSON, written from its parts: the text that the stored object would give, without the object.

use serde::Serialize;

use crate::backend::controllers::Event;
use crate::object::Meta;

/// Where an event is, and its UID.
pub(super) struct Place<'a> {
    pub namespace: &'a str,
    pub name: &'a str,
    pub uid: &'a str,
}

// Fields are in the order of their names, as in all objects.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Text<'a> {
    api_version: &'a str,
    count: i64,
    event_time: (),
    first_timestamp: &'a str,
    involved_object: Reference<'a>,
    kind: &'a str,
    last_timestamp: &'a str,
    #[serde(skip_serializing_if = "is_empty")]
    message: &'a str,
    metadata: Metadata<'a>,
    #[serde(skip_serializing_if = "is_empty")]
    reason: &'a str,
    reporting_component: &'a str,
    reporting_instance: &'a str,
    source: Source<'a>,
    #[serde(skip_serializing_if = "is_empty")]
    r#type: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Reference<'a> {
    #[serde(skip_serializing_if = "is_empty")]
    api_version: &'a str,
    #[serde(skip_serializing_if = "is_empty")]
    field_path: &'a str,
    #[serde(skip_serializing_if = "is_empty")]
    kind: &'a str,
    #[serde(skip_serializing_if = "is_empty")]
    name: &'a str,
    #[serde(skip_serializing_if = "is_empty")]
    namespace: &'a str,
    #[serde(skip_serializing_if = "is_empty")]
    resource_version: &'a str,
    #[serde(skip_serializing_if = "is_empty")]
    uid: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    creation_timestamp: &'a str,
    name: &'a str,
    namespace: &'a str,
    resource_version: String,
    uid: &'a str,
}

#[derive(Serialize)]
struct Source<'a> {
    #[serde(skip_serializing_if = "is_empty")]
    component: &'a str,
    #[serde(skip_serializing_if = "is_empty")]
    host: &'a str,
}

fn is_empty(text: &&str) -> bool {
    text.is_empty()
}

/// A new event that is recorded at `now` with a revision.
pub(super) fn of(event: &Event, place: &Place<'_>, now: &str, revision: u64) -> serde_json::Result<Vec<u8>> {
    let regarding = &event.regarding;
    let mut text = Vec::with_capacity(1024);
    let object = Text {
        api_version: "v1",
        count: 1,
        event_time: (),
        first_timestamp: now,
        involved_object: Reference {
            api_version: regarding.api_version(),
            field_path: &event.field_path,
            kind: regarding.kind(),
            name: regarding.name(),
            namespace: regarding.namespace(),
            resource_version: regarding.resource_version(),
            uid: regarding.uid(),
        },
        kind: "Event",
        last_timestamp: now,
        message: &event.message,
        metadata: Metadata {
            creation_timestamp: now,
            name: place.name,
            namespace: place.namespace,
            resource_version: revision.to_string(),
            uid: place.uid,
        },
        reason: &event.reason,
        reporting_component: event.component,
        reporting_instance: &event.host,
        source: Source { component: event.component, host: &event.host },
        r#type: event.kind,
    };
    serde_json::to_writer(&mut text, &object)?;
    Ok(text)
}
