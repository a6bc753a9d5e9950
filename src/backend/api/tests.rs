//! The API server, asked as clients ask it.

mod lists;
mod patches;
mod policies;
mod recorded;

use bytes::Bytes;
use http_body_util::BodyExt;
use serde_json::{Value, json};

use super::*;
use crate::backend::controllers::Event;
use crate::backend::{Handle, Options};
use crate::object::{Meta, time};

const START: &str = "2026-01-02T03:04:05Z";

fn cluster() -> Handle {
    let clock = Clock::manual(time::parse_rfc3339(START).expect("a time"));
    Handle::open(Options { dir: None, clock, seed: Some(1), nodes: 2, disabled: Default::default() })
        .expect("a cluster")
}

struct Answer {
    code: u16,
    warnings: Vec<String>,
    body: Value,
}

async fn send(handle: &Handle, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = handle.call(request.body(Bytes::from(body.to_owned())).expect("a request")).await;
    let code = response.status().as_u16();
    let warnings = response.headers().get_all("warning").iter();
    let warnings = warnings.map(|value| value.to_str().expect("text").to_owned()).collect();
    let bytes = response.into_body().collect().await.expect("a body").to_bytes();
    Answer { code, warnings, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null) }
}

async fn get(handle: &Handle, target: &str) -> Value {
    send(handle, "GET", target, &[], "").await.body
}

async fn post(handle: &Handle, target: &str, body: Value) -> Answer {
    send(handle, "POST", target, &[], &body.to_string()).await
}

async fn patch(handle: &Handle, target: &str, kind: &str, body: Value) -> Answer {
    let media_type = format!("application/{kind}+json");
    send(handle, "PATCH", target, &[("content-type", &media_type)], &body.to_string()).await
}

fn config_map(name: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"k": value}})
}

fn pod(name: &str, app: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": app}},
        "spec": {"containers": [{"name": "c", "image": "nginx"}]},
    })
}

fn deployment(name: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {
            "replicas": 2, "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "c", "image": "nginx:1"}]}},
        },
    })
}

fn names(list: &Value) -> Vec<&str> {
    list["items"].as_array().expect("items").iter().map(|item| item.name()).collect()
}

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const PODS: &str = "/api/v1/namespaces/default/pods";
const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";

#[tokio::test]
async fn a_new_cluster_has_its_first_objects() {
    let handle = cluster();
    assert_eq!(
        names(&get(&handle, "/api/v1/namespaces").await),
        ["default", "kube-node-lease", "kube-public", "kube-system"]
    );
    assert_eq!(get(&handle, "/api/v1/nodes").await["items"].as_array().map(Vec::len), Some(2));
    let service = get(&handle, "/api/v1/namespaces/default/services/kubernetes").await;
    assert_eq!(service["spec"]["clusterIP"], "10.96.0.1");
    assert_eq!(service["metadata"]["creationTimestamp"], START);
}

#[tokio::test]
async fn a_seed_makes_a_cluster_repeat() {
    let uids = |handle: &Handle| {
        let list = handle.api().list("namespaces", None).expect("a list");
        list.iter().map(|object| object.uid().to_owned()).collect::<Vec<_>>()
    };
    let first = uids(&cluster());
    assert_eq!(first, uids(&cluster()));
    assert_eq!(first.iter().collect::<std::collections::HashSet<_>>().len(), 4, "UIDs are unique");
}

#[tokio::test]
async fn objects_are_created_read_replaced_and_deleted() {
    let handle = cluster();
    let created = post(&handle, MAPS, config_map("a", "1")).await;
    assert_eq!(created.code, 201);
    assert_eq!(created.body["metadata"]["creationTimestamp"], START);
    assert_eq!(created.body["metadata"]["namespace"], "default");
    let target = format!("{MAPS}/a");
    assert_eq!(get(&handle, &target).await, created.body);

    let mut changed = created.body.clone();
    changed["data"]["k"] = "2".into();
    let updated = send(&handle, "PUT", &target, &[], &changed.to_string()).await;
    assert_eq!((updated.code, &updated.body["data"]["k"]), (200, &json!("2")));
    assert_ne!(updated.body.resource_version(), created.body.resource_version());
    let stale = send(&handle, "PUT", &target, &[], &changed.to_string()).await;
    assert_eq!((stale.code, stale.body["reason"].as_str()), (409, Some("Conflict")));
    assert_eq!(
        stale.body["message"],
        "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please apply your changes to the latest version and try again"
    );

    let deleted = send(&handle, "DELETE", &target, &[], "").await;
    assert_eq!((deleted.code, deleted.body["status"].as_str()), (200, Some("Success")));
    assert_eq!(deleted.body["details"], json!({"name": "a", "kind": "configmaps", "uid": created.body.uid()}));
    let gone = send(&handle, "GET", &target, &[], "").await;
    assert_eq!((gone.code, gone.body["message"].as_str()), (404, Some("configmaps \"a\" not found")));
}

#[tokio::test]
async fn a_write_that_changes_nothing_is_none() {
    let handle = cluster();
    let created = post(&handle, MAPS, config_map("a", "1")).await.body;
    let target = format!("{MAPS}/a");
    let revision = handle.api().store().revision().expect("a revision");
    let same = send(&handle, "PUT", &target, &[], &created.to_string()).await;
    assert_eq!(same.body, created);
    let same = patch(&handle, &target, "merge-patch", json!({"data": {"k": "1"}})).await;
    assert_eq!(same.body, created);
    assert_eq!(handle.api().store().revision().expect("a revision"), revision);
}

