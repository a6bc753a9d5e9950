//! Disruption budgets, priority classes and certificate signing requests.

use super::{AGE, Column, NAME, cells};
use crate::object::{Meta, Object, time};

pub(super) const POD_DISRUPTION_BUDGETS: &[Column] = &[
    NAME,
    Column::string("Min Available", |object, _| cells::text_or(object, &["spec", "minAvailable"], "N/A").into()),
    Column::string("Max Unavailable", |object, _| cells::text_or(object, &["spec", "maxUnavailable"], "N/A").into()),
    Column::integer("Allowed Disruptions", |object, _| cells::int(object, &["status", "disruptionsAllowed"])),
    AGE,
];

pub(super) const PRIORITY_CLASSES: &[Column] = &[
    NAME,
    Column::integer("Value", |object, _| cells::int(object, &["value"])),
    Column::boolean("Global-Default", |object, _| object.bool_at(&["globalDefault"]).into()),
    AGE,
    Column::string("PreemptionPolicy", |object, _| object.str_at(&["preemptionPolicy"]).into()),
];

pub(super) const CERTIFICATE_SIGNING_REQUESTS: &[Column] = &[
    NAME,
    AGE,
    Column::string("SignerName", |object, _| cells::string_or(object, &["spec", "signerName"], "<none>")),
    Column::string("Requestor", |object, _| object.str_at(&["spec", "username"]).into()),
    Column::string("RequestedDuration", |object, _| match object.int_at(&["spec", "expirationSeconds"]) {
        Some(seconds) => time::human_duration(seconds).into(),
        None => "<none>".into(),
    }),
    Column::string("Condition", |object, _| request_status(object).into()),
];

fn request_status(object: &Object) -> String {
    let has = |kind| cells::condition(object, kind).is_some();
    let mut status = match (has("Denied"), has("Approved")) {
        (true, _) => "Denied",
        (false, true) => "Approved",
        (false, false) => "Pending",
    }
    .to_owned();
    if has("Failed") {
        status.push_str(",Failed");
    }
    if !object.str_at(&["status", "certificate"]).is_empty() {
        status.push_str(",Issued");
    }
    status
}
