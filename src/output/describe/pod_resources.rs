//! What a pod as a whole requests, and how far it may go: the rule by which the scheduler counts.

use std::collections::BTreeMap;

use super::pod::pod_level;
use super::text::{as_quantity, is_set, quantities};
use crate::object::quantity::Quantity;
use crate::object::{Meta, Object};

/// Amounts by the name of the resource.
pub(super) type Amounts<'a> = BTreeMap<&'a str, Quantity>;

/// Requests or limits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Requests,
    Limits,
}

impl What {
    fn field(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Limits => "limits",
        }
    }
}

/// Adds amounts up.
pub(super) fn add<'a>(sum: &mut Amounts<'a>, amounts: &Amounts<'a>) {
    for (name, amount) in amounts {
        sum.entry(name).and_modify(|sum| *sum = sum.plus(*amount)).or_insert(*amount);
    }
}

/// Keeps the larger of each amount.
fn raise<'a>(most: &mut Amounts<'a>, amounts: &Amounts<'a>) {
    for (name, amount) in amounts {
        let most = most.entry(name).or_insert(*amount);
        if *amount > *most {
            *most = *amount;
        }
    }
}

fn amounts<'a>(object: &'a Object, path: &[&str]) -> Amounts<'a> {
    quantities(object, path).map(|(name, value)| (name, as_quantity(value))).collect()
}

/// The amounts of a pod. With `actual`, what the kubelet has actually given to containers counts too
/// while a pod is being resized.
pub(super) fn of_pod(pod: &Object, what: What, actual: bool) -> Amounts<'_> {
    let spec = pod.get("spec").unwrap_or(&Object::Null);
    let mut total = of_containers(pod, spec, what, actual);
    let set = |field: &str| quantities(spec, &["resources", field]).any(|(name, _)| pod_level(name));
    // Limits of the pod count as soon as anything is set for the pod, requests only where they are.
    if set("requests") || (what == What::Limits && set("limits")) {
        let own = amounts(spec, &["resources", what.field()]);
        total.extend(own.into_iter().filter(|(name, _)| pod_level(name)));
    }
    for (name, overhead) in amounts(spec, &["overhead"]) {
        match what {
            What::Requests => add(&mut total, &Amounts::from([(name, overhead)])),
            // Overhead limits nothing that is not limited.
            What::Limits => {
                if let Some(limit) = total.get_mut(name).filter(|limit| !limit.is_zero()) {
                    *limit = limit.plus(overhead);
                }
            }
        }
    }
    total
}

fn of_containers<'a>(pod: &'a Object, spec: &'a Object, what: What, actual: bool) -> Amounts<'a> {
    let of =
        |container: &'a Object, restartable: bool| match status_of(pod, container).filter(|_| actual && restartable) {
            Some(status) => effective(pod, container, status, what),
            None => amounts(container, &["resources", what.field()]),
        };
    let mut total = Amounts::new();
    for container in spec.list_at(&["containers"]) {
        add(&mut total, &of(container, true));
    }
    // Sidecars run beside what is started after them; the other init containers run one by one.
    let (mut sidecars, mut most) = (Amounts::new(), Amounts::new());
    for container in spec.list_at(&["initContainers"]) {
        let sidecar = container.str_at(&["restartPolicy"]) == "Always";
        let mut own = of(container, sidecar);
        if sidecar {
            add(&mut total, &own);
            add(&mut sidecars, &own);
            raise(&mut most, &sidecars);
        } else {
            add(&mut own, &sidecars);
            raise(&mut most, &own);
        }
    }
    raise(&mut total, &most);
    total
}

/// The status of a container, where it says what the container was given.
fn status_of<'a>(pod: &'a Object, container: &Object) -> Option<&'a Object> {
    let name = container.str_at(&["name"]);
    let mut statuses = ["initContainerStatuses", "containerStatuses"]
        .into_iter()
        .flat_map(|field| pod.list_at(&["status", field]).iter().rev());
    statuses.find(|status| status.str_at(&["name"]) == name).filter(|status| is_set(status, &["resources"]))
}

/// The largest of what is asked for and what is given; what is asked for does not count where it
/// cannot be given.
fn effective<'a>(pod: &Object, container: &'a Object, status: &'a Object, what: What) -> Amounts<'a> {
    let pending = pod.list_at(&["status", "conditions"]).iter();
    let mut pending = pending.filter(|condition| condition.str_at(&["type"]) == "PodResizePending");
    let infeasible = pending.next().is_some_and(|condition| condition.str_at(&["reason"]) == "Infeasible");
    let mut most = amounts(status, &["resources", what.field()]);
    if what == What::Requests {
        raise(&mut most, &amounts(status, &["allocatedResources"]));
    }
    if !infeasible {
        let mut asked = amounts(container, &["resources", what.field()]);
        raise(&mut asked, &most);
        return asked;
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn text(amounts: &Amounts<'_>) -> String {
        amounts.iter().map(|(name, amount)| format!("{name}={amount}")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn sums_containers_and_takes_the_largest_init_container() {
        let cpu = |amount: &str| json!({"resources": {"requests": {"cpu": amount}}});
        let mut sidecar = cpu("50m");
        sidecar["restartPolicy"] = json!("Always");
        for (init, overhead, want) in [
            (json!([]), json!(null), "cpu=300m"),
            (json!([cpu("1")]), json!(null), "cpu=1"),
            (json!([sidecar, cpu("100m")]), json!(null), "cpu=350m"),
            (json!([sidecar, cpu("1")]), json!({"cpu": "10m", "memory": "1Mi"}), "cpu=1060m memory=1Mi"),
        ] {
            let pod = json!({"spec": {"containers": [cpu("100m"), cpu("200m")], "initContainers": init, "overhead": overhead}});
            assert_eq!(text(&of_pod(&pod, What::Requests, true)), want);
            assert_eq!(text(&of_pod(&pod, What::Limits, true)), "");
        }
    }

    #[test]
    fn counts_what_is_given_while_resizing() {
        let mut pod = json!({
            "spec": {"containers": [{"name": "a", "resources": {"requests": {"cpu": "100m"}, "limits": {"cpu": "1"}}}]},
            "status": {
                "containerStatuses": [{"name": "a", "resources": {"requests": {"cpu": "200m"}, "limits": {"cpu": "500m"}}}],
            },
        });
        assert_eq!(text(&of_pod(&pod, What::Requests, true)), "cpu=200m");
        assert_eq!(text(&of_pod(&pod, What::Requests, false)), "cpu=100m");
        assert_eq!(text(&of_pod(&pod, What::Limits, true)), "cpu=1");
        pod["status"]["conditions"] = json!([{"type": "PodResizePending", "reason": "Infeasible"}]);
        assert_eq!(text(&of_pod(&pod, What::Limits, true)), "cpu=500m");
    }

    #[test]
    fn the_pods_own_amounts_win() {
        let pod = json!({"spec": {
            "containers": [{"resources": {"requests": {"cpu": "1", "storage": "1"}, "limits": {"cpu": "2"}}}],
            "resources": {"requests": {"cpu": "5", "other": "1"}, "limits": {"memory": "1Gi"}},
        }});
        assert_eq!(text(&of_pod(&pod, What::Requests, true)), "cpu=5 storage=1");
        assert_eq!(text(&of_pod(&pod, What::Limits, true)), "cpu=2 memory=1Gi");
    }
}
