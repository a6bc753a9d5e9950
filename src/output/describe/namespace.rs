//! Namespaces.

use super::description::Description;
use super::parts::{conditions_with_time, heading};
use super::quota::{limit_ranges, quotas};
use super::related::{LIMIT_RANGES, Need, RESOURCE_QUOTAS, Related, again, is_refusal};
use crate::object::{Meta, Object};

pub(super) fn needs(namespace: &Object) -> Vec<Need> {
    [RESOURCE_QUOTAS, LIMIT_RANGES].into_iter().map(|resource| Need::list(resource, namespace.name())).collect()
}

pub(super) fn describe(d: &mut Description, namespace: &Object, related: &Related) -> anyhow::Result<()> {
    let list = |resource| match related.list(&Need::list(resource, namespace.name())) {
        Ok(items) => Ok(Some(items)),
        // A server without that type.
        Err(error) if is_refusal(error, "NotFound") => Ok(None),
        Err(error) => Err(again(error)),
    };
    let (all_quotas, all_limits) = (list(RESOURCE_QUOTAS)?, list(LIMIT_RANGES)?);
    heading(d, namespace, false);
    d.field(0, "Status", namespace.str_at(&["status", "phase"]));
    if !namespace.list_at(&["status", "conditions"]).is_empty() {
        d.line(0, "Conditions:");
        conditions_with_time(d, namespace);
    }
    if let Some(all) = all_quotas {
        d.line(0, "");
        quotas(d, all);
    }
    if let Some(all) = all_limits {
        d.line(0, "");
        limit_ranges(d, all);
    }
    Ok(())
}