#[tokio::test]
async fn refusals_say_what_the_real_server_says() {
    let handle = cluster();
    post(&handle, MAPS, config_map("a", "1")).await;
    let put = |name: &str| config_map(name, "1").to_string();
    let cases: Vec<(&str, String, String, u16, &str)> = vec![
        ("POST", MAPS.into(), put("a"), 409, "configmaps \"a\" already exists"),
        (
            "POST",
            MAPS.into(),
            put(""),
            422,
            "ConfigMap \"\" is invalid: metadata.name: Required value: name or generateName is required",
        ),
        ("POST", "/api/v1/namespaces/none/configmaps".into(), put("a"), 404, "namespaces \"none\" not found"),
        (
            "POST",
            "/api/v1/configmaps".into(),
            put("b"),
            405,
            "the server does not allow this method on the requested resource",
        ),
        ("POST", format!("{MAPS}/a"), put("a"), 405, "the server does not allow this method on the requested resource"),
        (
            "PUT",
            format!("{MAPS}/a"),
            put("b"),
            400,
            "the name of the object (b) does not match the name on the URL (a)",
        ),
        ("PUT", format!("{MAPS}/none"), put("none"), 404, "configmaps \"none\" not found"),
        (
            "POST",
            MAPS.into(),
            pod("p", "x").to_string(),
            400,
            "Pod in version \"v1\" cannot be handled as a ConfigMap: converting (v1.Pod) to (core.ConfigMap): unknown conversion",
        ),
        (
            "POST",
            MAPS.into(),
            json!({"apiVersion": "v2", "kind": "ConfigMap"}).to_string(),
            400,
            "ConfigMap in version \"v2\" cannot be handled as a ConfigMap: no kind \"ConfigMap\" is registered for version \"v2\" in scheme \"k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30\"",
        ),
        (
            "POST",
            MAPS.into(),
            json!({"metadata": {"name": "b", "namespace": "other"}}).to_string(),
            400,
            "the namespace of the provided object does not match the namespace sent on the request",
        ),
        ("GET", "/api/v1/nothing".into(), String::new(), 404, "the server could not find the requested resource"),
        (
            "DELETE",
            "/api/v1/namespaces/default".into(),
            String::new(),
            403,
            "namespaces \"default\" is forbidden: this namespace may not be deleted",
        ),
        (
            "GET",
            format!("{MAPS}?fieldSelector=data.k%3Dx"),
            String::new(),
            400,
            "\"data.k\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\"",
        ),
        ("GET", format!("{PODS}?fieldSelector=spec.x%3Dx"), String::new(), 400, "field label not supported: spec.x"),
        ("GET", format!("{PODS}/x/log"), String::new(), 404, "pods \"x\" not found"),
    ];
    for (method, target, body, code, message) in cases {
        let answer = send(&handle, method, &target, &[], &body).await;
        assert_eq!((answer.code, answer.body["message"].as_str()), (code, Some(message)), "{method} {target}");
        assert_eq!(answer.body["kind"], "Status");
        assert_eq!(answer.body["code"], code);
    }
    let answer = send(&handle, "POST", MAPS, &[("content-type", "text/plain")], "x").await;
    assert_eq!((answer.code, answer.body["reason"].as_str()), (415, Some("UnsupportedMediaType")));
    let answer = send(&handle, "GET", MAPS, &[("accept", "text/html")], "").await;
    assert_eq!((answer.code, answer.body["reason"].as_str()), (406, Some("NotAcceptable")));
    // What leads nowhere is no API's to answer.
    let answer = send(&handle, "GET", "/apis/none.example.org/v1/nothing", &[], "").await;
    assert_eq!((answer.code, answer.body), (404, Object::Null));
}

