//! Lists and watches: pages, revisions, options that do not go together.

use super::*;

async fn filled(names: &[&str]) -> Handle {
    let handle = cluster();
    for name in names {
        post(&handle, MAPS, config_map(name, "1")).await;
    }
    handle
}

async fn refusal(handle: &Handle, target: &str) -> (u16, String) {
    let answer = send(handle, "GET", target, &[], "").await;
    (answer.code, answer.body.str_at(&["message"]).to_owned())
}

#[tokio::test]
async fn pages_are_of_one_revision() {
    let handle = filled(&["a", "b", "d", "e"]).await;
    let first = get(&handle, &format!("{MAPS}?limit=2")).await;
    assert_eq!(names(&first), ["a", "b"]);
    let revision = first["metadata"].str_at(&["resourceVersion"]).to_owned();
    post(&handle, MAPS, config_map("c", "1")).await;
    send(&handle, "DELETE", &format!("{MAPS}/e"), &[], "").await;
    patch(&handle, &format!("{MAPS}/d"), "merge-patch", json!({"data": {"k": "2"}})).await;

    let token = first["metadata"].str_at(&["continue"]);
    let second = get(&handle, &format!("{MAPS}?limit=1&continue={token}")).await;
    assert_eq!(names(&second), ["d"]);
    assert_eq!(second["items"][0]["data"]["k"], "1");
    assert_eq!(second["metadata"]["resourceVersion"], revision);
    assert_eq!(second["metadata"]["remainingItemCount"], 1);
    let token = second["metadata"].str_at(&["continue"]);
    let last = get(&handle, &format!("{MAPS}?limit=1&continue={token}")).await;
    assert_eq!((names(&last), last["metadata"].get("continue")), (vec!["e"], None));

    let exact = get(&handle, &format!("{MAPS}?resourceVersion={revision}&resourceVersionMatch=Exact")).await;
    assert_eq!(names(&exact), ["a", "b", "d", "e"]);
    let newer = get(&handle, &format!("{MAPS}?resourceVersion={revision}&resourceVersionMatch=NotOlderThan")).await;
    assert_eq!(names(&newer), ["a", "b", "c", "d"]);
    // What is asked of the cache comes whole.
    assert_eq!(names(&get(&handle, &format!("{MAPS}?resourceVersion=0&limit=1")).await).len(), 4);
}

#[tokio::test]
async fn what_the_log_no_longer_has_is_expired_and_may_go_on_from_now() {
    let handle = filled(&["a", "b", "c"]).await;
    let first = get(&handle, &format!("{MAPS}?limit=1")).await;
    for number in 0..6_000 {
        let data = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": "default", "name": "b"},
            "data": {"k": number.to_string()}});
        handle.api().update("configmaps", data).expect("updated");
    }
    let target = format!("{MAPS}?limit=1&continue={}", first["metadata"].str_at(&["continue"]));
    let expired = send(&handle, "GET", &target, &[], "").await;
    assert_eq!((expired.code, expired.body["reason"].as_str()), (410, Some("Expired")));
    let token = expired.body["metadata"].str_at(&["continue"]);
    let rest = get(&handle, &format!("{MAPS}?limit=5&continue={token}")).await;
    assert_eq!((names(&rest), &rest["items"][0]["data"]["k"]), (vec!["b", "c"], &json!("5999")));
    let revision = first["metadata"].str_at(&["resourceVersion"]);
    assert_eq!(
        refusal(&handle, &format!("{MAPS}?resourceVersion={revision}&resourceVersionMatch=Exact")).await,
        (410, "The resourceVersion for the provided list is too old.".to_owned())
    );
}

