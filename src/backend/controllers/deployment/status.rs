//! The status of a deployment: counts, and the conditions Available, Progressing and ReplicaFailure.

use serde_json::json;

use super::Rollout;
use super::sets::Set;
use crate::backend::controllers::support::{conditions, put_count};
use crate::object::{Meta, Object, Timestamp, time::rfc3339};

/// How a rollout goes: status and reason of the condition Progressing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    Created,
    Found,
    Updated,
    Available,
    TimedOut,
    CreateError,
    Paused,
    Resumed,
}

impl Progress {
    fn parts(self) -> (&'static str, &'static str) {
        match self {
            Self::Created => ("True", "NewReplicaSetCreated"),
            Self::Found => ("True", "FoundNewReplicaSet"),
            Self::Updated => ("True", "ReplicaSetUpdated"),
            Self::Available => ("True", "NewReplicaSetAvailable"),
            Self::TimedOut => ("False", "ProgressDeadlineExceeded"),
            Self::CreateError => ("False", "ReplicaSetCreateError"),
            Self::Paused => ("Unknown", "DeploymentPaused"),
            Self::Resumed => ("Unknown", "DeploymentResumed"),
        }
    }
}

impl Rollout<'_> {
    pub fn has_deadline(&self) -> bool {
        self.original.int_at(&["spec", "progressDeadlineSeconds"]).is_some_and(|seconds| seconds != i64::from(i32::MAX))
    }

    pub fn condition(&self, kind: &str) -> Option<&Object> {
        conditions::find(self.status.list_at(&["conditions"]), kind)
    }

    pub fn set_progress(&mut self, progress: Progress, message: &str) {
        let (status, reason) = progress.parts();
        set_condition(&mut self.status, "Progressing", status, reason, message, self.now);
    }

    /// Pausing stops the progress deadline's clock, resuming starts it anew.
    pub fn check_paused(&mut self) {
        if !self.has_deadline() {
            return;
        }
        let reason = self.condition("Progressing").map_or("", |condition| condition.str_at(&["reason"]));
        let (paused, said) = (self.original.bool_at(&["spec", "paused"]), reason == "DeploymentPaused");
        if reason == "ProgressDeadlineExceeded" {
            return;
        }
        if paused && !said {
            self.set_progress(Progress::Paused, "Deployment is paused");
        } else if !paused && said {
            self.set_progress(Progress::Resumed, "Deployment is resumed");
        }
    }

    /// The counts and the condition Available as the replica sets' status has them.
    pub fn sync_status(&mut self) {
        let available = self.total("availableReplicas");
        let unavailable = (self.total_size() - available).max(0);
        let updated = self.new_set().map_or(0, |set| set.count("replicas"));
        let counts = [
            ("replicas", self.total("replicas")),
            ("updatedReplicas", updated),
            ("readyReplicas", self.total("readyReplicas")),
            ("availableReplicas", available),
            ("unavailableReplicas", unavailable),
        ];
        let terminating = self.terminating();
        self.status.set_at(&["observedGeneration"], self.original.generation());
        for (field, count) in counts {
            put_count(&mut self.status, field, count);
        }
        match terminating {
            Some(count) => self.status.set_at(&["terminatingReplicas"], count),
            None => drop(self.status.remove_at(&["terminatingReplicas"])),
        }
        let (status, reason, message) = if available >= self.replicas() - self.max_unavailable() {
            ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
        } else {
            ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
        };
        set_condition(&mut self.status, "Available", status, reason, message, self.now);
    }

    fn terminating(&self) -> Option<i64> {
        let mut sum = 0;
        for set in &self.sets {
            match set.object.int_at(&["status", "terminatingReplicas"]) {
                Some(count) => sum += count,
                None if set.count("observedGeneration") == 0 => {}
                None => return None,
            }
        }
        Some(sum)
    }

    /// As [`Self::sync_status`], and how the rollout goes.
    pub fn sync_rollout_status(&mut self) {
        let before = self.status.clone();
        self.sync_status();
        if self.has_deadline() {
            self.judge(&before);
        } else {
            edit_conditions(&mut self.status, |conditions| conditions::remove(conditions, "Progressing"));
        }
        self.report_failure();
        if self.has_deadline() && !self.is_complete(&self.status) {
            self.requeue_at = self.deadline();
        }
    }

    fn judge(&mut self, before: &Object) {
        let current = conditions::find(before.list_at(&["conditions"]), "Progressing").cloned();
        let reason = current.as_ref().map_or("", |condition| condition.str_at(&["reason"])).to_owned();
        let count = |status: &Object, field: &str| status.int_at(&[field]).unwrap_or(0);
        let only_new = count(&self.status, "replicas") == count(&self.status, "updatedReplicas");
        if only_new && reason == "NewReplicaSetAvailable" {
            return;
        }
        let subject = match self.new_set() {
            Some(set) => format!("ReplicaSet \"{}\"", set.name()),
            None => format!("Deployment \"{}\"", self.original.name()),
        };
        if self.is_complete(&self.status) {
            self.set_progress(Progress::Available, &format!("{subject} has successfully progressed."));
        } else if has_progressed(before, &self.status) {
            let mut progressed =
                condition("Progressing", Progress::Updated.parts(), &format!("{subject} is progressing."), self.now);
            if let Some(current) = current.filter(|current| current.str_at(&["status"]) == "True") {
                progressed.set_at(&["lastTransitionTime"], current.str_at(&["lastTransitionTime"]));
            }
            edit_conditions(&mut self.status, |conditions| {
                conditions::remove(conditions, "Progressing");
                conditions.push(progressed);
            });
        } else if self.is_overdue() {
            self.set_progress(Progress::TimedOut, &format!("{subject} has timed out progressing."));
        }
    }

    /// All pods are new and available, and no old one is left.
    pub fn is_complete(&self, status: &Object) -> bool {
        let wanted = self.replicas();
        ["updatedReplicas", "replicas", "availableReplicas"]
            .iter()
            .all(|field| status.int_at(&[field]).unwrap_or(0) == wanted)
            && status.int_at(&["observedGeneration"]).unwrap_or(0) >= self.original.generation()
    }

    /// When the rollout counts as stuck, unless something moves; `None` where that is said already.
    fn deadline(&self) -> Option<Timestamp> {
        let condition = self.condition("Progressing")?;
        let reason = condition.str_at(&["reason"]);
        if reason == "ProgressDeadlineExceeded" || reason == "NewReplicaSetAvailable" {
            return None;
        }
        let seconds = self.original.int_at(&["spec", "progressDeadlineSeconds"])?;
        // The moment itself is not late yet.
        crate::backend::controllers::support::pods::after(
            condition.time_at(&["lastUpdateTime"])?,
            seconds.checked_add(1)?,
        )
    }

    fn is_overdue(&self) -> bool {
        self.condition("Progressing")
            .is_some_and(|condition| condition.str_at(&["reason"]) == "ProgressDeadlineExceeded")
            || self.deadline().is_some_and(|deadline| deadline <= self.now)
    }

    /// Takes over the first ReplicaFailure of the sets, the new one's first.
    fn report_failure(&mut self) {
        let failure =
            |set: &Set| conditions::find(set.object.list_at(&["status", "conditions"]), "ReplicaFailure").cloned();
        let failure = self.new_set().and_then(failure).or_else(|| self.sets.iter().find_map(failure));
        match failure {
            Some(found) => {
                let mut found = found;
                let time = found.str_at(&["lastTransitionTime"]).to_owned();
                found.set_at(&["lastUpdateTime"], time);
                put_condition(&mut self.status, found);
            }
            None => edit_conditions(&mut self.status, |conditions| conditions::remove(conditions, "ReplicaFailure")),
        }
    }
}

