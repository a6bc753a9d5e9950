//! The simulated kubelet: pods move by a table of stages, their images are data, and what runs in
//! them is computed; only `exec` runs a process.
//!
//! | file | what it knows |
//! | --- | --- |
//! | [`pod`], `container`, [`conditions`], [`probes`] | one look at a pod: from its status and the time to the next status |
//! | [`stages`], `data/stages.yaml` | how long each state lasts and what is said at its end |
//! | [`lifecycle`] | behaviour that users bring: kwok's stages |
//! | [`images`], `data/images.yaml` | what is known of an image, and what its registry says |
//! | [`process`], [`programs`], [`shell`] | what runs in a container: what it logs, answers, and when it ends |
//! | [`env`], [`volumes`] | the container's environment and files |
//! | [`logs`] | a container's log, and who reads it |
//! | [`streams`], [`exec`], [`remote`], [`sandbox`], [`pty`] | what a node streams: logs, processes in containers |
//! | [`network`] | pods that listen, Services that balance, while the cluster is served |
//! | [`nodes`], `addresses` | nodes, and what they have given away |
//!
//! A container's log needs no process either: what a program writes by itself follows from when it
//! started, so it is computed when somebody reads it. Only what comes from outside (requests) is kept in a file.

#![allow(clippy::result_large_err, reason = "a refusal is a `Status`, and refusals are rare")]

pub mod access;
mod addresses;
mod bundled;
pub mod chance;
mod channels;
pub mod conditions;
pub mod container;
pub mod env;
pub mod exec;
pub mod forward;
pub mod images;
pub mod lifecycle;
pub mod logs;
pub mod network;
pub mod nodes;
pub mod plain;
mod pod;
pub mod probes;
pub mod process;
pub mod programs;
pub mod pty;
mod recorder;
pub mod remote;
pub mod sandbox;
pub mod shell;
pub mod stages;
pub mod streams;
#[cfg(test)]
mod tests;
pub mod volumes;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use images::Images;
use stages::Stages;

use super::controllers::{Change, Controller, Key, Outcome, View};
use super::faults;
use crate::object::{Meta, Object, Timestamp};

/// The fields of a pod's status with the states of its containers.
const STATUSES: [&str; 3] = ["initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"];

/// The kubelets of all nodes.
pub struct Kubelet {
    images: &'static Images,
    stages: &'static Stages,
    /// Stages that users brought.
    lifecycle: lifecycle::Stages,
    /// What goes wrong.
    faults: faults::Known,
    /// When each pod was last looked at, by UID, and whether it was being deleted: for reports that
    /// change no status.
    seen: Mutex<HashMap<String, (Timestamp, bool)>>,
}

impl Default for Kubelet {
    fn default() -> Self {
        Self::new()
    }
}

impl Kubelet {
    /// The kubelets, with the tables that come with the program.
    pub fn new() -> Self {
        Self {
            images: Images::bundled(),
            stages: Stages::bundled(),
            lifecycle: lifecycle::Stages::default(),
            faults: faults::Known::default(),
            seen: Mutex::default(),
        }
    }
}

/// The kubelets, what moves by the stages that users bring, and what goes wrong.
pub fn controllers() -> Vec<Box<dyn Controller>> {
    let kubelet = Kubelet::new();
    let lifecycle = lifecycle::Lifecycle::new(kubelet.lifecycle.clone());
    vec![Box::new(kubelet), Box::new(lifecycle), Box::new(faults::FaultController::default())]
}

/// `time` and so much more, or the last moment there is.
pub(crate) fn later(time: Timestamp, by: Duration) -> Timestamp {
    jiff::SignedDuration::try_from(by).ok().and_then(|by| time.checked_add(by).ok()).unwrap_or(Timestamp::MAX)
}

