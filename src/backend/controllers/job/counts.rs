//! What the pods of a job came to.
//!
//! A pod is counted once: while it has the finalizer [`TRACKING`] its end is news. What was seen to end is
//! first written down by UID (`status.uncountedTerminatedPods`, or as an index), then the finalizer goes, then
//! the counts grow; a controller that stops in between goes on where it was.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::indexes::Indexes;
use super::policy::{self, Failure};
use crate::backend::controllers::support::conditions;
use crate::backend::controllers::support::pods::{after, is_active, is_terminating};
use crate::object::{Meta, Object, Timestamp};

/// The finalizer of a pod that is not counted yet.
pub const TRACKING: &str = "batch.kubernetes.io/job-tracking";
/// Which part of an indexed job a pod is.
pub const INDEX: &str = "batch.kubernetes.io/job-completion-index";
/// How often the index of a pod failed before it.
pub const INDEX_FAILURES: &str = "batch.kubernetes.io/job-index-failure-count";
/// How many failures of its index were ignored.
pub const INDEX_IGNORED: &str = "batch.kubernetes.io/job-index-ignored-failure-count";
/// The first pause after a failure; each further one is twice as long …
const FIRST_PAUSE: i64 = 10;
/// … up to this.
const LONGEST_PAUSE: i64 = 600;

/// A job's pods, counted.
pub struct Counts<'a> {
    job: &'a Object,
    /// All pods of the job, by name.
    pub pods: Vec<&'a Arc<Object>>,
    /// The pods that run or will, oldest first.
    pub active: Vec<&'a Arc<Object>>,
    /// How many pods are on their way out.
    pub terminating: i64,
    /// How many succeeded; in indexed jobs, how many indexes did.
    pub succeeded: i64,
    /// How many failed.
    pub failed: i64,
    /// The indexes that are known to have succeeded …
    pub completed: Indexes,
    /// … and those with the news.
    pub succeeded_indexes: Indexes,
    /// The indexes that failed for good, where each has a limit of its own.
    pub failed_indexes: Option<Indexes>,
    /// The last failed pod of each index that waits for a new one.
    pub delayed: BTreeMap<i64, &'a Arc<Object>>,
}

impl<'a> Counts<'a> {
    /// Counts the pods of a job.
    pub fn of(job: &'a Object, pods: Vec<&'a Arc<Object>>) -> Self {
        let mut active: Vec<_> = pods.iter().filter(|pod| is_active(pod)).copied().collect();
        active.sort_by(|a, b| (a.creation_timestamp(), a.name()).cmp(&(b.creation_timestamp(), b.name())));
        let mut counts = Self {
            job,
            active,
            terminating: pods.iter().filter(|pod| is_terminating(pod)).count() as i64,
            succeeded: 0,
            failed: 0,
            completed: Indexes::default(),
            succeeded_indexes: Indexes::default(),
            failed_indexes: None,
            delayed: BTreeMap::new(),
            pods,
        };
        counts.count();
        if is_indexed(job) {
            counts.count_indexes();
        }
        counts
    }

    fn count(&mut self) {
        let known = |field| self.job.int_at(&["status", field]).unwrap_or(0);
        let noted = |field| uncounted(self.job, field).len() as i64;
        let (mut succeeded, mut failed) = (0, 0);
        for pod in self.news() {
            if has_succeeded(pod) {
                succeeded += i64::from(!uncounted(self.job, "succeeded").contains(pod.uid()));
            }
            let is_news = is_failed(pod, self.job) && !uncounted(self.job, "failed").contains(pod.uid());
            failed += i64::from(is_news && policy::failure(self.job, pod) != Failure::Ignored);
        }
        self.succeeded = known("succeeded") + noted("succeeded") + succeeded;
        self.failed = known("failed") + noted("failed") + failed;
    }

