//! The client's side of `apply`: the difference of what was applied last, what is to be applied now and
//! what the server has, and the patch that makes it so.

use std::time::Duration;

use anyhow::anyhow;

use crate::client::Client;
use crate::client::request::{Call, DeleteParams, PatchType, WriteParams};
use crate::object::patch::{PatchError, merge, strategic, three_way};
use crate::object::{Meta, Object, Status, schema};
use crate::ops::last_applied;
use crate::ops::resources::Info;
use crate::ops::write::{self, with_source};

/// How often a patch is tried again after somebody else changed the object.
const RETRIES: u32 = 5;
/// How long to wait between two tries.
const PAUSE: Duration = Duration::from_secs(1);

/// What is to be sent to the server.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Strategic for types of a known schema, RFC 7396 for all others.
    pub kind: PatchType,
    /// The patch; an empty map where there is nothing to do.
    pub patch: Object,
}

impl Change {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.patch.as_object().is_some_and(serde_json::Map::is_empty)
    }

    /// The change that brings `current` to `modified`, a manifest with itself in its annotation. Without
    /// `overwrite` fields that were changed on both sides are an error.
    ///
    /// # Errors
    /// An annotation that is no object, and patches that cannot be made.
    pub fn between(info: &Info, modified: &Object, current: &Object, overwrite: bool) -> anyhow::Result<Self> {
        let original = original(current)?;
        let of = info.mapping.as_ref().and_then(|mapping| schema::of(&mapping.kind));
        let made = match of {
            Some(of) => strategic::create_three_way(&original, modified, current, of, overwrite)
                .map(|patch| Self { kind: PatchType::Strategic, patch }),
            None => three_way::create(&original, modified, current)
                .and_then(unchanged_type)
                .map(|patch| Self { kind: PatchType::Merge, patch }),
        };
        made.map_err(|error| {
            let shown = [&original, modified, current].map(last_applied::encode);
            let [original, modified, current] = shown.each_ref().map(String::as_str);
            anyhow!(
                "creating patch with:\noriginal:\n{original}\nmodified:\n{modified}\ncurrent:\n{current}\nfor: {error}"
            )
        })
    }

    /// `current` with the change made to it here.
    ///
    /// # Errors
    /// Patches that do not fit.
    pub fn locally(&self, info: &Info, current: Object) -> anyhow::Result<Object> {
        let of = info.mapping.as_ref().and_then(|mapping| schema::of(&mapping.kind));
        match (self.kind, of) {
            (PatchType::Strategic, Some(of)) => strategic::apply(current, self.patch.clone(), of)
                .map_err(|error| anyhow!("applying patch locally: {error}")),
            _ => {
                let mut object = current;
                merge::apply(&mut object, &self.patch);
                Ok(object)
            }
        }
    }
}

/// What was applied last, as an object.
fn original(current: &Object) -> anyhow::Result<Object> {
    match last_applied::original(current) {
        None | Some("") => Ok(Object::Null),
        Some(text) => serde_json::from_str(text)
            .map_err(|error| anyhow!("retrieving original configuration from:\n{current}\nfor: {error}")),
    }
}

fn unchanged_type(patch: Object) -> Result<Object, PatchError> {
    let changed = [&["apiVersion"][..], &["kind"], &["metadata", "name"]].iter().any(|path| patch.at(path).is_some());
    match changed {
        true => Err(PatchError::Other("At least one of apiVersion, kind and name was changed".into())),
        false => Ok(patch),
    }
}

/// How changes are sent.
pub struct Patcher<'a> {
    /// The server.
    pub client: &'a Client,
    /// How a write is done.
    pub write: &'a WriteParams,
    /// Whether fields that were changed on both sides become what the manifest says.
    pub overwrite: bool,
    /// How to delete an object whose change the server refuses, before it is created anew; none where
    /// the refusal is the end.
    pub force: Option<DeleteParams>,
    /// How long to wait for such an object to be gone.
    pub timeout: Duration,
}

/// What came of a change.
pub struct Applied {
    /// The patch that was sent, as text.
    pub patch: String,
    /// The object now, or why there is none.
    pub object: anyhow::Result<Object>,
}

