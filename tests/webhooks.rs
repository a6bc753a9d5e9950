//! Webhooks on the bundled cluster: a server that refuses, changes, warns, is late or talks nonsense, and what
//! the program says of it. The words are those of kube-apiserver 1.36.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod servers;

use std::time::Duration;

use serde_json::{Value, json};
use servers::{Authority, Outcome, Place, Server, Stream, answer, answer_json, base64};

const CONFIG: &str = "error: failed to create configmap: ";
const CALLING: &str = "Internal error occurred: failed calling webhook \"hook.example.com\": ";

/// The cluster of one test, and a server for webhooks.
struct Lab {
    place: Place,
    server: Server,
    authority: Authority,
}

fn review(response: &Value) -> Value {
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response})
}

/// Answers by the path of the request.
fn respond(request: &str, stream: &mut dyn Stream) {
    let path = request.split(['?', ' ']).nth(1).unwrap_or_default().to_owned();
    let body = request.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let asked: Value = serde_json::from_str(body).unwrap_or_default();
    let uid = asked["request"]["uid"].clone();
    let patch = |operations: Value| base64(&operations.to_string());
    let allow = |more: Value| {
        let mut response = json!({"uid": uid, "allowed": true});
        more.as_object().unwrap().iter().for_each(|(field, value)| response[field] = value.clone());
        review(&response)
    };
    let label = |key: &str| {
        let object = &asked["request"]["object"];
        let (at, value) = match object["metadata"]["labels"].is_object() {
            true => (format!("/metadata/labels/{key}"), json!("yes")),
            false => ("/metadata/labels".to_owned(), json!({ key: "yes" })),
        };
        allow(json!({"patchType": "JSONPatch", "patch": patch(json!([{"op": "add", "path": at, "value": value}]))}))
    };
    let ok = |stream: &mut dyn Stream, value: &Value| answer_json(stream, "200 OK", value);
    match path.as_str() {
        "/deny" => ok(
            stream,
            &allow(json!({"allowed": false, "status": {"message": "not today", "code": 403, "reason": "Forbidden"}})),
        ),
        "/deny-bare" => ok(stream, &allow(json!({"allowed": false}))),
        "/deny-reason" => ok(stream, &allow(json!({"allowed": false, "status": {"reason": "Nope"}}))),
        "/one" => ok(stream, &label("one")),
        "/two" => ok(stream, &label("two")),
        "/nowhere" => {
            let operations = patch(json!([{"op": "replace", "path": "/spec/none/at", "value": 1}]));
            ok(stream, &allow(json!({"patchType": "JSONPatch", "patch": operations})));
        }
        "/badpatch" => ok(stream, &allow(json!({"patchType": "JSONPatch", "patch": base64("{\"a\"")}))),
        "/badfield" => {
            let operations = patch(json!([{"op": "add", "path": "/data", "value": 5}]));
            ok(stream, &allow(json!({"patchType": "JSONPatch", "patch": operations})));
        }
        "/untyped" => ok(stream, &allow(json!({"patch": patch(json!([]))}))),
        "/merge" => ok(
            stream,
            &allow(json!({"patchType": "Merge", "patch": patch(json!([{"op": "remove", "path": "/data"}]))})),
        ),
        "/warn" => ok(stream, &allow(json!({"warnings": ["mind the gap", "mind the gap", "and the ü"]}))),
        "/uid" => ok(stream, &allow(json!({"uid": "other"}))),
        "/slow" => {
            std::thread::sleep(Duration::from_secs(2));
            ok(stream, &allow(json!({})));
        }
        "/sidecar" => {
            let operations = patch(json!([{"op": "add", "path": "/spec/containers/-",
                "value": {"name": "sidecar", "image": "nginx"}}]));
            ok(stream, &allow(json!({"patchType": "JSONPatch", "patch": operations})));
        }
        "/convert" => ok(stream, &converted(&asked)),
        "/garbage" => answer(stream, "200 OK", "", "nonsense"),
        "/other" => ok(stream, &json!({"apiVersion": "v1", "kind": "Pod"})),
        "/none" => ok(stream, &json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"})),
        "/empty" => answer(stream, "200 OK", "Content-Type: text/plain\r\n", ""),
        "/500" => answer(stream, "500 Internal Server Error", "Content-Type: text/plain\r\n", "boom"),
        "/404" => answer(stream, "404 Not Found", "Content-Type: text/plain\r\n", "404 page not found\n"),
        _ => ok(stream, &allow(json!({}))),
    }
}

/// Converts between `v1` with `spec.host` and `spec.port`, and `v2` with `spec.address`.
fn converted(asked: &Value) -> Value {
    let wanted = asked["request"]["desiredAPIVersion"].as_str().unwrap_or_default();
    let objects = asked["request"]["objects"].as_array().cloned().unwrap_or_default();
    let convert = |mut object: Value| {
        let spec = object["spec"].clone();
        object["apiVersion"] = wanted.into();
        if wanted.ends_with("/v2") {
            let (host, port) = (spec["host"].as_str().unwrap_or_default(), spec["port"].as_str().unwrap_or_default());
            object["spec"] = json!({"address": format!("{host}:{port}")});
        } else {
            let (host, port) = spec["address"].as_str().unwrap_or_default().split_once(':').unwrap_or_default();
            object["spec"] = json!({"host": host, "port": port});
        }
        object
    };
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview", "response": {
        "uid": asked["request"]["uid"], "result": {"status": "Success"},
        "convertedObjects": objects.into_iter().map(convert).collect::<Vec<_>>(),
    }})
}

