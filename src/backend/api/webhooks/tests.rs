//! Webhooks that are in this process.

use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use http::Request;
use http_body_util::BodyExt;
use serde_json::json;

use super::*;
use crate::backend::registry::DisabledPlugins;
use crate::backend::{Handle, Options};
use crate::object::clock::Clock;
use crate::object::time;

/// Allows everything and remembers what it was asked; it may use the API meanwhile.
#[derive(Default)]
struct Hooks {
    asked: Mutex<Vec<Object>>,
    handle: OnceLock<Handle>,
    used: AtomicBool,
}

impl Webhooks for Hooks {
    fn call(&self, call: WebhookCall) -> BoxFuture<'_, Result<Object, String>> {
        Box::pin(async move {
            let review: Object = serde_json::from_slice(&call.body).expect("a review");
            let uid = review.str_at(&["request", "uid"]).to_owned();
            self.asked.lock().expect("no panic").push(review["request"].clone());
            if let (Some(handle), false) = (self.handle.get(), self.used.swap(true, Ordering::Relaxed)) {
                let (code, _) = send(handle, "POST", "/api/v1/namespaces/default/configmaps", &config_map("own")).await;
                assert_eq!(code, 201, "a webhook uses the API");
            }
            Ok(json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
                "response": {"uid": uid, "allowed": true, "status": {"message": "no"}}}))
        })
    }
}

impl Hooks {
    /// Operation, resource and subresource of what was asked since the last time.
    fn asked(&self) -> Vec<String> {
        let all = std::mem::take(&mut *self.asked.lock().expect("no panic"));
        let words = |one: &Object| {
            let text = |path: &[&str]| one.str_at(path).to_owned();
            format!("{} {}/{}", text(&["operation"]), text(&["resource", "resource"]), text(&["subResource"]))
        };
        all.iter().map(words).collect()
    }
}

fn config_map(name: &str) -> Object {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}})
}

fn cluster(disabled: DisabledPlugins) -> (Handle, Arc<Hooks>) {
    let clock = Clock::manual(time::parse_rfc3339("2026-01-02T03:04:05Z").expect("a time"));
    let handle = Handle::open(Options { dir: None, clock, seed: Some(1), nodes: 1, disabled }).expect("a cluster");
    let hooks = Arc::new(Hooks::default());
    handle.set_webhooks(Arc::clone(&hooks) as Arc<dyn Webhooks>);
    (handle, hooks)
}

async fn send(handle: &Handle, method: &str, target: &str, body: &Object) -> (u16, Object) {
    let text = if body.is_null() { String::new() } else { body.to_string() };
    let request = Request::builder().method(method).uri(target).body(Bytes::from(text)).expect("a request");
    let response = handle.call(request).await;
    let code = response.status().as_u16();
    let bytes = response.into_body().collect().await.expect("a body").to_bytes();
    (code, serde_json::from_slice(&bytes).unwrap_or_default())
}

async fn configure(handle: &Handle, kind: &str, resources: &[&str]) {
    let rules = json!([{"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": resources}]);
    let target = format!("/apis/admissionregistration.k8s.io/v1/{}webhookconfigurations", kind.to_lowercase());
    let body = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": format!("{kind}WebhookConfiguration"),
        "metadata": {"name": "a"}, "webhooks": [{"name": "a.example.com", "clientConfig": {"url": "https://a"},
        "sideEffects": "None", "admissionReviewVersions": ["v1"], "rules": rules}]});
    let (code, answer) = send(handle, "POST", &target, &body).await;
    assert_eq!(code, 201, "{answer}");
}

const CONFIG_MAPS: &str = "/api/v1/namespaces/default/configmaps";

#[tokio::test]
async fn every_write_is_asked_about_once() {
    let (handle, hooks) = cluster(DisabledPlugins::default());
    configure(&handle, "Validating", &["*/*"]).await;
    // Configurations themselves are beyond the reach of webhooks.
    configure(&handle, "Mutating", &["configmaps"]).await;
    assert!(hooks.asked().is_empty());
    let (_, created) = send(&handle, "POST", CONFIG_MAPS, &config_map("a")).await;
    let reviews = hooks.asked.lock().expect("no panic").clone();
    assert_eq!(reviews[1].str_at(&["object", "metadata", "uid"]), created.uid(), "what is seen is what is made");
    assert_eq!(hooks.asked(), ["CREATE configmaps/", "CREATE configmaps/"]);
    send(&handle, "PUT", &format!("{CONFIG_MAPS}/a"), &config_map("a")).await;
    assert_eq!(hooks.asked(), ["UPDATE configmaps/", "UPDATE configmaps/"]);
    for name in ["b", "c"] {
        send(&handle, "POST", CONFIG_MAPS, &config_map(name)).await;
    }
    hooks.asked();
    let (code, gone) = send(&handle, "DELETE", CONFIG_MAPS, &Object::Null).await;
    assert_eq!((code, gone.list_at(&["items"]).len()), (200, 3));
    assert_eq!(hooks.asked(), ["DELETE configmaps/"; 6]);
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "c", "image": "nginx"}]}});
    send(&handle, "POST", "/api/v1/namespaces/default/pods", &pod).await;
    send(&handle, "GET", "/api/v1/namespaces/default/pods/p/exec?command=true", &Object::Null).await;
    send(&handle, "GET", "/api/v1/namespaces/default/pods/p/log", &Object::Null).await;
    let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "p"}});
    send(&handle, "POST", "/api/v1/namespaces/default/pods/p/eviction", &eviction).await;
    assert_eq!(hooks.asked(), ["CREATE pods/", "CONNECT pods/exec", "CREATE pods/eviction", "DELETE pods/"]);
}

#[tokio::test]
async fn a_webhook_may_use_the_api() {
    let (handle, hooks) = cluster(DisabledPlugins::default());
    configure(&handle, "Validating", &["configmaps"]).await;
    let _ = hooks.handle.set(handle.clone());
    let (code, answer) = send(&handle, "POST", CONFIG_MAPS, &config_map("a")).await;
    assert_eq!(code, 201, "{answer}");
    let (_, list) = send(&handle, "GET", CONFIG_MAPS, &Object::Null).await;
    let uids: Vec<&str> = list.list_at(&["items"]).iter().map(Meta::uid).collect();
    assert!(uids.len() == 2 && uids[0] != uids[1], "{uids:?}");
}

#[tokio::test]
async fn nobody_is_asked_without_the_plugins() {
    let disabled = DisabledPlugins::parse(["MutatingAdmissionWebhook", "ValidatingAdmissionWebhook"]);
    let (handle, hooks) = cluster(disabled.expect("plugins"));
    configure(&handle, "Validating", &["*"]).await;
    configure(&handle, "Mutating", &["*"]).await;
    assert_eq!(send(&handle, "POST", CONFIG_MAPS, &config_map("a")).await.0, 201);
    assert!(hooks.asked().is_empty());
}
