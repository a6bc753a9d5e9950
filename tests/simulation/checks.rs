//! What must hold all the time, and what must be so once the cluster is left alone.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use kctl::object::{Meta, Object, Timestamp, quantity::Quantity};

use crate::objects::{self, HISTORY};
use crate::world::{CRON_JOBS, DEPLOYMENTS, JOBS, NODES_PATH, PODS, STATEFUL_SETS, World, image_of};

const CORE: &str = "/api/v1/namespaces/default";
pub const SERVICES: &str = "/api/v1/namespaces/default/services";
const REPLICA_SETS: &str = "/apis/apps/v1/namespaces/default/replicasets";
/// How long events are kept, and some time for the one who removes them.
const EVENT_SECONDS: i64 = 3600 + 600;

/// Collects what is wrong.
#[derive(Default)]
struct Wrong(Vec<String>);

impl Wrong {
    fn check(&mut self, right: bool, say: impl FnOnce() -> String) {
        if !right {
            self.0.push(say());
        }
    }
}

fn over(pod: &Object) -> bool {
    matches!(pod.str_at(&["status", "phase"]), "Succeeded" | "Failed")
}

fn ready(object: &Object) -> bool {
    let conditions = object.list_at(&["status", "conditions"]);
    conditions.iter().any(|it| it.str_at(&["type"]) == "Ready" && it.str_at(&["status"]) == "True")
}

fn has(object: &Object, condition: &str) -> bool {
    let conditions = object.list_at(&["status", "conditions"]);
    conditions.iter().any(|it| it.str_at(&["type"]) == condition && it.str_at(&["status"]) == "True")
}

fn labelled<'a>(pods: &'a [Object], app: &'a str) -> impl Iterator<Item = &'a Object> {
    pods.iter().filter(move |pod| pod.str_at(&["metadata", "labels", "app"]) == app)
}

fn int(object: &Object, field: &str) -> i64 {
    object.int_at(&["status", field]).unwrap_or(0)
}

fn owner(object: &Object) -> Option<&Object> {
    object.list_at(&["metadata", "ownerReferences"]).iter().find(|it| it.bool_at(&["controller"]))
}

/// What must hold at any time.
pub fn always(world: &World) -> Vec<String> {
    let mut wrong = Wrong::default();
    let (pods, nodes) = (world.list(PODS), world.list(NODES_PATH));
    unique(
        "cluster IP",
        &mut wrong,
        world.list(&format!("{CORE}/services")).iter().flat_map(|service| {
            let ip = service.str_at(&["spec", "clusterIP"]);
            (ip != "None").then(|| ip.to_owned())
        }),
    );
    unique(
        "pod IP",
        &mut wrong,
        pods.iter().filter(|pod| !over(pod)).flat_map(|pod| {
            let ip = pod.str_at(&["status", "podIP"]);
            (!ip.is_empty()).then(|| ip.to_owned())
        }),
    );
    wrong.0.extend(world.wrong.iter().cloned());
    node_ports(&mut wrong, world);
    quota(&mut wrong, world, &pods);
    fits(&mut wrong, &pods, &nodes);
    let mut ordinals = BTreeSet::new();
    for pod in labelled(&pods, "db") {
        wrong.check(ordinals.insert(pod.name().to_owned()), || format!("{} twice", pod.name()));
    }
    at_most_one_run(&mut wrong, world);
    budgets(&mut wrong, world);
    let now = world.cluster.now();
    for pod in &pods {
        let grace = pod.int_at(&["metadata", "deletionGracePeriodSeconds"]).unwrap_or(0);
        let node = pod.str_at(&["spec", "nodeName"]);
        let alive = nodes.iter().any(|it| it.name() == node && ready(it));
        if let Some(deletion) = pod.deletion_timestamp().filter(|_| alive) {
            let late = now.duration_since(deletion).as_secs();
            // A node that was down until just now may need the time that a status takes.
            wrong.check(late <= grace + 120, || {
                format!("{} is {late} s past its end on {node}, which is well", pod.name())
            });
        }
    }
    wrong.0
}

fn unique(what: &str, wrong: &mut Wrong, all: impl Iterator<Item = String>) {
    let mut seen = BTreeSet::new();
    for one in all {
        wrong.check(seen.insert(one.clone()), || format!("{what} {one} twice"));
    }
}

