//! ServiceCIDRs and IPAddresses.

use super::description::Description;
use super::events::events;
use super::parts::{conditions_with_time, heading};
use super::related::Related;
use super::text::{is_set, strings};
use crate::object::{Meta, Object};

pub(super) fn describe_cidr(d: &mut Description, cidr: &Object, related: &Related) -> anyhow::Result<()> {
    heading(d, cidr, false);
    d.field(0, "CIDRs", strings(cidr, &["spec", "cidrs"]).join(", "));
    if !cidr.list_at(&["status", "conditions"]).is_empty() {
        d.line(0, "Status:\nConditions:");
        conditions_with_time(d, cidr);
    }
    events(d, related);
    Ok(())
}

pub(super) fn describe_address(d: &mut Description, address: &Object, related: &Related) -> anyhow::Result<()> {
    heading(d, address, false);
    if is_set(address, &["spec", "parentRef"]) {
        d.line(0, "Parent Reference:");
        for (title, field) in
            [("Group", "group"), ("Resource", "resource"), ("Namespace", "namespace"), ("Name", "name")]
        {
            d.field(1, title, address.str_at(&["spec", "parentRef", field]));
        }
    }
    events(d, related);
    Ok(())
}
