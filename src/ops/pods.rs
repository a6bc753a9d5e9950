//! Pods for commands that work with one: the containers of a pod, and the pods behind a workload.

use std::cmp::Ordering;
use std::time::Duration;

use super::context::Context;
use super::resources::Info;
use crate::client::Client;
use crate::client::paging;
use crate::client::request::{Call, Endpoint, ListParams, WatchParams};
use crate::client::watch::{Event, TimedOut, Watcher};
use crate::object::labels::Selector;
use crate::object::{GroupVersionResource, Meta, Object, Timestamp, builtin};

/// The annotation that names the container that commands mean when they name none.
pub const DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";

/// The lists of containers in a pod's spec, in the order in which names are looked up, with what marks
/// their names in lists of all.
const LISTS: [(&str, &str); 3] =
    [("containers", ""), ("ephemeralContainers", " (ephem)"), ("initContainers", " (init)")];

/// The container of that name.
pub fn container<'a>(pod: &'a Object, name: &str) -> Option<&'a Object> {
    LISTS
        .iter()
        .flat_map(|(list, _)| pod.list_at(&["spec", list]))
        .find(|container| container.str_at(&["name"]) == name)
}

/// Whether the container of that name was added to the running pod.
pub fn is_ephemeral(pod: &Object, name: &str) -> bool {
    pod.list_at(&["spec", "ephemeralContainers"]).iter().any(|container| container.str_at(&["name"]) == name)
}

/// `app, debugger (ephem), setup (init)`.
pub fn container_names(pod: &Object) -> String {
    let names: Vec<String> = LISTS
        .iter()
        .flat_map(|(list, mark)| {
            pod.list_at(&["spec", list]).iter().map(move |one| format!("{}{mark}", one.str_at(&["name"])))
        })
        .collect();
    names.join(", ")
}

/// The container of that name.
///
/// # Errors
/// There is none; the message names those that there are.
pub fn named_container<'a>(pod: &'a Object, name: &str) -> anyhow::Result<&'a Object> {
    container(pod, name).ok_or_else(|| {
        anyhow::anyhow!("container {name} is not valid for pod {} out of: {}", pod.name(), container_names(pod))
    })
}

/// The container of that name; for an empty name the one that the pod's annotation names, or the first,
/// and then a line says so where there are others.
///
/// # Errors
/// There is no such container.
pub fn container_or_default<'a>(ctx: &Context, pod: &'a Object, name: &str, quiet: bool) -> anyhow::Result<&'a Object> {
    let first = pod.list_at(&["spec", "containers"]).first();
    let Some(first) = first else {
        anyhow::bail!("pod {}/{} does not have any containers", pod.namespace(), pod.name());
    };
    let name = if name.is_empty() { pod.annotation(DEFAULT_CONTAINER).unwrap_or_default() } else { name };
    if !name.is_empty() {
        return named_container(pod, name);
    }
    if !quiet {
        say_defaulted(ctx, pod);
    }
    Ok(first)
}

/// Says which container is taken where none is named and there are several.
pub fn say_defaulted(ctx: &Context, pod: &Object) {
    let count: usize = LISTS.iter().map(|(list, _)| pod.list_at(&["spec", list]).len()).sum();
    if let Some(first) = pod.list_at(&["spec", "containers"]).first().filter(|_| count > 1) {
        let name = first.str_at(&["name"]);
        ctx.streams.say(format!("Defaulted container {name:?} out of: {}", container_names(pod)));
    }
}

/// The selector of the pods that belong to an object.
///
/// # Errors
/// The object has no pods of its own, or its selector is not valid.
pub fn selector_of(object: &Object) -> anyhow::Result<Selector> {
    let invalid = |error| anyhow::anyhow!("invalid label selector: {error}");
    let labels = object.at(&["spec", "selector"]);
    match object.kind() {
        "ReplicaSet" | "StatefulSet" | "DaemonSet" | "Deployment" | "Job" => {
            Selector::from_object(labels).map_err(invalid)
        }
        "Service" if object.map_at(&["spec", "selector"]).is_empty() => {
            anyhow::bail!("invalid service '{}': Service is defined without a selector", object.name())
        }
        "ReplicationController" | "Service" => Ok(Selector::from_map(object.map_at(&["spec", "selector"]))),
        _ => anyhow::bail!("selector for {} not implemented", go_type(object)),
    }
}

/// How Go names the type of an object: `*v1.Node`.
pub fn go_type(object: &Object) -> String {
    let kind = object.gvk();
    match builtin::by_gvk(&kind) {
        Some(_) => format!("*{}.{}", kind.version, kind.kind),
        None => "*unstructured.Unstructured".to_owned(),
    }
}

/// Which pods come first.
pub type Order = fn(&Object, &Object) -> Ordering;