/// Every service that needs a port of the nodes has one to itself.
fn node_ports(wrong: &mut Wrong, world: &World) {
    let services = world.list(SERVICES);
    let ports: Vec<i64> = services
        .iter()
        .filter(|service| matches!(service.str_at(&["spec", "type"]), "NodePort" | "LoadBalancer"))
        .flat_map(|service| service.list_at(&["spec", "ports"]))
        .map(|port| port.int_at(&["nodePort"]).unwrap_or(0))
        .collect();
    for port in &ports {
        wrong.check((30_000..=32_767).contains(port), || format!("node port {port}"));
    }
    unique("node port", wrong, ports.iter().map(i64::to_string));
}

/// The quota says what there is.
fn quota(wrong: &mut Wrong, world: &World, pods: &[Object]) {
    let now = world.cluster.now();
    let milli = |text: &str| Quantity::parse(text).map_or(0, Quantity::milli_value);
    let counts = |pod: &&Object| {
        let grace = pod.int_at(&["metadata", "deletionGracePeriodSeconds"]).unwrap_or(0);
        !over(pod) && pod.deletion_timestamp().is_none_or(|end| now.duration_since(end).as_secs() <= grace)
    };
    let counted: Vec<&Object> = pods.iter().filter(counts).collect();
    let cpu = counted.iter().flat_map(|pod| pod.list_at(&["spec", "containers"]));
    let cpu: i64 = cpu.map(|it| milli(it.str_at(&["resources", "requests", "cpu"]))).sum();
    let services = world.list(SERVICES);
    let ports = services.iter().flat_map(|service| service.list_at(&["spec", "ports"]));
    let ports = ports.filter(|port| port.int_at(&["nodePort"]).unwrap_or(0) > 0).count();
    let claims = world.list(&format!("{CORE}/persistentvolumeclaims"));
    let storage: i64 =
        claims.iter().map(|claim| milli(claim.str_at(&["spec", "resources", "requests", "storage"]))).sum();
    let of = |count: usize| 1000 * i64::try_from(count).expect("few");
    for quota in world.list(&format!("{CORE}/resourcequotas")) {
        for (resource, right) in [
            ("pods", of(counted.len())),
            ("requests.cpu", cpu),
            ("services", of(services.len())),
            ("services.nodeports", of(ports)),
            ("persistentvolumeclaims", of(claims.len())),
            ("requests.storage", storage),
            ("count/jobs.batch", of(world.list(JOBS).len())),
        ] {
            let used = milli(quota.str_at(&["status", "used", resource]));
            wrong.check(used == right, || format!("quota: {used} m {resource} used, not {right} m"));
        }
    }
}

/// What is wrong if a pod is evicted now, as the budgets want it.
pub fn would_be_too_many(world: &World, name: &str) -> Option<String> {
    let pods = world.list(PODS);
    let pod = pods.iter().find(|pod| pod.name() == name)?;
    let app = pod.str_at(&["metadata", "labels", "app"]);
    if pod.deletion_timestamp().is_some() || pod.str_at(&["status", "phase"]) == "Pending" || over(pod) {
        return None;
    }
    let wanted = match app {
        "db" => 1,
        "web" => {
            let deployment = world.cluster.get(&format!("{DEPLOYMENTS}/web")).expect("is there");
            deployment.int_at(&["spec", "replicas"]).unwrap_or(1) - 1
        }
        _ => return None,
    };
    let healthy = labelled(&pods, app).filter(|pod| ready(pod) && pod.deletion_timestamp().is_none()).count() as i64;
    let left = healthy - i64::from(ready(pod));
    (left < wanted).then(|| format!("{name} was evicted: {left} of {app} are left, {wanted} are wanted"))
}

/// What is asked for on a node is there.
fn fits(wrong: &mut Wrong, pods: &[Object], nodes: &[Object]) {
    let milli = |object: &Object, path: &[&str]| Quantity::parse(object.str_at(path)).map_or(0, Quantity::milli_value);
    for node in nodes {
        let own = pods.iter().filter(|pod| pod.str_at(&["spec", "nodeName"]) == node.name() && !over(pod));
        let own: Vec<&Object> = own.collect();
        for resource in ["cpu", "memory"] {
            let asked: i64 = own
                .iter()
                .flat_map(|pod| pod.list_at(&["spec", "containers"]))
                .map(|it| milli(it, &["resources", "requests", resource]))
                .sum();
            let there = milli(node, &["status", "allocatable", resource]);
            wrong.check(asked <= there, || format!("{}: {asked} m of {there} m {resource} asked for", node.name()));
        }
        let most = milli(node, &["status", "allocatable", "pods"]) / 1000;
        wrong.check(own.len() as i64 <= most, || format!("{}: {} pods", node.name(), own.len()));
    }
    for pod in pods.iter().filter(|pod| !pod.str_at(&["spec", "nodeName"]).is_empty()) {
        let node = pod.str_at(&["spec", "nodeName"]);
        wrong.check(nodes.iter().any(|it| it.name() == node), || format!("{} is on {node}, which is not", pod.name()));
    }
}

