//! What `debug` asks for.

use std::sync::Arc;

use serde_json::json;

use super::profile::Style;
use super::*;
use crate::client::config::{Overrides, Target};
use crate::client::transport::Transport;
use crate::client::transport::recorded::Recorded;
use crate::commands::entry::bare;
use crate::object::clock::Clock;
use crate::object::time;
use crate::ops::{Environment, Program};
use crate::terminal::Streams;

/// Runs `debug` against recorded exchanges: what it prints, says, and fails with.
async fn debug(exchanges: &Object, words: &[&str]) -> (String, String, Option<String>) {
    let recorded = Recorded::parse(&exchanges.to_string()).expect("a recording");
    let (streams, out, err) = Streams::buffers(b"");
    let env = Environment::new([("KCTL_OFFLINE", "1"), ("HOME", "/nonexistent"), ("KCTL_SEED", "7")]);
    let transport = recorded.clone();
    let connector = move |_: &Target| -> anyhow::Result<Arc<dyn Transport>> {
        Ok(Arc::new(transport.clone()) as Arc<dyn Transport>)
    };
    let clock = Clock::manual(time::parse_rfc3339("2026-11-24T00:00:00Z").expect("a time"));
    let ctx = Context::new(streams, env, clock, Overrides::default(), Program::Kubectl, Box::new(connector));
    let command = <DebugArgs as clap::Args>::augment_args(bare("debug"));
    let matches = command.try_get_matches_from(words).expect("flags that clap takes");
    let args = <DebugArgs as clap::FromArgMatches>::from_arg_matches(&matches).expect("arguments");
    let error = run(&ctx, args).await.err().map(|error| error.to_string());
    assert_eq!(recorded.unused(), Vec::<String>::new(), "asked for: {:?}, {error:?}", recorded.seen());
    (out.text(), err.text(), error)
}

const PODS: &str = "/api/v1/namespaces/default/pods";

fn pod() -> Object {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "default"},
        "spec": {"containers": [{"name": "app", "image": "nginx", "resources": {}}], "securityContext": {"runAsUser": 5}}})
}

#[tokio::test]
async fn patches_the_running_pod() {
    let patch = json!({"spec": {
        "ephemeralContainers": [{
            "name": "d", "image": "busybox", "command": ["sh"], "env": [{"name": "A", "value": "1"}], "resources": {},
            "securityContext": {"privileged": true}, "targetContainerName": "app", "terminationMessagePolicy": "File",
        }],
    }});
    let words =
        ["web", "--image=busybox", "-c", "d", "--target=app", "--env=A=1", "--profile=sysadmin", "-q", "--", "sh"];
    let exchanges = |status: u16, response: Object| {
        json!([
            {"uri": format!("{PODS}/web"), "response": pod()},
            {"method": "PATCH", "uri": format!("{PODS}/web/ephemeralcontainers"), "request": patch, "status": status, "response": response},
        ])
    };
    let (out, err, error) = debug(&exchanges(200, pod()), &words).await;
    assert_eq!((out.as_str(), error), ("", None));
    assert!(err.starts_with("Warning: Non-root user is configured"), "{err}");
    let unknown = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404,
        "message": "the server could not find the requested resource", "details": {}});
    let (_, _, error) = debug(&exchanges(404, unknown), &words).await;
    assert_eq!(
        error.as_deref(),
        Some(
            "ephemeral containers are disabled for this cluster (error from server: \"the server could not find the requested resource\")"
        )
    );
    let gone = Status::not_found("pods", "web").to_object();
    let (_, _, error) = debug(&exchanges(404, gone), &words).await;
    assert_eq!(error.as_deref(), Some("pods \"web\" not found"));
}

#[tokio::test]
async fn falls_back_to_the_log_of_what_has_ended() {
    let mut copy = pod();
    copy.set_at(&["metadata", "name"], "copy");
    copy.set_at(&["metadata", "resourceVersion"], "5");
    copy.set_at(&["status"], json!({"containerStatuses": [{"name": "app", "state": {"terminated": {"exitCode": 1}}}]}));
    let exchanges = json!([
        {"uri": format!("{PODS}/web"), "response": pod()},
        {"method": "POST", "uri": PODS, "status": 201, "response": copy},
        {"method": "DELETE", "uri": format!("{PODS}/web"), "request": {"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0}, "response": pod()},
        {"uri": format!("{PODS}?fieldSelector=metadata.name%3Dcopy"), "response": {"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "5"}, "items": [copy]}},
        {"uri": format!("{PODS}/copy/log?container=app"), "response": "done\n"},
    ]);
    let words = ["web", "--copy-to=copy", "-c", "app", "--attach", "--replace", "--profile=baseline", "--", "true"];
    assert_eq!(debug(&exchanges, &words).await, ("done\n".to_owned(), String::new(), None));
}

#[test]
fn profiles_grant_what_they_promise() {
    let target = || {
        json!({"metadata": {"name": "p", "labels": {"a": "b"}, "annotations": {"c": "d"}}, "spec": {
            "initContainers": [{"name": "i"}],
            "containers": [{"name": "d", "livenessProbe": {}, "securityContext": {"capabilities": {"add": ["X"]}}}]}})
    };
    let restricted = json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}, "runAsNonRoot": true,
        "seccompProfile": {"type": "RuntimeDefault"}});
    let add = |names: &[&str]| json!({"capabilities": {"add": names}});
    for (name, style, security, host, root, shares, labels) in [
        ("legacy", Style::Ephemeral, add(&["X"]), false, false, false, true),
        ("legacy", Style::Copy, add(&["X"]), false, false, false, false),
        ("legacy", Style::Node, add(&["X"]), true, true, false, true),
        ("general", Style::Ephemeral, add(&["X", "SYS_PTRACE"]), false, false, false, true),
        ("general", Style::Copy, add(&["X", "SYS_PTRACE"]), false, false, true, false),
        ("general", Style::Node, Object::Null, true, true, false, true),
        ("baseline", Style::Ephemeral, Object::Null, false, false, false, true),
        ("baseline", Style::Copy, Object::Null, false, false, true, false),
        ("baseline", Style::Node, Object::Null, false, false, false, true),
        ("restricted", Style::Ephemeral, restricted.clone(), false, false, false, true),
        ("restricted", Style::Copy, restricted.clone(), false, false, true, false),
        ("restricted", Style::Node, restricted, false, false, false, true),
        ("netadmin", Style::Copy, add(&["X", "NET_ADMIN", "NET_RAW"]), false, false, true, false),
        ("netadmin", Style::Node, add(&["X", "NET_ADMIN", "NET_RAW"]), true, false, false, true),
        ("sysadmin", Style::Node, json!({"capabilities": {"add": ["X"]}, "privileged": true}), true, true, false, true),
    ] {
        let mut pod = target();
        Profile::named(name).expect("a profile").apply(style, &mut pod, "d", Keep::default());
        let about = format!("{name} {style:?}");
        let container = pod["spec"]["containers"][0].clone();
        assert_eq!(container.get("securityContext").cloned().unwrap_or_default(), security, "{about}");
        assert_eq!(pod["spec"]["hostPID"] == true, host, "{about}");
        assert_eq!(container["volumeMounts"][0]["mountPath"] == "/host", root, "{about}");
        assert_eq!(pod["spec"]["shareProcessNamespace"] == true, shares, "{about}");
        assert_eq!(pod["metadata"]["labels"].is_object(), labels, "{about}");
        let trimmed = shares;
        assert_eq!(pod["spec"].get("initContainers").is_none(), trimmed, "{about}");
        assert_eq!(container.get("livenessProbe").is_none(), trimmed, "{about}");
    }
}
