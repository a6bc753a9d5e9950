//! Container statuses: which containers a pod has, in which state each is, and the next state.

use serde_json::json;

use super::chance;
use super::images::Reference;
use crate::object::{Meta, Object, Timestamp, time};

/// The lists of containers that a pod has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Runs to its end before the next starts.
    Init,
    /// An init container that stays beside the main ones (`restartPolicy: Always`).
    Sidecar,
    /// Of `spec.containers`.
    Main,
    /// Added to a running pod for debugging.
    Ephemeral,
}

impl Kind {
    /// The field of `spec` that lists such containers.
    pub fn spec_field(self) -> &'static str {
        match self {
            Self::Init | Self::Sidecar => "initContainers",
            Self::Main => "containers",
            Self::Ephemeral => "ephemeralContainers",
        }
    }

    /// The field of `status` that lists their states.
    pub fn status_field(self) -> &'static str {
        match self {
            Self::Init | Self::Sidecar => "initContainerStatuses",
            Self::Main => "containerStatuses",
            Self::Ephemeral => "ephemeralContainerStatuses",
        }
    }
}

/// The init containers of a pod, the main ones, the ephemeral ones.
pub fn all(pod: &Object) -> impl Iterator<Item = (Kind, &Object)> {
    let init = pod.list_at(&["spec", "initContainers"]).iter().map(|container| {
        let kind = if container.str_at(&["restartPolicy"]) == "Always" { Kind::Sidecar } else { Kind::Init };
        (kind, container)
    });
    let main = pod.list_at(&["spec", "containers"]).iter().map(|container| (Kind::Main, container));
    let ephemeral = pod.list_at(&["spec", "ephemeralContainers"]).iter().map(|container| (Kind::Ephemeral, container));
    init.chain(main).chain(ephemeral)
}

/// The container of that name and its kind.
pub fn find<'a>(pod: &'a Object, name: &str) -> Option<(Kind, &'a Object)> {
    all(pod).find(|(_, container)| container.str_at(&["name"]) == name)
}

/// The status of a container, in a pod's `status`.
pub fn status_in<'a>(status: &'a Object, kind: Kind, name: &str) -> Option<&'a Object> {
    status.list_at(&[kind.status_field()]).iter().find(|status| status.str_at(&["name"]) == name)
}

/// The state that a container's status describes.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// Not created yet, or hindered: the reason.
    Waiting(String),
    /// Since this moment.
    Running(Timestamp),
    /// Ended at this moment with this code.
    Terminated(Timestamp, i64),
}

/// Reads the state of a container's status.
pub fn state_of(status: Option<&Object>) -> State {
    let Some(status) = status else { return State::Waiting(String::new()) };
    if let Some(running) = status.at(&["state", "running"]) {
        return State::Running(running.time_at(&["startedAt"]).unwrap_or_default());
    }
    if let Some(terminated) = status.at(&["state", "terminated"]) {
        let finished = terminated.time_at(&["finishedAt"]).unwrap_or_default();
        return State::Terminated(finished, terminated.int_at(&["exitCode"]).unwrap_or(0));
    }
    State::Waiting(status.str_at(&["state", "waiting", "reason"]).to_owned())
}

/// The status of a container that waits for its first start.
pub fn waiting(container: &Object, reason: &str) -> Object {
    let mut status = json!({
        "name": container.str_at(&["name"]),
        "image": container.str_at(&["image"]),
        "imageID": "",
        "lastState": {},
        "ready": false,
        "restartCount": 0,
        "started": false,
        "state": {"waiting": {"reason": reason}},
    });
    add_mounts(&mut status, container);
    status
}

fn add_mounts(status: &mut Object, container: &Object) {
    let mounts: Vec<Object> = container
        .list_at(&["volumeMounts"])
        .iter()
        .map(|mount| {
            let mut out = json!({"name": mount.str_at(&["name"]), "mountPath": mount.str_at(&["mountPath"])});
            if mount.bool_at(&["readOnly"]) {
                out["readOnly"] = json!(true);
                out["recursiveReadOnly"] = json!("Disabled");
            }
            out
        })
        .collect();
    if !mounts.is_empty() {
        status["volumeMounts"] = json!(mounts);
    }
}

/// The status of a container that starts now, after `old`.
pub fn started(
    pod: &Object,
    container: &Object,
    old: &Object,
    now: Timestamp,
    has_startup: bool,
    has_readiness: bool,
) -> Object {
    let name = container.str_at(&["name"]);
    let ran_before = old.at(&["state", "terminated"]).or_else(|| old.at(&["lastState", "terminated"]));
    let restarts = old.int_at(&["restartCount"]).unwrap_or(0) + i64::from(ran_before.is_some());
    let id = chance::hex64(&format!("{}/{name}/{restarts}", pod.uid()));
    let reference = Reference::parse(container.str_at(&["image"])).ok();
    let mut status = waiting(container, "");
    status["image"] = json!(reference.as_ref().map(Reference::full).unwrap_or_default());
    status["imageID"] = json!(reference.as_ref().map(Reference::id).unwrap_or_default());
    status["containerID"] = json!(format!("containerd://{id}"));
    status["state"] = json!({"running": {"startedAt": time::rfc3339(now)}});
    status["restartCount"] = json!(restarts);
    status["started"] = json!(!has_startup);
    status["ready"] = json!(!has_startup && !has_readiness);
    if let Some(terminated) = ran_before {
        status["lastState"] = json!({"terminated": terminated});
    }
    status["resources"] = container.at(&["resources"]).cloned().unwrap_or_else(|| json!({}));
    if let Some(requests) = container.at(&["resources", "requests"]) {
        status["allocatedResources"] = requests.clone();
    }
    status["user"] = json!({"linux": user(pod, container)});
    status
}

fn user(pod: &Object, container: &Object) -> Object {
    let of = |field: &str| {
        let own = container.int_at(&["securityContext", field]);
        own.or_else(|| pod.int_at(&["spec", "securityContext", field])).unwrap_or(0)
    };
    let gid = of("runAsGroup");
    let mut groups = vec![gid];
    groups.extend(pod.int_at(&["spec", "securityContext", "fsGroup"]));
    groups.extend(pod.list_at(&["spec", "securityContext", "supplementalGroups"]).iter().filter_map(Object::as_i64));
    groups.dedup();
    json!({"uid": of("runAsUser"), "gid": gid, "supplementalGroups": groups})
}

/// Turns a running container's status into that of one that ended.
pub fn terminate(status: &mut Object, code: i64, finished: Timestamp) {
    let started = status.str_at(&["state", "running", "startedAt"]).to_owned();
    let id = status.str_at(&["containerID"]).to_owned();
    status["state"] = json!({"terminated": {
        "containerID": id,
        "exitCode": code,
        "finishedAt": time::rfc3339(finished),
        "reason": if code == 0 { "Completed" } else { "Error" },
        "startedAt": started,
    }});
    status["ready"] = json!(false);
    status["started"] = json!(false);
}

/// Turns an ended container's status into that of one that waits for its restart.
pub fn back_off(status: &mut Object, reason: &str, message: &str) {
    if let Some(terminated) = status.at(&["state", "terminated"]).cloned() {
        status["lastState"] = json!({"terminated": terminated});
    }
    let mut waiting = json!({"reason": reason});
    if !message.is_empty() {
        waiting["message"] = json!(message);
    }
    status["state"] = json!({"waiting": waiting});
    status["started"] = json!(false);
    status["ready"] = json!(false);
}