#[tokio::test]
async fn some_resources_are_created_by_replacing_and_shown_when_deleted() {
    let handle = cluster();
    let target = "/api/v1/namespaces/default/services/s";
    let service = json!({"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}}).to_string();
    assert_eq!(send(&handle, "PUT", target, &[], &service).await.code, 201);
    assert_eq!(send(&handle, "PUT", target, &[], &service).await.code, 200);
    let deleted = send(&handle, "DELETE", target, &[], "").await;
    assert_eq!((deleted.code, deleted.body.kind(), deleted.body.name()), (200, "Service", "s"));
}

#[tokio::test]
async fn names_are_generated() {
    let handle = cluster();
    let mut map = config_map("", "1");
    map["metadata"] = json!({"generateName": "run-"});
    let first = post(&handle, MAPS, map.clone()).await.body;
    let second = post(&handle, MAPS, map).await.body;
    for object in [&first, &second] {
        assert!(object.name().starts_with("run-") && object.name().len() == 9, "{}", object.name());
    }
    assert_ne!(first.name(), second.name());
}

#[tokio::test]
async fn a_dry_run_leaves_nothing() {
    let handle = cluster();
    let revision = handle.api().store().revision().expect("a revision");
    let tried = post(&handle, &format!("{MAPS}?dryRun=All"), config_map("a", "1")).await;
    assert_eq!((tried.code, tried.body.name()), (201, "a"));
    assert!(!tried.body.uid().is_empty());
    assert_eq!(handle.api().store().revision().expect("a revision"), revision);
    let answer = post(&handle, &format!("{MAPS}?dryRun=Some"), config_map("a", "1")).await;
    assert_eq!(answer.code, 422);
}

#[tokio::test]
async fn bodies_may_be_yaml() {
    let handle = cluster();
    let yaml = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  k: v\n";
    let answer = send(&handle, "POST", MAPS, &[("content-type", "application/yaml")], yaml).await;
    assert_eq!((answer.code, answer.body["data"]["k"].as_str()), (201, Some("v")));
}

#[tokio::test]
async fn unknown_fields_are_reported_as_asked() {
    let handle = cluster();
    let mut object = deployment("web");
    object["spec"]["replicass"] = 1.into();
    let text = "Deployment in version \"v1\" cannot be handled as a Deployment: strict decoding error: unknown field \"spec.replicass\"";
    let strict = post(&handle, &format!("{DEPLOYMENTS}?fieldValidation=Strict"), object.clone()).await;
    assert_eq!((strict.code, strict.body["message"].as_str()), (400, Some(text)));
    let warned = post(&handle, DEPLOYMENTS, object).await;
    assert_eq!(warned.code, 201);
    assert_eq!(warned.warnings, ["299 - \"unknown field \\\"spec.replicass\\\"\""]);
    assert_eq!(warned.body.at(&["spec", "replicass"]), None);
}

#[tokio::test]
async fn lists_select_by_labels_and_fields() {
    let handle = cluster();
    for (name, app) in [("a", "x"), ("b", "y"), ("c", "x")] {
        post(&handle, PODS, pod(name, app)).await;
    }
    handle.api().bind("default", "c", "kctl-worker").expect("bound");
    for (query, want) in [
        ("", vec!["a", "b", "c"]),
        ("labelSelector=app%3Dx", vec!["a", "c"]),
        ("labelSelector=app+notin+(x)", vec!["b"]),
        ("fieldSelector=spec.nodeName%3Dkctl-worker", vec!["c"]),
        ("fieldSelector=metadata.name%3Db", vec!["b"]),
        ("fieldSelector=metadata.name!%3Db&labelSelector=app%3Dx", vec!["a", "c"]),
        ("fieldSelector=metadata.name%3Dnone", vec![]),
    ] {
        assert_eq!(names(&get(&handle, &format!("{PODS}?{query}")).await), want, "{query}");
    }
    let list = get(&handle, "/api/v1/pods").await;
    assert_eq!((list["kind"].as_str(), list["apiVersion"].as_str()), (Some("PodList"), Some("v1")));
    assert_eq!(list["metadata"]["resourceVersion"], handle.api().store().revision().expect("one").to_string());
}

#[tokio::test]
async fn long_lists_come_in_pages() {
    let handle = cluster();
    for number in 0..7 {
        post(&handle, MAPS, config_map(&format!("m{number}"), if number % 2 == 0 { "even" } else { "odd" })).await;
    }
    for selector in ["", "&labelSelector=!none"] {
        let (mut token, mut all, mut pages) = (String::new(), Vec::new(), 0);
        loop {
            let list = get(&handle, &format!("{MAPS}?limit=3&continue={token}{selector}")).await;
            all.extend(names(&list).into_iter().map(str::to_owned));
            pages += 1;
            if pages == 1 && selector.is_empty() {
                assert_eq!(list["metadata"]["remainingItemCount"], 4);
            }
            token = list["metadata"].str_at(&["continue"]).to_owned();
            if token.is_empty() {
                break;
            }
        }
        assert_eq!((pages, all.len()), (3, 7), "{selector}");
    }
    assert_eq!(send(&handle, "GET", &format!("{MAPS}?continue=x"), &[], "").await.code, 400);
}

#[tokio::test]
async fn lists_are_printed_as_tables_and_metadata() {
    let handle = cluster();
    post(&handle, MAPS, config_map("a", "1")).await;
    let table = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
    for (query, object) in [
        ("", json!("PartialObjectMetadata")),
        ("?includeObject=Metadata", json!("PartialObjectMetadata")),
        ("?includeObject=Object", json!("ConfigMap")),
        ("?includeObject=None", Value::Null),
    ] {
        let answer = send(&handle, "GET", &format!("{MAPS}{query}"), &[("accept", table)], "").await.body;
        assert_eq!((answer["kind"].as_str(), answer["apiVersion"].as_str()), (Some("Table"), Some("meta.k8s.io/v1")));
        let headers: Vec<_> = answer.list_at(&["columnDefinitions"]).iter().map(|c| c.str_at(&["name"])).collect();
        assert_eq!(headers, ["Name", "Data", "Age"]);
        assert_eq!(answer["rows"][0]["cells"], json!(["a", 1, "0s"]));
        assert_eq!(answer["rows"][0]["object"]["kind"], object, "{query}");
    }
    let answer = send(&handle, "GET", &format!("{MAPS}/a"), &[("accept", table)], "").await.body;
    assert_eq!(answer["rows"].as_array().map(Vec::len), Some(1));
    let metadata = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";
    let answer = send(&handle, "GET", MAPS, &[("accept", metadata)], "").await.body;
    assert_eq!(answer["kind"], "PartialObjectMetadataList");
    assert_eq!(answer["items"][0].as_object().expect("an object").len(), 3);
}

#[tokio::test]
async fn patches_of_three_kinds() {
    let handle = cluster();
    post(&handle, DEPLOYMENTS, deployment("web")).await;
    let target = format!("{DEPLOYMENTS}/web");
    let answer = patch(&handle, &target, "merge-patch", json!({"metadata": {"labels": {"a": "b"}}})).await;
    assert_eq!((answer.code, answer.body.label("a")), (200, Some("b")));
    let answer =
        patch(&handle, &target, "json-patch", json!([{"op": "replace", "path": "/spec/replicas", "value": 3}])).await;
    assert_eq!((answer.code, &answer.body["spec"]["replicas"]), (200, &json!(3)));
    let containers = json!({"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "nginx:2"}, {"name": "d", "image": "x"}]}}}});
    let answer = patch(&handle, &target, "strategic-merge-patch", containers).await;
    let images: Vec<_> = answer
        .body
        .list_at(&["spec", "template", "spec", "containers"])
        .iter()
        .map(|container| (container.str_at(&["name"]), container.str_at(&["image"])))
        .collect();
    assert_eq!(images.iter().find(|(name, _)| *name == "c").map(|(_, image)| *image), Some("nginx:2"));
    assert_eq!(images.len(), 2);

    let answer = patch(&handle, &target, "json-patch", json!([{"op": "remove", "path": "/nosuch"}])).await;
    assert_eq!(
        (answer.code, answer.body["message"].as_str()),
        (422, Some("the server rejected our request due to an error in our request"))
    );
    let answer = patch(&handle, &target, "strategic-merge-patch", json!({"spec": {"replicas": "x"}})).await;
    assert_eq!(
        (answer.code, answer.body["message"].as_str()),
        (422, Some(" \"\" is invalid: patch: Invalid value: \"map[spec:map[replicas:x]]\": unrecognized type: int32"))
    );
    let answer = patch(&handle, &target, "merge-patch", json!({"metadata": {"resourceVersion": "1"}})).await;
    assert_eq!(answer.code, 409);
    let answer = patch(&handle, &format!("{DEPLOYMENTS}/none"), "merge-patch", json!({})).await;
    assert_eq!((answer.code, answer.body["message"].as_str()), (404, Some("deployments.apps \"none\" not found")));
}

#[tokio::test]
async fn status_and_scale_are_parts_of_their_own() {
    let handle = cluster();
    let created = post(&handle, DEPLOYMENTS, deployment("web")).await.body;
    let mut object = created.clone();
    object["status"] = json!({"replicas": 2});
    object["spec"]["replicas"] = 9.into();
    let target = format!("{DEPLOYMENTS}/web");
    let answer = send(&handle, "PUT", &format!("{target}/status"), &[], &object.to_string()).await.body;
    assert_eq!((&answer["status"]["replicas"], &answer["spec"]["replicas"]), (&json!(2), &json!(2)));

    let scale = get(&handle, &format!("{target}/scale")).await;
    assert_eq!((scale["kind"].as_str(), scale["apiVersion"].as_str()), (Some("Scale"), Some("autoscaling/v1")));
    assert_eq!(scale["spec"], json!({"replicas": 2}));
    assert_eq!(scale["status"], json!({"replicas": 2, "selector": "app=web"}));
    let answer = patch(&handle, &format!("{target}/scale"), "merge-patch", json!({"spec": {"replicas": 5}})).await;
    assert_eq!((answer.code, &answer.body["spec"]["replicas"]), (200, &json!(5)));
    assert_eq!(get(&handle, &target).await["spec"]["replicas"], 5);
    let mut scale = scale;
    scale["spec"]["replicas"] = 1.into();
    let stale = send(&handle, "PUT", &format!("{target}/scale"), &[], &scale.to_string()).await;
    assert_eq!(stale.code, 409);
    let answer = patch(&handle, &format!("{target}/scale"), "merge-patch", json!({"spec": {"replicas": -1}})).await;
    assert_eq!(answer.code, 422);
}

#[tokio::test]
async fn pods_are_bound_once() {
    let handle = cluster();
    post(&handle, PODS, pod("a", "x")).await;
    let binding = json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "a"}, "target": {"kind": "Node", "name": "kctl-worker"}});
    let answer = post(&handle, &format!("{PODS}/a/binding"), binding.clone()).await;
    assert_eq!((answer.code, answer.body["status"].as_str()), (201, Some("Success")));
    let object = get(&handle, &format!("{PODS}/a")).await;
    assert_eq!(object["spec"]["nodeName"], "kctl-worker");
    assert_eq!(object["status"]["conditions"][0]["type"], "PodScheduled");
    let answer = post(&handle, &format!("{PODS}/a/binding"), binding).await;
    assert_eq!(
        (answer.code, answer.body["message"].as_str()),
        (
            409,
            Some(
                "Operation cannot be fulfilled on pods/binding \"a\": pod a is already assigned to node \"kctl-worker\""
            )
        )
    );
}

#[tokio::test]
async fn running_pods_end_gracefully() {
    let handle = cluster();
    post(&handle, PODS, pod("a", "x")).await;
    handle.api().bind("default", "a", "kctl-worker").expect("bound");
    let target = format!("{PODS}/a");
    let marked = send(&handle, "DELETE", &target, &[], r#"{"gracePeriodSeconds":10}"#).await;
    assert_eq!((marked.code, marked.body.kind()), (200, "Pod"));
    assert_eq!(marked.body["metadata"]["deletionTimestamp"], "2026-01-02T03:04:15Z");
    assert_eq!(marked.body["metadata"]["deletionGracePeriodSeconds"], 10);
    let again = send(&handle, "DELETE", &target, &[], "").await;
    assert_eq!(again.body, marked.body, "already on its way");
    let sooner = send(&handle, "DELETE", &target, &[], r#"{"gracePeriodSeconds":3}"#).await;
    assert_eq!(sooner.body["metadata"]["deletionTimestamp"], "2026-01-02T03:04:08Z");
    let options = DeleteOptions { grace_period_seconds: Some(0), ..DeleteOptions::default() };
    assert!(matches!(handle.api().delete("pods", "default", "a", &options), Ok(Deleted::Gone(_))));

    post(&handle, PODS, pod("b", "x")).await;
    let gone = send(&handle, "DELETE", &format!("{PODS}/b"), &[], "").await;
    assert_eq!(gone.code, 200);
    assert_eq!(send(&handle, "GET", &format!("{PODS}/b"), &[], "").await.code, 404, "never scheduled, so gone at once");
}

#[tokio::test]
async fn finalizers_hold_objects_until_they_are_gone() {
    let handle = cluster();
    let mut map = config_map("a", "1");
    map["metadata"]["finalizers"] = json!(["example.org/hold"]);
    post(&handle, MAPS, map).await;
    let target = format!("{MAPS}/a");
    let marked = send(&handle, "DELETE", &target, &[], "").await;
    assert_eq!(marked.body["metadata"]["deletionTimestamp"], START);
    assert_eq!(marked.body["metadata"]["deletionGracePeriodSeconds"], 0);
    patch(&handle, &target, "merge-patch", json!({"metadata": {"finalizers": null}})).await;
    assert_eq!(send(&handle, "GET", &target, &[], "").await.code, 404);
}

#[tokio::test]
async fn propagation_is_asked_for_by_finalizers() {
    let handle = cluster();
    for (policy, finalizers) in
        [("Foreground", Some(json!(["foregroundDeletion"]))), ("Orphan", Some(json!(["orphan"]))), ("Background", None)]
    {
        post(&handle, DEPLOYMENTS, deployment("web")).await;
        let target = format!("{DEPLOYMENTS}/web");
        let body = json!({"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": policy}).to_string();
        let answer = send(&handle, "DELETE", &target, &[], &body).await;
        assert_eq!(answer.code, 200);
        assert_eq!(answer.body.at(&["metadata", "finalizers"]).cloned(), finalizers, "{policy}");
        if finalizers.is_some() {
            patch(&handle, &target, "merge-patch", json!({"metadata": {"finalizers": null}})).await;
        }
        assert_eq!(send(&handle, "GET", &target, &[], "").await.code, 404, "{policy}");
    }
    let body = json!({"propagationPolicy": "Other"}).to_string();
    post(&handle, DEPLOYMENTS, deployment("web")).await;
    assert_eq!(send(&handle, "DELETE", &format!("{DEPLOYMENTS}/web"), &[], &body).await.code, 422);
    let body = json!({"preconditions": {"uid": "other"}}).to_string();
    assert_eq!(send(&handle, "DELETE", &format!("{DEPLOYMENTS}/web"), &[], &body).await.code, 409);
}

#[tokio::test]
async fn namespaces_go_when_they_are_finalized() {
    let handle = cluster();
    let api = handle.api();
    api.create("namespaces", json!({"metadata": {"name": "n"}, "spec": {"finalizers": ["kubernetes"]}}))
        .expect("created");
    let deleted = api.delete("namespaces", "", "n", &DeleteOptions::default()).expect("deleted");
    assert_eq!(deleted.object().str_at(&["status", "phase"]), "Terminating");
    let refused = post(&handle, "/api/v1/namespaces/n/configmaps", config_map("a", "1")).await;
    assert_eq!(
        (refused.code, refused.body["message"].as_str()),
        (
            403,
            Some(
                "configmaps \"a\" is forbidden: unable to create new content in namespace n because it is being terminated"
            )
        )
    );
    let mut namespace = api.get("namespaces", "", "n").expect("still there");
    namespace["spec"]["finalizers"] = json!([]);
    api.finalize(namespace).expect("finalized");
    assert!(api.get("namespaces", "", "n").expect_err("gone").is_not_found());
}

#[tokio::test]
async fn many_are_deleted_by_selection() {
    let handle = cluster();
    for (name, app) in [("a", "x"), ("b", "y"), ("c", "x")] {
        post(&handle, PODS, pod(name, app)).await;
    }
    let answer = send(&handle, "DELETE", &format!("{PODS}?labelSelector=app%3Dx"), &[], "").await;
    assert_eq!((answer.code, answer.body["kind"].as_str()), (200, Some("PodList")));
    assert_eq!(names(&get(&handle, PODS).await), ["b"]);
}

#[tokio::test]
async fn evictions_heed_disruption_budgets() {
    let handle = cluster();
    post(&handle, PODS, pod("a", "x")).await;
    let api = handle.api();
    api.bind("default", "a", "kctl-worker").expect("bound");
    let mut object = api.get("pods", "default", "a").expect("there");
    object["status"] = json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]});
    api.update_status("pods", object).expect("updated");
    let budget =
        json!({"metadata": {"name": "b", "namespace": "default"}, "spec": {"selector": {"matchLabels": {"app": "x"}}}});
    let mut budget = api.create("poddisruptionbudgets.policy", budget).expect("created");
    let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "a"}});
    let refused = post(&handle, &format!("{PODS}/a/eviction"), eviction.clone()).await;
    assert_eq!(
        (refused.code, refused.body["message"].as_str()),
        (429, Some("Cannot evict pod as it would violate the pod's disruption budget."))
    );
    budget["status"] = json!({"disruptionsAllowed": 1, "currentHealthy": 1, "desiredHealthy": 0, "expectedPods": 1, "observedGeneration": 1});
    api.update_status("poddisruptionbudgets.policy", budget).expect("updated");
    let evicted = post(&handle, &format!("{PODS}/a/eviction"), eviction).await;
    assert_eq!((evicted.code, evicted.body["status"].as_str()), (201, Some("Success")));
    assert!(api.get("pods", "default", "a").expect("ending").deletion_timestamp().is_some());
}

