//! `patches`, `patchesStrategicMerge` and `patchesJson6902`.

use super::select::Matcher;
use crate::object::patch::json;
use crate::object::{Meta, Object, yaml};
use crate::ops::kustomize::id::Id;
use crate::ops::kustomize::kustomization::{Patch, PatchOptions};
use crate::ops::kustomize::loader::Loader;
use crate::ops::kustomize::merge;
use crate::ops::kustomize::read;
use crate::ops::kustomize::resource::{Resource, Resources, set_namespace};
use crate::ops::kustomize::schemas::Definitions;

/// A patch, read.
enum Read {
    Strategic(Vec<Object>),
    Json(Vec<Object>),
}

/// Applies an entry of `patches`.
///
/// # Errors
/// A patch that cannot be read or applied, or that means no object.
pub fn apply(resources: &mut Resources, patch: &Patch, loader: &Loader) -> anyhow::Result<()> {
    let others = loader.schemas.get().and_then(Option::as_ref);
    let inline = patch.patch.trim();
    let (text, source) = match (inline, patch.path.as_str()) {
        ("", "") => anyhow::bail!("must specify one of patch and path"),
        ("", path) => {
            let loaded = loader.load(path);
            let loaded =
                loaded.map_err(|error| anyhow::anyhow!("failed to get the patch file from path({path}): {error}"))?;
            (loaded, format!("[path: {path:?}]"))
        }
        (_, "") => (inline.as_bytes().to_vec(), format!("[patch: {inline:?}]")),
        _ => {
            let given = config(patch);
            anyhow::bail!("{}{}", trouble(&given, "patch and path can't be set at the same time\n"), given.trim_end());
        }
    };
    let read = read_patch(&text, &source).map_err(|error| anyhow::anyhow!(trouble(&config(patch), &error.to_string())));
    match (read?, &patch.target) {
        (Read::Json(_), None) => anyhow::bail!("must specify a target for JSON patch {source}"),
        (Read::Json(operations), Some(target)) => {
            let matcher = Matcher::new(target)?;
            for resource in &mut resources.0 {
                if matcher.fits(resource)? {
                    resource.remember();
                    // Notes of its own make that kustomize's objects have annotations by then.
                    let annotations = resource.object.at_mut(&["metadata", "annotations"]);
                    if annotations.is_null() {
                        *annotations = Object::Object(serde_json::Map::new());
                    }
                    json::apply_operations(&mut resource.object, &operations)?;
                }
            }
            Ok(())
        }
        (Read::Strategic(patches), Some(target)) => {
            let matcher = Matcher::new(target)?;
            let [patch_object] = patches.as_slice() else {
                anyhow::ensure!(
                    patches.len() < 2,
                    "Multiple Strategic-Merge Patches in one `patches` entry is not allowed to set `patches.target` field: {source}"
                );
                return Ok(());
            };
            let meant: Vec<bool> =
                resources.0.iter().map(|resource| matcher.fits(resource)).collect::<Result<_, _>>()?;
            for (resource, _) in resources.0.iter_mut().zip(meant).filter(|(_, meant)| *meant) {
                merge_into(resource, patch_object, patch.options, others)?;
            }
            without_duplicates(resources)
        }
        (Read::Strategic(patches), None) => {
            for object in &patches {
                let id = Id::of(object);
                let target = resources.find(&id);
                let target = target
                    .map_err(|error| anyhow::anyhow!("no resource matches strategic merge patch \"{id}\": {error}"))?;
                merge_into(target, object, patch.options, others)?;
            }
            Ok(())
        }
    }
}

/// An entry of `patches` as YAML, as errors show it.
fn config(patch: &Patch) -> String {
    let mut shown = Object::Object(serde_json::Map::new());
    for (field, text) in [("patch", &patch.patch), ("path", &patch.path)] {
        if !text.is_empty() {
            shown.set_at(&[field], text.as_str());
        }
    }
    if let Some(target) = &patch.target {
        for (field, text) in [
            ("annotationSelector", &target.annotation_selector),
            ("group", &target.gvk.group),
            ("kind", &target.gvk.kind),
            ("labelSelector", &target.label_selector),
            ("name", &target.name),
            ("namespace", &target.namespace),
            ("version", &target.gvk.version),
        ] {
            if !text.is_empty() {
                shown.set_at(&["target", field], text.as_str());
            }
        }
    }
    crate::output::yaml::to_string(&shown).unwrap_or_default()
}