impl Patcher<'_> {
    /// Changes an object on the server, again where it changed in between.
    pub async fn apply(&self, info: &Info, modified: &Object, current: Object) -> Applied {
        let mut current = current;
        let mut tries = 0;
        loop {
            let (patch, error) = match self.once(info, modified, &current).await {
                Applied { patch, object: Err(error) } => (patch, error),
                applied => return applied,
            };
            let status = error.downcast_ref::<Status>();
            let conflict = status.is_some_and(Status::is_conflict);
            let invalid = status.is_some_and(|status| status.reason == "Invalid");
            if conflict && tries < RETRIES {
                if tries > 0 {
                    tokio::time::sleep(PAUSE).await;
                }
                tries += 1;
                match self.client.json(Call::get(&info.endpoint())).await {
                    Ok(now) => current = now,
                    Err(error) => return Applied { patch: String::new(), object: Err(error) },
                }
                continue;
            }
            if let Some(delete) = self.force.as_ref().filter(|_| conflict || invalid) {
                let patch = last_applied::encode(modified);
                return Applied { patch, object: self.anew(info, modified, &current, delete).await };
            }
            return Applied { patch, object: Err(with_source("patching", &info.source, error)) };
        }
    }

    async fn once(&self, info: &Info, modified: &Object, current: &Object) -> Applied {
        let change = match Change::between(info, modified, current, self.overwrite) {
            Ok(change) => change,
            Err(error) => return Applied { patch: String::new(), object: Err(error) },
        };
        let patch = crate::output::json::compact(&change.patch);
        let object = match change.is_empty() {
            true => Ok(current.clone()),
            false => write::patch(self.client, info, change.kind, patch.clone(), self.write).await,
        };
        Applied { patch, object }
    }

    /// Deletes the object and creates it as the manifest has it; where that fails, as it was.
    async fn anew(
        &self,
        info: &Info,
        modified: &Object,
        current: &Object,
        delete: &DeleteParams,
    ) -> anyhow::Result<Object> {
        self.client.bytes(Call::delete(&info.endpoint(), delete)).await?;
        let gone = async {
            loop {
                match self.client.bytes(Call::get(&info.endpoint())).await {
                    Ok(_) => tokio::time::sleep(PAUSE).await,
                    Err(error) if error.downcast_ref::<Status>().is_some_and(Status::is_not_found) => return Ok(()),
                    Err(error) => return Err(error),
                }
            }
        };
        if self.timeout.is_zero() {
            gone.await?;
        } else {
            let late = || anyhow!("context deadline exceeded");
            tokio::time::timeout(self.timeout, gone).await.map_err(|_| late())??;
        }
        match write::create(self.client, info, modified.clone(), self.write).await {
            Ok(created) => Ok(created),
            Err(error) => match write::create(self.client, info, current.clone(), self.write).await {
                Ok(_) => Err(error),
                Err(second) => Err(anyhow!(
                    "An error occurred force-replacing the existing object with the newly provided one:\n\n{error:#}.\n\nAdditionally, an error occurred attempting to restore the original object:\n\n{second:#}"
                )),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::discovery::Mapping;
    use crate::object::{GroupVersionKind, GroupVersionResource};
    use serde_json::json;

    fn info(group: &str, resource: &str, kind: &str) -> Info {
        let mapping = Mapping {
            resource: GroupVersionResource::new(group, "v1", resource),
            kind: GroupVersionKind::new(group, "v1", kind),
            namespaced: true,
        };
        Info { mapping: Some(mapping), name: "x".into(), namespace: "default".into(), ..Info::default() }
    }

    #[test]
    fn removes_what_left_the_manifest() {
        let manifest = |data: Object, api: &str, kind: &str| {
            let object = json!({"apiVersion": api, "kind": kind, "metadata": {"name": "x", "namespace": "default"}, "data": data});
            last_applied::modified(&object)
        };
        for (group, api, resource, kind, want) in [
            ("", "v1", "configmaps", "ConfigMap", PatchType::Strategic),
            ("sea.example.org", "sea.example.org/v1", "beacons", "Beacon", PatchType::Merge),
        ] {
            let info = info(group, resource, kind);
            let mut current = manifest(json!({"a": "1", "b": "2"}), api, kind);
            current.set_at(&["data", "theirs"], "3");
            let modified = manifest(json!({"b": "4"}), api, kind);
            let change = Change::between(&info, &modified, &current, true).expect("a change");
            assert_eq!(change.kind, want);
            assert_eq!(change.patch["data"], json!({"a": null, "b": "4"}), "{kind}");
            let object = change.locally(&info, current).expect("an object");
            assert_eq!(object["data"], json!({"b": "4", "theirs": "3"}));
            assert!(Change::between(&info, &modified, &object, true).expect("a change").is_empty());
        }
    }

    #[test]
    fn an_annotation_that_is_no_object_is_an_error() {
        let current = json!({"metadata": {"annotations": {last_applied::ANNOTATION: "{"}}});
        let error = Change::between(&info("", "pods", "Pod"), &json!({}), &current, true).expect_err("refused");
        assert!(error.to_string().starts_with("retrieving original configuration from:"), "{error}");
    }
}