#[tokio::test]
async fn events_are_shown_in_both_groups_and_counted() {
    let handle = cluster();
    let pod = post(&handle, PODS, pod("a", "x")).await.body;
    let event = Event {
        regarding: pod,
        field_path: String::new(),
        kind: "Normal",
        reason: "Started".into(),
        message: "Started it".into(),
        component: "kubelet",
        host: "kctl-worker".into(),
    };
    handle.api().record_event(&event).expect("recorded");
    let other = Event { message: "Started another".into(), ..event.clone() };
    handle.api().record_event(&other).expect("recorded");
    handle.api().clock().advance_to(time::parse_rfc3339("2026-01-02T03:05:00Z").expect("a time"));
    handle.api().record_event(&event).expect("recorded");
    let events = handle.api().list("events", Some("default")).expect("a list");
    assert_eq!(events.len(), 2);
    let event = events.iter().find(|event| event.str_at(&["message"]) == "Started it").expect("there");
    assert!(event.name().starts_with("a.") && event.name().len() == 18, "{}", event.name());
    assert_eq!((event["count"].as_i64(), event["firstTimestamp"].as_str()), (Some(2), Some(START)));
    assert_eq!(event["lastTimestamp"], "2026-01-02T03:05:00Z");
    assert_eq!(event["source"], json!({"component": "kubelet", "host": "kctl-worker"}));
    let shown = get(&handle, "/apis/events.k8s.io/v1/namespaces/default/events").await;
    assert_eq!(shown["items"].as_array().map(Vec::len), Some(2));
    assert_eq!(shown["apiVersion"], "events.k8s.io/v1");
    assert_eq!(shown["items"][0].get("apiVersion"), None);
    assert_eq!(shown["items"][0]["regarding"]["name"], "a");
    let of = async |selector: &str| {
        get(&handle, &format!("/apis/events.k8s.io/v1/namespaces/default/events?fieldSelector={selector}")).await
    };
    for (selector, many) in [
        ("reason=Started,regarding.name=a,reportingController=kubelet", Some(2)),
        ("regarding.kind=Pod,type=Warning", Some(0)),
        ("involvedObject.name=a", None),
    ] {
        assert_eq!(of(selector).await["items"].as_array().map(Vec::len), many, "{selector}");
    }
}