impl Lab {
    fn new() -> Self {
        let authority = Authority::new("hooks");
        let server = Server::secure(&authority.issue(&["127.0.0.1", "hook.default.svc"]), None, respond);
        Self { place: Place::new(), server, authority }
    }

    fn kctl(&self, args: &[&str]) -> Outcome {
        let mut command = self.place.command(args);
        command.env("KCTL_OFFLINE", "1").env("KCTL_SEED", "1");
        servers::finish(command)
    }

    /// Runs what must succeed, and returns what it prints.
    fn done(&self, args: &[&str]) -> String {
        let outcome = self.kctl(args);
        assert_eq!(outcome.code, 0, "{args:?}: {}{}", outcome.stdout, outcome.stderr);
        outcome.stdout
    }

    fn apply(&self, object: &Value) -> Outcome {
        let file = self.place.file("object.json", &object.to_string());
        self.kctl(&["apply", "-f", &file])
    }

    fn client(&self, path: &str) -> Value {
        let url = format!("https://127.0.0.1:{}{path}", self.server.port);
        json!({"url": url, "caBundle": base64(&self.authority.pem())})
    }

    fn hook(&self, path: &str, change: &Value) -> Value {
        let mut hook = json!({
            "name": "hook.example.com", "clientConfig": self.client(path), "sideEffects": "None",
            "admissionReviewVersions": ["v1"], "timeoutSeconds": 1,
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}],
        });
        change.as_object().unwrap().iter().for_each(|(field, value)| hook[field] = value.clone());
        hook
    }

    fn configure(&self, kind: &str, hooks: &[Value]) {
        let outcome = self.apply(&json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": format!("{kind}WebhookConfiguration"),
            "metadata": {"name": "hooks"}, "webhooks": hooks,
        }));
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    }

    fn forget(&self, kind: &str) {
        self.done(&["delete", &format!("{kind}webhookconfigurations"), "hooks"]);
    }

    /// The reviews that came for a path so far.
    fn reviews(&self, path: &str) -> Vec<Value> {
        let start = format!("POST {path}?");
        let seen = self.server.seen();
        let own = seen.iter().filter(|request| request.starts_with(&start));
        own.filter_map(|request| serde_json::from_str(request.split_once("\r\n\r\n")?.1).ok()).collect()
    }
}

