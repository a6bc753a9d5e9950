//! One look at one pod: from its binding to its end.
//!
//! The pod's status is the kubelet's only memory. The state of the pod and of each container is read
//! from it, `data/stages.yaml` says how long each state lasts, and what is due is done: in the end the
//! new status is written, and what happened is reported. So a look may come at any time and as often
//! as one likes.

mod running;
mod start;
mod stop;

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::conditions::{self, restarts};
use super::container::{self, Kind, State, state_of, status_in};
use super::process::Process;
use super::stages::fill;
use super::{Kubelet, addresses, later, volumes};
use crate::backend::controllers::engine::writes::with_status;
use crate::backend::controllers::{Event, Outcome, View, Write};
use crate::backend::faults::Faults;
use crate::object::{Meta, Object, Timestamp, time};

/// The longest wait before a restart or another pull.
const MAX_BACK_OFF: Duration = Duration::from_secs(300);
/// The wait after the first failure that counts.
const FIRST_BACK_OFF: Duration = Duration::from_secs(10);
/// How many states a container may pass through in one look.
const MAX_STEPS: usize = 8;

/// What a step of a container led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// It is where it should be, and those after it may start.
    Done,
    /// Those after it have to wait, if they depend on it.
    Waits,
    /// Its state has changed: look again.
    Again,
}

/// A look at a pod.
pub(super) struct Sync<'a> {
    kubelet: &'a Kubelet,
    pod: &'a Object,
    view: &'a View,
    now: Timestamp,
    node: &'a Object,
    faults: Arc<Faults>,
    status: Object,
    events: Vec<Write>,
    requeue: Option<Timestamp>,
    /// When the look before this one was, for what is reported without a change of status.
    seen: Option<Timestamp>,
    /// Whether the pod was being deleted then.
    was_stopping: bool,
    /// When the container at hand could start, and whether that is now.
    base: Timestamp,
    base_is_now: bool,
}

impl<'a> Sync<'a> {
    pub(super) fn new(
        kubelet: &'a Kubelet,
        pod: &'a Object,
        node: &'a Object,
        view: &'a View,
        seen: Option<(Timestamp, bool)>,
    ) -> Self {
        Self {
            kubelet,
            pod,
            view,
            now: view.now(),
            node,
            faults: kubelet.faults.of(view),
            status: pod.at(&["status"]).cloned().unwrap_or_else(|| json!({})),
            events: Vec::new(),
            requeue: None,
            seen: seen.map(|(at, _)| at),
            was_stopping: seen.is_some_and(|(_, stopping)| stopping),
            base: Timestamp::UNIX_EPOCH,
            base_is_now: false,
        }
    }

    /// Does what is due.
    pub(super) fn run(mut self) -> Outcome {
        if self.pod.deletion_timestamp().is_some() {
            return self.stop();
        }
        if matches!(self.status.str_at(&["phase"]), "Succeeded" | "Failed") {
            return Outcome::default();
        }
        if self.status.at(&["startTime"]).is_none() && !self.accept() {
            return self.finish();
        }
        if self.past_deadline() {
            return self.finish();
        }
        let sandbox = self.make_sandbox();
        if sandbox {
            self.advance();
        }
        conditions::update(self.pod, &mut self.status, sandbox, self.now);
        self.finish()
    }

    /// Writes what has changed.
    fn finish(self) -> Outcome {
        let mut writes = Vec::new();
        if self.pod.at(&["status"]) != Some(&self.status) {
            writes.push(Write::UpdateStatus { resource: "pods", object: with_status(self.pod, self.status) });
        }
        writes.extend(self.events);
        Outcome { writes, requeue_at: self.requeue }
    }

    fn look_again(&mut self, at: Timestamp) {
        if at > self.now {
            self.requeue = Some(self.requeue.map_or(at, |other| other.min(at)));
        }
    }

    /// Whether `at` is reached; if not, the pod is looked at again then.
    fn due(&mut self, at: Timestamp) -> bool {
        self.look_again(at);
        at <= self.now
    }

    fn delay(&self, stage: &str) -> Duration {
        self.kubelet.stages.get(stage).delay(self.pod.uid())
    }