#[tokio::test]
async fn discovery_says_what_there_is() {
    let handle = cluster();
    let aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    let answer = send(&handle, "GET", "/apis", &[("accept", aggregated)], "").await.body;
    let apps = answer.list_at(&["items"]).iter().find(|group| group.name() == "apps").expect("apps");
    assert_eq!(apps["versions"][0]["resources"].as_array().map(Vec::len), Some(5));
    let answer = send(&handle, "GET", "/api", &[("accept", aggregated)], "").await.body;
    assert_eq!(answer["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(get(&handle, "/api").await["versions"], json!(["v1"]));
    assert_eq!(get(&handle, "/apis/autoscaling").await["preferredVersion"]["version"], "v2");
    let list = get(&handle, "/apis/apps/v1").await;
    let scale = list.list_at(&["resources"]).iter().find(|r| r.str_at(&["name"]) == "deployments/scale");
    assert_eq!(scale.expect("scale")["group"], "autoscaling");
    assert_eq!(send(&handle, "GET", "/apis/none/v1", &[], "").await.code, 404);
    assert_eq!(get(&handle, "/version").await["gitVersion"], "v1.36.2");
}

/// Reads so many lines of a watch, each a JSON value.
async fn events(handle: &Handle, target: &str, headers: &[(&str, &str)], count: usize) -> Vec<Value> {
    let mut request = Request::builder().uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = handle.call(request.body(Bytes::new()).expect("a request")).await;
    assert_eq!(response.status(), 200);
    let mut body = response.into_body();
    let mut text = String::new();
    while text.lines().count() < count {
        let frame = tokio::time::timeout(std::time::Duration::from_secs(5), body.frame()).await.expect("in time");
        let Some(frame) = frame else { break };
        text.push_str(std::str::from_utf8(&frame.expect("a chunk").into_data().expect("data")).expect("UTF-8"));
    }
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn shape(events: &[Value]) -> Vec<String> {
    events.iter().map(|event| format!("{} {}", event["type"].as_str().unwrap_or(""), event["object"].name())).collect()
}

#[tokio::test]
async fn watches_replay_and_follow() {
    let handle = cluster();
    let created = post(&handle, MAPS, config_map("a", "1")).await.body;
    let since = created.resource_version().to_owned();
    let writer = handle.clone();
    let task = tokio::spawn(async move {
        post(&writer, MAPS, config_map("b", "1")).await;
        patch(&writer, &format!("{MAPS}/a"), "merge-patch", json!({"data": {"k": "2"}})).await;
        send(&writer, "DELETE", &format!("{MAPS}/b"), &[], "").await;
    });
    let found = events(&handle, &format!("{MAPS}?watch=true&resourceVersion={since}"), &[], 3).await;
    assert_eq!(shape(&found), ["ADDED b", "MODIFIED a", "DELETED b"]);
    let last = handle.api().store().revision().expect("a revision").to_string();
    assert_eq!(found[2]["object"].resource_version(), last, "a deletion has a revision of its own");
    task.await.expect("ended");
    let found = events(&handle, &format!("{MAPS}?watch=1&fieldSelector=metadata.name%3Da"), &[], 1).await;
    assert_eq!(shape(&found), ["ADDED a"], "without a revision, what is there comes first");
}

#[tokio::test]
async fn watches_with_a_selection_see_objects_come_and_go() {
    let handle = cluster();
    let revision = handle.api().store().revision().expect("a revision");
    let created = post(&handle, PODS, pod("a", "x")).await.body;
    let target = format!("{PODS}/a");
    for app in ["y", "x"] {
        patch(&handle, &target, "merge-patch", json!({"metadata": {"labels": {"app": app}}})).await;
    }
    let query = format!("{PODS}?watch=true&resourceVersion={revision}&labelSelector=app%3Dx");
    let found = events(&handle, &query, &[], 3).await;
    assert_eq!(shape(&found), ["ADDED a", "DELETED a", "ADDED a"]);
    assert_ne!(found[1]["object"].resource_version(), created.resource_version());
}

#[tokio::test]
async fn watches_can_send_everything_first_and_then_say_so() {
    let handle = cluster();
    post(&handle, MAPS, config_map("a", "1")).await;
    let query = "watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    let found = events(&handle, &format!("{MAPS}?{query}"), &[], 2).await;
    assert_eq!(shape(&found), ["ADDED a", "BOOKMARK "]);
    assert_eq!(found[1]["object"].annotation("k8s.io/initial-events-end"), Some("true"));
    assert_eq!(found[1]["object"].kind(), "ConfigMap");
}

#[tokio::test]
async fn watches_of_tables_have_the_columns_once() {
    let handle = cluster();
    post(&handle, MAPS, config_map("a", "1")).await;
    post(&handle, MAPS, config_map("b", "1")).await;
    let accept = [("accept", "application/json;as=Table;v=v1;g=meta.k8s.io")];
    let found = events(&handle, &format!("{MAPS}?watch=true"), &accept, 2).await;
    assert_eq!(found[0]["object"]["columnDefinitions"].as_array().map(Vec::len), Some(3));
    assert_eq!(found[1]["object"]["columnDefinitions"], Value::Null);
    assert_eq!(found[1]["object"]["rows"][0]["cells"][0], "b");
}

#[tokio::test]
async fn watches_end_in_time() {
    let handle = cluster();
    let found = events(&handle, &format!("{MAPS}?watch=true&timeoutSeconds=0"), &[], 1).await;
    assert_eq!(shape(&found), [""; 0]);
}

#[tokio::test]
async fn connections_are_served() {
    let handle = cluster();
    let (client, server) = tokio::io::duplex(64 * 1024);
    let serving = tokio::spawn(async move { handle.serve_connection(server).await });
    let io = hyper_util::rt::TokioIo::new(client);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.expect("connected");
    tokio::spawn(connection);
    let request = Request::builder().uri("/version").header("host", "x");
    let response = sender
        .send_request(request.body(http_body_util::Full::new(Bytes::new())).expect("a request"))
        .await
        .expect("an answer");
    let body = response.into_body().collect().await.expect("a body").to_bytes();
    assert_eq!(serde_json::from_slice::<Value>(&body).expect("JSON")["minor"], "36");
    drop(sender);
    serving.await.expect("ended").expect("without an error");
}

#[tokio::test]
async fn autoscalers_are_shown_in_both_versions() {
    let cluster = cluster();
    let old = json!({
        "apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"},
        "spec": {"maxReplicas": 3, "targetCPUUtilizationPercentage": 50,
                 "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}},
    });
    let path = |version: &str| format!("/apis/autoscaling/{version}/namespaces/default/horizontalpodautoscalers");
    let made = post(&cluster, &path("v1"), old).await;
    assert_eq!((made.code, made.body.int_at(&["spec", "targetCPUUtilizationPercentage"])), (201, Some(50)));
    let new = get(&cluster, &format!("{}/web", path("v2"))).await;
    assert_eq!(new.api_version(), "autoscaling/v2");
    assert_eq!(
        new["spec"]["metrics"],
        json!([{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}])
    );
    let list = get(&cluster, &path("v1")).await;
    assert_eq!(list["items"][0].int_at(&["spec", "targetCPUUtilizationPercentage"]), Some(50));
}

#[tokio::test]
async fn warns_of_pods_that_a_namespace_does_not_like() {
    let cluster = cluster();
    let labels = json!({"metadata": {"labels": {"pod-security.kubernetes.io/warn": "baseline"}}});
    patch(&cluster, "/api/v1/namespaces/default", "merge-patch", labels).await;
    let mut host = deployment("host");
    host.set_at(&["spec", "template", "spec", "hostNetwork"], true);
    let made = post(&cluster, DEPLOYMENTS, host).await;
    assert_eq!(made.warnings.len(), 1, "{:?}", made.warnings);
    assert!(made.warnings[0].contains("would violate PodSecurity"), "{:?}", made.warnings);
    assert_eq!(post(&cluster, DEPLOYMENTS, deployment("plain")).await.warnings, [""; 0]);
}

#[tokio::test]
async fn a_template_without_a_spec_lacks_only_containers() {
    let cluster = cluster();
    let mut deployment = deployment("web");
    deployment.remove_at(&["spec", "template", "spec"]);
    let refused = post(&cluster, DEPLOYMENTS, deployment).await;
    assert_eq!(
        refused.body.str_at(&["message"]),
        "Deployment.apps \"web\" is invalid: spec.template.spec.containers: Required value"
    );
}

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const BEACONS: &str = "/apis/sea.example.org/v1/namespaces/default/beacons";

fn beacons() -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "beacons.sea.example.org"},
        "spec": {
            "group": "sea.example.org", "scope": "Namespaced",
            "names": {"plural": "beacons", "singular": "beacon", "kind": "Beacon", "listKind": "BeaconList",
                      "shortNames": ["bcn"], "categories": ["all"]},
            "versions": [
                {
                    "name": "v1", "served": true, "storage": true,
                    "schema": {"openAPIV3Schema": {"type": "object", "required": ["spec"], "properties": {
                        "spec": {"type": "object", "required": ["colour"], "properties": {
                            "colour": {"type": "string", "enum": ["red", "green"]},
                            "lamps": {"type": "integer", "format": "int32", "default": 1, "minimum": 0, "maximum": 12},
                        }},
                        "status": {"type": "object", "properties": {
                            "lit": {"type": "integer"}, "selector": {"type": "string"},
                        }},
                    }}},
                    "subresources": {"status": {}, "scale": {
                        "specReplicasPath": ".spec.lamps", "statusReplicasPath": ".status.lit",
                        "labelSelectorPath": ".status.selector",
                    }},
                    "additionalPrinterColumns": [
                        {"name": "Colour", "type": "string", "jsonPath": ".spec.colour"},
                        {"name": "Lamps", "type": "integer", "jsonPath": ".spec.lamps"},
                        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
                    ],
                    "selectableFields": [{"jsonPath": ".spec.colour"}],
                },
                {
                    "name": "v1alpha1", "served": true, "storage": false, "deprecated": true,
                    "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
                },
            ],
        },
    })
}