#[tokio::test]
async fn refuses_revisions_and_tokens_in_the_real_words() {
    let handle = filled(&["a", "b"]).await;
    let first = get(&handle, &format!("{MAPS}?limit=1")).await;
    let token = first["metadata"].str_at(&["continue"]);
    let unreadable = "resourceVersion: Invalid value: \"x\": strconv.ParseUint: parsing \"x\": invalid syntax";
    for (target, code, want) in [
        (
            format!("{MAPS}?continue={token}&resourceVersion=5"),
            400,
            "specifying resource version is not allowed when using continue",
        ),
        (format!("{MAPS}?resourceVersion=x"), 400, &format!("invalid resource version: {unreadable}")),
        (format!("{MAPS}/a?resourceVersion=x"), 500, unreadable),
        (format!("{MAPS}?watch=true&resourceVersion=x"), 500, unreadable),
        (format!("{MAPS}?timeoutSeconds=x"), 400, "strconv.ParseInt: parsing \"x\": invalid syntax"),
        (format!("{MAPS}?labelSelector=a%3Db%2C"), 400, "found '', expected: identifier after ','"),
        (format!("{MAPS}?labelSelector=a+in"), 400, "unable to parse requirement: found '' expected: '('"),
    ] {
        assert_eq!(refusal(&handle, &target).await, (code, want.to_owned()), "{target}");
    }
    let late = send(&handle, "GET", &format!("{MAPS}?resourceVersion=99999999"), &[], "").await;
    assert_eq!((late.code, late.body["reason"].as_str()), (504, Some("Timeout")));
    assert_eq!(late.body["details"]["causes"][0]["reason"], "ResourceVersionTooLarge");
}

#[tokio::test]
async fn items_of_built_in_kinds_have_no_type() {
    let handle = filled(&["a"]).await;
    for target in
        [MAPS.to_owned(), format!("{MAPS}?labelSelector=!x"), format!("{MAPS}?fieldSelector=metadata.name%3Da")]
    {
        let list = get(&handle, &target).await;
        assert_eq!(list["kind"], "ConfigMapList");
        let item = &list["items"][0];
        assert_eq!(
            (item.get("kind"), item.get("apiVersion"), &item["data"]["k"]),
            (None, None, &json!("1")),
            "{target}"
        );
    }
}

#[tokio::test]
async fn watches_begin_with_what_is_there_and_say_when_that_ends() {
    let handle = filled(&["a", "b"]).await;
    for (target, want) in [
        (
            format!(
                "{MAPS}?watch=true&timeoutSeconds=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
            ),
            "ADDED a,ADDED b,BOOKMARK ",
        ),
        ("/api/v1/watch/namespaces/default/configmaps/b?timeoutSeconds=1".to_owned(), "ADDED b"),
        (
            format!(
                "{MAPS}?watch=true&timeoutSeconds=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=99999999"
            ),
            "ERROR ",
        ),
    ] {
        let request = Request::builder().uri(&target).body(Bytes::new()).expect("a request");
        let response = handle.call(request).await;
        assert_eq!(response.status(), 200, "{target}");
        let bytes = response.into_body().collect().await.expect("a body").to_bytes();
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let events: Vec<Value> = lines.map(|line| serde_json::from_slice(line).expect("an event")).collect();
        let shown =
            events.iter().map(|event| format!("{} {}", event["type"].as_str().unwrap_or(""), event["object"].name()));
        assert_eq!(shown.collect::<Vec<_>>().join(","), want);
        if want.ends_with("BOOKMARK ") {
            let annotations = &events[2]["object"]["metadata"]["annotations"];
            assert_eq!(annotations["k8s.io/initial-events-end"], "true");
        }
    }
}

#[tokio::test]
async fn a_deletion_of_many_goes_page_by_page() {
    let handle = filled(&["a", "b", "c"]).await;
    let first = send(&handle, "DELETE", &format!("{MAPS}?limit=2"), &[], "").await.body;
    assert_eq!(names(&first), ["a", "b"]);
    assert_eq!(first["metadata"]["remainingItemCount"], 1);
    assert_eq!(names(&get(&handle, MAPS).await), ["c"]);
    for (body, code, want) in [
        (
            r#"{"kind":"Foo","apiVersion":"v1"}"#,
            400,
            "no kind \"Foo\" is registered for version \"v1\" in scheme \"k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme/register.go:27\"",
        ),
        (
            r#"{"dryRun":["Some"]}"#,
            422,
            "DeleteOptions.meta.k8s.io \"\" is invalid: dryRun: Unsupported value: [\"Some\"]: supported values: \"All\"",
        ),
        (
            r#"{"propagationPolicy":"Orphan","orphanDependents":true}"#,
            422,
            "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Invalid value: \"Orphan\": orphanDependents and deletionPropagation cannot be both set",
        ),
        (
            "no",
            400,
            "couldn't get version/kind; json parse error: invalid character 'o' in literal null (expecting 'u')",
        ),
    ] {
        let answer = send(&handle, "DELETE", &format!("{MAPS}/c"), &[], body).await;
        assert_eq!((answer.code, answer.body.str_at(&["message"])), (code, want));
    }
}
