//! What the containers' states mean for their pod: its phase and its conditions.

use serde_json::json;

use super::container::{Kind, State, all, state_of, status_in};
use crate::object::{Meta, Object, Timestamp, time};

/// Whether a container that ended with this code is started again.
pub fn restarts(pod: &Object, kind: Kind, container: &Object, code: i64) -> bool {
    let own = container.str_at(&["restartPolicy"]);
    let policy = if own.is_empty() { pod.str_at(&["spec", "restartPolicy"]) } else { own };
    match (kind, policy) {
        (Kind::Sidecar, _) => true,
        (Kind::Ephemeral, _) | (_, "Never") => false,
        (Kind::Init, _) | (Kind::Main, "OnFailure") => code != 0,
        (Kind::Main, _) => true,
    }
}

/// The pod's phase, from the states of its containers.
pub fn phase(pod: &Object, status: &Object) -> &'static str {
    let initialized = main_started(pod, status);
    let (mut running, mut waiting, mut stopped, mut final_stops, mut succeeded, mut pending_init) = (0, 0, 0, 0, 0, 0);
    for (kind, container) in all(pod) {
        let own = status_in(status, kind, container.str_at(&["name"]));
        let last = own.and_then(|own| own.int_at(&["lastState", "terminated", "exitCode"]));
        let state = state_of(own);
        match kind {
            Kind::Ephemeral => {}
            Kind::Init => match (state, last) {
                (State::Terminated(_, 0), _) => {}
                (State::Terminated(_, code), _) | (State::Waiting(_), Some(code)) if code != 0 => {
                    if !restarts(pod, kind, container, code) {
                        return "Failed";
                    }
                    pending_init += 1;
                }
                _ => pending_init += 1,
            },
            Kind::Sidecar => match state {
                State::Running(_) => {
                    pending_init += i32::from(!initialized && !own.is_some_and(|own| own.bool_at(&["started"])));
                    running += 1;
                }
                State::Waiting(_) if last.is_none() => waiting += 1,
                State::Waiting(_) | State::Terminated(..) => {}
            },
            Kind::Main => match (state, last) {
                (State::Running(_), _) => running += 1,
                (State::Terminated(_, code), _) => {
                    stopped += 1;
                    succeeded += i32::from(code == 0);
                    final_stops += i32::from(!restarts(pod, kind, container, code));
                }
                (State::Waiting(_), Some(code)) => {
                    stopped += 1;
                    final_stops += i32::from(!restarts(pod, kind, container, code));
                }
                (State::Waiting(_), None) => waiting += 1,
            },
        }
    }
    if pending_init > 0 || waiting > 0 {
        "Pending"
    } else if running > 0 || stopped > final_stops {
        "Running"
    } else if stopped == 0 {
        "Pending"
    } else if stopped == succeeded {
        "Succeeded"
    } else {
        "Failed"
    }
}

fn main_started(pod: &Object, status: &Object) -> bool {
    pod.list_at(&["spec", "containers"]).iter().any(|container| {
        let own = status_in(status, Kind::Main, container.str_at(&["name"]));
        !matches!(state_of(own), State::Waiting(_))
            || own.is_some_and(|own| own.at(&["lastState", "terminated"]).is_some())
    })
}

/// Names in the manner of a Go slice: `[a b]`.
fn list(names: &[&str]) -> String {
    format!("[{}]", names.join(" "))
}