    /// Whether a moment lies between the look before and this one. Without a look before, only the
    /// very moment counts.
    fn is_new(&self, at: Timestamp) -> bool {
        at <= self.now && self.seen.map_or(at == self.now, |seen| at > seen)
    }

    fn report(&mut self, stage: &str, about: Option<(Kind, &Object)>, values: &[(&str, &str)]) {
        let field_path = about.map_or_else(String::new, |(kind, container)| {
            format!("spec.{}{{{}}}", kind.spec_field(), container.str_at(&["name"]))
        });
        let mut all: Vec<(&str, &str)> = values.to_vec();
        let pod = self.full_name();
        all.push(("pod", &pod));
        if let Some((_, container)) = about {
            all.push(("container", container.str_at(&["name"])));
            all.push(("image", container.str_at(&["image"])));
        }
        for rule in &self.kubelet.stages.get(stage).events {
            self.events.push(Write::Event(Event {
                regarding: reference(self.pod),
                field_path: field_path.clone(),
                kind: rule.r#type.as_str(),
                reason: rule.reason.clone(),
                message: fill(&rule.message, &all),
                component: "kubelet",
                host: self.node.name().to_owned(),
            }));
        }
    }

    fn full_name(&self) -> String {
        format!("{}_{}({})", self.pod.name(), self.pod.namespace(), self.pod.uid())
    }

    /// The first sign of life: the pod is the kubelet's now.
    fn accept(&mut self) -> bool {
        let bound = conditions::true_since(&self.status, "PodScheduled").or_else(|| self.pod.creation_timestamp());
        let at = later(bound.unwrap_or(self.now), self.delay("bound"));
        if !self.due(at) {
            return false;
        }
        self.status["startTime"] = json!(time::rfc3339(self.now));
        let host = addresses::of_node(self.node);
        if !host.is_empty() {
            self.status["hostIP"] = json!(host);
            self.status["hostIPs"] = json!([{"ip": host}]);
        }
        let has_init = !self.pod.list_at(&["spec", "initContainers"]).is_empty();
        let reason = if has_init { "PodInitializing" } else { "ContainerCreating" };
        for (kind, container) in container::all(self.pod) {
            self.set_container(kind, container::waiting(container, reason));
        }
        true
    }

    fn set_container(&mut self, kind: Kind, status: Object) {
        let name = status.str_at(&["name"]).to_owned();
        let field = self.status.at_mut(&[kind.status_field()]);
        if !field.is_array() {
            *field = json!([]);
        }
        let Some(list) = field.as_array_mut() else { return };
        match list.iter_mut().find(|own| own.str_at(&["name"]) == name) {
            Some(own) => *own = status,
            None => list.push(status),
        }
    }