impl Controller for Kubelet {
    fn name(&self) -> &'static str {
        "kubelet"
    }

    fn watches(&self) -> &'static [&'static str] {
        &["pods", "nodes", "configmaps", "secrets", faults::FAULTS, lifecycle::STAGES]
    }

    fn keys(&self, change: &Change, view: &View) -> Vec<Key> {
        let pod_key =
            |pod: &Object| Key { resource: "pods", namespace: pod.namespace().into(), name: pod.name().into() };
        match change.key.resource {
            "pods" => {
                let mut keys = Vec::new();
                match &change.new {
                    Some(pod) if !pod.str_at(&["spec", "nodeName"]).is_empty() => {
                        keys.push(change.key.clone());
                        let node = pod.str_at(&["spec", "nodeName"]);
                        let listed = view.get("nodes", "", node).map(|node| node.list_at(&["status", "images"]));
                        if has_new_image(change.old.as_deref(), pod, listed.unwrap_or_default()) {
                            let node = node.to_owned();
                            keys.push(Key { resource: "nodes", namespace: String::new(), name: node });
                        }
                    }
                    Some(_) => {}
                    None => {
                        if let Some(old) = &change.old {
                            self.seen.lock().unwrap_or_else(PoisonError::into_inner).remove(old.uid());
                        }
                    }
                }
                keys
            }
            "nodes" => {
                let was_failed = change.old.as_deref().is_some_and(nodes::is_failed);
                let is_failed = change.new.as_deref().is_some_and(nodes::is_failed);
                let mut keys = vec![change.key.clone()];
                if (was_failed || change.old.is_none()) && !is_failed {
                    keys.extend(view.pods_on(&change.key.name).map(|pod| pod_key(pod)));
                }
                keys
            }
            // They may be about any of them.
            faults::FAULTS | lifecycle::STAGES => {
                let node_key =
                    |node: &Object| Key { resource: "nodes", namespace: String::new(), name: node.name().into() };
                let pods = view.list("pods", None).filter(|pod| !pod.str_at(&["spec", "nodeName"]).is_empty());
                pods.map(|pod| pod_key(pod)).chain(view.list("nodes", None).map(|node| node_key(node))).collect()
            }
            // Pods that wait for what has just come.
            _ if change.new.is_some() => view
                .list("pods", Some(&change.key.namespace))
                .filter(|pod| {
                    pod.str_at(&["status", "phase"]) == "Pending" && !pod.str_at(&["spec", "nodeName"]).is_empty()
                })
                .map(|pod| pod_key(pod))
                .collect(),
            _ => Vec::new(),
        }
    }

    fn reconcile(&self, key: &Key, view: &View) -> Outcome {
        let Some(object) = view.at(key) else { return Outcome::default() };
        if self.lifecycle.own(key.resource, object, view) {
            return Outcome::default();
        }
        if key.resource == "nodes" {
            return nodes::reconcile(object, view, &self.faults.of(view));
        }
        let Some(node) = view.get("nodes", "", object.str_at(&["spec", "nodeName"])) else { return Outcome::default() };
        if nodes::is_failed(node) {
            return Outcome::default();
        }
        let look = (view.now(), object.deletion_timestamp().is_some());
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(object.uid().to_owned(), look);
        pod::Sync::new(self, object, node, view, seen).run()
    }
}

/// Whether the pod has a container from an image that it had none of before, and that is not listed as its
/// node's.
fn has_new_image(old: Option<&Object>, new: &Object, listed: &[Object]) -> bool {
    let statuses = || STATUSES.iter().flat_map(|field| new.list_at(&["status", field]));
    let is_listed = |own: &Object| {
        let names = listed.iter().flat_map(|image| image.list_at(&["names"]));
        names.filter_map(Object::as_str).any(|name| name == own.str_at(&["image"]))
    };
    if statuses().all(|own| own.str_at(&["imageID"]).is_empty() || is_listed(own)) {
        return false;
    }
    let ids = |pod: &Object| -> Vec<String> {
        STATUSES
            .iter()
            .flat_map(|field| pod.list_at(&["status", field]))
            .map(|own| own.str_at(&["imageID"]).to_owned())
            .filter(|id| !id.is_empty())
            .collect()
    };
    let before = old.map(ids).unwrap_or_default();
    ids(new).iter().any(|id| !before.contains(id))
}
