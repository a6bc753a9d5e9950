//! From the client's `apply` to the server's: what a client owned by `Update` it owns by `Apply` from
//! then on, so that fields which leave the manifest leave the object (client-go's `csaupgrade`).

use std::collections::BTreeSet;

use serde_json::json;

use super::server_side::owners;
use crate::client::Client;
use crate::client::request::{Call, PatchType, WriteParams};
use crate::object::{Meta, Object, Status};
use crate::ops::resources::Info;
use crate::ops::write;

/// How often it is tried with an object that others change in between.
const TRIES: usize = 5;

/// Hands over the fields of those who applied in the client. Returns whether there were any; then `object`
/// is the server's.
///
/// # Errors
/// What the server refuses.
pub async fn migrate(client: &Client, info: &Info, object: &mut Object, params: &WriteParams) -> anyhow::Result<bool> {
    let clients: BTreeSet<String> =
        owners(object, "Update").map(|entry| entry.str_at(&["manager"]).to_owned()).collect();
    // The books are the object's, and it is the manager's write that changes them.
    let params = WriteParams { force: None, ..params.clone() };
    let mut tries = 0;
    loop {
        tries += 1;
        let Some(books) = upgraded(object.list_at(&["metadata", "managedFields"]), &clients, &params.field_manager)
        else {
            return Ok(false);
        };
        // Replaced and not tested, so that a change in between is a conflict.
        let patch = json!([
            {"op": "replace", "path": "/metadata/managedFields", "value": books},
            {"op": "replace", "path": "/metadata/resourceVersion", "value": object.resource_version()},
        ]);
        match write::patch(client, info, PatchType::Json, patch.to_string(), &params).await {
            Ok(changed) => {
                *object = changed;
                return Ok(true);
            }
            Err(error) if tries < TRIES && error.downcast_ref::<Status>().is_some_and(Status::is_conflict) => {
                *object = client.json(Call::get(&info.endpoint())).await?;
            }
            Err(error) => return Err(error),
        }
    }
}

/// The books with the clients' fields in the hands of `manager`; none where nothing would change.
fn upgraded(books: &[Object], clients: &BTreeSet<String>, manager: &str) -> Option<Vec<Object>> {
    let mut now = books.to_vec();
    for client in clients {
        let is_client = |entry: &Object| is(entry, client, "Update");
        let applied = now.iter().position(|entry| is(entry, manager, "Apply"));
        let Some(at) = applied.or_else(|| now.iter().position(is_client)) else { continue };
        let Some(mut taken) = now.get(at).cloned() else { continue };
        taken.set_at(&["operation"], "Apply");
        taken.set_at(&["manager"], manager);
        // Of the client's entries the one of the same version counts.
        let same = now.iter().find(|entry| is_client(entry) && entry.api_version() == taken.api_version());
        if let Some(fields) = same.and_then(|entry| entry.get("fieldsV1")) {
            unite(taken.at_mut(&["fieldsV1"]), fields);
        }
        if let Some(entry) = now.get_mut(at) {
            *entry = taken;
        }
        now.retain(|entry| !is(entry, client, "Update"));
    }
    (now != books).then_some(now)
}

/// Whether an entry of the books is a manager's, of the object itself.
fn is(entry: &Object, manager: &str, operation: &str) -> bool {
    entry.str_at(&["manager"]) == manager
        && entry.str_at(&["operation"]) == operation
        && entry.str_at(&["subresource"]).is_empty()
}

/// Adds the fields of one set to another.
fn unite(into: &mut Object, from: &Object) {
    let Some(from) = from.as_object() else { return };
    if !into.is_object() {
        *into = json!({});
    }
    let Some(into) = into.as_object_mut() else { return };
    for (field, below) in from {
        unite(into.entry(field.clone()).or_insert_with(|| json!({})), below);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(manager: &str, operation: &str, version: &str, fields: Object) -> Object {
        json!({"manager": manager, "operation": operation, "apiVersion": version, "fieldsType": "FieldsV1", "fieldsV1": fields})
    }

    #[test]
    fn fields_go_from_the_client_to_the_server() {
        let clients = BTreeSet::from(["kubectl-client-side-apply".to_owned()]);
        let client = |version, fields| entry("kubectl-client-side-apply", "Update", version, fields);
        let applied = |fields| entry("kubectl", "Apply", "v1", fields);
        let other = entry("else", "Update", "v1", json!({"f:x": {}}));
        for (what, books, want) in [
            ("nobody", vec![other.clone()], None),
            (
                "only a client",
                vec![client("v1", json!({"f:a": {}})), other.clone()],
                Some(vec![applied(json!({"f:a": {}})), other.clone()]),
            ),
            (
                "both",
                vec![applied(json!({"f:a": {"f:b": {}}})), client("v1", json!({"f:a": {"f:c": {}, ".": {}}}))],
                Some(vec![applied(json!({"f:a": {"f:b": {}, "f:c": {}, ".": {}}}))]),
            ),
            (
                "of another version",
                vec![applied(json!({"f:a": {}})), client("v2", json!({"f:b": {}}))],
                Some(vec![applied(json!({"f:a": {}}))]),
            ),
            (
                "two versions",
                vec![client("v2", json!({"f:b": {}})), client("v1", json!({"f:a": {}}))],
                Some(vec![entry("kubectl", "Apply", "v2", json!({"f:b": {}}))]),
            ),
        ] {
            assert_eq!(upgraded(&books, &clients, "kubectl"), want, "{what}");
        }
    }
}
