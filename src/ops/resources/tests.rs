//! What arguments lead to, request by request.

use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::client::config::{Overrides, Target};
use crate::client::transport::Transport;
use crate::client::transport::recorded::Recorded;
use crate::object::clock::Clock;
use crate::ops::{Environment, Program};
use crate::terminal::Streams;

fn context(recorded: &Recorded, input: &str) -> Context {
    let (streams, _, _) = Streams::buffers(input.as_bytes());
    let env = Environment::new([("KCTL_OFFLINE", "1"), ("HOME", "/nonexistent")]);
    let recorded = recorded.clone();
    let connector = move |_: &Target| -> anyhow::Result<Arc<dyn Transport>> {
        Ok(Arc::new(recorded.clone()) as Arc<dyn Transport>)
    };
    Context::new(streams, env, Clock::default(), Overrides::default(), Program::Kubectl, Box::new(connector))
}

fn own(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn builder<'a>(ctx: &'a Context, words: &[&str]) -> Builder<'a> {
    Builder::new(ctx).namespace("d").default_namespace().continue_on_error().flatten().types_or_names(true, &own(words))
}

fn names(infos: &[Info]) -> Vec<String> {
    infos.iter().map(Info::kind_name).collect()
}

#[tokio::test]
async fn fetches_what_is_named_in_order() {
    let recorded = Recorded::parse(
        r#"[
        {"uri": "/api/v1/namespaces/d/pods/a", "response": {"kind": "Pod", "metadata": {"name": "a"}}},
        {"uri": "/apis/apps/v1/namespaces/d/deployments/b", "response": {"kind": "Deployment", "metadata": {"name": "b"}}},
        {"uri": "/api/v1/nodes/n", "response": {"kind": "Node", "metadata": {"name": "n"}}},
        {"uri": "/api/v1/namespaces/d/pods", "response": {"kind": "PodList", "apiVersion": "v1", "items": [{"metadata": {"name": "x"}}]}},
        {"uri": "/api/v1/namespaces/d/services", "response": {"kind": "ServiceList", "apiVersion": "v1", "items": []}}
    ]"#,
    )
    .expect("a recording");
    let ctx = context(&recorded, "");
    for (args, want, single) in [
        (&["pod/a", "deploy/b", "no/n"][..], &["pod/a", "deployment.apps/b", "node/n"][..], false),
        (&["po", "a"], &["pod/a"], true),
        (&["pods,svc"], &["pod/x"], false),
    ] {
        let plan = builder(&ctx, args).plan().await.expect("a plan");
        let (infos, result) = plan.infos().await;
        result.expect("no errors");
        assert_eq!(names(&infos), own(want));
        assert_eq!(plan.single_item_implied, single);
    }
    assert!(recorded.unused().is_empty());
}

#[tokio::test]
async fn goes_on_after_errors_and_knows_missing_namespaces() {
    let not_found = |what: &str, name: &str| crate::object::Status::not_found(what, name).to_object();
    let recorded = Recorded::parse(
        &json!([
            {"uri": "/api/v1/namespaces/x/pods/a", "status": 404, "response": not_found("pods", "a")},
            {"uri": "/api/v1/namespaces/x/pods/b", "response": {"kind": "Pod", "metadata": {"name": "b"}}},
            {"uri": "/api/v1/namespaces/x", "response": {}},
            {"uri": "/api/v1/namespaces/y/pods/a", "status": 404, "response": not_found("pods", "a")},
            {"uri": "/api/v1/namespaces/y", "status": 404, "response": not_found("namespaces", "y")},
            {"uri": "/api/v1/namespaces/x/pods?fieldSelector=q", "status": 400, "response": crate::object::Status::bad_request("no").to_object()},
        ])
        .to_string(),
    )
    .expect("a recording");
    let ctx = context(&recorded, "");
    let (infos, result) = builder(&ctx, &["pod", "a", "b"]).namespace("x").plan().await.expect("a plan").infos().await;
    assert_eq!(names(&infos), ["pod/b"]);
    assert_eq!(result.expect_err("one is missing").to_string(), "pods \"a\" not found");
    let (_, result) = builder(&ctx, &["pod/a"]).namespace("y").plan().await.expect("a plan").infos().await;
    assert_eq!(result.expect_err("no namespace").to_string(), "namespaces \"y\" not found");
    let (_, result) = builder(&ctx, &["pod"]).namespace("x").fields("q").plan().await.expect("a plan").infos().await;
    assert_eq!(
        result.expect_err("refused").to_string(),
        "Unable to find \"/v1, Resource=pods\" that match label selector \"\", field selector \"q\": no"
    );
}

