//! ResourceQuotas and LimitRanges, alone and in a Namespace.

use std::collections::BTreeSet;

use super::description::Description;
use super::related::Related;
use super::text::{as_quantity, keys, quantity_or, quantity_text, strings};
use crate::object::quantity::Quantity;
use crate::object::{Meta, Object};

/// What a scope of a quota means.
const SCOPES: [(&str, &str); 4] = [
    (
        "Terminating",
        "Matches all pods that have an active deadline. These pods have a limited lifespan on a node before being actively terminated by the system.",
    ),
    (
        "NotTerminating",
        "Matches all pods that do not have an active deadline. These pods usually include long running pods whose container command is not expected to terminate.",
    ),
    (
        "BestEffort",
        "Matches all pods that do not have resource requirements set. These pods have a best effort quality of service.",
    ),
    (
        "NotBestEffort",
        "Matches all pods that have at least one resource requirement set. These pods have a burstable or guaranteed quality of service.",
    ),
];

fn scopes(d: &mut Description, quota: &Object, level: usize, bullet: &str) {
    let mut scopes = strings(quota, &["spec", "scopes"]);
    if scopes.is_empty() {
        return;
    }
    scopes.sort_unstable();
    d.field(level, "Scopes", scopes.join(", "));
    for scope in scopes {
        if let Some((_, meaning)) = SCOPES.iter().find(|(name, _)| *name == scope) {
            d.line(level, format_args!("{bullet}{meaning}"));
        }
    }
}

pub(super) fn describe(d: &mut Description, quota: &Object, _: &Related) -> anyhow::Result<()> {
    d.field(0, "Name", quota.name());
    d.field(0, "Namespace", quota.namespace());
    scopes(d, quota, 0, " * ");
    d.line(0, "Resource\tUsed\tHard");
    d.line(0, "--------\t----\t----");
    for name in keys(quota, &["status", "hard"]) {
        let amount = |field: &str| quota.at(&["status", field, name]).map(as_quantity).unwrap_or_default();
        let (hard, mut used) = (amount("hard"), amount("used"));
        if hard.notation() != used.notation() {
            used = Quantity::from_int(used.value(), hard.notation());
        }
        d.line(0, format_args!("{name}\t{used}\t{hard}"));
    }
    Ok(())
}

/// All quotas of a namespace.
pub(super) fn quotas(d: &mut Description, quotas: &[Object]) {
    if quotas.is_empty() {
        d.line(0, "No resource quota.");
        return;
    }
    let mut sorted: Vec<&Object> = quotas.iter().collect();
    sorted.sort_by_key(|quota| quota.name());
    d.line(0, "Resource Quotas");
    for quota in sorted {
        d.field(1, "Name", quota.name());
        scopes(d, quota, 1, "* ");
        d.line(1, "Resource\tUsed\tHard");
        d.line(1, "--------\t---\t---");
        for name in keys(quota, &["status", "hard"]) {
            let amount = |field: &str| quantity_text(quota, &["status", field, name]);
            d.line(1, format_args!("{name}\t{}\t{}", amount("used"), amount("hard")));
        }
    }
}

const LIMIT_COLUMNS: &str = "Type\tResource\tMin\tMax\tDefault Request\tDefault Limit\tMax Limit/Request Ratio";
const LIMIT_RULES: &str = "----\t--------\t---\t---\t---------------\t-------------\t-----------------------";

pub(super) fn describe_limits(d: &mut Description, range: &Object, _: &Related) -> anyhow::Result<()> {
    d.field(0, "Name", range.name());
    d.field(0, "Namespace", range.namespace());
    d.line(0, LIMIT_COLUMNS);
    d.line(0, LIMIT_RULES);
    limits(d, range, "");
    Ok(())
}

/// All limit ranges of a namespace.
pub(super) fn limit_ranges(d: &mut Description, ranges: &[Object]) {
    if ranges.is_empty() {
        d.line(0, "No LimitRange resource.");
        return;
    }
    d.line(0, format_args!("Resource Limits\n {LIMIT_COLUMNS}"));
    d.line(0, format_args!(" {LIMIT_RULES}"));
    for range in ranges {
        limits(d, range, " ");
    }
}

fn limits(d: &mut Description, range: &Object, prefix: &str) {
    for item in range.list_at(&["spec", "limits"]) {
        let fields = ["min", "max", "defaultRequest", "default", "maxLimitRequestRatio"];
        let names: BTreeSet<&str> = fields.iter().flat_map(|field| keys(item, &[field])).collect();
        for name in names {
            let kind = item.str_at(&["type"]);
            let amounts = fields.map(|field| quantity_or(item, &[field, name], "-"));
            d.line(0, format_args!("{prefix}{kind}\t{name}\t{}", amounts.join("\t")));
        }
    }
}