fn beacon(name: &str, spec: Value) -> Value {
    json!({"apiVersion": "sea.example.org/v1", "kind": "Beacon", "metadata": {"name": name}, "spec": spec})
}

#[tokio::test]
async fn definitions_make_resources() {
    let cluster = cluster();
    assert_eq!(send(&cluster, "GET", BEACONS, &[], "").await.code, 404);
    let made = post(&cluster, DEFINITIONS, beacons()).await;
    assert_eq!(made.code, 201, "{}", made.body);
    let status = &made.body["status"];
    assert_eq!(status["acceptedNames"]["kind"], "Beacon");
    assert_eq!(status["storedVersions"], json!(["v1"]));
    assert_eq!(status["conditions"][1]["reason"], "InitialNamesAccepted");
    let list = get(&cluster, "/apis/sea.example.org/v1").await;
    assert_eq!(list["resources"][0]["shortNames"], json!(["bcn"]));
    assert_eq!(list["resources"][2]["name"], "beacons/scale");
    assert_eq!(get(&cluster, "/apis/sea.example.org").await["preferredVersion"]["version"], "v1");

    let made = post(&cluster, BEACONS, beacon("a", json!({"colour": "red", "odd": 1}))).await;
    assert_eq!((made.code, made.body["spec"].clone()), (201, json!({"colour": "red", "lamps": 1})));
    assert_eq!(made.warnings, ["299 - \"unknown field \\\"spec.odd\\\"\""]);
    let refused = post(&cluster, BEACONS, beacon("b", json!({"colour": "blue", "lamps": 13}))).await;
    assert_eq!(
        refused.body["message"],
        "Beacon.sea.example.org \"b\" is invalid: [spec.colour: Unsupported value: \"blue\": supported values: \"red\", \"green\", spec.lamps: Invalid value: 13: spec.lamps in body should be less than or equal to 12]"
    );
    let strict = format!("{BEACONS}?fieldValidation=Strict");
    let refused = post(&cluster, &strict, beacon("b", json!({"colour": "red", "odd": 1}))).await;
    assert_eq!(
        refused.body["message"],
        "Beacon in version \"v1\" cannot be handled as a Beacon: strict decoding error: unknown field \"spec.odd\""
    );

    let path = format!("{BEACONS}/a");
    let changed =
        patch(&cluster, &format!("{path}/status"), "merge-patch", json!({"status": {"lit": 2, "selector": "a=b"}}))
            .await;
    assert_eq!((changed.code, changed.body.generation()), (200, 1));
    let scale = get(&cluster, &format!("{path}/scale")).await;
    assert_eq!(
        (scale["spec"]["replicas"].as_i64(), &scale["status"]),
        (Some(1), &json!({"replicas": 2, "selector": "a=b"}))
    );
    let scaled = patch(&cluster, &format!("{path}/scale"), "merge-patch", json!({"spec": {"replicas": 5}})).await;
    assert_eq!(scaled.body["spec"]["replicas"], 5);
    assert_eq!(get(&cluster, &path).await["spec"]["lamps"], 5);
    let strategic = patch(&cluster, &path, "strategic-merge-patch", json!({})).await;
    assert_eq!(strategic.code, 415);

    let table = [("accept", "application/json;as=Table;v=v1;g=meta.k8s.io")];
    let table = send(&cluster, "GET", BEACONS, &table, "").await.body;
    assert_eq!(table["rows"][0]["cells"], json!(["a", "red", 5, "0s"]));
    let red = get(&cluster, &format!("{BEACONS}?fieldSelector=spec.colour=red")).await;
    assert_eq!((names(&red), red["kind"].as_str()), (vec!["a"], Some("BeaconList")));
    let old = send(&cluster, "GET", &path.replace("v1/", "v1alpha1/"), &[], "").await;
    assert_eq!(old.body["apiVersion"], "sea.example.org/v1alpha1");
    assert_eq!(
        old.warnings,
        ["299 - \"sea.example.org/v1alpha1 Beacon is deprecated; use sea.example.org/v1 Beacon\""]
    );
}

