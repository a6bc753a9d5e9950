//! Revisions of daemon sets and stateful sets: controller revisions, each a patch that brings the
//! workload back to what it was.

use serde_json::json;

use super::{CHANGE_CAUSE, Revision, Undo, empty, owned};
use crate::client::Client;
use crate::client::request::PatchType;
use crate::object::patch::strategic;
use crate::object::{Meta, Object, schema};
use crate::ops::typed::typed;

pub(super) async fn history(client: &Client, workload: &Object, kind: &str) -> anyhow::Result<Vec<Revision>> {
    let records = owned(client, workload, "controllerrevisions").await.map_err(|error| {
        anyhow::anyhow!("unable to find history controlled by {kind} {}: {error:#}", workload.name())
    })?;
    records.into_iter().map(|record| revision(workload, record)).collect()
}

fn revision(workload: &Object, record: Object) -> anyhow::Result<Revision> {
    let number = record.int_at(&["revision"]).unwrap_or(0);
    let data = record.get("data").cloned().unwrap_or_else(empty);
    let of = schema::of_object(workload).ok_or_else(|| anyhow::anyhow!("unable to parse history {}", record.name()))?;
    let object = typed(strategic::apply(workload.clone(), data, of)?);
    Ok(Revision {
        number,
        change_cause: record.annotation(CHANGE_CAUSE).unwrap_or_default().to_owned(),
        template: object.at(&["spec", "template"]).cloned().unwrap_or_else(empty),
        object,
        record,
    })
}

/// The patch that the controller keeps of the workload as it is now.
fn present(workload: &Object) -> Object {
    let workload = typed(workload.clone());
    let mut template = workload.at(&["spec", "template"]).cloned().unwrap_or_else(empty);
    template.set_at(&["$patch"], "replace");
    json!({"spec": {"template": template}})
}

pub(super) fn undo(workload: &Object, revision: &Revision) -> Undo {
    let data = revision.record.get("data").cloned().unwrap_or_else(empty);
    if data == present(workload) { Undo::Skipped } else { Undo::Patch(PatchType::Strategic, data) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_a_patch() {
        let template = |image: &str| json!({"metadata": {}, "spec": {"containers": [{"name": "c", "image": image, "resources": {}}]}});
        let set = |image: &str| {
            json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "agent"},
                "spec": {"selector": {}, "template": template(image)}})
        };
        let mut data = json!({"spec": {"template": template("a")}});
        data["spec"]["template"]["$patch"] = json!("replace");
        let record =
            json!({"metadata": {"name": "r", "annotations": {(CHANGE_CAUSE): "why"}}, "revision": 3, "data": data});
        let revision = revision(&set("b"), record).unwrap();
        assert_eq!((revision.number, revision.change_cause.as_str()), (3, "why"));
        assert_eq!(revision.template["spec"]["containers"][0]["image"], json!("a"));
        assert_eq!(undo(&set("a"), &revision), Undo::Skipped);
        assert_eq!(undo(&set("b"), &revision), Undo::Patch(PatchType::Strategic, data));
    }
}
