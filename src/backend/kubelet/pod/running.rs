//! A container that runs: its end, its probes, a new image, new resources.

use std::sync::Arc;

use serde_json::json;

use super::{Step, Sync, reference};
use crate::backend::controllers::{Event, Write};
use crate::backend::kubelet::container::{self, Kind};
use crate::backend::kubelet::images::Reference;
use crate::backend::kubelet::later;
use crate::backend::kubelet::probes::{Probe, Verdict};
use crate::backend::kubelet::process::Process;
use crate::object::{Meta, Object, Timestamp};

impl<'a> Sync<'a> {
    /// A container that runs: its end, its probes, a new image.
    pub(super) fn running(&mut self, kind: Kind, container: &'a Object, mut own: Object, started: Timestamp) -> Step {
        if own.int_at(&["restartCount"]) == Some(0) {
            self.follow(started);
        }
        let wanted = Reference::parse(container.str_at(&["image"])).map(|reference| reference.full());
        if wanted.is_ok_and(|wanted| wanted != own.str_at(&["image"])) {
            let message = format!("Container {} definition changed, will be restarted", container.str_at(&["name"]));
            self.event_about(kind, container, "Killing", message);
            container::terminate(&mut own, 0, self.now);
            self.set_container(kind, own.clone());
            return self.start(kind, container, &own, true);
        }
        let process = self.process(container, started);
        let faults = Arc::clone(&self.faults);
        let restarts = own.int_at(&["restartCount"]).unwrap_or(0);
        let fault = faults.container(self.pod, container.str_at(&["name"]), restarts);
        let fault = fault.and_then(|fault| Some((fault.after, fault.exit_code?, fault.reason.as_deref())));
        let own_end = process.end().map(|(after, code)| (after, code, None));
        let end = [fault, own_end].into_iter().flatten().min_by_key(|(after, ..)| *after);
        if let Some((after, code, reason)) = end {
            let end = later(started, after);
            if self.due(end) {
                // A fault that came while the container ran strikes now, not before.
                let at = if fault.is_some_and(|fault| fault.0 == after) { self.now } else { end };
                container::terminate(&mut own, i64::from(code), at);
                if let Some(reason) = reason {
                    own["state"]["terminated"]["reason"] = json!(reason);
                }
                self.set_container(kind, own);
                self.base_is_now = true;
                return Step::Again;
            }
        }
        let before = own.clone();
        resize(container, &mut own);
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
}

/// Takes over resources that were changed while the container runs.
fn resize(container: &Object, own: &mut Object) {
    let wanted = container.at(&["resources"]);
    if wanted.is_some() && own.at(&["resources"]) != wanted {
        own.set_at(&["resources"], wanted.cloned());
        match container.at(&["resources", "requests"]) {
            Some(requests) => own.set_at(&["allocatedResources"], requests.clone()),
            None => {
                own.remove_at(&["allocatedResources"]);
            }
        }
    }
}
