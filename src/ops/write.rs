//! Writing objects: requests that create, change and replace, and what errors say of their source.

use super::resources::Info;
use crate::client::Client;
use crate::client::request::{Call, Endpoint, PatchType, WriteParams};
use crate::object::{Meta, Object, Status};

/// An error about an object says which file the object came from.
pub fn with_source(verb: &str, source: &str, error: anyhow::Error) -> anyhow::Error {
    if source.is_empty() {
        return error;
    }
    let about = |text: &str| format!("error when {verb} {source:?}: {text}");
    match error.downcast::<Status>() {
        Ok(mut status) => {
            status.message = about(&status.message);
            status.into()
        }
        Err(error) => anyhow::anyhow!(about(&format!("{error:#}"))),
    }
}

/// Creates an object where it belongs and returns the server's.
pub async fn create(client: &Client, info: &Info, mut object: Object, params: &WriteParams) -> anyhow::Result<Object> {
    object.remove_at(&["metadata", "resourceVersion"]);
    let resource = info.endpoint().resource;
    let endpoint = Endpoint::collection(&resource, info.namespace.clone());
    client.json(Call::create(&endpoint, &object, params)).await
}

/// Changes an object and returns the server's.
pub async fn patch(
    client: &Client,
    info: &Info,
    kind: PatchType,
    patch: impl Into<bytes::Bytes>,
    params: &WriteParams,
) -> anyhow::Result<Object> {
    let endpoint = info.endpoint();
    client.json(Call::patch(&endpoint, kind, patch, params)).await
}

/// Replaces an object and returns the server's. Where it names no resource version, that of the
/// present object is taken, whatever it is (kubectl's `Replace` with overwrite).
pub async fn replace(client: &Client, info: &Info, mut object: Object, params: &WriteParams) -> anyhow::Result<Object> {
    let endpoint = info.endpoint();
    if object.resource_version().is_empty() {
        let whole = Endpoint { subresource: String::new(), ..endpoint.clone() };
        // Servers that do not need a version get none.
        if let Ok(present) = client.json(Call::get(&whole)).await {
            object.set_at(&["metadata", "resourceVersion"], present.resource_version());
        }
    }
    client.json(Call::update(&endpoint, &object, params)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_say_where_the_object_came_from() {
        let error = with_source("creating", "a.yaml", Status::not_found("pods", "x").into());
        let status = error.downcast_ref::<Status>().expect("still a status");
        assert_eq!(status.message, "error when creating \"a.yaml\": pods \"x\" not found");
        assert_eq!(
            with_source("creating", "a.yaml", anyhow::anyhow!("no")).to_string(),
            "error when creating \"a.yaml\": no"
        );
        assert_eq!(with_source("creating", "", anyhow::anyhow!("no")).to_string(), "no");
    }
}
