//! Pods from their binding on, by a small engine: what is due is done, one moment after the other.

use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::backend::controllers::Write;
use crate::object::time;

/// A cluster of one node, its pods, and what was reported.
struct World {
    kubelet: Kubelet,
    view: View,
    start: Timestamp,
    /// One line an event or write: seconds since the start, and what.
    told: Vec<String>,
}

impl World {
    fn new() -> Self {
        let start: Timestamp = "2026-01-02T03:04:05Z".parse().expect("a time");
        let view = View::of(nodes::bootstrap(2, start).into_iter().map(|node| ("nodes", node)), start);
        Self { kubelet: Kubelet::new(), view, start, told: Vec::new() }
    }

    fn add(&mut self, resource: &'static str, object: Object) {
        let key = Key { resource, namespace: object.namespace().into(), name: object.name().into() };
        self.view.set(key, Some(Arc::new(object)));
    }

    /// A pod of namespace `ns` on the first worker, with this spec.
    fn pod(&mut self, name: &str, mut spec: Object) {
        spec["nodeName"] = json!("kctl-worker");
        if spec.get("restartPolicy").is_none() {
            spec["restartPolicy"] = json!("Always");
        }
        let now = time::rfc3339(self.view.now());
        self.add("pods", json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "namespace": "ns", "uid": format!("uid-{name}"), "generation": 1, "creationTimestamp": now},
            "spec": spec,
            "status": {"phase": "Pending", "qosClass": "BestEffort", "conditions": [{"type": "PodScheduled", "status": "True", "lastProbeTime": null, "lastTransitionTime": now}]},
        }));
    }

    fn get(&self, name: &str) -> &Object {
        self.view.get("pods", "ns", name).unwrap_or_else(|| panic!("no pod {name}"))
    }

    fn change(&mut self, name: &str, change: impl FnOnce(&mut Object)) {
        let mut pod = self.get(name).clone();
        change(&mut pod);
        self.add("pods", pod);
    }

    /// Lets so many seconds pass.
    fn run(&mut self, seconds: u64) {
        let end = later(self.view.now(), Duration::from_secs(seconds));
        for _ in 0..10_000 {
            let keys: Vec<Key> = ["pods", "nodes"]
                .into_iter()
                .flat_map(|resource| {
                    self.view.list(resource, None).map(move |object| Key {
                        resource,
                        namespace: object.namespace().into(),
                        name: object.name().into(),
                    })
                })
                .collect();
            let mut next = end;
            let mut wrote = false;
            for key in keys {
                let outcome = self.kubelet.reconcile(&key, &self.view);
                if let Some(at) = outcome.requeue_at {
                    assert!(at > self.view.now(), "a look asks for one that is not later");
                    next = next.min(at);
                }
                for write in outcome.writes {
                    wrote |= !matches!(write, Write::Event(_));
                    self.apply(write);
                }
            }
            if wrote {
                continue;
            }
            self.view.set_now(next);
            if next == end {
                return;
            }
        }
        panic!("it never comes to rest");
    }

    fn apply(&mut self, write: Write) {
        let at = self.view.now().duration_since(self.start).as_secs();
        match write {
            Write::UpdateStatus { resource, object } => {
                // Nothing but the status counts.
                let known = self.view.get(resource, object.namespace(), object.name()).expect("it is there");
                let mut whole = Object::clone(known);
                whole["status"] = object["status"].clone();
                if resource == "pods" {
                    let line = format!("{at} {} {}", whole.name(), summary(&whole));
                    self.told.push(line);
                }
                self.add(resource, whole);
            }
            Write::Event(event) => {
                self.told.push(format!("{at} {} {} {}", event.kind, event.reason, event.message));
            }
            Write::Delete { key, grace_period_seconds, .. } => {
                assert_eq!(grace_period_seconds, Some(0));
                self.told.push(format!("{at} deleted {}", key.name));
                self.view.set(key, None);
            }
            other => panic!("unexpected {other:?}"),
        }
    }

    fn told(&mut self) -> String {
        std::mem::take(&mut self.told).join("\n")
    }
}

