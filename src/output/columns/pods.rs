//! Pods and pod templates.

use super::{AGE, Cell, Column, NAME, cells};
use crate::object::{Meta, Object, Timestamp, time};

pub(super) const PODS: &[Column] = &[
    NAME,
    Column::string("Ready", |pod, _| {
        let summary = PodSummary::of(pod);
        format!("{}/{}", summary.ready, summary.total).into()
    }),
    Column::string("Status", |pod, _| PodSummary::of(pod).status.into()),
    Column::string("Restarts", |pod, now| PodSummary::of(pod).restarts_text(now).into()),
    AGE,
    Column::string("IP", |pod, _| match pod.list_at(&["status", "podIPs"]) {
        [first, ..] => cells::string_or(first, &["ip"], "<none>"),
        [] => "<none>".into(),
    })
    .wide(),
    Column::string("Node", |pod, _| cells::string_or(pod, &["spec", "nodeName"], "<none>")).wide(),
    Column::string("Nominated Node", |pod, _| cells::string_or(pod, &["status", "nominatedNodeName"], "<none>")).wide(),
    Column::string("Readiness Gates", |pod, _| readiness_gates(pod)).wide(),
];

pub(super) const POD_TEMPLATES: &[Column] = &[
    NAME,
    Column::string("Containers", |object, _| cells::container_names(object, &["template", "spec", "containers"])),
    Column::string("Images", |object, _| cells::container_images(object, &["template", "spec", "containers"])),
    Column::string("Pod Labels", |object, _| cells::label_map(object, &["template", "metadata", "labels"])),
];

fn readiness_gates(pod: &Object) -> Cell {
    let gates = pod.list_at(&["spec", "readinessGates"]);
    if gates.is_empty() {
        return "<none>".into();
    }
    let met = gates.iter().filter(|gate| cells::condition_is_true(pod, gate.str_at(&["conditionType"]))).count();
    format!("{met}/{}", gates.len()).into()
}

/// What a pod's containers amount to: the READY, STATUS and RESTARTS of a table.
#[derive(Debug, PartialEq, Eq)]
pub struct PodSummary {
    /// Containers (and sidecars) that are ready.
    pub ready: usize,
    /// Containers and sidecars.
    pub total: usize,
    /// The word that tells best how the pod is: `Running`, `CrashLoopBackOff`, `Init:0/2`.
    pub status: String,
    /// Restarts of the containers that count in this phase.
    pub restarts: i64,
    /// When the last of them ended.
    pub last_restart: Option<Timestamp>,
}

impl PodSummary {
    /// Sums up a pod.
    pub fn of(pod: &Object) -> Self {
        let phase = pod.str_at(&["status", "phase"]);
        let mut summary = Self { ready: 0, total: 0, status: phase.to_owned(), restarts: 0, last_restart: None };
        if !pod.str_at(&["status", "reason"]).is_empty() {
            summary.status = pod.str_at(&["status", "reason"]).to_owned();
        }
        if cells::condition(pod, "PodScheduled").is_some_and(|it| it.str_at(&["reason"]) == "SchedulingGated") {
            summary.status = "SchedulingGated".to_owned();
        }
        let init_containers = pod.list_at(&["spec", "initContainers"]);
        let is_sidecar = |name: &str| {
            init_containers.iter().any(|it| it.str_at(&["name"]) == name && it.str_at(&["restartPolicy"]) == "Always")
        };
        let sidecars = init_containers.iter().filter(|it| it.str_at(&["restartPolicy"]) == "Always").count();
        summary.total = pod.list_at(&["spec", "containers"]).len() + sidecars;

        let mut sidecar_restarts = 0;
        let mut sidecar_last_restart = None;
        let mut initializing = false;
        for (index, container) in pod.list_at(&["status", "initContainerStatuses"]).iter().enumerate() {
            let sidecar = is_sidecar(container.str_at(&["name"]));
            summary.count_restarts(container);
            if sidecar {
                sidecar_restarts += container.int_at(&["restartCount"]).unwrap_or(0);
                sidecar_last_restart = sidecar_last_restart.max(last_end(container));
            }
            let terminated = container.at(&["state", "terminated"]);
            let waiting = container.str_at(&["state", "waiting", "reason"]);
            if terminated.is_some_and(|it| it.int_at(&["exitCode"]) == Some(0)) {
                continue;
            }
            if sidecar && container.bool_at(&["started"]) {
                summary.ready += usize::from(container.bool_at(&["ready"]));
                continue;
            }
            summary.status = if let Some(terminated) = terminated {
                format!("Init:{}", ended(terminated))
            } else if !waiting.is_empty() && waiting != "PodInitializing" {
                format!("Init:{waiting}")
            } else {
                format!("Init:{index}/{}", init_containers.len())
            };
            initializing = true;
            break;
        }

        if !initializing || cells::condition_is_true(pod, "Initialized") {
            summary.restarts = sidecar_restarts;
            summary.last_restart = sidecar_last_restart;
            summary.add_containers(pod);
        }
        if pod.deletion_timestamp().is_some() {
            if pod.str_at(&["status", "reason"]) == "NodeLost" {
                summary.status = "Unknown".to_owned();
            } else if phase != "Succeeded" && phase != "Failed" {
                summary.status = "Terminating".to_owned();
            }
        }
        summary
    }

    fn add_containers(&mut self, pod: &Object) {
        let mut running = false;
        let mut error = None;
        for container in pod.list_at(&["status", "containerStatuses"]).iter().rev() {
            self.count_restarts(container);
            let waiting = container.str_at(&["state", "waiting", "reason"]);
            if !waiting.is_empty() {
                self.status = waiting.to_owned();
            } else if let Some(terminated) = container.at(&["state", "terminated"]) {
                self.status = ended(terminated);
                if terminated.int_at(&["exitCode"]) != Some(0) {
                    error = Some(self.status.clone());
                }
            } else if container.bool_at(&["ready"]) && container.at(&["state", "running"]).is_some() {
                running = true;
                self.ready += 1;
            }
        }
        // One that ended well among others says nothing about the pod.
        if self.status == "Completed" {
            if running && cells::condition_is_true(pod, "Ready") {
                self.status = "Running".to_owned();
            } else if let Some(error) = error {
                self.status = error;
            } else if running {
                self.status = "NotReady".to_owned();
            }
        }
    }

    fn count_restarts(&mut self, container: &Object) {
        self.restarts += container.int_at(&["restartCount"]).unwrap_or(0);
        self.last_restart = self.last_restart.max(last_end(container));
    }

    /// The RESTARTS cell: `3`, or `3 (5m ago)`.
    pub fn restarts_text(&self, now: Timestamp) -> String {
        match self.last_restart {
            Some(last) if self.restarts != 0 => format!("{} ({} ago)", self.restarts, time::age(Some(last), now)),
            _ => self.restarts.to_string(),
        }
    }
}

fn last_end(container: &Object) -> Option<Timestamp> {
    container.time_at(&["lastState", "terminated", "finishedAt"])
}

/// How a container ended: its reason, else its signal or exit code.
fn ended(terminated: &Object) -> String {
    let reason = terminated.str_at(&["reason"]);
    let signal = terminated.int_at(&["signal"]).unwrap_or(0);
    if !reason.is_empty() {
        reason.to_owned()
    } else if signal != 0 {
        format!("Signal:{signal}")
    } else {
        format!("ExitCode:{}", terminated.int_at(&["exitCode"]).unwrap_or(0))
    }
}
