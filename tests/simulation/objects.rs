//! What the simulated day is about.

use kctl::object::Object;
use serde_json::json;

/// The images of the servers, oldest first.
pub const IMAGES: [&str; 3] = ["nginx:1.25", "nginx:1.26", "nginx:1.27"];
/// An image that is not there.
pub const NO_IMAGE: &str = "nginx:9.99";
/// The cron jobs: name, schedule, zone, policy, seconds that a run takes, whether it succeeds.
pub const CRON_JOBS: &[(&str, &str, &str, &str, u32, bool)] = &[
    ("often", "*/30 * * * *", "", "Allow", 30, true),
    ("slow-allow", "*/20 * * * *", "Asia/Kolkata", "Allow", 2000, true),
    ("slow-forbid", "*/20 * * * *", "America/New_York", "Forbid", 1500, true),
    ("slow-replace", "*/30 * * * *", "Europe/Berlin", "Replace", 2500, true),
    ("failing", "5 */2 * * *", "Etc/UTC", "Allow", 20, false),
    ("nightly", "30 3 * * *", "Asia/Tokyo", "Forbid", 300, true),
    ("office-hours", "0 9-17/2 * * *", "America/Los_Angeles", "Allow", 60, true),
];
/// Successful and failed jobs that a cron job keeps.
pub const HISTORY: (usize, usize) = (3, 1);

fn template(app: &str, image: &str, cpu: &str) -> Object {
    json!({
        "metadata": {"labels": {"app": app}},
        "spec": {
            "terminationGracePeriodSeconds": 10,
            "containers": [{
                "name": "main",
                "image": image,
                "resources": {"requests": {"cpu": cpu, "memory": "64Mi"}},
                "readinessProbe": {"httpGet": {"path": "/", "port": 80}, "periodSeconds": 5},
            }],
        },
    })
}

pub fn deployment(name: &str, replicas: i64, strategy: &Object) -> Object {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "revisionHistoryLimit": 4,
            "progressDeadlineSeconds": 300,
            "strategy": strategy,
            "selector": {"matchLabels": {"app": name}},
            "template": template(name, IMAGES[0], "100m"),
        },
    })
}

pub fn service(name: &str, kind: &str) -> Object {
    json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "default"},
        "spec": {"type": kind, "selector": {"app": name}, "ports": [{"port": 80, "targetPort": 80}]},
    })
}

fn stateful_set() -> Object {
    json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db", "namespace": "default"},
        "spec": {
            "replicas": 3,
            "serviceName": "db",
            "selector": {"matchLabels": {"app": "db"}},
            "template": template("db", IMAGES[0], "200m"),
            "volumeClaimTemplates": [{
                "metadata": {"name": "data"},
                "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
            }],
        },
    })
}

fn daemon_set() -> Object {
    json!({
        "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "agent", "namespace": "default"},
        "spec": {
            "selector": {"matchLabels": {"app": "agent"}},
            "template": template("agent", IMAGES[0], "50m"),
        },
    })
}

fn cron_job(row: &(&str, &str, &str, &str, u32, bool)) -> Object {
    let (name, schedule, zone, policy, seconds, succeeds) = row;
    let mut object = json!({
        "apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "schedule": schedule,
            "concurrencyPolicy": policy,
            "successfulJobsHistoryLimit": HISTORY.0,
            "failedJobsHistoryLimit": HISTORY.1,
            "jobTemplate": {"spec": job_spec(1, 1, *seconds, *succeeds)},
        },
    });
    if !zone.is_empty() {
        object["spec"]["timeZone"] = json!(zone);
    }
    object
}

fn job_spec(completions: i64, parallelism: i64, seconds: u32, succeeds: bool) -> Object {
    let code = i32::from(!succeeds);
    json!({
        "completions": completions,
        "parallelism": parallelism,
        "backoffLimit": 2,
        "template": {
            "spec": {
                "restartPolicy": "Never",
                "containers": [{
                    "name": "main",
                    "image": "busybox:1.36",
                    "command": ["sh", "-c", format!("sleep {seconds}; exit {code}")],
                    "resources": {"requests": {"cpu": "50m"}},
                }],
            },
        },
    })
}

/// A job that succeeds or fails, indexed or not, with or without a time to live.
pub fn job(name: &str, completions: i64, parallelism: i64, seconds: u32, succeeds: bool, more: &Object) -> Object {
    let mut spec = job_spec(completions, parallelism, seconds, succeeds);
    for (field, value) in more.as_object().into_iter().flatten() {
        spec[field] = value.clone();
    }
    json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, "namespace": "default"}, "spec": spec})
}

/// A claim, and a pod that writes to it.
pub fn claim_and_pod(name: &str) -> [Object; 2] {
    [
        json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name, "namespace": "default"},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "2Gi"}}},
        }),
        json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"},
            "spec": {
                "restartPolicy": "Never",
                "containers": [{
                    "name": "main", "image": "busybox:1.36", "command": ["sh", "-c", "sleep 600"],
                    "resources": {"requests": {"cpu": "10m"}},
                    "volumeMounts": [{"name": "data", "mountPath": "/data"}],
                }],
                "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": name}}],
            },
        }),
    ]
}

/// What is there from the beginning.
pub fn beginning() -> Vec<Object> {
    let rolling = json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}});
    let mut all = vec![
        deployment("web", 4, &rolling),
        deployment(
            "api",
            2,
            &json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "50%", "maxUnavailable": 0}}),
        ),
        deployment("batchy", 2, &json!({"type": "Recreate"})),
        service("web", "ClusterIP"),
        service("api", "NodePort"),
        service("batchy", "ClusterIP"),
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "db", "namespace": "default"},
            "spec": {"clusterIP": "None", "selector": {"app": "db"}, "ports": [{"port": 80}]},
        }),
        stateful_set(),
        daemon_set(),
        // It is wide enough for everything: what counts is that it counts.
        json!({
            "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "all", "namespace": "default"},
            "spec": {"hard": {
                "pods": "500", "requests.cpu": "200", "services": "200", "services.nodeports": "200",
                "persistentvolumeclaims": "200", "requests.storage": "1000Gi", "count/jobs.batch": "500",
            }},
        }),
        json!({
            "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "web", "namespace": "default"},
            "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "web"}}},
        }),
        json!({
            "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "db", "namespace": "default"},
            "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "db"}}},
        }),
        json!({
            "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "api", "namespace": "default"},
            "spec": {
                "minReplicas": 2, "maxReplicas": 6,
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "api"},
                "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}],
            },
        }),
    ];
    all.extend(CRON_JOBS.iter().map(cron_job));
    all
}
