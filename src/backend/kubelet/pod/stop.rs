//! The end of a pod that is being deleted.

use std::time::Duration;

use serde_json::json;

use super::Sync;
use crate::backend::controllers::{Key, Outcome, Write};
use crate::backend::kubelet::container::{self, State, state_of, status_in};
use crate::backend::kubelet::{conditions, later};
use crate::object::{Meta, Object};

impl Sync<'_> {
    /// A pod that is being deleted: its containers get their time, then it is gone.
    pub(super) fn stop(mut self) -> Outcome {
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
        let is_held = !self.pod.list_at(&["metadata", "finalizers"]).is_empty();
        if over || (self.status.at(&["startTime"]).is_none() && !is_held) {
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
        // That the deletion was seen is told by the generation, which it raises.
        let generation = self.pod.generation();
        let is_news = if generation > 0 {
            self.status.int_at(&["observedGeneration"]) != Some(generation)
        } else {
            !self.was_stopping
        };
        if is_news {
            for (kind, container) in &names {
                self.report("stopping", Some((*kind, container)), &[]);
            }
            if generation > 0 {
                self.status["observedGeneration"] = json!(generation);
            }
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
            // It never ran; whoever holds it waits to learn that it has ended.
            _ if is_held => "Failed",
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
