//! What the pods of a job came to.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::has_succeeded;
use crate::backend::controllers::support::pods::{after, is_active, is_finished, is_terminating, restarts};
use crate::object::{Meta, Object, Timestamp, time};

/// The first pause after a failure; each further one is twice as long …
const FIRST_PAUSE: i64 = 10;
/// … up to this.
const LONGEST_PAUSE: i64 = 600;
/// Which part of an indexed job a pod is.
pub const INDEX: &str = "batch.kubernetes.io/job-completion-index";

/// A job's pods, counted. What once succeeded or failed stays counted when its pod is deleted.
pub struct Counts<'a> {
    /// The pods that run or will, oldest first.
    pub active: Vec<&'a Arc<Object>>,
    /// How many pods are on their way out.
    pub terminating: i64,
    /// How many succeeded; in indexed jobs, how many indexes did.
    pub succeeded: i64,
    /// How many failed.
    pub failed: i64,
    indexes: BTreeSet<i64>,
    last_failure: Option<Timestamp>,
}

impl<'a> Counts<'a> {
    /// Counts the pods of a job.
    pub fn of(job: &Object, pods: Vec<&'a Arc<Object>>) -> Self {
        let indexed = job.str_at(&["spec", "completionMode"]) == "Indexed";
        let succeeded: Vec<_> = pods.iter().filter(|pod| has_succeeded(pod)).collect();
        let failed: Vec<_> = pods.iter().filter(|pod| is_finished(pod) && !has_succeeded(pod)).collect();
        let indexes: BTreeSet<i64> = succeeded.iter().filter_map(|pod| index(pod)).collect();
        let counted = |field| job.int_at(&["status", field]).unwrap_or(0);
        let number = if indexed { indexes.len() } else { succeeded.len() } as i64;
        let mut active: Vec<_> = pods.iter().filter(|pod| is_active(pod)).copied().collect();
        active.sort_by_key(|pod| (pod.creation_timestamp(), pod.name().to_owned()));
        Self {
            terminating: pods.iter().filter(|pod| is_terminating(pod)).count() as i64,
            succeeded: number.max(counted("succeeded")),
            failed: (failed.len() as i64).max(counted("failed")),
            last_failure: failed.iter().filter_map(|pod| ended(pod)).max(),
            active,
            indexes,
        }
    }

    /// How often the containers of the active pods were restarted.
    pub fn restarts(&self) -> i64 {
        self.active.iter().map(|pod| restarts(pod)).sum()
    }

    /// When the next pod may be made, after a failure.
    pub fn retry_at(&self) -> Option<Timestamp> {
        let doublings = u32::try_from(self.failed - 1).ok()?.min(10);
        after(self.last_failure?, (FIRST_PAUSE << doublings).min(LONGEST_PAUSE))
    }

    /// The first indexes without a pod that runs or succeeded.
    pub fn free_indexes(&self, completions: i64, count: usize) -> Vec<i64> {
        let taken: BTreeSet<i64> = self.active.iter().filter_map(|pod| index(pod)).collect();
        (0..completions).filter(|n| !taken.contains(n) && !self.indexes.contains(n)).take(count).collect()
    }

    /// The indexes that succeeded, as `0,2-4`.
    pub fn completed_indexes(&self) -> String {
        let mut ranges: Vec<(i64, i64)> = Vec::new();
        for index in &self.indexes {
            match ranges.last_mut() {
                Some((_, end)) if *end + 1 == *index => *end = *index,
                _ => ranges.push((*index, *index)),
            }
        }
        let text = |(start, end): &(i64, i64)| match end - start {
            0 => start.to_string(),
            1 => format!("{start},{end}"),
            _ => format!("{start}-{end}"),
        };
        ranges.iter().map(text).collect::<Vec<_>>().join(",")
    }
}

fn index(pod: &Object) -> Option<i64> {
    pod.annotation(INDEX)?.parse().ok()
}

/// When a pod's last container ended, or else when it began.
fn ended(pod: &Object) -> Option<Timestamp> {
    let containers = pod.list_at(&["status", "containerStatuses"]).iter();
    let ends = containers.filter_map(|container| container.time_at(&["state", "terminated", "finishedAt"]));
    ends.max().or_else(|| {
        let conditions = pod.list_at(&["status", "conditions"]).iter();
        conditions.filter_map(|condition| time::parse_rfc3339(condition.str_at(&["lastTransitionTime"]))).max()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_ranges_of_indexes() {
        let counts = Counts::of(&Object::Null, Vec::new());
        for (indexes, want) in [(vec![], ""), (vec![0], "0"), (vec![0, 1, 3, 4, 5, 9], "0,1,3-5,9")] {
            let counts = Counts { indexes: indexes.into_iter().collect(), active: Vec::new(), ..counts };
            assert_eq!(counts.completed_indexes(), want);
        }
    }
}