#[tokio::test]
async fn definitions_go_with_their_objects() {
    let cluster = cluster();
    let own = format!("{DEFINITIONS}/beacons.sea.example.org");
    post(&cluster, DEFINITIONS, beacons()).await;
    post(&cluster, BEACONS, beacon("a", json!({"colour": "red"}))).await;
    assert_eq!(send(&cluster, "DELETE", &own, &[], "").await.code, 200);
    assert_eq!(send(&cluster, "GET", BEACONS, &[], "").await.code, 404);
    post(&cluster, DEFINITIONS, beacons()).await;
    assert_eq!(names(&get(&cluster, BEACONS).await), [""; 0]);

    let mut held = beacon("held", json!({"colour": "red"}));
    held.set_at(&["metadata", "finalizers"], json!(["sea.example.org/keeper"]));
    post(&cluster, BEACONS, held).await;
    send(&cluster, "DELETE", &own, &[], "").await;
    let definition = get(&cluster, &own).await;
    assert_eq!(definition["status"]["conditions"][2]["reason"], "InstanceDeletionInProgress");
    let free =
        patch(&cluster, &format!("{BEACONS}/held"), "merge-patch", json!({"metadata": {"finalizers": null}})).await;
    assert_eq!(free.code, 200, "{}", free.body);
    assert_eq!(send(&cluster, "GET", &own, &[], "").await.code, 404);
}

