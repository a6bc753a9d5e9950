//! `apply --server-side`: the server finds out what changes, and who owns which field.

use serde_json::json;

use crate::client::Client;
use crate::client::request::{PatchType, WriteParams};
use crate::object::{Meta, Object, Status};
use crate::ops::last_applied;
use crate::ops::resources::Info;
use crate::ops::write;

/// The name under which `apply --server-side` owns fields unless a flag says otherwise.
pub const FIELD_MANAGER: &str = "kubectl";
/// The name under which the annotation of the client's `apply` is owned from then on.
const ANNOTATION_MANAGER: &str = "kubectl-last-applied";

/// Sends the object and returns the server's.
///
/// # Errors
/// What the server refuses; fields of other managers with advice on what to do.
pub async fn apply(client: &Client, info: &Info, params: &WriteParams) -> anyhow::Result<Object> {
    let body = last_applied::encode(&info.object());
    write::patch(client, info, PatchType::Apply, body, params).await.map_err(refused)
}

fn refused(error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref::<Status>() {
        Some(status) if status.code == 415 => {
            anyhow::anyhow!("Server-side apply not available on the server: ({error})")
        }
        Some(status) if status.is_conflict() => anyhow::anyhow!(
            "{error}
Please review the fields above--they currently have other managers. Here
are the ways you can resolve this warning:
* If you intend to manage all of these fields, please re-run the apply
  command with the `--force-conflicts` flag.
* If you do not intend to manage all of the fields, please edit your
  manifest to remove references to the fields that should keep their
  current managers.
* You may co-own fields by updating your manifest to match the existing
  value; in this case, you'll become the manager if the other manager(s)
  stop managing the field (remove it from their configuration).
See https://kubernetes.io/docs/reference/using-api/server-side-apply/#conflicts"
        ),
        _ => error,
    }
}

/// Keeps the annotation of an object that was applied by the client before: without an owner of its own
/// the server would drop it. Returns the object where anything was done.
///
/// # Errors
/// What the server refuses.
pub async fn keep_annotation(
    client: &Client,
    info: &Info,
    object: &Object,
    params: &WriteParams,
) -> anyhow::Result<Option<Object>> {
    let Some(text) = last_applied::original(object).filter(|_| params.field_manager == FIELD_MANAGER) else {
        return Ok(None);
    };
    if owners(object, "Apply").next().is_some() {
        return Ok(None);
    }
    let mut annotation = json!({
        "apiVersion": object.api_version(),
        "kind": object.kind(),
        "metadata": {"name": object.name(), "annotations": {last_applied::ANNOTATION: text}},
    });
    if !object.namespace().is_empty() {
        annotation.set_at(&["metadata", "namespace"], object.namespace());
    }
    let params = WriteParams { field_manager: ANNOTATION_MANAGER.to_owned(), force: None, ..params.clone() };
    write::patch(client, info, PatchType::Apply, last_applied::encode(&annotation), &params).await.map(Some)
}

/// The managers that own the annotation by an operation (`Apply`, `Update`).
pub fn owners<'a>(object: &'a Object, operation: &'a str) -> impl Iterator<Item = &'a Object> {
    const PATH: [&str; 4] =
        ["fieldsV1", "f:metadata", "f:annotations", "f:kubectl.kubernetes.io/last-applied-configuration"];
    let entries = object.list_at(&["metadata", "managedFields"]).iter();
    entries.filter(move |entry| {
        entry.str_at(&["operation"]) == operation
            && entry.str_at(&["subresource"]).is_empty()
            && entry.at(&PATH).is_some()
    })
}