    /// Ends a pod that has been active for too long.
    fn past_deadline(&mut self) -> bool {
        let Some(seconds) = self.pod.int_at(&["spec", "activeDeadlineSeconds"]) else { return false };
        let start = self.status.time_at(&["startTime"]).unwrap_or(self.now);
        if !self.due(later(start, Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))) {
            return false;
        }
        self.report("deadline-exceeded", None, &[]);
        self.end_containers();
        conditions::update(self.pod, &mut self.status, false, self.now);
        let message =
            self.kubelet.stages.get("deadline-exceeded").events.first().map_or("", |event| event.message.as_str());
        self.status["phase"] = json!("Failed");
        self.status["reason"] = json!("DeadlineExceeded");
        self.status["message"] = json!(message);
        self.requeue = None;
        true
    }

    /// Sets every container that runs to its end: by itself after SIGTERM, or killed.
    fn end_containers(&mut self) {
        for (kind, container) in container::all(self.pod) {
            let Some(own) = status_in(&self.status, kind, container.str_at(&["name"])) else { continue };
            if let State::Running(started) = state_of(Some(own)) {
                let mut own = own.clone();
                let code = self.process(container, started).stop().map_or(137, |(_, code)| i64::from(code));
                container::terminate(&mut own, code, self.now);
                self.set_container(kind, own);
            }
        }
    }

    fn process(&self, container: &Object, started: Timestamp) -> Process<'a> {
        Process::new(self.pod, container, started, self.kubelet.images, self.view)
    }

    /// Mounts the volumes and gives the pod its address. Whether that is done.
    fn make_sandbox(&mut self) -> bool {
        if let Some(since) = conditions::true_since(&self.status, "PodReadyToStartContainers") {
            self.base = since;
            return true;
        }
        let start = self.status.time_at(&["startTime"]).unwrap_or(self.now);
        if let Some(error) = volumes::failure(self.pod, self.view) {
            let mut wait = self.delay("mount-failed");
            let mut at = later(start, wait);
            while at <= self.now {
                if self.is_new(at) {
                    self.report("mount-failed", None, &[("error", &error)]);
                }
                wait = wait.saturating_mul(2).min(Duration::from_secs(122));
                at = later(at, wait);
            }
            self.look_again(at);
            return false;
        }
        if !self.due(later(start, self.delay("accepted"))) {
            return false;
        }
        let ip = if self.pod.bool_at(&["spec", "hostNetwork"]) {
            Some(addresses::of_node(self.node).to_owned())
        } else {
            addresses::free(self.pod, self.node, self.view)
        };
        if let Some(ip) = ip.filter(|ip| !ip.is_empty()) {
            self.status["podIP"] = json!(ip);
            self.status["podIPs"] = json!([{"ip": ip}]);
        }
        self.base = self.now;
        self.base_is_now = true;
        true
    }

    /// Takes every container as far as it is due.
    fn advance(&mut self) {
        let mut initialized = true;
        let mut finished = true;
        for (kind, container) in container::all(self.pod) {
            match kind {
                Kind::Init | Kind::Sidecar if !initialized => continue,
                Kind::Main | Kind::Ephemeral if !initialized => break,
                _ => {}
            }
            let mut step = Step::Again;
            for _ in 0..MAX_STEPS {
                step = self.step(kind, container);
                if step != Step::Again {
                    break;
                }
            }
            match kind {
                Kind::Init | Kind::Sidecar => initialized = step == Step::Done,
                Kind::Main => {
                    let own = status_in(&self.status, kind, container.str_at(&["name"]));
                    finished &= matches!(state_of(own), State::Terminated(_, code) if !restarts(self.pod, kind, container, code));
                }
                Kind::Ephemeral => {}
            }
        }
        if initialized && finished {
            self.end_containers();
        }
    }

    fn step(&mut self, kind: Kind, container: &'a Object) -> Step {
        let own = status_in(&self.status, kind, container.str_at(&["name"])).cloned();
        let state = state_of(own.as_ref());
        let own = own.unwrap_or_else(|| container::waiting(container, "ContainerCreating"));
        match state {
            State::Waiting(reason) if reason == "CrashLoopBackOff" => {
                let finished = own.time_at(&["lastState", "terminated", "finishedAt"]).unwrap_or(self.now);
                self.restart(kind, container, &own, finished)
            }
            State::Waiting(_) => self.start(kind, container, &own, false),
            State::Running(started) => self.running(kind, container, own, started),
            State::Terminated(finished, code) => {
                if !restarts(self.pod, kind, container, code) {
                    self.follow(finished);
                    return if kind == Kind::Init && code != 0 { Step::Waits } else { Step::Done };
                }
                self.restart(kind, container, &own, finished)
            }
        }
    }

    /// The next container's turn begins at this moment.
    fn follow(&mut self, at: Timestamp) {
        if at >= self.base {
            self.base_is_now = later(at, Duration::from_secs(1)) > self.now && self.base_is_now;
            self.base = at;
        }
    }
}

/// The part of an object of which an event takes a reference.
pub(super) fn reference(object: &Object) -> Object {
    let kind = if object.kind().is_empty() { "Pod" } else { object.kind() };
    json!({
        "apiVersion": "v1",
        "kind": kind,
        "metadata": {
            "name": object.name(),
            "namespace": object.namespace(),
            "uid": object.uid(),
            "resourceVersion": object.resource_version(),
        },
    })
}
