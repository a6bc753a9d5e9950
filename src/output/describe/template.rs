//! Pod templates.

use super::container::{Owner, containers};
use super::description::Description;
use super::parts::{annotations, labels, tolerations};
use super::text::is_set;
use super::volumes::volumes;
use crate::object::labels::format_selector;
use crate::object::{Meta, Object};

/// Writes a pod template; null is one that is not set.
pub(super) fn pod_template(d: &mut Description, template: &Object) {
    d.line(0, "Pod Template:");
    if template.is_null() {
        d.put(1, "<unset>");
        return;
    }
    let spec = template.get("spec").unwrap_or(&Object::Null);
    labels(d, "  Labels", &template.labels());
    let notes = template.annotations();
    if !notes.is_empty() {
        annotations(d, "  Annotations", &notes);
    }
    d.field_if(1, "Service Account", spec.str_at(&["serviceAccountName"]));
    let init = spec.list_at(&["initContainers"]);
    if !init.is_empty() {
        containers(d, "Init Containers", init, &[], Owner::Template);
    }
    containers(d, "Containers", spec.list_at(&["containers"]), &[], Owner::Template);
    volumes(d, spec.list_at(&["volumes"]), "  ");
    spread_constraints(d, spec.list_at(&["topologySpreadConstraints"]), "  ");
    d.field_if(1, "Priority Class Name", spec.str_at(&["priorityClassName"]));
    labels(d, "  Node-Selectors", &spec.map_at(&["nodeSelector"]));
    tolerations(d, "  Tolerations", spec.list_at(&["tolerations"]));
    scheduling_group(d, spec, "  ");
}

/// Topology spread constraints in the order of their keys.
pub(super) fn spread_constraints(d: &mut Description, constraints: &[Object], space: &str) {
    let mut sorted: Vec<&Object> = constraints.iter().collect();
    sorted.sort_by_key(|constraint| constraint.str_at(&["topologyKey"]));
    for (index, constraint) in sorted.into_iter().enumerate() {
        let title = if index == 0 { "Topology Spread Constraints:" } else { "" };
        let (key, otherwise) = (constraint.str_at(&["topologyKey"]), constraint.str_at(&["whenUnsatisfiable"]));
        let skew = constraint.int_at(&["maxSkew"]).unwrap_or(0);
        let selector = match constraint.get("labelSelector") {
            None | Some(Object::Null) => String::new(),
            selector => format!(" for selector {}", format_selector(selector)),
        };
        d.line(0, format_args!("{space}{title}\t{key}:{otherwise} when max skew {skew} is exceeded{selector}"));
    }
}

/// The group with which a pod is scheduled, where there is one.
pub(super) fn scheduling_group(d: &mut Description, spec: &Object, space: &str) {
    if is_set(spec, &["schedulingGroup"]) {
        d.line(0, format_args!("{space}SchedulingGroup:"));
        d.field(1, "PodGroupName", spec.str_at(&["schedulingGroup", "podGroupName"]));
    }
}