#[tokio::test]
async fn open_api_has_types_and_operations() {
    let cluster = cluster();
    post(&cluster, DEFINITIONS, beacons()).await;
    let index = get(&cluster, "/openapi/v3").await;
    for path in ["api/v1", "apis/apps/v1", "apis/sea.example.org/v1"] {
        let address = index["paths"][path]["serverRelativeURL"].as_str().expect("an address");
        let document = get(&cluster, address).await;
        let schemas = document["components"]["schemas"].as_object().expect("schemas");
        // Whatever is referred to is there.
        let text = document.to_string();
        for reference in text.split("\"#/components/schemas/").skip(1) {
            let name = reference.split('"').next().expect("a name");
            assert!(schemas.get(name).is_some_and(Value::is_object), "{name} in {path}");
        }
    }
    let apps = get(&cluster, "/openapi/v3/apis/apps/v1").await;
    let patch = &apps["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"];
    assert_eq!(
        patch["x-kubernetes-group-version-kind"],
        json!({"group": "apps", "version": "v1", "kind": "Deployment"})
    );
    let names = patch["parameters"].as_array().expect("parameters").iter().map(|p| p["name"].as_str());
    assert!(
        names.clone().any(|name| name == Some("fieldValidation")) && names.clone().any(|name| name == Some("dryRun"))
    );
    let container = &apps["components"]["schemas"]["io.k8s.api.core.v1.Container"]["properties"]["ports"];
    assert_eq!(
        *container,
        json!({
            "type": "array",
            "items": {"$ref": "#/components/schemas/io.k8s.api.core.v1.ContainerPort"},
            "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["containerPort", "protocol"],
            "x-kubernetes-patch-strategy": "merge", "x-kubernetes-patch-merge-key": "containerPort",
        })
    );
    let sea = get(&cluster, "/openapi/v3/apis/sea.example.org/v1").await;
    let beacon = &sea["components"]["schemas"]["org.example.sea.v1.Beacon"];
    assert_eq!(beacon["properties"]["spec"]["properties"]["lamps"]["default"], 1);
    assert_eq!(send(&cluster, "GET", "/openapi/v3/apis/none/v1", &[], "").await.code, 404);
}

#[tokio::test]
async fn objects_are_applied() {
    let cluster = cluster();
    let target = format!("{DEPLOYMENTS}/web?fieldManager=me");
    let apply = async |target: &str, object: &Value| {
        let headers = [("content-type", "application/apply-patch+yaml")];
        send(&cluster, "PATCH", target, &headers, &object.to_string()).await
    };
    let made = apply(&target, &deployment("web")).await;
    assert_eq!((made.code, made.body["spec"]["replicas"].as_i64()), (201, Some(2)), "{}", made.body);
    let entry = &made.body["metadata"]["managedFields"][0];
    assert_eq!((entry["manager"].as_str(), entry["operation"].as_str()), (Some("me"), Some("Apply")));
    let again = apply(&target, &deployment("web")).await;
    assert_eq!((again.code, again.body.resource_version()), (200, made.body.resource_version()));

    let path = format!("{DEPLOYMENTS}/web");
    let headers = [("content-type", "application/merge-patch+json"), ("user-agent", "helm/v4 (linux)")];
    let changed = send(&cluster, "PATCH", &path, &headers, r#"{"spec": {"replicas": 5}}"#).await;
    assert_eq!(changed.body["metadata"]["managedFields"][1]["fieldsV1"], json!({"f:spec": {"f:replicas": {}}}));
    let refused = apply(&target, &deployment("web")).await;
    assert_eq!(
        (refused.code, refused.body["message"].as_str()),
        (409, Some("Apply failed with 1 conflict: conflict with \"helm\" using apps/v1: .spec.replicas"))
    );
    let forced = apply(&format!("{target}&force=true"), &deployment("web")).await;
    assert_eq!((forced.code, forced.body["spec"]["replicas"].as_i64()), (200, Some(2)));
    assert_eq!(forced.body["metadata"]["managedFields"].as_array().map(Vec::len), Some(1));
    let mut less = deployment("web");
    less.remove_at(&["spec", "replicas"]);
    let left = apply(&target, &less).await;
    assert_eq!(left.body["spec"]["replicas"], 1);

    let mut odd = deployment("odd");
    odd.set_at(&["spec", "replicass"], 1);
    let refused = apply(&format!("{DEPLOYMENTS}/odd?fieldManager=me"), &odd).await;
    assert_eq!(
        refused.body["message"],
        "failed to create typed patch object (/odd; apps/v1, Kind=Deployment): .spec.replicass: field not declared in schema"
    );
    assert_eq!(apply(&path, &deployment("web")).await.code, 422);
}

#[tokio::test]
async fn a_cluster_without_some_plugins() {
    let clock = Clock::manual(time::parse_rfc3339(START).expect("a time"));
    let disabled =
        super::super::DisabledPlugins::parse(["ServiceAccount", "DefaultTolerationSeconds"]).expect("plugins");
    let bare = Handle::open(Options { dir: None, clock, seed: Some(1), nodes: 2, disabled }).expect("a cluster");
    let made = post(&bare, "/api/v1/namespaces/default/pods", pod("web", "web")).await.body;
    for field in ["volumes", "serviceAccountName", "tolerations"] {
        assert_eq!(made["spec"][field], Value::Null, "{field}");
    }
    assert_eq!(made["spec"]["priority"], 0);
    let made = post(&cluster(), "/api/v1/namespaces/default/pods", pod("web", "web")).await.body;
    assert_eq!(made["spec"]["serviceAccountName"], "default");
    assert_eq!(made["spec"]["tolerations"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn a_pod_replaced_by_its_manifest_keeps_what_admission_gave_it() {
    let clock = Clock::manual(time::parse_rfc3339(START).expect("a time"));
    let disabled = super::super::DisabledPlugins::parse(["ServiceAccount"]).expect("plugins");
    let handle = Handle::open(Options { dir: None, clock, seed: Some(1), nodes: 2, disabled }).expect("a cluster");
    post(&handle, "/api/v1/namespaces/default/pods", pod("web", "web")).await;
    let target = "/api/v1/namespaces/default/pods/web";
    let manifest = pod("web", "other").to_string();
    let replaced = send(&handle, "PUT", target, &[("content-type", "application/json")], &manifest).await;
    assert_eq!(
        (replaced.code, &replaced.body["metadata"]["labels"]["app"]),
        (200, &json!("other")),
        "{}",
        replaced.body
    );
    assert_eq!(replaced.body["spec"]["preemptionPolicy"], "PreemptLowerPriority");
    assert_eq!(replaced.body["spec"]["tolerations"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn a_pod_on_no_node_may_be_replaced_by_its_manifest() {
    let handle = cluster();
    let mut manifest = pod("p", "a");
    manifest["spec"]["schedulerName"] = "nobody".into();
    let made = post(&handle, PODS, manifest.clone()).await.body;
    manifest["metadata"]["labels"]["more"] = "1".into();
    let put = |body: Value| {
        let handle = &handle;
        async move { send(handle, "PUT", &format!("{PODS}/p"), &[], &body.to_string()).await }
    };
    let answer = put(manifest.clone()).await;
    assert_eq!((answer.code, &answer.body["spec"]), (200, &made["spec"]), "{}", answer.body);
    let mut other = manifest.clone();
    other["spec"]["serviceAccountName"] = "other".into();
    assert_eq!(put(other).await.code, 422);
    let binding =
        json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "p"}, "target": {"name": "node-1"}});
    assert_eq!(post(&handle, &format!("{PODS}/p/binding"), binding).await.code, 201);
    assert_eq!(put(manifest).await.code, 422);
}