/// The pods of a selector in an order; waits for the first one where there is none.
///
/// # Errors
/// What the server refuses; [`TimedOut`].
pub async fn pods_of(
    client: &Client,
    namespace: &str,
    selector: &Selector,
    limit: Duration,
    order: Order,
) -> anyhow::Result<Vec<Object>> {
    let endpoint = Endpoint::collection(&resource(), namespace);
    let labels = selector.to_string();
    let params = ListParams { labels: labels.clone(), ..ListParams::default() };
    let list = client.json(Call::list(&endpoint, &params)).await?;
    let version = list.resource_version().to_owned();
    let mut pods = paging::take_items(list);
    if !pods.is_empty() {
        pods.sort_by(order);
        return Ok(pods);
    }
    let params = WatchParams { labels, resource_version: version, ..WatchParams::default() };
    let mut watcher = Watcher::new(client, endpoint, params);
    let first = async {
        loop {
            if let Event::Added(pod) | Event::Modified(pod) = watcher.next().await? {
                return Ok(vec![pod]);
            }
        }
    };
    tokio::time::timeout(limit, first).await.unwrap_or(Err(TimedOut.into()))
}

/// `--pod-running-timeout`.
///
/// # Errors
/// It is not more than zero.
pub fn running_timeout(flag: jiff::SignedDuration) -> anyhow::Result<Duration> {
    let limit = Duration::try_from(flag).ok().filter(|limit| !limit.is_zero());
    limit.ok_or_else(|| anyhow::anyhow!("--pod-running-timeout must be higher than zero"))
}

/// The resource of pods.
pub fn resource() -> GroupVersionResource {
    GroupVersionResource::new("", "v1", "pods")
}

/// The pod that `exec` and `attach` mean by an object: itself, or the most active one of its pods.
///
/// # Errors
/// The object has no pods, or none comes in time.
pub async fn attachable(client: &Client, object: &Object, limit: Duration) -> anyhow::Result<Object> {
    if object.kind() == "Pod" {
        return Ok(object.clone());
    }
    let selector =
        selector_of(object).map_err(|error| anyhow::anyhow!("cannot attach to {}: {error}", go_type(object)))?;
    let pods = pods_of(client, object.namespace(), &selector, limit, |a, b| by_activity(a, b).reverse()).await?;
    pods.into_iter().next().ok_or_else(|| TimedOut.into())
}

/// The one object that a command works with.
///
/// # Errors
/// There are several; `cannot` says what cannot be done with them.
pub fn only(infos: Vec<Info>, cannot: &str) -> anyhow::Result<Object> {
    let mut infos = infos;
    match (infos.pop(), infos.is_empty()) {
        (Some(info), true) => {
            let object = info.object.unwrap_or_default();
            if object.get("items").is_some_and(Object::is_array) {
                anyhow::bail!("{cannot}")
            }
            Ok(object)
        }
        _ => anyhow::bail!("{cannot}"),
    }
}

/// What of a pod decides where it stands in an order.
struct Rank {
    assigned: bool,
    phase: String,
    ready: Option<Option<Timestamp>>,
    deleted: Option<Timestamp>,
    restarts: (i64, i64),
    created: Option<Timestamp>,
}

impl Rank {
    fn of(pod: &Object) -> Self {
        let conditions = pod.list_at(&["status", "conditions"]);
        let ready = conditions.iter().find(|condition| condition.str_at(&["type"]) == "Ready");
        let ready = ready.filter(|condition| condition.str_at(&["status"]) == "True");
        let most = |list: &str, counts: &dyn Fn(&str) -> bool| {
            let statuses = pod.list_at(&["status", list]).iter().filter(|own| counts(own.str_at(&["name"])));
            statuses.filter_map(|own| own.int_at(&["restartCount"])).max().unwrap_or(0)
        };
        let is_sidecar = |name: &str| {
            let inits = pod.list_at(&["spec", "initContainers"]);
            inits.iter().any(|own| own.str_at(&["name"]) == name && own.str_at(&["restartPolicy"]) == "Always")
        };
        Self {
            assigned: !pod.str_at(&["spec", "nodeName"]).is_empty(),
            phase: pod.str_at(&["status", "phase"]).to_owned(),
            ready: ready.map(|condition| condition.time_at(&["lastTransitionTime"])),
            deleted: pod.deletion_timestamp(),
            restarts: (most("containerStatuses", &|_| true), most("initContainerStatuses", &is_sidecar)),
            created: pod.creation_timestamp(),
        }
    }
}

/// Earlier first, and what has no time last.
fn earlier(a: Option<Timestamp>, b: Option<Timestamp>) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => a.cmp(&b),
        (a, b) => a.is_none().cmp(&b.is_none()),
    }
}