/// Cron jobs that forbid or replace never have two jobs at work.
fn at_most_one_run(wrong: &mut Wrong, world: &World) {
    let jobs = world.list(JOBS);
    for (name, _, _, policy, ..) in objects::CRON_JOBS.iter().filter(|row| row.3 != "Allow") {
        let active: Vec<&str> = jobs
            .iter()
            .filter(|job| owner(job).is_some_and(|it| it.str_at(&["name"]) == *name))
            .filter(|job| !has(job, "Complete") && !has(job, "Failed") && job.deletion_timestamp().is_none())
            .map(|job| job.name())
            .collect();
        wrong.check(active.len() <= 1, || format!("{name} ({policy}) has {active:?}"));
    }
}

/// No status says more than there is.
fn budgets(wrong: &mut Wrong, world: &World) {
    for budget in world.list("/apis/policy/v1/namespaces/default/poddisruptionbudgets") {
        let (healthy, wanted) = (int(&budget, "currentHealthy"), int(&budget, "desiredHealthy"));
        let allowed = int(&budget, "disruptionsAllowed");
        let right = (healthy - wanted).max(0);
        wrong.check(allowed <= right, || {
            format!("budget {}: {allowed} allowed of {healthy}, {wanted} wanted", budget.name())
        });
    }
}

/// What must be so once nothing was done for two hours.
pub fn at_rest(world: &World) -> Vec<String> {
    let mut wrong = Wrong::default();
    let pods = world.list(PODS);
    deployments(&mut wrong, world, &pods);
    stateful_set(&mut wrong, world, &pods);
    daemon_set(&mut wrong, world, &pods);
    every_pod(&mut wrong, world, &pods);
    jobs(&mut wrong, world, &pods);
    cron_jobs(&mut wrong, world);
    services(&mut wrong, world, &pods);
    claims(&mut wrong, world);
    autoscaler(&mut wrong, world);
    let now = world.cluster.now();
    for event in world.list("/api/v1/events") {
        let last = event.time_at(&["lastTimestamp"]).or_else(|| event.time_at(&["series", "lastObservedTime"]));
        let last = last.or_else(|| event.time_at(&["eventTime"])).or_else(|| event.creation_timestamp());
        let age = now.duration_since(last.unwrap_or(Timestamp::UNIX_EPOCH)).as_secs();
        wrong.check(age <= EVENT_SECONDS, || format!("event {} is {age} s old", event.name()));
    }
    wrong.0
}

fn deployments(wrong: &mut Wrong, world: &World, pods: &[Object]) {
    let sets = world.list(REPLICA_SETS);
    let all = world.list(DEPLOYMENTS);
    wrong.check(all.len() == 3, || format!("{} deployments", all.len()));
    for deployment in &all {
        let (name, wanted) = (deployment.name(), deployment.int_at(&["spec", "replicas"]).unwrap_or(1));
        for field in ["replicas", "updatedReplicas", "readyReplicas", "availableReplicas"] {
            let there = int(deployment, field);
            wrong.check(there == wanted, || format!("deployment {name}: {there} of {wanted} {field}"));
        }
        let seen = int(deployment, "observedGeneration");
        wrong.check(seen == deployment.generation(), || format!("deployment {name}: generation {seen} was seen"));
        let condition = |kind: &str| has(deployment, kind);
        wrong.check(condition("Progressing"), || format!("deployment {name} is not Progressing"));
        wrong.check(condition("Available"), || format!("deployment {name} is not Available"));
        let own: Vec<&Object> = labelled(pods, name).filter(|pod| !over(pod)).collect();
        wrong.check(own.len() as i64 == wanted, || format!("deployment {name}: {} pods of {wanted}", own.len()));
        for pod in own {
            let image = pod.list_at(&["spec", "containers"]).first().map_or("", |it| it.str_at(&["image"]));
            wrong.check(image == image_of(deployment), || format!("{} has {image}", pod.name()));
        }
        let own: Vec<&Object> =
            sets.iter().filter(|set| owner(set).is_some_and(|it| it.str_at(&["uid"]) == deployment.uid())).collect();
        let with_pods = own.iter().filter(|set| set.int_at(&["spec", "replicas"]) != Some(0)).count();
        wrong.check(with_pods <= 1, || format!("deployment {name}: {with_pods} replica sets with pods"));
        wrong.check(own.len() <= 5, || format!("deployment {name}: {} replica sets are kept", own.len()));
    }
    for set in &sets {
        let there = owner(set).is_some_and(|it| all.iter().any(|deployment| deployment.uid() == it.str_at(&["uid"])));
        wrong.check(there, || format!("replica set {} has no deployment", set.name()));
    }
}

