//! Daemon sets: how far their rollouts are.

use anyhow::bail;

use crate::object::{Meta, Object};

pub(super) fn status(object: &Object) -> anyhow::Result<(String, bool)> {
    if object.str_at(&["spec", "updateStrategy", "type"]) != "RollingUpdate" {
        bail!("rollout status is only available for RollingUpdate strategy type");
    }
    let name = object.name();
    let count = |field: &str| object.int_at(&["status", field]).unwrap_or(0);
    if object.generation() > count("observedGeneration") {
        return Ok(("Waiting for daemon set spec update to be observed...\n".to_owned(), false));
    }
    let (updated, wanted, available) =
        (count("updatedNumberScheduled"), count("desiredNumberScheduled"), count("numberAvailable"));
    let waiting =
        |for_what: String| Ok((format!("Waiting for daemon set {name:?} rollout to finish: {for_what}...\n"), false));
    if updated < wanted {
        return waiting(format!("{updated} out of {wanted} new pods have been updated"));
    }
    if available < wanted {
        return waiting(format!("{available} of {wanted} updated pods are available"));
    }
    Ok((format!("daemon set {name:?} successfully rolled out\n"), true))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn says_how_far_it_is() {
        let set = |seen: i64, updated: i64, available: i64| {
            json!({"metadata": {"name": "agent", "generation": 2}, "spec": {"updateStrategy": {"type": "RollingUpdate"}},
                "status": {"observedGeneration": seen, "desiredNumberScheduled": 3, "updatedNumberScheduled": updated, "numberAvailable": available}})
        };
        let waiting = "Waiting for daemon set \"agent\" rollout to finish: ";
        for (object, want, done) in [
            (set(1, 3, 3), "Waiting for daemon set spec update to be observed...\n".to_owned(), false),
            (set(2, 1, 3), format!("{waiting}1 out of 3 new pods have been updated...\n"), false),
            (set(2, 3, 1), format!("{waiting}1 of 3 updated pods are available...\n"), false),
            (set(2, 3, 3), "daemon set \"agent\" successfully rolled out\n".to_owned(), true),
        ] {
            assert_eq!(status(&object).unwrap(), (want, done));
        }
        let error = status(&json!({"spec": {"updateStrategy": {"type": "OnDelete"}}})).unwrap_err().to_string();
        assert_eq!(error, "rollout status is only available for RollingUpdate strategy type");
    }
}