/// The pods whose logs are the most useful first: assigned, running, ready for long, often restarted,
/// old ones.
pub fn by_logging(a: &Object, b: &Object) -> Ordering {
    const PHASES: [&str; 2] = ["Unknown", "Pending"];
    let (a, b) = (Rank::of(a), Rank::of(b));
    let phase = |rank: &Rank| PHASES.iter().position(|phase| *phase == rank.phase).map_or(0, |at| at + 1);
    b.assigned
        .cmp(&a.assigned)
        .then_with(|| phase(&a).cmp(&phase(&b)))
        .then_with(|| b.ready.is_some().cmp(&a.ready.is_some()))
        .then_with(|| earlier(a.ready.flatten(), b.ready.flatten()))
        .then_with(|| b.restarts.cmp(&a.restarts))
        .then_with(|| earlier(a.created, b.created))
}

/// The pods that do the least first.
pub fn by_activity(a: &Object, b: &Object) -> Ordering {
    const PHASES: [&str; 2] = ["Unknown", "Running"];
    let (a, b) = (Rank::of(a), Rank::of(b));
    let phase = |rank: &Rank| PHASES.iter().position(|phase| *phase == rank.phase).map_or(0, |at| at + 1);
    a.assigned
        .cmp(&b.assigned)
        .then_with(|| phase(&a).cmp(&phase(&b)))
        .then_with(|| a.ready.is_some().cmp(&b.ready.is_some()))
        .then_with(|| b.deleted.is_some().cmp(&a.deleted.is_some()))
        .then_with(|| a.deleted.cmp(&b.deleted))
        .then_with(|| earlier(b.ready.flatten(), a.ready.flatten()))
        .then_with(|| b.restarts.cmp(&a.restarts))
        .then_with(|| earlier(b.created, a.created))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(name: &str, node: &str, phase: &str, ready: Option<&str>, restarts: i64, created: &str) -> Object {
        let status = if ready.is_some() { "True" } else { "False" };
        json!({
            "metadata": {"name": name, "creationTimestamp": created},
            "spec": {"nodeName": node, "containers": [{"name": "a"}]},
            "status": {
                "phase": phase,
                "conditions": [{"type": "Ready", "status": status, "lastTransitionTime": ready}],
                "containerStatuses": [{"name": "a", "restartCount": restarts}],
            },
        })
    }

    #[test]
    fn orders_pods() {
        const EARLY: &str = "2026-01-01T00:00:00Z";
        const LATE: &str = "2026-01-02T00:00:00Z";
        let mut pods = vec![
            pod("unassigned", "", "Pending", None, 0, EARLY),
            pod("pending", "n", "Pending", None, 0, EARLY),
            pod("unready", "n", "Running", None, 0, EARLY),
            pod("young", "n", "Running", Some(EARLY), 0, LATE),
            pod("old", "n", "Running", Some(EARLY), 0, EARLY),
            pod("restarted", "n", "Running", Some(EARLY), 3, LATE),
            pod("fresh", "n", "Running", Some(LATE), 9, EARLY),
        ];
        let names = |pods: &[Object]| pods.iter().map(|pod| pod.name().to_owned()).collect::<Vec<_>>();
        pods.sort_by(by_logging);
        assert_eq!(names(&pods), ["restarted", "old", "young", "fresh", "unready", "pending", "unassigned"]);
        pods.sort_by(by_activity);
        assert_eq!(names(&pods), ["unassigned", "pending", "unready", "fresh", "restarted", "young", "old"]);
    }

    #[test]
    fn finds_containers() {
        let pod = json!({"metadata": {"name": "p"}, "spec": {
            "containers": [{"name": "a"}, {"name": "b"}],
            "initContainers": [{"name": "i"}],
            "ephemeralContainers": [{"name": "e"}],
        }});
        assert_eq!(container_names(&pod), "a, b, e (ephem), i (init)");
        assert!(container(&pod, "i").is_some() && is_ephemeral(&pod, "e") && !is_ephemeral(&pod, "a"));
        assert_eq!(
            named_container(&pod, "z").expect_err("none").to_string(),
            "container z is not valid for pod p out of: a, b, e (ephem), i (init)"
        );
    }

    #[test]
    fn knows_whose_pods_there_are() {
        for (object, want) in [
            (
                json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"selector": {"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "c", "operator": "In", "values": ["d"]}]}}}),
                Ok("a=b,c in (d)"),
            ),
            (json!({"apiVersion": "v1", "kind": "Service", "spec": {"selector": {"a": "b"}}}), Ok("a=b")),
            (
                json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {}}),
                Err("invalid service 's': Service is defined without a selector"),
            ),
            (json!({"apiVersion": "v1", "kind": "Node"}), Err("selector for *v1.Node not implemented")),
            (
                json!({"apiVersion": "x.y/v1", "kind": "Z"}),
                Err("selector for *unstructured.Unstructured not implemented"),
            ),
        ] {
            let found = selector_of(&object).map(|selector| selector.to_string()).map_err(|error| error.to_string());
            assert_eq!(found.as_deref().map_err(String::as_str), want);
        }
    }
}
