//! What the pods of a node take of it.

use super::description::Description;
use super::pod_resources::{Amounts, What, add, of_pod};
use super::text::{as_quantity, quantities};
use crate::object::quantity::Quantity;
use crate::object::{Meta, Object};

/// Writes the node's pods, and the sums of their requests and limits beside what there is.
pub(super) fn allocated(d: &mut Description, pods: &[Object], status: &Object) {
    d.field(0, "Non-terminated Pods", format_args!("({} in total)", pods.len()));
    d.line(1, "Namespace\tName\t\tCPU Requests\tCPU Limits\tMemory Requests\tMemory Limits\tAge");
    d.line(1, "---------\t----\t\t------------\t----------\t---------------\t-------------\t---");
    let mut there: Amounts<'_> = all(status, "allocatable");
    if there.is_empty() {
        there = all(status, "capacity");
    }
    let (mut requests, mut limits) = (Amounts::new(), Amounts::new());
    for pod in pods {
        let (request, limit) = (of_pod(pod, What::Requests, true), of_pod(pod, What::Limits, true));
        let part = |amounts: &Amounts<'_>, name: &str| {
            let amount = get(amounts, name);
            format!("{amount} ({}%)", percent(name, amount, get(&there, name), i64::MIN))
        };
        let age = d.since(pod.creation_timestamp());
        d.line(
            1,
            format_args!(
                "{}\t{}\t\t{}\t{}\t{}\t{}\t{age}",
                pod.namespace(),
                pod.name(),
                part(&request, "cpu"),
                part(&limit, "cpu"),
                part(&request, "memory"),
                part(&limit, "memory"),
            ),
        );
        add(&mut requests, &of_pod(pod, What::Requests, false));
        add(&mut limits, &of_pod(pod, What::Limits, false));
    }
    d.line(0, "Allocated resources:\n  (Total limits may be over 100 percent, i.e., overcommitted.)");
    d.line(1, "Resource\tRequests\tLimits");
    d.line(1, "--------\t--------\t------");
    let huge_pages = there.keys().copied().filter(|name| name.starts_with("hugepages-"));
    for name in ["cpu", "memory", "ephemeral-storage"].into_iter().chain(huge_pages) {
        let part = |amounts: &Amounts<'_>| {
            let amount = get(amounts, name);
            format!("{amount} ({}%)", percent(name, amount, get(&there, name), 0))
        };
        d.line(1, format_args!("{name}\t{}\t{}", part(&requests), part(&limits)));
    }
    let standard =
        |name: &str| matches!(name, "cpu" | "memory" | "ephemeral-storage" | "pods") || name.starts_with("hugepages-");
    for name in there.keys().filter(|name| !standard(name)) {
        d.line(1, format_args!("{name}\t{}\t{}", get(&requests, name), get(&limits, name)));
    }
}

fn all<'a>(status: &'a Object, field: &str) -> Amounts<'a> {
    quantities(status, &[field]).map(|(name, value)| (name, as_quantity(value))).collect()
}

fn get(amounts: &Amounts<'_>, name: &str) -> Quantity {
    amounts.get(name).copied().unwrap_or_default()
}

/// How much of a whole an amount is, in percent, cut; `of_nothing` where there is nothing.
fn percent(name: &str, amount: Quantity, whole: Quantity, of_nothing: i64) -> i64 {
    let (amount, whole) = match name {
        "cpu" => (amount.milli_value(), whole.milli_value()),
        _ => (amount.value(), whole.value()),
    };
    if whole == 0 {
        return of_nothing;
    }
    (amount as f64 / whole as f64 * 100.0) as i64
}
