//! One look at one pod: from its binding to its end.
//!
//! The pod's status is the kubelet's only memory. The state of the pod and of each container is read
//! from it, `data/stages.yaml` says how long each state lasts, and what is due is done: in the end the
//! new status is written, and what happened is reported. So a look may come at any time and as often
//! as one likes.

use std::time::Duration;

use serde_json::json;

use super::conditions::{self, restarts};
use super::container::{self, Kind, State, state_of, status_in};
use super::images::{Reference, Refusal};
use super::probes::{Probe, Verdict};
use super::process::Process;
use super::stages::{fill, go_duration};
use super::{Kubelet, addresses, env, later, volumes};
use crate::backend::controllers::{Event, Key, Outcome, View, Write};
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
    status: Object,
    events: Vec<Write>,
    requeue: Option<Timestamp>,
    /// When the look before this one was, for what is reported without a change of status.
    seen: Option<Timestamp>,
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
        seen: Option<Timestamp>,
    ) -> Self {
        Self {
            kubelet,
            pod,
            view,
            now: view.now(),
            node,
            status: pod.at(&["status"]).cloned().unwrap_or_else(|| json!({})),
            events: Vec::new(),
            requeue: None,
            seen,
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
            let mut object = self.pod.clone();
            object["status"] = self.status;
            writes.push(Write::UpdateStatus { resource: "pods", object });
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

    /// Puts a container into a waiting state that its stage describes, and reports that once.
    fn hinder(&mut self, kind: Kind, container: &Object, own: &Object, stage: &str, error: &str) {
        let values = [("image", container.str_at(&["image"])), ("error", error)];
        let row = self.kubelet.stages.get(stage);
        let message = fill(&row.message, &values);
        let mut status = own.clone();
        container::back_off(&mut status, &row.reason, &message);
        if status.at(&["state"]) != own.at(&["state"]) {
            self.report(stage, Some((kind, container)), &values);
            self.set_container(kind, status);
        }
    }

    /// Pulls, creates and starts a container, as far as that is due.
    fn start(&mut self, kind: Kind, container: &'a Object, own: &Object, restart: bool) -> Step {
        let image = container.str_at(&["image"]);
        let reason = own.str_at(&["state", "waiting", "reason"]);
        let present = addresses::has_image(self.pod, &self.status, self.node, self.view, image);
        let policy = container.str_at(&["imagePullPolicy"]);
        let pulled = self.kubelet.images.pull(image);
        if let Err(Refusal::InvalidName(error)) = &pulled {
            self.hinder(kind, container, own, "invalid-image", error);
            return Step::Waits;
        }
        if policy == "Never" && !present {
            self.hinder(kind, container, own, "never-pulled", "");
            return Step::Waits;
        }
        let must_pull = policy != "Never" && (!present || policy == "Always");
        let took = match (&pulled, must_pull) {
            (Err(Refusal::Pull(error)), true) => {
                let error = error.clone();
                self.pull_fails(kind, container, own, &error);
                return Step::Waits;
            }
            (Ok((known, _)), true) => {
                let first = known.pull_time() + self.delay("pulled");
                if present { first.min(Duration::from_millis(450)) + self.delay("pulled") / 8 } else { first }
            }
            _ => Duration::ZERO,
        };
        let at_once = restart || matches!(reason, "ErrImagePull" | "ImagePullBackOff" | "CreateContainerConfigError");
        if must_pull {
            if at_once || self.base_is_now {
                self.report("pulling-begins", Some((kind, container)), &[]);
            }
            if !at_once && !self.due(later(self.base, took)) {
                return Step::Waits;
            }
        }
        let hindered_before = reason == "CreateContainerConfigError";
        let error = env::of_container(self.pod, container, self.view).err();
        if must_pull {
            let size = pulled.as_ref().map_or(0, |(known, _)| known.size).to_string();
            self.report("pulled", Some((kind, container)), &[("took", &go_duration(took)), ("size", &size)]);
        } else if error.is_none() || !hindered_before {
            self.report("present", Some((kind, container)), &[]);
        }
        if let Some(error) = error {
            self.hinder(kind, container, own, "config-error", &error);
            return Step::Waits;
        }
        let has = |field: &str| container.at(&[field]).is_some();
        let status = container::started(self.pod, container, own, self.now, has("startupProbe"), has("readinessProbe"));
        self.set_container(kind, status);
        self.report("started", Some((kind, container)), &[]);
        self.base = self.now;
        self.base_is_now = true;
        Step::Again
    }

    /// An image that cannot be pulled: failure and back-off alternate, ever more slowly.
    fn pull_fails(&mut self, kind: Kind, container: &Object, own: &Object, error: &str) {
        let fails_after = self.delay("pull-failed");
        let rest = self.delay("pull-back-off");
        let mut attempt = self.base;
        let mut wait = FIRST_BACK_OFF;
        let first_failure = later(attempt, fails_after);
        if self.base_is_now
            && attempt
                > later(self.now, Duration::ZERO).checked_sub(jiff::SignedDuration::from_secs(1)).unwrap_or(self.now)
        {
            self.report("pulling-begins", Some((kind, container)), &[]);
        }
        let reason = own.str_at(&["state", "waiting", "reason"]);
        loop {
            let failure = later(attempt, fails_after);
            if failure > self.now {
                self.look_again(failure);
                break;
            }
            let backing_off = later(failure, rest.min(wait / 2));
            let next = later(failure, wait);
            let next_failure = later(next, fails_after);
            if self.now >= next_failure {
                attempt = next;
                wait = (wait * 2).min(MAX_BACK_OFF);
                continue;
            }
            if self.now < backing_off {
                if reason == "ImagePullBackOff" {
                    self.report("pulling-begins", Some((kind, container)), &[]);
                }
                self.hinder(kind, container, own, "pull-failed", error);
                self.look_again(backing_off);
            } else {
                self.hinder(kind, container, own, "pull-back-off", error);
                self.look_again(next_failure);
            }
            break;
        }
        self.follow(first_failure);
    }

    /// A container that runs: its end, its probes, a new image.
    fn running(&mut self, kind: Kind, container: &'a Object, mut own: Object, started: Timestamp) -> Step {
        self.follow(started);
        let wanted = Reference::parse(container.str_at(&["image"])).map(|reference| reference.full());
        if wanted.is_ok_and(|wanted| wanted != own.str_at(&["image"])) {
            let message = format!("Container {} definition changed, will be restarted", container.str_at(&["name"]));
            self.event_about(kind, container, "Killing", message);
            container::terminate(&mut own, 0, self.now);
            self.set_container(kind, own.clone());
            return self.start(kind, container, &own, true);
        }
        let process = self.process(container, started);
        if let Some((after, code)) = process.end() {
            let end = later(started, after);
            if self.due(end) {
                container::terminate(&mut own, i64::from(code), end);
                self.set_container(kind, own);
                self.base_is_now = true;
                return Step::Again;
            }
        }
        let before = own.clone();
        let killed = self.probe(kind, container, &mut own, &process, started);
        if own != before {
            self.set_container(kind, own.clone());
        }
        if killed {
            return Step::Again;
        }
        match kind {
            Kind::Init => Step::Waits,
            Kind::Sidecar if !own.bool_at(&["started"]) => Step::Waits,
            _ => Step::Done,
        }
    }

    fn event_about(&mut self, kind: Kind, container: &Object, reason: &str, message: String) {
        self.events.push(Write::Event(Event {
            regarding: reference(self.pod),
            field_path: format!("spec.{}{{{}}}", kind.spec_field(), container.str_at(&["name"])),
            kind: "Normal",
            reason: reason.into(),
            message,
            component: "kubelet",
            host: self.node.name().to_owned(),
        }));
    }

    /// Asks a running container's probes. Whether one of them has ended it.
    fn probe(
        &mut self,
        kind: Kind,
        container: &'a Object,
        own: &mut Object,
        process: &Process<'_>,
        started: Timestamp,
    ) -> bool {
        let settle = self.delay("ready");
        let mut since = started;
        if let Some(startup) = Probe::of(container, "startupProbe", started, settle) {
            match self.ask(kind, container, &startup, process, started, !own.bool_at(&["started"])) {
                Verdict::Passes if !own.bool_at(&["started"]) => {
                    own["started"] = json!(true);
                    own["ready"] = json!(container.at(&["readinessProbe"]).is_none());
                }
                Verdict::Fails if !own.bool_at(&["started"]) => {
                    self.kill(kind, container, own, startup.name);
                    return true;
                }
                _ => {}
            }
            if !own.bool_at(&["started"]) {
                return false;
            }
            let passed = (0..startup.count(self.now))
                .take(10_000)
                .find(|index| startup.answer(self.pod, container, process, started, startup.time(*index)).is_none());
            since = startup.time(passed.unwrap_or(0));
        }
        if let Some(liveness) = Probe::of(container, "livenessProbe", since, settle)
            && self.ask(kind, container, &liveness, process, started, true) == Verdict::Fails
        {
            self.kill(kind, container, own, liveness.name);
            return true;
        }
        if let Some(readiness) = Probe::of(container, "readinessProbe", since, settle) {
            match self.ask(kind, container, &readiness, process, started, true) {
                Verdict::Passes => own["ready"] = json!(true),
                Verdict::Fails => own["ready"] = json!(false),
                Verdict::Undecided => {}
            }
        }
        false
    }

    fn ask(
        &mut self,
        kind: Kind,
        container: &Object,
        probe: &Probe<'_>,
        process: &Process<'_>,
        started: Timestamp,
        report: bool,
    ) -> Verdict {
        let count = probe.count(self.now);
        let verdict = probe.verdict(self.pod, container, process, started, self.now);
        // A failure is reported each time at first and then ever more rarely: nobody counts them.
        let newest = count.checked_sub(1);
        let rarely = probe.name == "readiness" && !probe.varies();
        if let Some(index) = newest.filter(|index| report && (!rarely || *index < 3 || index.is_power_of_two()))
            && self.is_new(probe.time(index))
            && let Some(output) = probe.answer(self.pod, container, process, started, probe.time(index))
        {
            let mut name = probe.name.to_owned();
            if let Some(first) = name.get_mut(..1) {
                first.make_ascii_uppercase();
            }
            self.report("unhealthy", Some((kind, container)), &[("probe", &name), ("output", &output)]);
        }
        let settled = count > 0 && verdict == Verdict::Passes && !probe.varies();
        if !settled {
            let next = if verdict == Verdict::Undecided || probe.varies() || count < 3 {
                count
            } else {
                count.next_power_of_two()
            };
            self.look_again(probe.time(next));
        }
        verdict
    }

    /// Ends a container whose probe fails.
    fn kill(&mut self, kind: Kind, container: &Object, own: &mut Object, probe: &str) {
        self.report("probe-killed", Some((kind, container)), &[("probe", probe)]);
        let started = own.time_at(&["state", "running", "startedAt"]).unwrap_or(self.now);
        let code = self.process(container, started).stop().map_or(137, |(_, code)| i64::from(code));
        container::terminate(own, code, self.now);
        self.base_is_now = true;
    }

    /// Starts an ended container again: soon after its first end, later after each further one.
    fn restart(&mut self, kind: Kind, container: &'a Object, own: &Object, finished: Timestamp) -> Step {
        let restarts = own.int_at(&["restartCount"]).unwrap_or(0);
        let started = own
            .time_at(&["state", "terminated", "startedAt"])
            .or_else(|| own.time_at(&["lastState", "terminated", "startedAt"]));
        let ran = started.map_or(0, |started| finished.duration_since(started).as_secs());
        if restarts == 0 || ran >= 2 * i64::try_from(MAX_BACK_OFF.as_secs()).unwrap_or(600) {
            if !self.due(later(finished, self.delay("crashed"))) {
                return Step::Waits;
            }
            return self.start(kind, container, own, true);
        }
        let exponent = u32::try_from(restarts - 1).unwrap_or(0).min(10);
        let wait = FIRST_BACK_OFF.saturating_mul(1 << exponent).min(MAX_BACK_OFF);
        if self.due(later(finished, wait)) {
            return self.start(kind, container, own, true);
        }
        if own.at(&["state", "terminated"]).is_some() && self.due(later(finished, self.delay("crash-back-off"))) {
            let full_name = self.full_name();
            let delay = go_duration(wait);
            let values =
                [("delay", delay.as_str()), ("container", container.str_at(&["name"])), ("pod", full_name.as_str())];
            let row = self.kubelet.stages.get("crash-back-off");
            let mut status = own.clone();
            container::back_off(&mut status, &row.reason, &fill(&row.message, &values));
            self.set_container(kind, status);
            self.report("crash-back-off", Some((kind, container)), &values);
        }
        Step::Waits
    }

    /// A pod that is being deleted: its containers get their time, then it is gone.
    fn stop(mut self) -> Outcome {
        let delete = Write::Delete {
            key: Key { resource: "pods", namespace: self.pod.namespace().into(), name: self.pod.name().into() },
            uid: self.pod.uid().to_owned(),
            grace_period_seconds: Some(0),
            propagation: None,
        };
        let over = matches!(self.status.str_at(&["phase"]), "Succeeded" | "Failed");
        let deletion = self.pod.deletion_timestamp().unwrap_or(self.now);
        let grace = self.pod.int_at(&["metadata", "deletionGracePeriodSeconds"]).unwrap_or(0);
        let grace = Duration::from_secs(u64::try_from(grace).unwrap_or(0));
        if over || self.status.at(&["startTime"]).is_none() {
            return Outcome { writes: vec![delete], requeue_at: None };
        }
        let begun = deletion.checked_sub(jiff::SignedDuration::try_from(grace).unwrap_or_default()).unwrap_or(deletion);
        let mut stopped_at = begun;
        let mut names = Vec::new();
        for (kind, container) in container::all(self.pod) {
            let State::Running(started) = state_of(status_in(&self.status, kind, container.str_at(&["name"]))) else {
                continue;
            };
            names.push((kind, container));
            let process = self.process(container, started);
            let pre_stop = pre_stop(container);
            let ends = process.stop().map(|(time, _)| later(begun, self.delay("stopping") + pre_stop + time));
            stopped_at = stopped_at.max(ends.unwrap_or(deletion).min(deletion.max(begun)));
        }
        let generation = self.pod.generation();
        if self.status.int_at(&["observedGeneration"]) != Some(generation) && generation > 0 {
            for (kind, container) in &names {
                self.report("stopping", Some((*kind, container)), &[]);
            }
            self.status["observedGeneration"] = json!(generation);
        }
        if !self.due(stopped_at) {
            return self.finish();
        }
        for (kind, container) in names {
            let Some(mut own) = status_in(&self.status, kind, container.str_at(&["name"])).cloned() else { continue };
            let State::Running(started) = state_of(Some(&own)) else { continue };
            let ends = self.process(container, started).stop().filter(|(time, _)| pre_stop(container) + *time < grace);
            container::terminate(&mut own, ends.map_or(137, |(_, code)| i64::from(code)), self.now);
            self.set_container(kind, own);
        }
        let before = self.status.str_at(&["phase"]).to_owned();
        conditions::update(self.pod, &mut self.status, false, self.now);
        let final_phase = match before.as_str() {
            "Running" => final_phase(&self.status),
            other => other,
        };
        self.status["phase"] = json!(final_phase);
        self.requeue = None;
        let mut outcome = self.finish();
        outcome.writes.push(delete);
        outcome
    }
}

/// The phase of a pod all of whose containers are stopped for good.
fn final_phase(status: &Object) -> &'static str {
    let failed = status.list_at(&["containerStatuses"]).iter().any(|own| match state_of(Some(own)) {
        State::Terminated(_, code) => code != 0,
        _ => true,
    });
    if failed { "Failed" } else { "Succeeded" }
}

/// How long a container's `preStop` hook takes.
fn pre_stop(container: &Object) -> Duration {
    let hook = container.at(&["lifecycle", "preStop"]);
    let seconds = hook.and_then(|hook| {
        hook.int_at(&["sleep", "seconds"]).or_else(|| {
            let words: Vec<&str> = hook
                .list_at(&["exec", "command"])
                .iter()
                .filter_map(Object::as_str)
                .flat_map(str::split_whitespace)
                .collect();
            let at = words.iter().position(|word| word.ends_with("sleep"))?;
            words.get(at + 1)?.trim_end_matches(['s', ';']).parse().ok()
        })
    });
    Duration::from_secs(seconds.and_then(|seconds| u64::try_from(seconds).ok()).unwrap_or(0))
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