#[test]
fn every_answer_has_its_words() {
    let lab = Lab::new();
    let bad = format!("{CALLING}received invalid webhook response: ");
    let url = |path: &str| format!("Post \"https://127.0.0.1:{}{path}?timeout=1s\"", lab.server.port);
    let denied = "admission webhook \"hook.example.com\" denied the request";
    for (kind, path, change, wanted) in [
        ("Validating", "/deny", json!({}), format!("{CONFIG}{denied}: not today")),
        ("Validating", "/deny-bare", json!({}), format!("{CONFIG}{denied} without explanation")),
        ("Mutating", "/deny-reason", json!({}), format!("{CONFIG}{denied}: Nope")),
        ("Validating", "/warn", json!({}), "Warning: mind the gap\nWarning: and the ü".into()),
        ("Validating", "/one", json!({}), format!("{CONFIG}{bad}validating webhook may not return response.patch")),
        (
            "Mutating",
            "/nowhere",
            json!({}),
            format!(
                "{CONFIG}Internal error occurred: replace operation does not apply: doc is missing path: /spec/none/at: missing value"
            ),
        ),
        (
            "Mutating",
            "/badpatch",
            json!({}),
            format!("{CONFIG}{CALLING}received undecodable patch in webhook response: unexpected end of JSON input"),
        ),
        (
            "Mutating",
            "/badfield",
            json!({}),
            format!(
                "{CONFIG}Internal error occurred: json: cannot unmarshal number into Go struct field ConfigMap.data of type map[string]string"
            ),
        ),
        (
            "Mutating",
            "/untyped",
            json!({}),
            format!("{CONFIG}{bad}webhook returned response.patch but not response.patchType"),
        ),
        ("Mutating", "/merge", json!({}), format!("{CONFIG}{CALLING}unsupported patch type \"Merge\"")),
        (
            "Validating",
            "/slow",
            json!({}),
            format!("{CONFIG}{CALLING}failed to call webhook: {}: context deadline exceeded", url("/slow")),
        ),
        ("Validating", "/slow", json!({"failurePolicy": "Ignore"}), String::new()),
        (
            "Validating",
            "/garbage",
            json!({}),
            format!(
                "{CONFIG}{CALLING}failed to call webhook: couldn't get version/kind; json parse error: json: cannot unmarshal string into Go value of type struct {{ APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" }}"
            ),
        ),
        (
            "Validating",
            "/other",
            json!({}),
            format!(
                "{CONFIG}{CALLING}failed to call webhook: no kind \"Pod\" is registered for version \"v1\" in scheme \"k8s.io/apiserver/pkg/util/webhook/client.go:71\""
            ),
        ),
        ("Validating", "/none", json!({}), format!("{CONFIG}{bad}webhook response was absent")),
        (
            "Validating",
            "/empty",
            json!({}),
            format!(
                "{CONFIG}{CALLING}failed to call webhook: 0-length response with status code: 200 and content type: text/plain"
            ),
        ),
        (
            "Validating",
            "/500",
            json!({}),
            format!(
                "{CONFIG}{CALLING}failed to call webhook: an error on the server (\"boom\") has prevented the request from succeeding"
            ),
        ),
        (
            "Validating",
            "/404",
            json!({}),
            format!("{CONFIG}{CALLING}failed to call webhook: the server could not find the requested resource"),
        ),
        (
            "Validating",
            "/deny",
            json!({"clientConfig": {"url": "https://127.0.0.1:1/x", "caBundle": base64(&lab.authority.pem())}}),
            format!(
                "{CONFIG}{CALLING}failed to call webhook: Post \"https://127.0.0.1:1/x?timeout=1s\": dial tcp 127.0.0.1:1: connect: connection refused"
            ),
        ),
        (
            "Validating",
            "/deny",
            json!({"clientConfig": {"url": "https://127.0.0.1:1/x"}, "failurePolicy": "Ignore"}),
            String::new(),
        ),
        (
            "Validating",
            "/deny",
            json!({"clientConfig": {"service": {"name": "none", "namespace": "default", "path": "/x"}}}),
            format!(
                "{CONFIG}{CALLING}failed to call webhook: Post \"https://none.default.svc:443/x?timeout=1s\": service \"none\" not found"
            ),
        ),
        (
            "Validating",
            "/deny",
            json!({"matchConditions": [{"name": "a", "expression": "object.metadata.name != 'a'"}]}),
            String::new(),
        ),
        (
            "Validating",
            "/deny",
            json!({"matchConditions": [{"name": "a", "expression": "object.metadata.nothing == 'a'"}]}),
            format!(
                "{CONFIG}configmaps \"a\" is forbidden: expression 'object.metadata.nothing == 'a'' resulted in error: no such key: nothing"
            ),
        ),
        ("Validating", "/deny", json!({"objectSelector": {"matchLabels": {"a": "b"}}}), String::new()),
        ("Validating", "/deny", json!({"namespaceSelector": {"matchLabels": {"a": "b"}}}), String::new()),
        (
            "Validating",
            "/deny",
            json!({"rules": [{"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*"], "scope": "Cluster"}]}),
            String::new(),
        ),
        (
            "Validating",
            "/deny",
            json!({"rules": [{"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["DELETE"], "resources": ["configmaps/*"]}]}),
            String::new(),
        ),
    ] {
        lab.configure(kind, &[lab.hook(path, &change)]);
        let outcome = lab.kctl(&["create", "configmap", "a"]);
        assert_eq!(outcome.stderr.trim_end(), wanted, "{kind} {path} {change}");
        lab.forget(kind);
        lab.kctl(&["delete", "configmap", "a", "--ignore-not-found"]);
    }
}

#[test]
fn objects_are_changed_in_turn_and_again_where_that_is_wanted() {
    let lab = Lab::new();
    let named =
        |name: &str, path: &str, policy: &str| lab.hook(path, &json!({"name": name, "reinvocationPolicy": policy}));
    for (policy, first, second) in [("Never", 1, 1), ("IfNeeded", 2, 1)] {
        lab.configure(
            "Mutating",
            &[named("one.example.com", "/one", policy), named("two.example.com", "/two", "Never")],
        );
        let before = (lab.reviews("/one").len(), lab.reviews("/two").len());
        lab.done(&["create", "configmap", "a"]);
        let labels = lab.done(&["get", "configmap", "a", "-o", "jsonpath={.metadata.labels}"]);
        assert_eq!(labels, "{\"one\":\"yes\",\"two\":\"yes\"}");
        let asked = (lab.reviews("/one").len() - before.0, lab.reviews("/two").len() - before.1);
        assert_eq!(asked, (first, second), "{policy}");
        lab.done(&["delete", "configmap", "a"]);
    }
    let seen = &lab.reviews("/two")[0]["request"];
    assert_eq!(seen["object"]["metadata"]["labels"], json!({"one": "yes"}));
    assert_eq!(seen["options"]["kind"], "CreateOptions");
    assert_eq!((&seen["operation"], &seen["name"], &seen["dryRun"]), (&json!("CREATE"), &json!("a"), &json!(false)));
}

#[test]
fn controllers_are_asked_about_too() {
    let lab = Lab::new();
    let pods =
        json!({"rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]});
    lab.configure("Mutating", &[lab.hook("/sidecar", &pods)]);
    lab.done(&["create", "deployment", "web", "--image=nginx", "--replicas=2"]);
    lab.done(&["rollout", "status", "deployment/web", "--timeout=30s"]);
    let names = lab.done(&["get", "pods", "-o", "jsonpath={.items[*].spec.containers[*].name}"]);
    assert_eq!(names, "nginx sidecar nginx sidecar");
    // Containers of webhooks have the account's token, as the others do.
    let mounts = lab.done(&["get", "pods", "-o", "jsonpath={.items[0].spec.containers[1].volumeMounts[*].mountPath}"]);
    assert_eq!(mounts, "/var/run/secrets/kubernetes.io/serviceaccount");
    let reviews = lab.reviews("/sidecar");
    assert_eq!(reviews.len(), 2, "each pod is asked about once");
    assert_eq!(
        reviews[0]["request"]["userInfo"]["username"],
        "system:serviceaccount:kube-system:replicaset-controller"
    );
    lab.configure("Validating", &[lab.hook("/deny", &pods)]);
    lab.done(&["create", "deployment", "none", "--image=nginx"]);
    let events =
        lab.done(&["get", "events", "--field-selector", "reason=FailedCreate", "-o", "jsonpath={.items[0].message}"]);
    assert_eq!(events, "Error creating: admission webhook \"hook.example.com\" denied the request: not today");
}

#[test]
fn dry_runs_are_for_those_without_side_effects() {
    let lab = Lab::new();
    let outcome = lab.apply(&json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "hooks"}, "webhooks": [lab.hook("/allow", &json!({"sideEffects": "Some"}))],
    }));
    let why = "Unsupported value: \"Some\": supported values: \"None\", \"NoneOnDryRun\"";
    assert!(outcome.stderr.contains(&format!("webhooks[0].sideEffects: {why}")), "{}", outcome.stderr);
    lab.configure("Validating", &[lab.hook("/allow", &json!({"sideEffects": "NoneOnDryRun"}))]);
    lab.done(&["create", "configmap", "a", "--dry-run=server"]);
    assert_eq!(lab.reviews("/allow")[0]["request"]["dryRun"], true);
}

#[test]
fn services_lead_to_their_endpoints() {
    let lab = Lab::new();
    let port = lab.server.port;
    for object in [
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "hook"}, "spec": {"ports": [{"port": 443}]}}),
        // A pod's address is found at 127 in the place of its first number.
        json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
            "metadata": {"name": "hook", "labels": {"kubernetes.io/service-name": "hook"}},
            "endpoints": [{"addresses": ["10.0.0.1"], "targetRef": {"kind": "Pod", "name": "hook"}}],
            "ports": [{"port": port}]}),
    ] {
        let outcome = lab.apply(&object);
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    }
    let bundle = base64(&lab.authority.pem());
    let service =
        |path: &str| json!({"service": {"name": "hook", "namespace": "default", "path": path}, "caBundle": bundle});
    lab.configure("Validating", &[lab.hook("", &json!({"clientConfig": service("/deny")}))]);
    let outcome = lab.kctl(&["create", "configmap", "a"]);
    let denied = "admission webhook \"hook.example.com\" denied the request: not today\n";
    assert_eq!(outcome.stderr, format!("{CONFIG}{denied}"));
    lab.done(&["delete", "endpointslices", "hook"]);
    let outcome = lab.kctl(&["create", "configmap", "a"]);
    let url = "Post \"https://hook.default.svc:443/deny?timeout=1s\"";
    let why = format!("failed to call webhook: {url}: no endpoints available for service \"hook\"");
    assert_eq!(outcome.stderr, format!("{CONFIG}{CALLING}{why}\n"));
}

fn definition(storage: &str, conversion: &Value) -> Value {
    let version = |name: &str| {
        json!({"name": name, "served": true, "storage": name == storage, "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": match name {
            "v1" => json!({"type": "object", "required": ["host"], "properties": {"host": {"type": "string"}, "port": {"type": "string", "default": "80"}}}),
            _ => json!({"type": "object", "required": ["address"], "properties": {"address": {"type": "string"}}}),
        }}}}})
    };
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "gadgets.example.com"},
        "spec": {"group": "example.com", "scope": "Namespaced", "conversion": conversion,
            "names": {"plural": "gadgets", "singular": "gadget", "kind": "Gadget", "listKind": "GadgetList"},
            "versions": [version("v1"), version("v2")]}})
}

fn by_webhook(lab: &Lab, path: &str) -> Value {
    json!({"strategy": "Webhook", "webhook": {"clientConfig": lab.client(path), "conversionReviewVersions": ["v1"]}})
}

fn gadget(version: &str, name: &str, spec: &Value) -> Value {
    json!({"apiVersion": format!("example.com/{version}"), "kind": "Gadget", "metadata": {"name": name}, "spec": spec})
}

#[test]
fn a_webhook_converts_between_versions() {
    let lab = Lab::new();
    let apply = |object: &Value| {
        let outcome = lab.apply(object);
        assert_eq!(outcome.code, 0, "{object}: {}", outcome.stderr);
    };
    let spec = |version: &str, name: &str| {
        lab.done(&["get", &format!("gadgets.{version}.example.com"), name, "-o", "jsonpath={.apiVersion} {.spec}"])
    };
    apply(&definition("v1", &by_webhook(&lab, "/convert")));
    apply(&gadget("v1", "a", &json!({"host": "here"})));
    apply(&gadget("v2", "b", &json!({"address": "there:81"})));
    assert_eq!(spec("v1", "a"), r#"example.com/v1 {"host":"here","port":"80"}"#);
    assert_eq!(spec("v2", "a"), r#"example.com/v2 {"address":"here:80"}"#);
    assert_eq!(spec("v1", "b"), r#"example.com/v1 {"host":"there","port":"81"}"#);
    // What is stored in the version that is asked for needs nobody.
    let before = lab.reviews("/convert").len();
    lab.done(&["get", "gadgets.v1.example.com"]);
    assert_eq!(lab.reviews("/convert").len(), before);
    let listed = lab.done(&["get", "gadgets.v2.example.com", "-o", "jsonpath={.items[*].spec.address}"]);
    assert_eq!(listed, "here:80 there:81");
    let reviews = lab.reviews("/convert");
    assert_eq!(reviews.len(), before + 1, "a list is converted at once");
    assert_eq!(reviews[before]["request"]["objects"].as_array().map(Vec::len), Some(2));
    let patch = r#"{"spec":{"address":"away:9"}}"#;
    lab.done(&["patch", "gadgets.v2.example.com", "b", "--type=merge", "-p", patch]);
    assert_eq!(spec("v1", "b"), r#"example.com/v1 {"host":"away","port":"9"}"#);
    let path = "/apis/example.com/v2/namespaces/default/gadgets?watch=true&timeoutSeconds=1";
    let events = lab.done(&["get", "--raw", path]);
    let events: Vec<Value> = events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let seen: Vec<&str> = events.iter().filter_map(|event| event["object"]["spec"]["address"].as_str()).collect();
    assert_eq!(seen, ["here:80", "away:9"]);
    let wrong = lab.apply(&gadget("v2", "c", &json!({})));
    assert!(wrong.stderr.contains("spec.address: Required value"), "{}", wrong.stderr);
    // Another storage version: what is stored in the old one is converted until it is written again.
    apply(&definition("v2", &by_webhook(&lab, "/convert")));
    assert_eq!(spec("v2", "a"), r#"example.com/v2 {"address":"here:80"}"#);
    lab.done(&["label", "gadgets.v2.example.com", "a", "x=y"]);
    assert_eq!(spec("v1", "a"), r#"example.com/v1 {"host":"here","port":"80"}"#);
    let before = lab.reviews("/convert").len();
    assert_eq!(spec("v2", "a"), r#"example.com/v2 {"address":"here:80"}"#);
    assert_eq!(lab.reviews("/convert").len(), before, "it is stored in the new version");
    apply(&definition("v2", &by_webhook(&lab, "/500")));
    let outcome = lab.kctl(&["get", "gadgets.v1.example.com", "a"]);
    assert_eq!(
        outcome.stderr,
        "Error from server: conversion webhook for example.com/v2, Kind=Gadget failed: an error on the server (\"boom\") has prevented the request from succeeding\n"
    );
    lab.done(&["delete", "gadgets.v2.example.com", "a"]);
}

#[test]
fn without_a_webhook_versions_differ_in_their_names_alone() {
    let lab = Lab::new();
    let mut definition = definition("v1", &json!({"strategy": "None"}));
    let versions = definition["spec"]["versions"].as_array_mut().unwrap();
    versions[1]["schema"] = versions[0]["schema"].clone();
    let before = lab.server.seen().len();
    for object in [definition, gadget("v2", "a", &json!({"host": "here"}))] {
        let outcome = lab.apply(&object);
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    }
    for version in ["v1", "v2"] {
        let what = format!("gadgets.{version}.example.com");
        let shown = lab.done(&["get", &what, "a", "-o", "jsonpath={.apiVersion} {.spec}"]);
        assert_eq!(shown, format!(r#"example.com/{version} {{"host":"here","port":"80"}}"#));
    }
    assert_eq!(lab.server.seen().len(), before);
}
