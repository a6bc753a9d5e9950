//! PersistentVolumes.

use super::description::Description;
use super::events::events;
use super::parts::{heading, phase};
use super::pvc::{access_modes, class_of};
use super::related::Related;
use super::text::{go_list, is_set, quantity_text, strings};
use super::volumes::persistent_source;
use crate::object::{Meta, Object};

pub(super) fn describe(d: &mut Description, volume: &Object, related: &Related) -> anyhow::Result<()> {
    let spec = volume.get("spec").unwrap_or(&Object::Null);
    heading(d, volume, false);
    d.field(0, "Finalizers", go_list(&strings(volume, &["metadata", "finalizers"])));
    d.field(0, "StorageClass", class_of(volume, "storageClassName"));
    phase(d, volume);
    if is_set(spec, &["claimRef"]) {
        let part = |name: &str| spec.str_at(&["claimRef", name]);
        d.field(0, "Claim", format_args!("{}/{}", part("namespace"), part("name")));
    } else {
        d.field(0, "Claim", "");
    }
    d.field(0, "Reclaim Policy", spec.str_at(&["persistentVolumeReclaimPolicy"]));
    d.field(0, "Access Modes", access_modes(spec.list_at(&["accessModes"])));
    if let Some(mode) = spec.get("volumeMode").and_then(Object::as_str) {
        d.field(0, "VolumeMode", mode);
    }
    d.field(0, "Capacity", quantity_text(spec, &["capacity", "storage"]));
    node_affinity(d, spec);
    d.field(0, "Message", volume.str_at(&["status", "message"]));
    d.line(0, "Source:");
    persistent_source(d, spec);
    events(d, related);
    Ok(())
}

fn node_affinity(d: &mut Description, spec: &Object) {
    let Some(required) = spec.at(&["nodeAffinity", "required"]).filter(|required| !required.is_null()) else {
        d.field(0, "Node Affinity", "<none>");
        return;
    };
    d.field(0, "Node Affinity", "");
    let terms = required.list_at(&["nodeSelectorTerms"]);
    d.field(1, "Required Terms", if terms.is_empty() { "<none>" } else { "" });
    for (index, term) in terms.iter().enumerate() {
        let expressions = term.list_at(&["matchExpressions"]);
        requirements(d, 2, index, expressions, |expression| expression.str_at(&["operator"]).to_lowercase());
    }
}

/// A numbered term: `key operator [values]`, one requirement a line.
pub(super) fn requirements(
    d: &mut Description,
    level: usize,
    index: usize,
    requirements: &[Object],
    operator: fn(&Object) -> String,
) {
    d.put(level, format_args!("Term {index}:\t"));
    if requirements.is_empty() {
        d.line(0, "<none>");
    }
    for (index, requirement) in requirements.iter().enumerate() {
        if index > 0 {
            d.put(level, "\t");
        }
        let mut text = format!("{} {}", requirement.str_at(&["key"]), operator(requirement));
        let values = strings(requirement, &["values"]);
        if !values.is_empty() {
            text.push_str(&format!(" [{}]", values.join(", ")));
        }
        d.line(0, text);
    }
}
