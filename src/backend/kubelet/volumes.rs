//! What volumes hold: the files that configmaps, secrets, the downward API and projections of them
//! become, and whether all that they refer to is there.

use std::collections::BTreeMap;

use super::env::{Lookup, field, keys_of, resource_field, value_of};
use crate::object::{Meta, Object};

/// A file of a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// What it holds.
    pub content: Vec<u8>,
    /// Permission bits.
    pub mode: u32,
}

/// The files of a volume by their path in it. Empty for a volume that starts empty.
pub type Files = BTreeMap<String, File>;

/// Why the pod's volumes cannot be mounted: the text of the kubelet's `FailedMount` event.
pub fn failure(pod: &Object, lookup: &dyn Lookup) -> Option<String> {
    pod.list_at(&["spec", "volumes"]).iter().find_map(|volume| {
        let error = files(pod, volume, lookup).err()?;
        Some(format!("MountVolume.SetUp failed for volume {:?} : {error}", volume.str_at(&["name"])))
    })
}

/// The files of a volume.
///
/// # Errors
/// The kubelet's message about what is missing.
pub fn files(pod: &Object, volume: &Object, lookup: &dyn Lookup) -> Result<Files, String> {
    let mut files = Files::new();
    for source in ["configMap", "secret", "downwardAPI"] {
        if let Some(source_object) = volume.at(&[source]) {
            let mode = mode_of(source_object, "defaultMode").unwrap_or(0o644);
            project(pod, source, source_object, mode, lookup, &mut files)?;
        }
    }
    if let Some(projected) = volume.at(&["projected"]) {
        let mode = mode_of(projected, "defaultMode").unwrap_or(0o644);
        for entry in projected.list_at(&["sources"]) {
            for source in ["configMap", "secret", "downwardAPI", "serviceAccountToken"] {
                if let Some(source_object) = entry.at(&[source]) {
                    project(pod, source, source_object, mode, lookup, &mut files)?;
                }
            }
        }
    }
    Ok(files)
}

fn mode_of(object: &Object, name: &str) -> Option<u32> {
    object.int_at(&[name]).and_then(|mode| u32::try_from(mode).ok()).map(|mode| mode & 0o777)
}

/// A path inside a volume; nothing that leads out of it.
fn safe_path(path: &str) -> Option<String> {
    let safe =
        !path.is_empty() && !path.starts_with('/') && !path.split('/').any(|part| part == ".." || part.is_empty());
    safe.then(|| path.to_owned())
}

fn project(
    pod: &Object,
    source: &str,
    object: &Object,
    mode: u32,
    lookup: &dyn Lookup,
    files: &mut Files,
) -> Result<(), String> {
    let optional = object.bool_at(&["optional"]);
    let mut add = |path: &str, content: Vec<u8>, mode: u32| {
        if let Some(path) = safe_path(path) {
            files.insert(path, File { content, mode });
        }
    };
    match source {
        "downwardAPI" => {
            for item in object.list_at(&["items"]) {
                let value = match (item.at(&["fieldRef"]), item.at(&["resourceFieldRef"])) {
                    (Some(reference), _) => field(pod, reference.str_at(&["fieldPath"])),
                    (_, Some(reference)) => {
                        let name = reference.str_at(&["containerName"]);
                        let containers = pod.list_at(&["spec", "containers"]);
                        containers
                            .iter()
                            .find(|container| container.str_at(&["name"]) == name)
                            .map(|container| resource_field(container, reference))
                            .unwrap_or_default()
                    }
                    _ => String::new(),
                };
                add(item.str_at(&["path"]), value.into_bytes(), mode_of(item, "mode").unwrap_or(mode));
            }
        }
        "serviceAccountToken" => {
            // There is nobody in this cluster whom a pod's token would have to convince.
            add(object.str_at(&["path"]), b"kctl-offline".to_vec(), 0o644);
        }
        _ => {
            let (resource, what, name) = match source {
                "secret" if object.at(&["secretName"]).is_some() => {
                    ("secrets", "secret", object.str_at(&["secretName"]))
                }
                "secret" => ("secrets", "secret", object.str_at(&["name"])),
                _ => ("configmaps", "configmap", object.str_at(&["name"])),
            };
            let Some(found) = lookup.object(resource, pod.namespace(), name) else {
                // The cluster's CA comes with every namespace, a moment after the namespace itself.
                return if optional || name == "kube-root-ca.crt" {
                    Ok(())
                } else {
                    Err(format!("{what} {name:?} not found"))
                };
            };
            match object.at(&["items"]).and_then(Object::as_array) {
                Some(items) => {
                    for item in items {
                        let key = item.str_at(&["key"]);
                        match value_of(&found, key) {
                            Some(content) => {
                                add(item.str_at(&["path"]), content, mode_of(item, "mode").unwrap_or(mode))
                            }
                            None if optional => {}
                            None if what == "secret" => {
                                return Err(format!("references non-existent secret key: {key}"));
                            }
                            None => return Err(format!("configmap references non-existent config key: {key}")),
                        }
                    }
                }
                None => {
                    for key in keys_of(&found) {
                        add(&key, value_of(&found, &key).unwrap_or_default(), mode);
                    }
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::controllers::View;
    use crate::object::Timestamp;
    use serde_json::json;

    #[test]
    fn projects_and_says_what_is_missing() {
        let view = View::of(
            [
                ("configmaps", json!({"metadata": {"namespace": "n", "name": "c"}, "data": {"a.txt": "A", "b": "B"}})),
                (
                    "secrets",
                    json!({"metadata": {"namespace": "n", "name": "s"}, "type": "Opaque", "data": {"p": "aGVsbG8="}}),
                ),
            ],
            Timestamp::UNIX_EPOCH,
        );
        let pod = json!({"metadata": {"namespace": "n", "name": "p"}});
        let volume = json!({"name": "v", "projected": {"defaultMode": 256, "sources": [
            {"configMap": {"name": "c", "items": [{"key": "a.txt", "path": "x/y"}]}},
            {"secret": {"name": "s"}},
            {"downwardAPI": {"items": [{"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}]}},
            {"configMap": {"name": "c", "items": [{"key": "b", "path": "../../etc/passwd"}]}},
        ]}});
        let files = files(&pod, &volume, &view).expect("files");
        let names: Vec<&str> = files.keys().map(String::as_str).collect();
        assert_eq!(names, ["name", "p", "x/y"]);
        assert_eq!(files["p"], File { content: b"hello".to_vec(), mode: 0o400 });
        for (volume, error) in [
            (
                json!({"name": "v", "configMap": {"name": "zz"}}),
                "MountVolume.SetUp failed for volume \"v\" : configmap \"zz\" not found",
            ),
            (
                json!({"name": "v", "secret": {"secretName": "zz"}}),
                "MountVolume.SetUp failed for volume \"v\" : secret \"zz\" not found",
            ),
            (
                json!({"name": "v", "configMap": {"name": "c", "items": [{"key": "q", "path": "q"}]}}),
                "MountVolume.SetUp failed for volume \"v\" : configmap references non-existent config key: q",
            ),
        ] {
            let mut pod = pod.clone();
            pod["spec"] = json!({"volumes": [volume]});
            assert_eq!(failure(&pod, &view).as_deref(), Some(error));
        }
    }
}
