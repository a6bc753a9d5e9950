//! PodDisruptionBudgets and PriorityClasses.

use super::description::Description;
use super::events::events;
use super::related::Related;
use super::text::{int, is_set, one_line, text_at};
use crate::object::labels::format_selector;
use crate::object::{Meta, Object};

pub(super) fn describe_budget(d: &mut Description, budget: &Object, related: &Related) -> anyhow::Result<()> {
    d.field(0, "Name", budget.name());
    d.field(0, "Namespace", budget.namespace());
    for (title, field) in [("Min available", "minAvailable"), ("Max unavailable", "maxUnavailable")] {
        if is_set(budget, &["spec", field]) {
            d.field(0, title, text_at(budget, &["spec", field], ""));
            break;
        }
    }
    match budget.at(&["spec", "selector"]).filter(|selector| !selector.is_null()) {
        Some(selector) => d.field(0, "Selector", format_selector(Some(selector))),
        None => d.field(0, "Selector", "<unset>"),
    }
    d.line(0, "Status:");
    for (title, field) in [
        ("Allowed disruptions", "disruptionsAllowed"),
        ("Current", "currentHealthy"),
        ("Desired", "desiredHealthy"),
        ("Total", "expectedPods"),
    ] {
        d.field(2, title, int(budget, &["status", field]));
    }
    events(d, related);
    Ok(())
}

pub(super) fn describe_priority_class(d: &mut Description, class: &Object, related: &Related) -> anyhow::Result<()> {
    d.field(0, "Name", class.name());
    d.field(0, "Value", int(class, &["value"]));
    d.field(0, "GlobalDefault", class.bool_at(&["globalDefault"]));
    d.field(0, "PreemptionPolicy", class.str_at(&["preemptionPolicy"]));
    d.field(0, "Description", class.str_at(&["description"]));
    d.field(0, "Annotations", one_line(&class.annotations()));
    events(d, related);
    Ok(())
}
