//! `--custom`: parts of a container that are laid over what the profile makes.

use anyhow::{anyhow, bail};
use serde_json::Map;

use super::profile::container_mut;
use crate::object::patch::strategic;
use crate::object::schema::{self, Type};
use crate::object::{Meta, Object, yaml};
use crate::output::format::go_io_error;

/// The type of containers. Ephemeral ones have the same fields where it matters.
fn container_type() -> anyhow::Result<&'static Type> {
    schema::named("core.v1.Container").ok_or_else(|| anyhow!("no schema for containers"))
}

/// Reads the file; none where it says nothing.
///
/// # Errors
/// No such file, no container.
pub(super) fn read(file: &str) -> anyhow::Result<Option<Object>> {
    let text = std::fs::read(file).map_err(|error| {
        anyhow!("must pass a container spec json file for custom profile: {}", go_io_error(file, &error))
    })?;
    let invalid = |error: String| anyhow!("{file} does not contain a valid container spec: {error}");
    let mut container = match serde_json::from_slice(&text) {
        Ok(container) => container,
        Err(_) => yaml::parse(&text).map_err(|error| invalid(error.to_string()))?,
    };
    if container.is_null() {
        return Ok(None);
    }
    let of = container_type()?;
    if let Some(mismatch) = schema::check(of, &container).mismatch {
        return Err(invalid(format!("error unmarshaling JSON: while decoding JSON: {}", mismatch.json_text())));
    }
    schema::normalize(of, &mut container);
    Ok(Some(container))
}

/// Refuses what a custom profile may not say.
///
/// # Errors
/// It says it.
pub(super) fn check(container: &Object) -> anyhow::Result<()> {
    let said = ["name", "image"].iter().any(|field| !container.str_at(&[field]).is_empty())
        || ["command", "volumeDevices"].iter().any(|field| !container.list_at(&[field]).is_empty())
        || container.get("lifecycle").is_some_and(|lifecycle| !lifecycle.is_null());
    if said {
        bail!("name, command, image, lifecycle and volume devices are not modifiable via custom profile");
    }
    Ok(())
}

/// Lays it over a container of the pod.
///
/// # Errors
/// The pod has no such container, or the two do not fit together.
pub(super) fn apply(custom: &Object, pod: &mut Object, name: &str, what: &str) -> anyhow::Result<()> {
    let pod_name = pod.name().to_owned();
    let Some(container) = container_mut(pod, name) else {
        bail!("unable to find the {name} {what} in the pod {pod_name}");
    };
    let mut patch = custom.clone();
    patch.set_at(&["name"], name);
    let original = std::mem::replace(container, Object::Object(Map::new()));
    *container = strategic::apply(original, patch, container_type()?)
        .map_err(|error| anyhow!("error creating three way patch to add debug container: {error}"))?;
    Ok(())
}