    fn count_indexes(&mut self) {
        let completions = completions(self.job);
        self.completed = Indexes::parse(self.job.str_at(&["status", "completedIndexes"]), completions);
        let new = self.news().filter(|pod| has_succeeded(pod)).filter_map(index);
        self.succeeded_indexes = self.completed.with(new.collect::<Vec<_>>());
        self.succeeded = self.succeeded_indexes.count();
        let Some(limit) = self.job.int_at(&["spec", "backoffLimitPerIndex"]) else { return };
        let known = Indexes::parse(self.job.str_at(&["status", "failedIndexes"]), completions);
        let failed =
            self.news().filter(|pod| is_failed(pod, self.job)).filter(|pod| match policy::failure(self.job, pod) {
                Failure::OfIndex => true,
                Failure::Ignored => false,
                Failure::Counts | Failure::OfJob(_) => number(pod, INDEX_FAILURES) >= limit,
            });
        let failed = known.with(failed.filter_map(index).collect::<Vec<_>>());
        let active: BTreeSet<i64> = self.active.iter().filter_map(|pod| index(pod)).collect();
        let mut delayed: BTreeMap<i64, &'a Arc<Object>> = BTreeMap::new();
        for pod in self.news().filter(|pod| is_failed(pod, self.job)) {
            let Some(index) = index(pod) else { continue };
            if self.succeeded_indexes.contains(index) || failed.contains(index) || active.contains(&index) {
                continue;
            }
            let later = |other: &&Arc<Object>| (failures(pod), ended(pod)) >= (failures(other), ended(other));
            if delayed.get(&index).is_none_or(later) {
                delayed.insert(index, pod);
            }
        }
        self.failed_indexes = Some(failed);
        self.delayed = delayed;
    }

    /// The pods whose end is not counted yet; without those of an index that is none.
    fn news(&self) -> impl Iterator<Item = &'a Arc<Object>> + use<'a> {
        let (indexed, completions) = (is_indexed(self.job), completions(self.job));
        let all = self.pods.clone().into_iter().filter(|pod| is_tracked(pod));
        all.filter(move |pod| !indexed || index(pod).is_some_and(|index| index < completions))
    }

    /// Why the job has failed by its pod failure policy, if it has.
    pub fn failure_by_policy(&self) -> Option<String> {
        self.job.at(&["spec", "podFailurePolicy"]).filter(|policy| policy.is_object())?;
        self.pods.iter().filter(|pod| is_failed(pod, self.job)).find_map(|pod| match policy::failure(self.job, pod) {
            Failure::OfJob(why) => Some(why),
            _ => None,
        })
    }

    /// How often the containers of pods that are not finished were restarted.
    pub fn restarts(&self) -> i64 {
        let open = self.pods.iter().filter(|pod| matches!(pod.str_at(&["status", "phase"]), "Running" | "Pending"));
        let lists = |pod: &'a Object| {
            ["initContainerStatuses", "containerStatuses"].into_iter().flat_map(|list| pod.list_at(&["status", list]))
        };
        open.flat_map(|pod| lists(pod)).filter_map(|status| status.int_at(&["restartCount"])).sum()
    }

    /// When the next pod may be made, after failures since the last success.
    pub fn retry_at(&self) -> Option<Timestamp> {
        let succeeded = self.pods.iter().filter(|pod| has_succeeded(pod)).filter_map(|pod| ended(pod)).max();
        let failed = self.pods.iter().filter(|pod| is_failed(pod, self.job)).filter_map(|pod| ended(pod));
        let failed: Vec<Timestamp> = failed.filter(|end| succeeded.is_none_or(|succeeded| *end > succeeded)).collect();
        // Of pods that are gone, only the number is known.
        let count = if succeeded.is_none() { self.failed.max(failed.len() as i64) } else { failed.len() as i64 };
        pause(failed.into_iter().max()?, count)
    }

    /// When an index may be tried again; `None` at once.
    pub fn retry_index_at(&self, index: i64) -> Option<Timestamp> {
        let last = self.delayed.get(&index)?;
        pause(ended(last)?, failures(last) + 1)
    }

    /// The first indexes that need a pod.
    pub fn free_indexes(&self, count: usize) -> Vec<i64> {
        let only_failed = replaces_only_failed(self.job);
        let held = self.pods.iter().filter(|pod| is_active(pod) || (only_failed && is_terminating(pod)));
        let mut taken = self.succeeded_indexes.with(held.filter_map(|pod| index(pod)));
        if let Some(failed) = &self.failed_indexes {
            taken = taken.union(failed);
        }
        taken.missing(completions(self.job)).take(count).collect()
    }
}

