//! Disruption budgets, as an eviction heeds them.

use super::DeleteOptions;
use super::transaction::Inside;
use crate::backend::registry::Cluster;
use crate::object::labels::Selector;
use crate::object::status::StatusCause;
use crate::object::{Meta, Object, Status};

const BUDGETS: &str = "poddisruptionbudgets.policy";

impl Inside<'_, '_> {
    /// Refuses (429) where a budget does not allow a pod to go; else takes it off the budget.
    pub(super) fn check_budgets(&mut self, pod: &Object, options: &DeleteOptions) -> Result<(), Status> {
        let ended = matches!(pod.str_at(&["status", "phase"]), "Succeeded" | "Failed" | "Pending");
        if ended || pod.deletion_timestamp().is_some() {
            return Ok(());
        }
        let covers = |budget: &Object| {
            let selector = Selector::from_object(budget.at(&["spec", "selector"]));
            selector.is_ok_and(|selector| selector.matches(pod))
        };
        let budgets = self.list(BUDGETS, Some(pod.namespace()));
        let mut budgets = budgets.into_iter().filter(covers);
        let Some(mut budget) = budgets.next() else { return Ok(()) };
        if budgets.next().is_some() {
            return Err(Status::internal(
                "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
            ));
        }
        let ready = pod
            .list_at(&["status", "conditions"])
            .iter()
            .any(|condition| condition.str_at(&["type"]) == "Ready" && condition.str_at(&["status"]) == "True");
        let always = budget.str_at(&["spec", "unhealthyPodEvictionPolicy"]) == "AlwaysAllow";
        let number = |field: &str| budget.int_at(&["status", field]).unwrap_or(0);
        let (healthy, desired, allowed) =
            (number("currentHealthy"), number("desiredHealthy"), number("disruptionsAllowed"));
        if !ready && (always || (healthy >= desired && desired > 0)) {
            return Ok(());
        }
        if number("observedGeneration") < budget.generation() {
            return Err(too_many(&budget, "The disruption budget is still being processed by the server."));
        }
        if allowed <= 0 {
            let why = format!(
                "The disruption budget {} needs {desired} healthy pods and has {healthy} currently",
                budget.name()
            );
            return Err(too_many(&budget, &why));
        }
        if !options.dry_run {
            budget.set_at(&["status", "disruptionsAllowed"], allowed - 1);
            budget.set_at(&["status", "disruptedPods", pod.name()], crate::object::time::rfc3339(self.now));
            self.transaction.update(BUDGETS, &mut budget, None)?;
        }
        Ok(())
    }
}

fn too_many(_budget: &Object, why: &str) -> Status {
    let mut status =
        Status::failure(429, "TooManyRequests", "Cannot evict pod as it would violate the pod's disruption budget.");
    status.details.get_or_insert_default().causes.push(StatusCause {
        reason: "DisruptionBudget".into(),
        message: why.into(),
        field: String::new(),
    });
    status
}