/// A condition's status, reason and message.
type Verdict = (bool, &'static str, String);

fn yes() -> Verdict {
    (true, "", String::new())
}

fn initialized(pod: &Object, status: &Object, phase: &str) -> Verdict {
    if phase == "Succeeded" {
        return (true, "PodCompleted", String::new());
    }
    if main_started(pod, status) {
        return yes();
    }
    let incomplete: Vec<&str> = all(pod)
        .filter(|(kind, container)| {
            let own = status_in(status, *kind, container.str_at(&["name"]));
            match kind {
                Kind::Init => !matches!(state_of(own), State::Terminated(_, 0)),
                Kind::Sidecar => !own.is_some_and(|own| own.bool_at(&["started"])),
                Kind::Main | Kind::Ephemeral => false,
            }
        })
        .map(|(_, container)| container.str_at(&["name"]))
        .collect();
    if incomplete.is_empty() {
        yes()
    } else {
        (false, "ContainersNotInitialized", format!("containers with incomplete status: {}", list(&incomplete)))
    }
}

fn containers_ready(pod: &Object, status: &Object, phase: &str) -> Verdict {
    match phase {
        "Succeeded" => return (false, "PodCompleted", String::new()),
        "Failed" => return (false, "PodFailed", String::new()),
        _ => {}
    }
    let unready: Vec<&str> = all(pod)
        .filter(|(kind, container)| {
            matches!(kind, Kind::Main | Kind::Sidecar)
                && !status_in(status, *kind, container.str_at(&["name"])).is_some_and(|own| own.bool_at(&["ready"]))
        })
        .map(|(_, container)| container.str_at(&["name"]))
        .collect();
    if unready.is_empty() {
        yes()
    } else {
        (false, "ContainersNotReady", format!("containers with unready status: {}", list(&unready)))
    }
}

fn ready(pod: &Object, status: &Object, containers: &Verdict) -> Verdict {
    if !containers.0 {
        return containers.clone();
    }
    let condition =
        |wanted: &str| status.list_at(&["conditions"]).iter().find(|condition| condition.str_at(&["type"]) == wanted);
    let missing: Vec<String> = pod
        .list_at(&["spec", "readinessGates"])
        .iter()
        .filter_map(|gate| {
            let gate = gate.str_at(&["conditionType"]);
            match condition(gate).map(|condition| condition.str_at(&["status"])) {
                None => Some(format!("corresponding condition of pod readiness gate {gate:?} does not exist.")),
                Some("True") => None,
                Some(other) => Some(format!("the status of pod readiness gate {gate:?} is not \"True\", but {other}")),
            }
        })
        .collect();
    if missing.is_empty() { yes() } else { (false, "ReadinessGatesNotReady", missing.join(", ")) }
}

/// Writes the phase and the kubelet's conditions into a pod's status. A condition whose status does
/// not change keeps its time.
pub fn update(pod: &Object, status: &mut Object, sandbox: bool, now: Timestamp) {
    let phase = phase(pod, status);
    let sandbox = sandbox && !matches!(phase, "Succeeded" | "Failed");
    let containers = containers_ready(pod, status, phase);
    let verdicts: [(&str, Verdict); 4] = [
        ("PodReadyToStartContainers", (sandbox, "", String::new())),
        ("Initialized", initialized(pod, status, phase)),
        ("Ready", ready(pod, status, &containers)),
        ("ContainersReady", containers),
    ];
    status["phase"] = json!(phase);
    let generation = pod.generation();
    let mut old: Vec<Object> = status.list_at(&["conditions"]).to_vec();
    let mut conditions = Vec::with_capacity(old.len() + 4);
    for (kind, (is_true, reason, message)) in verdicts {
        let before = old.iter().position(|condition| condition.str_at(&["type"]) == kind).map(|at| old.remove(at));
        let value = if is_true { "True" } else { "False" };
        let since = before
            .filter(|before| before.str_at(&["status"]) == value)
            .and_then(|before| before.at(&["lastTransitionTime"]).cloned())
            .unwrap_or_else(|| json!(time::rfc3339(now)));
        let mut condition = json!({"type": kind, "status": value, "lastProbeTime": null, "lastTransitionTime": since});
        if generation > 0 {
            condition["observedGeneration"] = json!(generation);
        }
        if !reason.is_empty() {
            condition["reason"] = json!(reason);
        }
        if !message.is_empty() {
            condition["message"] = json!(message);
        }
        conditions.push(condition);
    }
    conditions.append(&mut old);
    status["conditions"] = json!(conditions);
    if generation > 0 {
        status["observedGeneration"] = json!(generation);
    }
}

/// Since when a condition of the pod has been true.
pub fn true_since(status: &Object, kind: &str) -> Option<Timestamp> {
    let condition = status.list_at(&["conditions"]).iter().find(|condition| condition.str_at(&["type"]) == kind)?;
    (condition.str_at(&["status"]) == "True").then(|| condition.time_at(&["lastTransitionTime"]))?
}
