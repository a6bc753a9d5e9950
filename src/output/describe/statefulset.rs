//! StatefulSets.

use super::description::Description;
use super::events::events;
use super::parts::{annotations, created, labels, labels_indented};
use super::pvc;
use super::related::Related;
use super::replicas::count;
use super::template::pod_template;
use super::text::{go_list, int, quantity_text, strings, text_at};
use crate::object::labels::Selector;
use crate::object::{Meta, Object};

pub(super) fn describe(d: &mut Description, set: &Object, related: &Related) -> anyhow::Result<()> {
    let selector = Selector::from_object(set.at(&["spec", "selector"]))?;
    let counts = count(set, related)?;
    d.field(0, "Name", set.name());
    d.field(0, "Namespace", set.namespace());
    created(d, set);
    d.field(0, "Selector", selector);
    labels(d, "Labels", &set.labels());
    annotations(d, "Annotations", &set.annotations());
    let (desired, total) = (int(set, &["spec", "replicas"]), int(set, &["status", "replicas"]));
    d.field(0, "Replicas", format_args!("{desired} desired | {total} total"));
    d.field(0, "Update Strategy", set.str_at(&["spec", "updateStrategy", "type"]));
    if let Some(rolling) = set.at(&["spec", "updateStrategy", "rollingUpdate"])
        && let Some(partition) = rolling.int_at(&["partition"])
    {
        d.field(1, "Partition", partition);
        d.field_if(1, "MaxUnavailable", &text_at(rolling, &["maxUnavailable"], ""));
    }
    d.field(0, "Pods Status", counts);
    pod_template(d, set.at(&["spec", "template"]).unwrap_or(&Object::Null));
    claims(d, set.list_at(&["spec", "volumeClaimTemplates"]));
    events(d, related);
    Ok(())
}

fn claims(d: &mut Description, claims: &[Object]) {
    if claims.is_empty() {
        d.field(0, "Volume Claims", "<none>");
        return;
    }
    d.line(0, "Volume Claims:");
    for claim in claims {
        d.field(1, "Name", claim.name());
        d.field(1, "StorageClass", pvc::class(claim));
        labels_indented(d, "  ", "Labels", &claim.labels());
        labels_indented(d, "  ", "Annotations", &claim.annotations());
        let capacity = ["spec", "resources", "requests", "storage"];
        match claim.at(&capacity) {
            Some(_) => d.field(1, "Capacity", quantity_text(claim, &capacity)),
            None => d.field(1, "Capacity", "<default>"),
        }
        d.field(1, "Access Modes", go_list(&strings(claim, &["spec", "accessModes"])));
    }
}