fn pause(last: Timestamp, failures: i64) -> Option<Timestamp> {
    let doublings = u32::try_from(failures - 1).ok()?.min(10);
    after(last, (FIRST_PAUSE << doublings).min(LONGEST_PAUSE))
}

/// Whether each pod of a job does a part of its own.
pub fn is_indexed(job: &Object) -> bool {
    job.str_at(&["spec", "completionMode"]) == "Indexed"
}

/// How many successes are asked for; 0 where that is open.
pub fn completions(job: &Object) -> i64 {
    job.int_at(&["spec", "completions"]).unwrap_or(0)
}

/// Whether a pod is replaced only when it has ended, not when it is asked to.
pub fn replaces_only_failed(job: &Object) -> bool {
    job.str_at(&["spec", "podReplacementPolicy"]) == "Failed"
}

/// The UIDs of pods that were seen to end and may still have the finalizer.
pub fn uncounted<'a>(job: &'a Object, field: &str) -> BTreeSet<&'a str> {
    job.list_at(&["status", "uncountedTerminatedPods", field]).iter().filter_map(Object::as_str).collect()
}

/// Whether a pod has the finalizer.
pub fn is_tracked(pod: &Object) -> bool {
    pod.list_at(&["metadata", "finalizers"]).iter().any(|finalizer| finalizer == TRACKING)
}

/// Whether a pod ended well.
pub fn has_succeeded(pod: &Object) -> bool {
    pod.str_at(&["status", "phase"]) == "Succeeded"
}

/// Whether a pod of a job failed, or is as good as failed because it is being deleted.
pub fn is_failed(pod: &Object, job: &Object) -> bool {
    match pod.str_at(&["status", "phase"]) {
        "Failed" => true,
        "Succeeded" => false,
        _ => !replaces_only_failed(job) && pod.deletion_timestamp().is_some(),
    }
}

/// Which part of an indexed job a pod is.
pub fn index(pod: &Arc<Object>) -> Option<i64> {
    pod.annotation(INDEX)?.parse().ok().filter(|index| *index >= 0)
}

/// The number in an annotation; 0 without one.
pub fn number(pod: &Object, annotation: &str) -> i64 {
    pod.annotation(annotation).and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// How often a pod's index failed before it, ignored or not.
fn failures(pod: &Object) -> i64 {
    number(pod, INDEX_FAILURES) + number(pod, INDEX_IGNORED)
}

/// When a pod's last container ended; else since when it is not ready, was asked to end, or is there.
fn ended(pod: &Object) -> Option<Timestamp> {
    let ends: Option<Vec<Timestamp>> = pod
        .list_at(&["status", "containerStatuses"])
        .iter()
        .map(|container| container.time_at(&["state", "terminated", "finishedAt"]))
        .collect();
    let unready = || {
        let ready = conditions::find(pod.list_at(&["status", "conditions"]), "Ready")?;
        (ready.str_at(&["status"]) == "False").then(|| ready.time_at(&["lastTransitionTime"]))?
    };
    let asked = || {
        let grace = pod.int_at(&["metadata", "deletionGracePeriodSeconds"]).unwrap_or(0);
        after(pod.deletion_timestamp()?, -grace)
    };
    let last = ends.and_then(|ends| ends.into_iter().max());
    last.or_else(unready).or_else(asked).or_else(|| pod.creation_timestamp())
}