fn stateful_set(wrong: &mut Wrong, world: &World, pods: &[Object]) {
    for set in world.list(STATEFUL_SETS) {
        let wanted = set.int_at(&["spec", "replicas"]).unwrap_or(1);
        for field in ["replicas", "readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas"] {
            let there = int(&set, field);
            wrong.check(there == wanted, || format!("stateful set: {there} of {wanted} {field}"));
        }
        let revisions = ["currentRevision", "updateRevision"].map(|field| set.str_at(&["status", field]));
        wrong.check(revisions[0] == revisions[1], || format!("stateful set: {revisions:?}"));
        let names: BTreeSet<String> = labelled(pods, "db").map(|pod| pod.name().to_owned()).collect();
        let right: BTreeSet<String> = (0..wanted).map(|ordinal| format!("db-{ordinal}")).collect();
        wrong.check(names == right, || format!("stateful set: {names:?}"));
        let claims: BTreeSet<String> = world
            .list(&format!("{CORE}/persistentvolumeclaims"))
            .iter()
            .filter(|claim| claim.str_at(&["status", "phase"]) == "Bound")
            .map(|claim| claim.name().to_owned())
            .collect();
        for name in right {
            wrong.check(claims.contains(&format!("data-{name}")), || format!("{name} has no bound claim"));
        }
    }
}

fn daemon_set(wrong: &mut Wrong, world: &World, pods: &[Object]) {
    let nodes: BTreeSet<String> = world.list(NODES_PATH).iter().map(|node| node.name().to_owned()).collect();
    let on: Vec<String> = labelled(pods, "agent").map(|pod| pod.str_at(&["spec", "nodeName"]).to_owned()).collect();
    wrong.check(on.len() == nodes.len() && on.iter().all(|node| nodes.contains(node)), || {
        format!("daemon set on {on:?}")
    });
    for set in world.list("/apis/apps/v1/namespaces/default/daemonsets") {
        for field in ["desiredNumberScheduled", "currentNumberScheduled", "numberReady", "updatedNumberScheduled"] {
            let there = int(&set, field);
            wrong.check(there == nodes.len() as i64, || format!("daemon set: {there} {field}"));
        }
    }
}

fn every_pod(wrong: &mut Wrong, world: &World, pods: &[Object]) {
    /// A pod comes and goes within so many seconds.
    const MOTION: i64 = 60;
    let now = world.cluster.now();
    let nodes = world.list(NODES_PATH);
    for node in &nodes {
        wrong.check(ready(node), || format!("node {} is not ready", node.name()));
        let taints = node.list_at(&["spec", "taints"]);
        wrong.check(taints.is_empty(), || format!("node {}: {taints:?}", node.name()));
    }
    let mut owners: BTreeSet<String> = BTreeSet::new();
    for path in [REPLICA_SETS, STATEFUL_SETS, JOBS, "/apis/apps/v1/namespaces/default/daemonsets"] {
        owners.extend(world.list(path).iter().map(|object| object.uid().to_owned()));
    }
    for pod in pods {
        let name = pod.name();
        let since = |moment: Option<Timestamp>| moment.map_or(i64::MAX, |moment| now.duration_since(moment).as_secs());
        if pod.deletion_timestamp().is_some() {
            // Cron jobs go on: one may just have replaced its job.
            wrong.check(since(pod.deletion_timestamp()) <= MOTION, || format!("{name} is terminating for ever"));
            continue;
        }
        if let Some(owner) = owner(pod) {
            let uid = owner.str_at(&["uid"]);
            wrong.check(owners.contains(uid), || {
                format!("{name}: its {} {} is gone", owner.kind(), owner.str_at(&["name"]))
            });
        }
        if over(pod) || since(pod.creation_timestamp()) <= MOTION {
            continue;
        }
        let phase = pod.str_at(&["status", "phase"]);
        wrong.check(phase == "Running" && ready(pod), || format!("{name} is {phase}, ready: {}", ready(pod)));
    }
}