/// New pods came up, old ones went, or more are ready or available.
fn has_progressed(before: &Object, after: &Object) -> bool {
    let count = |status: &Object, field: &str| status.int_at(&[field]).unwrap_or(0);
    let old = |status: &Object| count(status, "replicas") - count(status, "updatedReplicas");
    old(after) < old(before)
        || ["updatedReplicas", "readyReplicas", "availableReplicas"]
            .iter()
            .any(|field| count(after, field) > count(before, field))
}

fn condition(kind: &str, (status, reason): (&str, &str), message: &str, now: Timestamp) -> Object {
    json!({
        "type": kind, "status": status, "reason": reason, "message": message,
        "lastUpdateTime": rfc3339(now), "lastTransitionTime": rfc3339(now),
    })
}

fn set_condition(status: &mut Object, kind: &str, value: &str, reason: &str, message: &str, now: Timestamp) {
    put_condition(status, condition(kind, (value, reason), message, now));
}

/// Adds a condition at the end, in place of one of its type. One with the same status and reason stays
/// as it is, whatever its message.
fn put_condition(status: &mut Object, mut new: Object) {
    edit_conditions(status, |conditions| {
        if let Some(current) = conditions::find(conditions, new.str_at(&["type"])) {
            if current.str_at(&["status"]) == new.str_at(&["status"]) {
                if current.str_at(&["reason"]) == new.str_at(&["reason"]) {
                    return;
                }
                new.set_at(&["lastTransitionTime"], current.str_at(&["lastTransitionTime"]));
            }
            let kind = new.str_at(&["type"]).to_owned();
            conditions::remove(conditions, &kind);
        }
        conditions.push(new);
    });
}

fn edit_conditions(status: &mut Object, edit: impl FnOnce(&mut Vec<Object>)) {
    let mut conditions = status.list_at(&["conditions"]).to_vec();
    edit(&mut conditions);
    if conditions.is_empty() {
        status.remove_at(&["conditions"]);
    } else {
        status.set_at(&["conditions"], conditions);
    }
}
