//! What `get` asks for and prints.

use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::client::config::{Overrides, Target};
use crate::client::transport::Transport;
use crate::client::transport::recorded::Recorded;
use crate::commands::entry::bare;
use crate::error::Exit;
use crate::object::clock::Clock;
use crate::object::{Object, Status, time};
use crate::ops::{Environment, Program};
use crate::terminal::Streams;

/// Runs `get` against recorded exchanges: what it prints, says, and fails with.
async fn get(exchanges: &Object, words: &[&str]) -> (String, String, Option<String>) {
    let recorded = Recorded::parse(&exchanges.to_string()).expect("a recording");
    let (streams, out, err) = Streams::buffers(b"");
    let env = Environment::new([("KCTL_OFFLINE", "1"), ("HOME", "/nonexistent")]);
    let transport = recorded.clone();
    let connector = move |_: &Target| -> anyhow::Result<Arc<dyn Transport>> {
        Ok(Arc::new(transport.clone()) as Arc<dyn Transport>)
    };
    let clock = Clock::manual(time::parse_rfc3339("2026-11-24T00:00:00Z").expect("a time"));
    let ctx = Context::new(streams, env, clock, Overrides::default(), Program::Kubectl, Box::new(connector));
    let command = <GetArgs as clap::Args>::augment_args(bare("get"));
    let matches = command.try_get_matches_from(words).expect("flags that clap takes");
    let args = <GetArgs as clap::FromArgMatches>::from_arg_matches(&matches).expect("arguments");
    let error = run(&ctx, args)
        .await
        .err()
        .map(|error| error.downcast_ref::<Exit>().map_or_else(|| error.to_string(), |exit| format!("exit {}", exit.0)));
    assert_eq!(recorded.unused(), Vec::<String>::new(), "asked for: {:?}", recorded.seen());
    (out.text(), err.text(), error)
}

fn pod(name: &str) -> Object {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default", "labels": {"app": name}, "managedFields": []}})
}

/// A table of names and phases, as a server answers.
fn table(rows: &[(&str, &str)], object: bool) -> Object {
    let rows: Vec<Object> = rows
        .iter()
        .map(|(name, phase)| json!({"cells": [name, phase], "object": if object { pod(name) } else { Object::Null }}))
        .collect();
    json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {"resourceVersion": "7"},
        "columnDefinitions": [
            {"name": "Name", "type": "string", "format": "name", "priority": 0},
            {"name": "Phase", "type": "string", "format": "", "priority": 0}],
        "rows": rows})
}

const PODS: &str = "/api/v1/namespaces/default/pods";

#[tokio::test]
async fn prints_tables_and_asks_for_no_more_than_it_prints() {
    let answer = |uri: &str, response: Object| json!([{"uri": uri, "accept": "as=Table", "response": response}]);
    let rows = [("a", "Running"), ("longer", "Pending")];
    for (words, uri, objects, want) in [
        (
            &["pods"][..],
            format!("{PODS}?includeObject=None&limit=500"),
            false,
            "NAME     PHASE\na        Running\nlonger   Pending\n",
        ),
        (
            &["po", "--no-headers", "--chunk-size=2"],
            format!("{PODS}?includeObject=None&limit=2"),
            false,
            "a        Running\nlonger   Pending\n",
        ),
        (
            &["pods", "-L", "app"],
            format!("{PODS}?includeObject=Metadata&limit=500"),
            true,
            "NAME     PHASE     APP\na        Running   a\nlonger   Pending   longer\n",
        ),
        (
            &["pods", "--show-labels"],
            format!("{PODS}?includeObject=Metadata&limit=500"),
            true,
            "NAME     PHASE     LABELS\na        Running   app=a\nlonger   Pending   app=longer\n",
        ),
        (
            &["pods", "-A"],
            "/api/v1/pods?includeObject=Metadata&limit=500".to_owned(),
            true,
            "NAMESPACE   NAME     PHASE\ndefault     a        Running\ndefault     longer   Pending\n",
        ),
        (
            &["pods", "--sort-by=.metadata.name"],
            format!("{PODS}?includeObject=Metadata"),
            true,
            "NAME     PHASE\na        Running\nlonger   Pending\n",
        ),
        (
            &["pods", "--sort-by=.kind"],
            format!("{PODS}?includeObject=Object"),
            true,
            "NAME     PHASE\na        Running\nlonger   Pending\n",
        ),
        (
            &["pods", "--show-kind", "-l", "x"],
            format!("{PODS}?includeObject=None&labelSelector=x&limit=500"),
            false,
            "NAME         PHASE\npod/a        Running\npod/longer   Pending\n",
        ),
    ] {
        let (out, err, error) = get(&answer(&uri, table(&rows, objects)), words).await;
        assert_eq!((out.as_str(), err.as_str(), error), (want, "", None), "{words:?}");
    }
}