fn jobs(wrong: &mut Wrong, world: &World, pods: &[Object]) {
    let now = world.cluster.now();
    for job in world.list(JOBS) {
        let name = job.name();
        let of_cron_job = owner(&job).is_some();
        let (complete, failed) = (has(&job, "Complete"), has(&job, "Failed"));
        let kind = name.split('-').next().unwrap_or("");
        wrong.check(!(complete && failed), || format!("job {name} is complete and failed"));
        if of_cron_job && !complete && !failed {
            continue;
        }
        wrong.check(complete || failed, || format!("job {name} does not end: {}", job["status"]));
        wrong.check(int(&job, "active") == 0, || format!("job {name} is over, and {} pods run", int(&job, "active")));
        let live =
            pods.iter().filter(|pod| owner(pod).is_some_and(|it| it.str_at(&["uid"]) == job.uid()) && !over(pod));
        let live = live.count();
        let tracked = pods.iter().filter(|pod| owner(pod).is_some_and(|it| it.str_at(&["uid"]) == job.uid()));
        for pod in tracked.filter(|pod| !pod.list_at(&["metadata", "finalizers"]).is_empty()) {
            wrong.0.push(format!("job {name} is over, and {} is held: {}", pod.name(), pod["metadata"]["finalizers"]));
        }
        wrong.check(live == 0, || format!("job {name} is over, and {live} pods are there"));
        if complete {
            let wanted = job.int_at(&["spec", "completions"]).unwrap_or(1);
            let there = int(&job, "succeeded");
            wrong.check(there == wanted, || format!("job {name}: {there} of {wanted} succeeded"));
            wrong.check(job.at(&["status", "completionTime"]).is_some(), || format!("job {name}: no completionTime"));
            wrong.check(!matches!(kind, "failing" | "deadline"), || format!("job {name} is complete"));
        }
        let ttl = job.int_at(&["spec", "ttlSecondsAfterFinished"]);
        if let (Some(ttl), Some(end)) = (ttl, job.time_at(&["status", "completionTime"])) {
            let age = now.duration_since(end).as_secs();
            wrong.check(age <= ttl + 60, || format!("job {name} outlives its time by {} s", age - ttl));
        }
    }
}

fn cron_jobs(wrong: &mut Wrong, world: &World) {
    let jobs = world.list(JOBS);
    let now = world.cluster.now();
    let all: BTreeMap<String, Object> =
        world.list(CRON_JOBS).into_iter().map(|object| (object.name().to_owned(), object)).collect();
    for (name, schedule, zone, ..) in objects::CRON_JOBS {
        let Some(cron_job) = all.get(*name) else {
            wrong.0.push(format!("cron job {name} is gone"));
            continue;
        };
        let own = || jobs.iter().filter(|job| owner(job).is_some_and(|it| it.str_at(&["uid"]) == cron_job.uid()));
        let complete = own().filter(|job| has(job, "Complete")).count();
        let failed = own().filter(|job| has(job, "Failed")).count();
        wrong.check(complete <= HISTORY.0, || format!("cron job {name}: {complete} complete jobs are kept"));
        wrong.check(failed <= HISTORY.1, || format!("cron job {name}: {failed} failed jobs are kept"));
        let active: BTreeSet<&str> =
            own().filter(|job| !has(job, "Complete") && !has(job, "Failed")).map(|job| job.uid()).collect();
        let told: BTreeSet<&str> =
            cron_job.list_at(&["status", "active"]).iter().map(|it| it.str_at(&["uid"])).collect();
        wrong.check(active == told, || format!("cron job {name}: {active:?} run, {told:?} are said to"));
        let zone = TimeZone::get(if zone.is_empty() { "UTC" } else { zone }).expect("a time zone");
        let due = last_due(schedule, &zone, now);
        let last = cron_job.time_at(&["status", "lastScheduleTime"]);
        // One that is forbidden to overlap starts what was due as soon as it may.
        let policy = cron_job.str_at(&["spec", "concurrencyPolicy"]);
        let busy = policy == "Forbid" && last.is_some_and(|last| now.duration_since(last).as_secs() < 2900);
        wrong.check(last == Some(due) || busy || due < world.began, || {
            format!("cron job {name}: last at {last:?}, due at {due}")
        });
    }
}

