//! Making a job's pods.

use serde_json::json;

use super::counts::{Counts, INDEX};
use crate::backend::controllers::View;
use crate::backend::controllers::support::{names, pods};
use crate::object::{Meta, Object};

/// So many new pods of a job, each with an index of its own where the job is indexed.
pub fn make(job: &Object, view: &View, counts: &Counts, count: usize) -> Vec<Object> {
    let empty = Object::Null;
    let template = job.at(&["spec", "template"]).unwrap_or(&empty);
    let indexed = job.str_at(&["spec", "completionMode"]) == "Indexed";
    let indexes = counts.free_indexes(job.int_at(&["spec", "completions"]).unwrap_or(0), count);
    let wanted = if indexed { indexes.len() } else { count };
    let mut made: Vec<Object> = Vec::new();
    let mut taken: Vec<String> = Vec::new();
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
        }
        taken.push(pod.name().to_owned());
        made.push(pod);
    }
    made
}

fn set_index(pod: &mut Object, job: &Object, index: i64, view: &View) {
    let text = index.to_string();
    let prefix = format!("{}-{text}-", job.name());
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
            let env = container.at_mut(&["env"]);
            if !env.is_array() {
                *env = json!([]);
            }
            let variable = json!({"name": "JOB_COMPLETION_INDEX", "valueFrom": {"fieldRef": {
                "apiVersion": "v1", "fieldPath": format!("metadata.labels['{INDEX}']")}}});
            if let Some(env) = env.as_array_mut() {
                env.push(variable);
            }
        }
    }
}