#[tokio::test]
async fn goes_on_to_the_next_page_and_the_next_type() {
    let mut first = table(&[("a", "Running")], false);
    first["metadata"]["continue"] = json!("t");
    let exchanges = json!([
        {"uri": format!("{PODS}?includeObject=None&limit=500"), "response": first},
        {"uri": format!("{PODS}?continue=t&includeObject=None&limit=500"), "response": table(&[("much-longer", "Running")], false)},
        {"uri": "/api/v1/namespaces/default/services?includeObject=None&limit=500", "response": table(&[("s", "x")], false)},
    ]);
    let (out, err, error) = get(&exchanges, &["pods,svc"]).await;
    let want = "NAME              PHASE\npod/a             Running\npod/much-longer   Running\n\nNAME        PHASE\nservice/s   x\n";
    assert_eq!((out.as_str(), err.as_str(), error), (want, "", None));
}

#[tokio::test]
async fn says_when_there_is_nothing() {
    let empty = json!([{"uri": format!("{PODS}?includeObject=None&limit=500"), "response": table(&[], false)}]);
    let everywhere = json!([{"uri": "/api/v1/pods?includeObject=Metadata&limit=500", "response": table(&[], true)}]);
    let missing = json!([{"uri": format!("{PODS}/x?includeObject=None"), "status": 404, "response": Status::not_found("pods", "x").to_object()}]);
    let plain =
        json!([{"uri": format!("{PODS}/x"), "status": 404, "response": Status::not_found("pods", "x").to_object()}]);
    let list = json!([{"uri": format!("{PODS}?limit=500"), "response": {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": []}}]);
    const EMPTY_LIST: &str = "apiVersion: v1\nitems: []\nkind: List\nmetadata:\n  resourceVersion: \"\"\n";
    for (exchanges, words, out, err, error) in [
        (&empty, &["pods"][..], "", "No resources found in default namespace.\n", None),
        (&everywhere, &["pods", "-A"], "", "No resources found\n", None),
        (&empty, &["pods", "--ignore-not-found"], "", "", None),
        (&missing, &["pod", "x"], "", "", Some("pods \"x\" not found")),
        (&missing, &["pod/x", "--ignore-not-found"], "", "", None),
        (&plain, &["pod", "x", "-o", "json"], "", "", Some("pods \"x\" not found")),
        (&plain, &["pod", "x", "-o", "json", "--ignore-not-found"], "", "", None),
        (&list, &["pods", "-o", "yaml"], EMPTY_LIST, "", None),
    ] {
        let got = get(exchanges, words).await;
        assert_eq!((got.0.as_str(), got.1.as_str(), got.2.as_deref()), (out, err, error), "{words:?}");
    }
}

#[tokio::test]
async fn prints_objects() {
    let one = json!([{"uri": format!("{PODS}/a"), "accept": "application/json", "response": pod("a")}]);
    let list = json!([{"uri": format!("{PODS}?limit=500"), "response": {"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "7"}, "items": [pod("b"), pod("a")]}}]);
    let sorted =
        json!([{"uri": PODS, "response": {"kind": "PodList", "apiVersion": "v1", "items": [pod("b"), pod("a")]}}]);
    let names = json!([{"uri": format!("{PODS}?limit=500"), "accept": "as=PartialObjectMetadataList", "response":
        {"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "items": [
            {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": {"name": "b"}}]}}]);
    let missing = json!([
        {"uri": format!("{PODS}/a"), "response": pod("a")},
        {"uri": format!("{PODS}/x"), "status": 404, "response": Status::not_found("pods", "x").to_object()}]);
    for (exchanges, words, out, error) in [
        (&one, &["pod", "a", "-o", "jsonpath={.metadata.name}"][..], "a", None),
        (&one, &["pod", "a", "--template={{.kind}}"], "Pod", None),
        (&one, &["pod", "a", "-o", "handlebars={{kind}} {{metadata.name}}"], "Pod a", None),
        (
            &one,
            &["pod/a", "-o", "yaml"],
            "apiVersion: v1\nkind: Pod\nmetadata:\n  labels:\n    app: a\n  name: a\n  namespace: default\n",
            None,
        ),
        (&list, &["pods", "-o", "jsonpath={.kind} {.items[*].metadata.name}"], "List b a", None),
        (&list, &["pods", "-o", "custom-columns=N:.metadata.name", "--no-headers"], "b\na\n", None),
        (&sorted, &["pods", "-o", "jsonpath={.items[*].metadata.name}", "--sort-by=.metadata.name"], "a b", None),
        (&names, &["pods", "-o", "name"], "pod/b\n", None),
        (&missing, &["pod", "a", "x", "-o", "jsonpath={.items[*].metadata.name}"], "a", Some("pods \"x\" not found")),
    ] {
        let got = get(exchanges, words).await;
        assert_eq!((got.0.as_str(), got.1.as_str(), got.2.as_deref()), (out, "", error), "{words:?}");
    }
}

#[tokio::test]
async fn refuses_flags_that_do_not_fit() {
    for (words, want) in [
        (&["pods", "--raw", "/x"][..], "arguments may not be passed when --raw is specified"),
        (&["--raw", "/x", "-o", "json"], "--raw and --output are mutually exclusive"),
        (
            &["--raw", "/x", "-w"],
            "--raw may not be specified with other flags that filter the server request or alter the output",
        ),
        (&["--raw", "x"], "--raw must be a valid URL path: parse \"x\": invalid URI for request"),
        (&["pods", "--show-labels", "-o", "name"], "--show-labels option cannot be used with name printer"),
        (
            &["pods", "--output-watch-events"],
            "--output-watch-events option can only be used with --watch or --watch-only",
        ),
        (&["pods", "-o", "jsonpath="], "template format specified but no template given"),
    ] {
        let (out, _, error) = get(&json!([]), words).await;
        assert_eq!((out.as_str(), error.as_deref()), ("", Some(want)), "{words:?}");
    }
    let (_, err, error) = get(&json!([]), &[]).await;
    assert!(err.starts_with("You must specify the type of resource to get. Use \"kubectl api-resources\""), "{err}");
    assert!(error.expect("refused").starts_with("Required resource not specified.\n"));
}

#[tokio::test]
async fn copies_raw_answers() {
    let exchanges = json!([{"uri": "/healthz?verbose=1", "response": "ok"}]);
    assert_eq!(get(&exchanges, &["--raw", "/healthz?verbose=1"]).await, ("ok".into(), String::new(), None));
    let missing = json!([{"uri": "/nosuch", "status": 404, "response": "404 page not found"}]);
    let (_, _, error) = get(&missing, &["--raw", "/nosuch"]).await;
    assert_eq!(error.as_deref(), Some("the server could not find the requested resource"));
}

#[tokio::test]
async fn watches_a_list_and_one_object() {
    let event = |kind: &str, name: &str, phase: &str| json!({"type": kind, "object": table(&[(name, phase)], false)});
    let list = json!([
        {"uri": format!("{PODS}?includeObject=None&limit=500"), "response": table(&[("a", "Pending")], false)},
        {"uri": format!("{PODS}?includeObject=None&resourceVersion=7&watch=true"), "stream": [event("MODIFIED", "a", "Running"), event("ADDED", "bb", "Pending")]},
    ]);
    let one = json!([
        {"uri": format!("{PODS}/a?includeObject=None"), "response": table(&[("a", "Pending")], false)},
        {"uri": format!("{PODS}?fieldSelector=metadata.name%3Da&includeObject=None&resourceVersion=0&watch=true"),
         "stream": [event("ADDED", "a", "Pending"), event("DELETED", "a", "Running")]},
    ]);
    let yaml = json!([
        {"uri": format!("{PODS}?limit=500"), "response": {"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "9"}, "items": [pod("a")]}},
        {"uri": format!("{PODS}?resourceVersion=9&watch=true"), "stream": [{"type": "DELETED", "object": pod("b")}]},
    ]);
    let objects = |longer: &str| {
        json!([
            {"uri": format!("{PODS}?limit=500"), "response": {"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "9"}, "items": [pod("a")]}},
            {"uri": format!("{PODS}?resourceVersion=9&watch=true"), "stream": [
                {"type": "ADDED", "object": pod(longer)}, {"type": "DELETED", "object": pod("a")}]},
        ])
    };
    let wide = objects("longer");
    let tabs = "jsonpath={.metadata.name}{\"\\t\"}{.kind}{\"\\n\"}";
    let event = "{\"type\":\"DELETED\",\"object\":{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"labels\":{\"app\":\"b\"},\"managedFields\":[],\"name\":\"b\",\"namespace\":\"default\"}}}\n";
    for (exchanges, words, want) in [
        (&wide, &["pods", "-w", "-o", tabs][..], "a     Pod\nlonger   Pod\na        Pod\n"),
        (
            &wide,
            &["pods", "-w", "-o", "custom-columns=N:.metadata.name,K:.kind"],
            "N     K\na     Pod\nlonger   Pod\na        Pod\n",
        ),
        (&wide, &["pods", "--watch-only", "-o", "name"], "pod/longer\npod/a\n"),
        (&yaml, &["pods", "--watch-only", "--output-watch-events", "-o", "json"], event),
        (&list, &["pods", "-w"][..], "NAME   PHASE\na      Pending\na      Running\nbb     Pending\n"),
        (&list, &["pods", "--watch-only"], "NAME   PHASE\na      Running\nbb     Pending\n"),
        (
            &list,
            &["pods", "-w", "--output-watch-events"],
            "EVENT      NAME   PHASE\nADDED      a      Pending\nMODIFIED   a      Running\nADDED      bb     Pending\n",
        ),
        (&one, &["pod", "a", "-w"], "NAME   PHASE\na      Pending\na      Running\n"),
        (&yaml, &["pods", "-w", "-o", "jsonpath={.metadata.name},"], "a,b,"),
    ] {
        let got = get(exchanges, words).await;
        assert_eq!((got.0.as_str(), got.1.as_str(), got.2), (want, "", None), "{words:?}");
    }
    let two = json!([
        {"uri": format!("{PODS}/a?includeObject=None"), "response": table(&[("a", "Pending")], false)},
        {"uri": format!("{PODS}/b?includeObject=None"), "response": table(&[("b", "Pending")], false)},
    ]);
    let (out, _, error) = get(&two, &["pods", "a", "b", "-w"]).await;
    assert_eq!(out, "NAME   PHASE\na      Pending\nb      Pending\n");
    assert_eq!(error.as_deref(), Some("you may only watch a single resource or type of resource at a time"));
}
