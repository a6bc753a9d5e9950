//! DaemonSets.

use super::description::Description;
use super::events::events;
use super::parts::{annotations, labels};
use super::related::Related;
use super::replicas::count;
use super::template::pod_template;
use super::text::{int, one_line};
use crate::object::labels::Selector;
use crate::object::{Meta, Object};

pub(super) fn describe(d: &mut Description, set: &Object, related: &Related) -> anyhow::Result<()> {
    let selector = Selector::from_object(set.at(&["spec", "selector"]))?;
    let counts = count(set, related)?;
    d.field(0, "Name", set.name());
    d.field(0, "Namespace", set.namespace());
    d.field(0, "Selector", selector);
    d.field(0, "Node-Selector", one_line(&set.map_at(&["spec", "template", "spec", "nodeSelector"])));
    labels(d, "Labels", &set.labels());
    annotations(d, "Annotations", &set.annotations());
    for (title, field) in [
        ("Desired Number of Nodes Scheduled", "desiredNumberScheduled"),
        ("Current Number of Nodes Scheduled", "currentNumberScheduled"),
        ("Number of Nodes Scheduled with Up-to-date Pods", "updatedNumberScheduled"),
        ("Number of Nodes Scheduled with Available Pods", "numberAvailable"),
        ("Number of Nodes Misscheduled", "numberMisscheduled"),
    ] {
        d.line(0, format_args!("{title}: {}", int(set, &["status", field])));
    }
    d.field(0, "Pods Status", counts);
    pod_template(d, set.at(&["spec", "template"]).unwrap_or(&Object::Null));
    events(d, related);
    Ok(())
}
