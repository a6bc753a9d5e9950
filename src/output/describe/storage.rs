//! StorageClasses, VolumeAttributesClasses and CSINodes.

use super::description::Description;
use super::events::events;
use super::parts::{created, heading};
use super::pv::requirements;
use super::related::Related;
use super::text::{bool_or_unset, go_list, int, is_set, one_line, strings};
use crate::object::{Meta, Object};

/// Annotations that make a class the default one.
const DEFAULT: [&str; 2] =
    ["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"];

pub(super) fn describe_class(d: &mut Description, class: &Object, related: &Related) -> anyhow::Result<()> {
    d.field(0, "Name", class.name());
    let default = DEFAULT.iter().any(|key| class.annotation(key) == Some("true"));
    d.field(0, "IsDefaultClass", if default { "Yes" } else { "No" });
    d.field(0, "Annotations", one_line(&class.annotations()));
    d.field(0, "Provisioner", class.str_at(&["provisioner"]));
    d.field(0, "Parameters", one_line(&class.map_at(&["parameters"])));
    d.field(0, "AllowVolumeExpansion", bool_or_unset(class, &["allowVolumeExpansion"]));
    let options = strings(class, &["mountOptions"]);
    if options.is_empty() {
        d.field(0, "MountOptions", "<none>");
    } else {
        d.line(0, "MountOptions:");
    }
    for option in options {
        d.line(1, option);
    }
    for (title, field) in [("ReclaimPolicy", "reclaimPolicy"), ("VolumeBindingMode", "volumeBindingMode")] {
        if let Some(text) = class.get(field).and_then(Object::as_str) {
            d.field(0, title, text);
        }
    }
    if is_set(class, &["allowedTopologies"]) {
        let terms = class.list_at(&["allowedTopologies"]);
        d.field(0, "AllowedTopologies", if terms.is_empty() { "<none>" } else { "" });
        for (index, term) in terms.iter().enumerate() {
            requirements(d, 1, index, term.list_at(&["matchLabelExpressions"]), |_| "in".to_owned());
        }
    }
    events(d, related);
    Ok(())
}

pub(super) fn describe_attributes_class(d: &mut Description, class: &Object, related: &Related) -> anyhow::Result<()> {
    d.field(0, "Name", class.name());
    d.field(0, "Annotations", one_line(&class.annotations()));
    d.field(0, "DriverName", class.str_at(&["driverName"]));
    d.field(0, "Parameters", one_line(&class.map_at(&["parameters"])));
    events(d, related);
    Ok(())
}

pub(super) fn describe_csi_node(d: &mut Description, node: &Object, related: &Related) -> anyhow::Result<()> {
    heading(d, node, false);
    created(d, node);
    d.line(0, "Spec:");
    if is_set(node, &["spec", "drivers"]) {
        d.line(1, "Drivers:");
        for driver in node.list_at(&["spec", "drivers"]) {
            d.line(2, format_args!("{}:", driver.str_at(&["name"])));
            d.field(3, "Node ID", driver.str_at(&["nodeID"]));
            if is_set(driver, &["allocatable", "count"]) {
                d.line(3, "Allocatables:");
                d.field(4, "Count", int(driver, &["allocatable", "count"]));
            }
            if is_set(driver, &["topologyKeys"]) {
                d.field(3, "Topology Keys", go_list(&strings(driver, &["topologyKeys"])));
            }
        }
    }
    events(d, related);
    Ok(())
}
