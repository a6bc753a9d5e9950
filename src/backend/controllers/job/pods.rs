//! Making a job's pods, and choosing those that are too many.

use std::sync::Arc;

use serde_json::json;

use super::counts::{Counts, INDEX, INDEX_FAILURES, INDEX_IGNORED, TRACKING, completions, index, is_indexed, number};
use super::policy::{self, Failure};
use crate::backend::controllers::View;
use crate::backend::controllers::support::pods::is_ready;
use crate::backend::controllers::support::{names, pods};
use crate::object::{Meta, Object};

const INDEX_VARIABLE: &str = "JOB_COMPLETION_INDEX";
/// So long a generated name's prefix may be.
const PREFIX_MAX: usize = 58;

/// New pods of a job: one for each of these indexes where the job is indexed, else `count`.
pub fn make(job: &Object, view: &View, counts: &Counts, indexes: &[i64], count: usize) -> Vec<Object> {
    let empty = Object::Null;
    let template = job.at(&["spec", "template"]).unwrap_or(&empty);
    let indexed = is_indexed(job);
    let wanted = if indexed { indexes.len() } else { count };
    let mut made: Vec<Object> = Vec::with_capacity(wanted);
    let mut taken: Vec<String> = Vec::with_capacity(wanted);
    for salt in 0..wanted {
        let mut pod = pods::from_template(view, job, template, salt, &taken);
        for (key, value) in [
            ("batch.kubernetes.io/controller-uid", job.uid()),
            ("batch.kubernetes.io/job-name", job.name()),
            ("controller-uid", job.uid()),
            ("job-name", job.name()),
        ] {
            if pod.label(key).is_none() {
                pod.set_at(&["metadata", "labels", key], value);
            }
        }
        if let Some(index) = indexes.get(salt).filter(|_| indexed) {
            set_index(&mut pod, job, *index, view);
            if job.int_at(&["spec", "backoffLimitPerIndex"]).is_some() {
                set_failures(&mut pod, job, counts.delayed.get(index).copied());
            }
        }
        let mut finalizers = pod.list_at(&["metadata", "finalizers"]).to_vec();
        if !finalizers.iter().any(|finalizer| finalizer == TRACKING) {
            finalizers.push(TRACKING.into());
        }
        pod.set_at(&["metadata", "finalizers"], finalizers);
        taken.push(pod.name().to_owned());
        made.push(pod);
    }
    made
}

fn set_index(pod: &mut Object, job: &Object, index: i64, view: &View) {
    let text = index.to_string();
    let ending = format!("-{text}-");
    let own = job.name();
    let own = own.get(..PREFIX_MAX.saturating_sub(ending.len()).min(own.len())).unwrap_or(own);
    let prefix = format!("{own}{ending}");
    let moment = view.now().as_microsecond().to_string();
    let name =
        names::unused(&prefix, &[job.uid(), &moment, &text], |name| view.get("pods", job.namespace(), name).is_some());
    pod.set_at(&["metadata", "name"], name);
    pod.set_at(&["metadata", "generateName"], prefix);
    pod.set_at(&["metadata", "annotations", INDEX], text.clone());
    pod.set_at(&["metadata", "labels", INDEX], text.clone());
    pod.set_at(&["spec", "hostname"], format!("{}-{text}", job.name()));
    for list in ["containers", "initContainers"] {
        let Some(containers) = pod.at_mut(&["spec"]).get_mut(list).and_then(Object::as_array_mut) else { continue };
        for container in containers {
            if container.list_at(&["env"]).iter().any(|variable| variable.str_at(&["name"]) == INDEX_VARIABLE) {
                continue;
            }
            let env = container.at_mut(&["env"]);
            if !env.is_array() {
                *env = json!([]);
            }
            let variable = json!({"name": INDEX_VARIABLE, "valueFrom": {"fieldRef": {
                "apiVersion": "v1", "fieldPath": format!("metadata.labels['{INDEX}']")}}});
            if let Some(env) = env.as_array_mut() {
                env.push(variable);
            }
        }
    }
}

/// Carries on how often an index failed.
fn set_failures(pod: &mut Object, job: &Object, last: Option<&Arc<Object>>) {
    let (mut failed, mut ignored) = (0, 0);
    if let Some(last) = last {
        (failed, ignored) = (number(last, INDEX_FAILURES), number(last, INDEX_IGNORED));
        match policy::failure(job, last) {
            Failure::Ignored => ignored += 1,
            _ => failed += 1,
        }
    }
    pod.set_at(&["metadata", "annotations", INDEX_FAILURES], failed.to_string());
    if ignored > 0 {
        pod.set_at(&["metadata", "annotations", INDEX_IGNORED], ignored.to_string());
    }
}

/// The active pods that are too many: those whose index is none or is there twice, and then at least so
/// many, the furthest from being of use first.
pub fn surplus<'a>(job: &Object, active: &[&'a Arc<Object>], at_least: usize) -> Vec<&'a Arc<Object>> {
    let mut sorted: Vec<&Arc<Object>> = active.to_vec();
    let worth = |pod: &Arc<Object>| {
        let phase = match pod.str_at(&["status", "phase"]) {
            "Running" => 2,
            "Unknown" => 1,
            _ => 0,
        };
        (!pod.str_at(&["spec", "nodeName"]).is_empty(), phase, is_ready(pod))
    };
    sorted.sort_by(|a, b| {
        let younger = (b.creation_timestamp(), b.name()).cmp(&(a.creation_timestamp(), a.name()));
        worth(a).cmp(&worth(b)).then(younger)
    });
    if !is_indexed(job) {
        sorted.truncate(at_least);
        return sorted;
    }
    let (mut surplus, mut kept) = (Vec::new(), Vec::new());
    let mut seen = std::collections::HashSet::new();
    // From the most useful on: the first of an index stays.
    for pod in sorted.into_iter().rev() {
        match index(pod) {
            Some(index) if index < completions(job) && seen.insert(index) => kept.push(pod),
            _ => surplus.push(pod),
        }
    }
    while surplus.len() < at_least
        && let Some(pod) = kept.pop()
    {
        surplus.push(pod);
    }
    surplus
}
