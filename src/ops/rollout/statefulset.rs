//! Stateful sets: how far their rollouts are.

use anyhow::bail;

use crate::object::{Meta, Object};

pub(super) fn status(object: &Object) -> anyhow::Result<(String, bool)> {
    if object.str_at(&["spec", "updateStrategy", "type"]) != "RollingUpdate" {
        bail!("rollout status is only available for RollingUpdate strategy type");
    }
    let count = |field: &str| object.int_at(&["status", field]).unwrap_or(0);
    let seen = count("observedGeneration");
    if seen == 0 || object.generation() > seen {
        return Ok(("Waiting for statefulset spec update to be observed...\n".to_owned(), false));
    }
    let wanted = object.int_at(&["spec", "replicas"]);
    let (ready, updated) = (count("readyReplicas"), count("updatedReplicas"));
    if let Some(wanted) = wanted.filter(|wanted| ready < *wanted) {
        return Ok((format!("Waiting for {} pods to be ready...\n", wanted - ready), false));
    }
    if let Some(rolling) = object.at(&["spec", "updateStrategy", "rollingUpdate"]).filter(|rolling| !rolling.is_null())
    {
        let partition = rolling.int_at(&["partition"]);
        if let Some(wanted) = wanted.zip(partition).map(|(all, old)| all - old).filter(|wanted| updated < *wanted) {
            return Ok((
                format!(
                    "Waiting for partitioned roll out to finish: {updated} out of {wanted} new pods have been updated...\n"
                ),
                false,
            ));
        }
        return Ok((format!("partitioned roll out complete: {updated} new pods have been updated...\n"), true));
    }
    let revision = |field: &str| object.str_at(&["status", field]);
    let (update, current) = (revision("updateRevision"), revision("currentRevision"));
    if update != current {
        return Ok((
            format!("waiting for statefulset rolling update to complete {updated} pods at revision {update}...\n"),
            false,
        ));
    }
    let pods = count("currentReplicas");
    Ok((format!("statefulset rolling update complete {pods} pods at revision {current}...\n"), true))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn says_how_far_it_is() {
        let set = |rolling: Object, status: Object| {
            json!({"metadata": {"name": "db", "generation": 2}, "status": status,
                "spec": {"replicas": 3, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": rolling}}})
        };
        for (object, want, done) in [
            (
                set(json!(null), json!({"observedGeneration": 1})),
                "Waiting for statefulset spec update to be observed...\n",
                false,
            ),
            (
                set(json!(null), json!({"observedGeneration": 2, "readyReplicas": 1})),
                "Waiting for 2 pods to be ready...\n",
                false,
            ),
            (
                set(
                    json!({"partition": 1}),
                    json!({"observedGeneration": 2, "readyReplicas": 3, "updatedReplicas": 1}),
                ),
                "Waiting for partitioned roll out to finish: 1 out of 2 new pods have been updated...\n",
                false,
            ),
            (
                set(
                    json!({"partition": 0}),
                    json!({"observedGeneration": 2, "readyReplicas": 3, "updatedReplicas": 3}),
                ),
                "partitioned roll out complete: 3 new pods have been updated...\n",
                true,
            ),
            (
                set(
                    json!(null),
                    json!({"observedGeneration": 2, "readyReplicas": 3, "updatedReplicas": 1, "updateRevision": "b", "currentRevision": "a"}),
                ),
                "waiting for statefulset rolling update to complete 1 pods at revision b...\n",
                false,
            ),
            (
                set(
                    json!(null),
                    json!({"observedGeneration": 2, "readyReplicas": 3, "currentReplicas": 3, "updateRevision": "b", "currentRevision": "b"}),
                ),
                "statefulset rolling update complete 3 pods at revision b...\n",
                true,
            ),
        ] {
            assert_eq!(status(&object).unwrap(), (want.to_owned(), done));
        }
    }
}
