//! The times of a certificate signing request's conditions.

use crate::object::{Meta, Object, Timestamp, time};

/// The resource.
pub(super) const REQUESTS: &str = "certificatesigningrequests.certificates.k8s.io";

/// Dates conditions that have no times: those that were there before keep their own.
pub(super) fn date(new: &mut Object, old: &Object, now: Timestamp) {
    let before = old.list_at(&["status", "conditions"]);
    let mut conditions = new.list_at(&["status", "conditions"]).to_vec();
    for condition in &mut conditions {
        if condition.str_at(&["lastUpdateTime"]).is_empty() {
            condition.set_at(&["lastUpdateTime"], time::rfc3339(now));
        }
        if condition.str_at(&["lastTransitionTime"]).is_empty() {
            let same =
                |other: &&Object| ["type", "status"].iter().all(|field| other.get(field) == condition.get(field));
            let since = before.iter().find(same).map(|other| other.str_at(&["lastTransitionTime"]).to_owned());
            let since = since.filter(|since| !since.is_empty()).unwrap_or_else(|| time::rfc3339(now));
            condition.set_at(&["lastTransitionTime"], since);
        }
    }
    if !conditions.is_empty() {
        new.set_at(&["status", "conditions"], conditions);
    }
}
