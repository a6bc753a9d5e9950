//! Nodes that faults take down: the annotation that does it comes and goes with the fault.

use serde_json::json;

use super::{FAULTS, Known};
use crate::backend::controllers::node::FAILED;
use crate::backend::controllers::{Change, Controller, Key, Outcome, View, Write};
use crate::object::{Meta, Object};

/// Set beside the annotation that takes a node down, where a fault did it.
const BY_FAULT: &str = "kctl.dev/failed-by-fault";

/// Takes nodes down while there is a fault that wants it.
#[derive(Debug, Default)]
pub struct FaultController {
    faults: Known,
}

impl Controller for FaultController {
    fn name(&self) -> &'static str {
        "fault-controller"
    }

    fn watches(&self) -> &'static [&'static str] {
        &["nodes", FAULTS]
    }

    fn keys(&self, change: &Change, view: &View) -> Vec<Key> {
        if change.key.resource == FAULTS {
            let key = |node: &Object| Key { resource: "nodes", namespace: String::new(), name: node.name().into() };
            return view.list("nodes", None).map(|node| key(node)).collect();
        }
        vec![change.key.clone()]
    }

    fn reconcile(&self, key: &Key, view: &View) -> Outcome {
        let Some(node) = view.at(key) else { return Outcome::default() };
        let down = self.faults.of(view).is_down(node);
        let by_fault = node.annotation(BY_FAULT).is_some();
        let mut object = Object::clone(node);
        if down && node.annotation(FAILED).is_none() {
            object.set_at(&["metadata", "annotations", FAILED], json!("true"));
            object.set_at(&["metadata", "annotations", BY_FAULT], json!("true"));
        } else if !down && by_fault {
            object.remove_at(&["metadata", "annotations", FAILED]);
            object.remove_at(&["metadata", "annotations", BY_FAULT]);
        } else {
            return Outcome::default();
        }
        Outcome { writes: vec![Write::Update { resource: "nodes", object }], requeue_at: None }
    }
}