#[tokio::test]
async fn refuses_what_does_not_fit() {
    let recorded = Recorded::parse(
        r#"[{"uri": "/api", "response": {"kind": "APIGroupDiscoveryList", "items": []}},
            {"uri": "/apis", "response": {"kind": "APIGroupDiscoveryList", "items": []}}]"#,
    )
    .expect("a recording");
    let ctx = context(&recorded, "");
    let ctx = &ctx;
    let file = |name: &str| FilenameOptions { filenames: own(&[name]), ..FilenameOptions::default() };
    for (builder, want) in [
        (builder(ctx, &["nosuch"]), "the server doesn't have a resource type \"nosuch\""),
        (builder(ctx, &["pods,"]), "the server doesn't have a resource type \"\""),
        (builder(ctx, &["pods.nosuch.group"]), "the server doesn't have a resource type \"pods\""),
        (
            builder(ctx, &["pods", "a"]).all_namespaces(true),
            "a resource cannot be retrieved by name across all namespaces",
        ),
        (
            builder(ctx, &["pods/a"]).all_namespaces(true),
            "a resource cannot be retrieved by name across all namespaces",
        ),
        (builder(ctx, &["pods", "a"]).labels("x=y"), "name cannot be provided when a selector is specified"),
        (
            builder(ctx, &["pods/a"]).labels("x=y"),
            "selectors and the all flag cannot be used when passing resource/name arguments",
        ),
        (builder(ctx, &[]).labels("x=y"), "at least one resource must be specified to use a selector"),
        (builder(ctx, &["pods"]).subresource("x"), "subresource cannot be used when bulk resources are specified"),
        (builder(ctx, &["pods,svc"]).single_type(), "you may only specify a single resource type"),
        (builder(ctx, &["pods/a", "svc/b"]).single_type(), "you may only specify a single resource type"),
        (
            Builder::new(ctx).types_or_names(false, &own(&["pods"])),
            "resource(s) were provided, but no name was specified",
        ),
        (Builder::new(ctx), MISSING),
        (builder(ctx, &["pods"]).filenames(false, &file("nosuch.yaml")), "the path \"nosuch.yaml\" does not exist"),
        (
            builder(ctx, &["pods"]).filenames(false, &file("-")),
            "when paths, URLs, or stdin is provided as input, you may not specify resource arguments as well",
        ),
        (
            builder(ctx, &["pods"]).labels("a=b").select_all(true),
            "setting 'all' parameter but found a non empty selector. ",
        ),
    ] {
        let error = builder.plan().await.err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), Some(want));
    }
}

#[tokio::test]
async fn reads_manifests() {
    const MANIFEST: &str = "
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Pod, metadata: {name: a, labels: {x: w}}}
- {apiVersion: v1, kind: Node, metadata: {name: node1, namespace: odd}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: b, namespace: other, labels: {x: w}}
---
apiVersion: sea.example.org/v1
kind: Thing
metadata: {name: t}
---
metadata: {name: u}
";
    let recorded = Recorded::parse(
        r#"[{"uri": "/api", "response": {"kind": "APIGroupDiscoveryList", "items": []}},
            {"uri": "/apis", "response": {"kind": "APIGroupDiscoveryList", "items": []}}]"#,
    )
    .expect("a recording");
    let stdin = FilenameOptions { filenames: own(&["-"]), ..FilenameOptions::default() };

    let ctx = context(&recorded, MANIFEST);
    let (infos, result) = builder(&ctx, &[]).filenames(false, &stdin).plan().await.expect("a plan").infos().await;
    let got: Vec<_> = infos.iter().map(|info| (info.kind_name(), info.namespace.as_str())).collect();
    assert_eq!(
        got,
        [("pod/a".into(), "d"), ("node/node1".into(), ""), ("deployment.apps/b".into(), "other")]
            as [(String, &str); 3]
    );
    assert_eq!(infos[0].object().namespace(), "d");
    assert_eq!(infos[1].object().at(&["metadata", "namespace"]), None);
    assert_eq!(
        result.expect_err("two are unknown").to_string(),
        "[resource mapping not found for name: \"t\" namespace: \"\" from \"STDIN\": no matches for kind \"Thing\" in version \"sea.example.org/v1\"\nensure CRDs are installed first, unable to decode \"STDIN\": Object 'Kind' is missing in '{\"metadata\":{\"name\":\"u\"}}']"
    );

    let ctx = context(&recorded, MANIFEST);
    let plan = builder(&ctx, &[]).filenames(true, &stdin).labels("x=w").plan().await.expect("a plan");
    let (infos, result) = plan.infos().await;
    assert_eq!(names(&infos), ["pod/a"]);
    assert!(result.expect_err("another namespace").to_string().starts_with(
        "[the namespace from the provided object \"other\" does not match the namespace \"d\". You must pass '--namespace=other' to perform this operation."
    ));
}