/// Phase, conditions and containers in one line.
fn summary(pod: &Object) -> String {
    let mut out = pod.str_at(&["status", "phase"]).to_owned();
    for condition in pod.list_at(&["status", "conditions"]) {
        if condition.str_at(&["status"]) == "True" && matches!(condition.str_at(&["type"]), "Ready" | "Initialized") {
            let _ = write!(out, " {}", condition.str_at(&["type"]));
        }
    }
    for (kind, container) in container::all(pod) {
        let name = container.str_at(&["name"]);
        let Some(own) = pod.at(&["status"]).and_then(|status| container::status_in(status, kind, name)) else {
            continue;
        };
        let state = match container::state_of(Some(own)) {
            container::State::Waiting(reason) => reason,
            container::State::Running(_) => "running".into(),
            container::State::Terminated(_, code) => format!("exit {code}"),
        };
        let _ = write!(out, " {name}:{state}/{}", own.int_at(&["restartCount"]).unwrap_or(-1));
    }
    out
}

#[test]
fn a_server_becomes_ready() {
    let mut world = World::new();
    world.pod("web", json!({"containers": [{"name": "c", "image": "nginx:1.27", "volumeMounts": [{"name": "v", "mountPath": "/x", "readOnly": true}],
        "resources": {"requests": {"cpu": "100m"}}}]}));
    world.run(60);
    assert_eq!(
        world.told(),
        "0 web Pending Initialized c:ContainerCreating/0\n\
         0 web Pending Initialized c:ContainerCreating/0\n\
         0 Normal Pulling Pulling image \"nginx:1.27\"\n\
         2 web Running Initialized Ready c:running/0\n\
         2 Normal Pulled Successfully pulled image \"nginx:1.27\" in 2.583s (2.583s including waiting). Image size: 72404038 bytes.\n\
         2 Normal Created Container created\n\
         2 Normal Started Container started"
    );
    let status = &world.get("web")["status"];
    assert_eq!(status["podIP"], "10.244.1.2");
    assert_eq!(status["hostIP"], "172.18.0.3");
    assert_eq!(status["observedGeneration"], 1);
    let own = &status["containerStatuses"][0];
    assert_eq!(own["image"], "docker.io/library/nginx:1.27");
    assert!(own["imageID"].as_str().unwrap().starts_with("docker.io/library/nginx@sha256:"));
    assert!(own["containerID"].as_str().is_some_and(|id| id.len() == "containerd://".len() + 64));
    assert_eq!(
        own["volumeMounts"],
        json!([{"name": "v", "mountPath": "/x", "readOnly": true, "recursiveReadOnly": "Disabled"}])
    );
    assert_eq!(own["user"], json!({"linux": {"uid": 0, "gid": 0, "supplementalGroups": [0]}}));
    assert_eq!(own["allocatedResources"], json!({"cpu": "100m"}));
    let conditions: Vec<&str> =
        status["conditions"].as_array().unwrap().iter().map(|c| c["type"].as_str().unwrap()).collect();
    assert_eq!(conditions, ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"]);
    let node = world.view.get("nodes", "", "kctl-worker").unwrap();
    assert_eq!(node["status"]["images"][0]["names"][1], "docker.io/library/nginx:1.27");

    // The image is there now: the next pod on the node needs no pull, and gets the next address.
    world.pod("web2", json!({"containers": [{"name": "c", "image": "nginx:1.27"}]}));
    world.run(30);
    assert!(world.told().contains("Normal Pulled Container image \"nginx:1.27\" already present on machine"));
    assert_eq!(world.get("web2")["status"]["podIP"], "10.244.1.3");
}

#[test]
fn a_crashing_container_backs_off() {
    let mut world = World::new();
    world.pod(
        "bad",
        json!({"containers": [{"name": "c", "image": "busybox", "command": ["sh", "-c", "sleep 2; exit 3"]}]}),
    );
    world.run(70);
    let told = world.told();
    let states: Vec<&str> = told.lines().filter(|line| line.contains(" bad ")).skip(2).collect();
    assert_eq!(
        states,
        [
            "1 bad Running Initialized Ready c:running/0",
            "3 bad Running Initialized c:exit 3/0",
            "4 bad Running Initialized Ready c:running/1",
            "6 bad Running Initialized c:exit 3/1",
            "7 bad Running Initialized c:CrashLoopBackOff/1",
            "16 bad Running Initialized Ready c:running/2",
            "18 bad Running Initialized c:exit 3/2",
            "19 bad Running Initialized c:CrashLoopBackOff/2",
            "38 bad Running Initialized Ready c:running/3",
            "40 bad Running Initialized c:exit 3/3",
            "41 bad Running Initialized c:CrashLoopBackOff/3",
        ],
        "{told}"
    );
    assert!(told.contains("7 Warning BackOff Back-off restarting failed container c in pod bad_ns(uid-bad)"));
    let own = &world.get("bad")["status"]["containerStatuses"][0];
    assert_eq!(own["state"]["waiting"]["message"], "back-off 40s restarting failed container=c pod=bad_ns(uid-bad)");
    assert_eq!(own["lastState"]["terminated"]["exitCode"], 3);
}

#[test]
fn jobs_end() {
    for (command, policy, phase) in
        [("exit 0", "Never", "Succeeded"), ("exit 1", "Never", "Failed"), ("exit 0", "OnFailure", "Succeeded")]
    {
        let mut world = World::new();
        world.pod("job", json!({"restartPolicy": policy, "containers": [{"name": "c", "image": "busybox", "command": ["sh", "-c", command]}]}));
        world.run(60);
        let status = &world.get("job")["status"];
        assert_eq!(status["phase"], phase, "{command}");
        let ready = status["conditions"].as_array().unwrap().iter().find(|c| c["type"] == "Ready").unwrap();
        assert_eq!(ready["reason"], if phase == "Failed" { "PodFailed" } else { "PodCompleted" });
        let reason = if phase == "Failed" { "Error" } else { "Completed" };
        assert_eq!(status["containerStatuses"][0]["state"]["terminated"]["reason"], reason);
    }
}

#[test]
fn init_containers_come_first_and_sidecars_stay() {
    let mut world = World::new();
    world.pod(
        "p",
        json!({
            "restartPolicy": "Never",
            "initContainers": [
                {"name": "i", "image": "busybox", "command": ["sleep", "2"]},
                {"name": "s", "image": "busybox", "command": ["sleep", "infinity"], "restartPolicy": "Always"},
            ],
            "containers": [{"name": "c", "image": "busybox", "command": ["sleep", "5"]}],
        }),
    );
    world.run(60);
    let told = world.told();
    let states: Vec<&str> = told.lines().filter(|line| line.contains(" p ")).collect();
    assert_eq!(
        states,
        [
            "0 p Pending i:PodInitializing/0 s:PodInitializing/0 c:PodInitializing/0",
            "0 p Pending i:PodInitializing/0 s:PodInitializing/0 c:PodInitializing/0",
            "1 p Pending i:running/0 s:PodInitializing/0 c:PodInitializing/0",
            "3 p Running Initialized Ready i:exit 0/0 s:running/0 c:running/0",
            "8 p Succeeded Initialized i:exit 0/0 s:exit 137/0 c:exit 0/0",
        ],
        "{told}"
    );
    let mut world = World::new();
    world.pod(
        "p",
        json!({
            "restartPolicy": "Never",
            "initContainers": [{"name": "i", "image": "busybox", "command": ["false"]}],
            "containers": [{"name": "c", "image": "nginx"}],
        }),
    );
    world.run(60);
    assert_eq!(summary(world.get("p")), "Failed i:exit 1/0 c:PodInitializing/0");
}

#[test]
fn an_image_that_is_not_there() {
    let mut world = World::new();
    world.pod("p", json!({"containers": [{"name": "c", "image": "jocatalin/kubernetes-bootcamp:v10"}]}));
    world.run(50);
    let told = world.told();
    let error = "rpc error: code = NotFound desc = failed to pull and unpack image \"docker.io/jocatalin/kubernetes-bootcamp:v10\": failed to resolve reference \"docker.io/jocatalin/kubernetes-bootcamp:v10\": docker.io/jocatalin/kubernetes-bootcamp:v10: not found";
    assert!(
        told.contains(&format!("Warning Failed Failed to pull image \"jocatalin/kubernetes-bootcamp:v10\": {error}\n")),
        "{told}"
    );
    assert!(told.contains("Warning Failed Error: ErrImagePull\n"));
    assert!(told.contains("Normal BackOff Back-off pulling image \"jocatalin/kubernetes-bootcamp:v10\"\n"));
    assert_eq!(told.matches("Failed to pull image").count(), 3, "{told}");
    let own = &world.get("p")["status"]["containerStatuses"][0];
    assert_eq!(own["state"]["waiting"]["reason"], "ImagePullBackOff");
    assert_eq!(
        own["state"]["waiting"]["message"],
        format!("Back-off pulling image \"jocatalin/kubernetes-bootcamp:v10\": ErrImagePull: {error}")
    );

    world.change("p", |pod| pod["spec"]["containers"][0]["image"] = json!("jocatalin/kubernetes-bootcamp:v2"));
    world.run(5);
    assert_eq!(world.get("p")["status"]["phase"], "Running");
    // And on to another one, in place.
    world.change("p", |pod| pod["spec"]["containers"][0]["image"] = json!("jocatalin/kubernetes-bootcamp:v1"));
    world.run(5);
    assert_eq!(world.get("p")["status"]["containerStatuses"][0]["image"], "docker.io/jocatalin/kubernetes-bootcamp:v1");
    assert_eq!(world.get("p")["status"]["containerStatuses"][0]["restartCount"], 1);
    assert!(world.told().contains("Normal Killing Container c definition changed, will be restarted"));

    world.pod("q", json!({"containers": [{"name": "c", "image": "Nginx"}]}));
    world.pod("r", json!({"containers": [{"name": "c", "image": "example.org/x:1", "imagePullPolicy": "Never"}]}));
    world.run(30);
    assert_eq!(summary(world.get("q")), "Pending Initialized c:InvalidImageName/0");
    assert_eq!(summary(world.get("r")), "Pending Initialized c:ErrImageNeverPull/0");
}

#[test]
fn what_is_missing_holds_a_pod_back_until_it_comes() {
    let mut world = World::new();
    world.pod("env", json!({"containers": [{"name": "c", "image": "nginx", "env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "cm", "key": "a"}}}]}]}));
    world.pod("vol", json!({"containers": [{"name": "c", "image": "nginx"}], "volumes": [{"name": "v", "secret": {"secretName": "s"}}]}));
    world.run(20);
    assert_eq!(summary(world.get("env")), "Pending Initialized c:CreateContainerConfigError/0");
    assert_eq!(summary(world.get("vol")), "Pending Initialized c:ContainerCreating/0");
    let told = world.told();
    assert!(told.contains("Warning Failed Error: configmap \"cm\" not found"), "{told}");
    assert_eq!(
        told.matches("Warning FailedMount MountVolume.SetUp failed for volume \"v\" : secret \"s\" not found").count(),
        5,
        "{told}"
    );
    world.add(
        "configmaps",
        json!({"kind": "ConfigMap", "metadata": {"namespace": "ns", "name": "cm"}, "data": {"a": "1"}}),
    );
    world.add("secrets", json!({"kind": "Secret", "metadata": {"namespace": "ns", "name": "s"}, "data": {}}));
    world.run(10);
    assert_eq!(summary(world.get("env")), "Running Initialized Ready c:running/0");
    assert_eq!(summary(world.get("vol")), "Running Initialized Ready c:running/0");
}

#[test]
fn probes_decide() {
    let mut world = World::new();
    let http = |path: &str, port: u16| json!({"httpGet": {"path": path, "port": port}, "initialDelaySeconds": 5, "periodSeconds": 2, "failureThreshold": 2});
    world.pod("good", json!({"containers": [{"name": "c", "image": "nginx", "readinessProbe": http("/", 80)}]}));
    world.pod("bad", json!({"containers": [{"name": "c", "image": "nginx", "readinessProbe": http("/no", 80)}]}));
    world.pod("deaf", json!({"containers": [{"name": "c", "image": "nginx", "livenessProbe": http("/", 81)}]}));
    world.pod("slow", json!({"containers": [{"name": "c", "image": "nginx", "startupProbe": http("/", 80), "readinessProbe": http("/", 80)}]}));
    world.pod("exec", json!({"containers": [{"name": "c", "image": "busybox", "args": ["/bin/sh", "-c", "touch /tmp/healthy; sleep 30; rm -f /tmp/healthy; sleep 600"],
        "livenessProbe": {"exec": {"command": ["cat", "/tmp/healthy"]}, "initialDelaySeconds": 5, "periodSeconds": 5, "failureThreshold": 3}}]}));
    world.run(7);
    assert_eq!(summary(world.get("good")), "Running Initialized c:running/0");
    world.run(23);
    for (name, want) in [
        ("good", "Running Initialized Ready c:running/0"),
        ("bad", "Running Initialized c:running/0"),
        ("slow", "Running Initialized Ready c:running/0"),
        ("exec", "Running Initialized Ready c:running/0"),
    ] {
        assert_eq!(summary(world.get(name)), want, "{name}");
    }
    assert!(world.get("deaf")["status"]["containerStatuses"][0]["restartCount"].as_i64().unwrap() >= 1);
    world.run(30);
    assert!(world.get("exec")["status"]["containerStatuses"][0]["restartCount"] == 1);
    let told = world.told();
    for line in [
        "Warning Unhealthy Readiness probe failed: HTTP probe failed with statuscode: 404",
        "Warning Unhealthy Liveness probe failed: Get \"http://10.244.1.4:81/\": dial tcp 10.244.1.4:81: connect: connection refused",
        "Normal Killing Container c failed liveness probe, will be restarted",
        "Warning Unhealthy Liveness probe failed: cat: can't open '/tmp/healthy': No such file or directory",
    ] {
        assert!(told.contains(line), "{line}\n{told}");
    }
}

#[test]
fn deletion_takes_its_time() {
    for (image, command, grace, seconds, code) in [
        ("nginx", json!(null), 30, 1, "exit 0"),
        ("busybox", json!(["sleep", "3600"]), 30, 30, "exit 137"),
        ("busybox", json!(["sleep", "3600"]), 5, 5, "exit 137"),
    ] {
        let mut world = World::new();
        world.pod("p", json!({"containers": [{"name": "c", "image": image, "command": command}]}));
        world.run(10);
        world.told();
        let deletion = later(world.view.now(), Duration::from_secs(grace));
        world.change("p", |pod| {
            pod["metadata"]["deletionTimestamp"] = json!(time::rfc3339(deletion));
            pod["metadata"]["deletionGracePeriodSeconds"] = json!(grace);
            pod["metadata"]["generation"] = json!(2);
        });
        world.run(60);
        let told = world.told();
        let lines: Vec<&str> = told.lines().collect();
        assert_eq!(lines.get(1), Some(&"10 Normal Killing Stopping container c"), "{told}");
        assert_eq!(lines.last(), Some(&format!("{} deleted p", 10 + seconds).as_str()), "{told}");
        assert!(lines.get(2).is_some_and(|line| line.contains(code)), "{told}");
        assert_eq!(lines.len(), 4, "{told}");
    }
}

#[test]
fn a_deadline_ends_a_pod() {
    let mut world = World::new();
    world.pod("p", json!({"activeDeadlineSeconds": 20, "containers": [{"name": "c", "image": "nginx"}]}));
    world.run(60);
    let status = &world.get("p")["status"];
    assert_eq!((&status["phase"], &status["reason"]), (&json!("Failed"), &json!("DeadlineExceeded")));
    assert!(
        world
            .told()
            .contains("20 Normal DeadlineExceeded Pod was active on the node longer than the specified deadline")
    );
}

#[test]
fn a_failed_node_does_nothing_until_it_is_back() {
    let mut world = World::new();
    let mut node = world.view.get("nodes", "", "kctl-worker").unwrap().as_ref().clone();
    node["metadata"]["annotations"][nodes::FAILED] = json!("true");
    node["status"]["conditions"][3]["status"] = json!("Unknown");
    world.add("nodes", node.clone());
    world.pod("p", json!({"containers": [{"name": "c", "image": "nginx"}]}));
    world.run(60);
    assert_eq!(world.told(), "");
    node["metadata"]["annotations"] = json!({});
    world.add("nodes", node);
    world.run(10);
    assert!(world.told().contains("Normal NodeReady Node kctl-worker status is now: NodeReady"));
    assert_eq!(summary(world.get("p")), "Running Initialized Ready c:running/0");
    let ready = world.view.get("nodes", "", "kctl-worker").unwrap()["status"]["conditions"][3]["status"].clone();
    assert_eq!(ready, "True");
}

#[test]
fn a_second_look_writes_nothing() {
    let mut world = World::new();
    for (name, container) in [
        ("a", json!({"name": "c", "image": "nginx"})),
        ("b", json!({"name": "c", "image": "nginx:nope"})),
        ("c", json!({"name": "c", "image": "busybox", "command": ["false"]})),
    ] {
        world.pod(name, json!({"containers": [container]}));
    }
    for _ in 0..40 {
        world.run(1);
        world.told();
        for name in ["a", "b", "c"] {
            let key = Key { resource: "pods", namespace: "ns".into(), name: name.into() };
            world.view.set_now(later(world.view.now(), Duration::from_micros(1)));
            let outcome = world.kubelet.reconcile(&key, &world.view);
            assert_eq!(outcome.writes, [], "{name}");
        }
    }
}

#[test]
fn containers_for_debugging_and_new_resources() {
    let mut world = World::new();
    world
        .pod("p", json!({"containers": [{"name": "c", "image": "nginx", "resources": {"requests": {"cpu": "100m"}}}]}));
    world.run(10);
    world.told();
    world.change("p", |pod| {
        pod["spec"]["ephemeralContainers"] =
            json!([{"name": "d", "image": "busybox", "stdin": true, "targetContainerName": "c"}]);
        pod["spec"]["containers"][0]["resources"]["requests"]["cpu"] = json!("200m");
        pod["metadata"]["generation"] = json!(2);
    });
    world.run(10);
    let status = &world.get("p")["status"];
    assert!(status["ephemeralContainerStatuses"][0]["state"]["running"].is_object(), "{status}");
    assert_eq!(status["containerStatuses"][0]["resources"], json!({"requests": {"cpu": "200m"}}));
    assert_eq!(status["containerStatuses"][0]["allocatedResources"], json!({"cpu": "200m"}));
    assert_eq!(status["observedGeneration"], 2);
    assert_eq!(status["phase"], "Running");
    assert!(world.told().contains("Normal Pulling Pulling image \"busybox\""));
}

#[test]
fn several_containers_start_one_after_the_other() {
    let mut world = World::new();
    world.pod("p", json!({"containers": [{"name": "a", "image": "nginx"}, {"name": "b", "image": "redis"}, {"name": "x", "image": "nginx:none"}]}));
    world.run(30);
    let told = world.told();
    assert_eq!(told.matches("Pulling image \"redis\"").count(), 1, "{told}");
    assert_eq!(told.matches("Pulling image \"nginx\"").count(), 1, "{told}");
    assert_eq!(summary(world.get("p")), "Pending Initialized a:running/0 b:running/0 x:ImagePullBackOff/0");
    let ready = world.get("p")["status"]["conditions"][2].clone();
    assert_eq!(ready["message"], "containers with unready status: [x]");
}