fn trouble(config: &str, error: &str) -> String {
    format!("trouble configuring builtin PatchTransformer with config: `\n{config}`: {error}")
}

/// Applies an entry of `patchesStrategicMerge`: the patch itself, or a path.
///
/// # Errors
/// As for [`apply`].
pub fn apply_strategic(resources: &mut Resources, patch: &str, loader: &Loader) -> anyhow::Result<()> {
    let patches = match read::objects(patch.as_bytes()) {
        Ok(patches) => patches,
        Err(_) => read::objects(&loader.load(patch)?).map_err(|error| read::in_file(error, patch))?,
    };
    anyhow::ensure!(!patches.is_empty(), "patch appears to be empty; files=[{patch}], Patch=");
    let others = loader.schemas.get().and_then(Option::as_ref);
    for object in &patches {
        let target = resources.find(&Id::of(object))?;
        merge_into(target, object, PatchOptions::default(), others)?;
        resources.drop_empty();
    }
    without_duplicates(resources)
}

/// Applies an entry of `patchesJson6902`.
///
/// # Errors
/// As for [`apply`].
pub fn apply_json(resources: &mut Resources, patch: &Patch, loader: &Loader) -> anyhow::Result<()> {
    let Some(target) = &patch.target else {
        anyhow::bail!("must specify a target for patch {}", patch.patch);
    };
    anyhow::ensure!(!target.name.is_empty(), "must specify the target name");
    let text = match (patch.path.as_str(), patch.patch.as_str()) {
        ("", "") => anyhow::bail!("empty file path and empty jsonOp"),
        ("", inline) => inline.as_bytes().to_vec(),
        (path, "") => loader.load(path)?,
        _ => anyhow::bail!("must specify a file path or jsonOp, not both"),
    };
    anyhow::ensure!(!text.is_empty(), "patch file '{}' empty seems to be empty", patch.path);
    let operations = json_operations(&text)?;
    anyhow::ensure!(
        !operations.is_empty(),
        "patch appears to be empty; file={}, JsonOp={}",
        patch.path,
        String::from_utf8_lossy(&text)
    );
    let matcher = Matcher::new(target)?;
    for resource in &mut resources.0 {
        if matcher.fits(resource)? {
            json::apply_operations(&mut resource.object, &operations)?;
        }
    }
    Ok(())
}

fn read_patch(text: &[u8], source: &str) -> anyhow::Result<Read> {
    match (read::objects(text), json_operations(text)) {
        (Ok(patches), Ok(operations)) if !patches.is_empty() && !operations.is_empty() => {
            anyhow::bail!("illegally qualifies as both an SM and JSON patch: {source}")
        }
        (Ok(patches), _) => Ok(Read::Strategic(patches)),
        (Err(_), Ok(operations)) => Ok(Read::Json(operations)),
        (Err(_), Err(_)) => anyhow::bail!("unable to parse SM or JSON patch from {source}"),
    }
}

/// A list of operations, in JSON or YAML.
fn json_operations(text: &[u8]) -> anyhow::Result<Vec<Object>> {
    // What begins as JSON is read as JSON.
    let value = match text.trim_ascii_start().first() {
        Some(b'[') => serde_json::from_slice(text)?,
        _ => yaml::parse(text)?,
    };
    match value {
        Object::Array(operations) if operations.iter().all(Object::is_object) => Ok(operations),
        other => anyhow::bail!("{other} is no list of operations"),
    }
}

fn merge_into(
    resource: &mut Resource,
    patch: &Object,
    options: PatchOptions,
    others: Option<&Definitions>,
) -> anyhow::Result<()> {
    if options.allow_name_change || options.allow_kind_change {
        resource.remember();
    }
    let before = resource.id();
    let object = std::mem::take(&mut resource.object);
    let mut patch = patch.clone();
    patch.set_at(&["apiVersion"], before.gvk.api_version());
    let Some(mut merged) = merge::apply(object, &patch, &before.gvk, others)? else { return Ok(()) };
    if !options.allow_kind_change {
        merged.set_at(&["kind"], before.gvk.kind);
    }
    if !options.allow_name_change {
        merged.set_at(&["metadata", "name"], before.name);
    }
    set_namespace(&mut merged, &before.namespace);
    resource.object = merged;
    Ok(())
}

/// Takes out what patches deleted, and checks that no two objects are called the same.
fn without_duplicates(resources: &mut Resources) -> anyhow::Result<()> {
    resources.drop_empty();
    let all = std::mem::take(resources);
    resources.append_all(all)
}
