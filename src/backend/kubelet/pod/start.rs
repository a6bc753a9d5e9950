//! The start of a container, and what hinders it.

use std::sync::Arc;
use std::time::Duration;

use super::{FIRST_BACK_OFF, MAX_BACK_OFF, Step, Sync};
use crate::backend::kubelet::container::{self, Kind};
use crate::backend::kubelet::images::Refusal;
use crate::backend::kubelet::stages::{fill, go_duration};
use crate::backend::kubelet::{addresses, env, later};
use crate::object::{Meta, Object, Timestamp};

impl<'a> Sync<'a> {
    /// Puts a container into a waiting state that its stage describes, and reports that once.
    pub(super) fn hinder(&mut self, kind: Kind, container: &Object, own: &Object, stage: &str, error: &str) {
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
    pub(super) fn start(&mut self, kind: Kind, container: &'a Object, own: &Object, restart: bool) -> Step {
        let image = container.str_at(&["image"]);
        let reason = own.str_at(&["state", "waiting", "reason"]);
        let present = addresses::has_image(&self.status, self.node, self.view, image);
        let policy = container.str_at(&["imagePullPolicy"]);
        let faults = Arc::clone(&self.faults);
        let fault = faults.image(image, self.pod);
        let restarts = own.int_at(&["restartCount"]).unwrap_or(0);
        let slow = faults.container(self.pod, container.str_at(&["name"]), restarts).map(|fault| fault.start_delay);
        let slow = slow.unwrap_or_default();
        let pulled = match (self.kubelet.images.pull(image), fault.and_then(|fault| fault.error)) {
            (Ok((_, reference)), Some(why)) => Err(reference.refused(why)),
            (pulled, _) => pulled,
        };
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
                let first = first.saturating_add(fault.map(|fault| fault.delay).unwrap_or_default());
                if present { first.min(Duration::from_millis(450)) + self.delay("pulled") / 8 } else { first }
            }
            _ => Duration::ZERO,
        };
        let at_once = restart
            || kind == Kind::Ephemeral
            || matches!(reason, "ErrImagePull" | "ImagePullBackOff" | "CreateContainerConfigError");
        if must_pull {
            if at_once || self.base_is_now {
                self.report("pulling-begins", Some((kind, container)), &[]);
            }
            if !at_once && !self.due(later(self.base, took.saturating_add(slow))) {
                return Step::Waits;
            }
        } else if !at_once && !slow.is_zero() && !self.due(later(self.base, slow)) {
            return Step::Waits;
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
        let mut status =
            container::started(self.pod, container, own, self.now, has("startupProbe"), has("readinessProbe"));
        if kind == Kind::Ephemeral {
            // Nothing asks whether such a container is ready: it serves nobody.
            status.set_at(&["ready"], false);
            status.remove_at(&["started"]);
        }
        self.set_container(kind, status);
        self.report("started", Some((kind, container)), &[]);
        if !restart {
            self.base = self.now;
            self.base_is_now = true;
        }
        Step::Again
    }

    /// An image that cannot be pulled: failure and back-off alternate, ever more slowly.
    pub(super) fn pull_fails(&mut self, kind: Kind, container: &Object, own: &Object, error: &str) {
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

    /// Starts an ended container again: soon after its first end, later after each further one.
    pub(super) fn restart(&mut self, kind: Kind, container: &'a Object, own: &Object, finished: Timestamp) -> Step {
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
}