/// When a schedule was due last, minute by minute back from `now`.
fn last_due(schedule: &str, zone: &TimeZone, now: Timestamp) -> Timestamp {
    let fields: Vec<&str> = schedule.split(' ').collect();
    let fits = |field: &str, value: i64| match field.split_once('/') {
        _ if field == "*" => true,
        Some(("*", step)) => value % step.parse::<i64>().expect("a number") == 0,
        Some((range, step)) => {
            let (from, to) = range.split_once('-').expect("a range");
            let (from, to): (i64, i64) = (from.parse().expect("a number"), to.parse().expect("a number"));
            (from..=to).contains(&value) && (value - from) % step.parse::<i64>().expect("a number") == 0
        }
        None => field.parse() == Ok(value),
    };
    let mut minute = now.as_second() / 60;
    loop {
        let at = Timestamp::from_second(minute * 60).expect("a time");
        let there = at.to_zoned(zone.clone());
        if fits(fields[0], there.minute().into()) && fits(fields[1], there.hour().into()) {
            return at;
        }
        minute -= 1;
    }
}

fn services(wrong: &mut Wrong, world: &World, pods: &[Object]) {
    let slices = world.list("/apis/discovery.k8s.io/v1/namespaces/default/endpointslices");
    for service in world.list(&format!("{CORE}/services")) {
        let app = service.str_at(&["spec", "selector", "app"]);
        if app.is_empty() {
            continue;
        }
        let right: BTreeSet<String> = labelled(pods, app)
            .filter(|pod| ready(pod) && !over(pod))
            .map(|pod| pod.str_at(&["status", "podIP"]).to_owned())
            .collect();
        let in_slices: BTreeSet<String> = slices
            .iter()
            .filter(|slice| slice.str_at(&["metadata", "labels", "kubernetes.io/service-name"]) == service.name())
            .flat_map(|slice| slice.list_at(&["endpoints"]))
            .filter(|endpoint| endpoint.bool_at(&["conditions", "ready"]))
            .flat_map(|endpoint| endpoint.list_at(&["addresses"]))
            .filter_map(|address| address.as_str().map(str::to_owned))
            .collect();
        wrong.check(in_slices == right, || format!("service {}: {in_slices:?}, not {right:?}", service.name()));
        let endpoints = world.cluster.get(&format!("{CORE}/endpoints/{}", service.name())).unwrap_or_default();
        let told: BTreeSet<String> = endpoints
            .list_at(&["subsets"])
            .iter()
            .flat_map(|subset| subset.list_at(&["addresses"]))
            .map(|address| address.str_at(&["ip"]).to_owned())
            .collect();
        wrong.check(told == right, || format!("endpoints {}: {told:?}, not {right:?}", service.name()));
    }
}

fn claims(wrong: &mut Wrong, world: &World) {
    let volumes = world.list("/api/v1/persistentvolumes");
    let claims = world.list(&format!("{CORE}/persistentvolumeclaims"));
    for claim in &claims {
        let (name, phase) = (claim.name(), claim.str_at(&["status", "phase"]));
        wrong.check(phase == "Bound", || format!("claim {name} is {phase}"));
        wrong.check(claim.deletion_timestamp().is_none(), || format!("claim {name} is terminating for ever"));
        let volume = volumes.iter().find(|volume| volume.name() == claim.str_at(&["spec", "volumeName"]));
        let back = volume.map_or("", |volume| volume.str_at(&["spec", "claimRef", "uid"]));
        wrong.check(back == claim.uid(), || format!("claim {name}: its volume is bound to {back:?}"));
    }
    for volume in &volumes {
        let there = claims.iter().any(|claim| claim.uid() == volume.str_at(&["spec", "claimRef", "uid"]));
        wrong.check(there, || format!("volume {} outlives its claim: {}", volume.name(), volume["status"]));
    }
}

fn autoscaler(wrong: &mut Wrong, world: &World) {
    for scaler in world.list("/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers") {
        let target = world.cluster.get(&format!("{DEPLOYMENTS}/api")).expect("is there");
        let replicas = target.int_at(&["spec", "replicas"]).unwrap_or(1);
        // A target without replicas is not scaled.
        if replicas == 0 {
            continue;
        }
        let (low, high) = (scaler.int_at(&["spec", "minReplicas"]), scaler.int_at(&["spec", "maxReplicas"]));
        let within = replicas >= low.unwrap_or(1) && replicas <= high.unwrap_or(i64::MAX);
        wrong.check(within, || format!("autoscaler: {replicas} replicas, {low:?} to {high:?}"));
        let current = int(&scaler, "currentReplicas");
        wrong.check(current == replicas, || format!("autoscaler: {current} are current of {replicas}"));
    }
}
