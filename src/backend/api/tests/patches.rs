//! Patches and server-side apply: what is refused, and the scale.

use super::*;

async fn apply(handle: &Handle, target: &str, body: &Value) -> Answer {
    send(handle, "PATCH", target, &[("content-type", "application/apply-patch+yaml")], &body.to_string()).await
}

#[tokio::test]
async fn refuses_patches_in_the_real_words() {
    let handle = cluster();
    post(&handle, MAPS, config_map("a", "1")).await;
    let target = format!("{MAPS}/a");
    let rejected = "the server rejected our request due to an error in our request";
    for (kind, query, body, code, want) in [
        (
            "json-patch+json",
            "",
            "[1]",
            400,
            "error decoding patch: json: cannot unmarshal number into Go value of type handlers.jsonPatchOp",
        ),
        (
            "json-patch+json",
            "",
            "{}",
            400,
            "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp",
        ),
        ("json-patch+json", "", "", 400, "error decoding patch: unexpected end of JSON input"),
        ("json-patch+json", "", r#"[{"op":"test","path":"/data/k","value":"2"}]"#, 422, rejected),
        (
            "json-patch+json",
            "",
            r#"[{"op":"replace","path":"","value":{}}]"#,
            400,
            "the name of the object (a based on URL) was undeterminable: name must be provided",
        ),
        (
            "json-patch+json",
            "",
            r#"[{"op":"replace","path":"/metadata/namespace","value":"z"}]"#,
            400,
            "the namespace of the provided object does not match the namespace sent on the request",
        ),
        (
            "json-patch+json",
            "?force=true",
            "[]",
            422,
            "PatchOptions.meta.k8s.io \"\" is invalid: force: Forbidden: may not be specified for non-apply patch",
        ),
        (
            "merge-patch+json",
            "",
            "[]",
            400,
            "error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}",
        ),
        ("merge-patch+json", "", "null", 400, "Invalid JSON Patch"),
        (
            "merge-patch+json",
            "",
            r#"{"metadata":{"uid":"x"}}"#,
            422,
            "ConfigMap \"a\" is invalid: metadata.uid: Invalid value: \"x\": field is immutable",
        ),
        ("strategic-merge-patch+json", "", "x", 400, "invalid character 'x' looking for beginning of value"),
        ("foo", "", "{}", 415, "415: Unsupported Media Type"),
        (
            "apply-patch+yaml",
            "?fieldManager=m",
            r#"{"kind":"ConfigMap"}"#,
            400,
            "invalid object type: /, Kind=ConfigMap",
        ),
        (
            "apply-patch+yaml",
            "",
            "{}",
            422,
            "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch",
        ),
        (
            "apply-patch+yaml",
            "?fieldManager=m",
            r#"{"apiVersion":"v1","kind":"ConfigMap","data":{"k":5}}"#,
            500,
            "failed to create typed patch object (/; /v1, Kind=ConfigMap): .data.k: expected string, got &value.valueUnstructured{Value:5}",
        ),
    ] {
        let media_type = format!("application/{kind}");
        let answer = send(&handle, "PATCH", &format!("{target}{query}"), &[("content-type", &media_type)], body).await;
        assert_eq!((answer.code, answer.body.str_at(&["message"])), (code, want), "{kind} {body}");
    }
    let many = vec![json!({"op": "test", "path": "/data/k", "value": "1"}); 10_001];
    let answer = patch(&handle, &target, "json-patch", many.into()).await;
    assert_eq!(answer.code, 413);
    let twice = send(
        &handle,
        "PATCH",
        &target,
        &[("content-type", "application/merge-patch+json")],
        r#"{"data":{"x":"1","x":"2"},"odd":1}"#,
    );
    assert_eq!(
        twice.await.warnings,
        ["299 - \"duplicate field \\\"data.x\\\"\"", "299 - \"unknown field \\\"odd\\\"\""]
    );
}

#[tokio::test]
async fn a_scale_is_applied_and_owned() {
    let handle = cluster();
    let target = format!("{DEPLOYMENTS}/web");
    let applied = apply(&handle, &format!("{target}?fieldManager=me"), &deployment("web")).await;
    assert_eq!(applied.code, 201);
    let scale = |replicas: i64| json!({"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "web"}, "spec": {"replicas": replicas}});
    let part = format!("{target}/scale?fieldManager=scaler");
    let refused = apply(&handle, &part, &scale(5)).await;
    assert_eq!(refused.body["message"], "Apply failed with 1 conflict: conflict with \"me\": .spec.replicas");
    let forced = apply(&handle, &format!("{part}&force=true"), &scale(5)).await;
    assert_eq!(
        (forced.code, &forced.body["kind"], &forced.body["spec"]["replicas"]),
        (200, &json!("Scale"), &json!(5))
    );
    let object = get(&handle, &target).await;
    let entries = object.list_at(&["metadata", "managedFields"]);
    let own = entries.iter().find(|entry| entry["manager"] == "scaler").expect("an entry");
    assert_eq!(
        own,
        &json!({
            "manager": "scaler", "operation": "Apply", "apiVersion": "apps/v1", "subresource": "scale",
            "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:replicas": {}}},
        })
    );
    // Who updates the scale is told of in the scale's version.
    send(&handle, "PUT", &format!("{target}/scale?fieldManager=other"), &[], &scale(7).to_string()).await;
    let refused = apply(&handle, &part, &scale(5)).await;
    assert_eq!(
        refused.body["message"],
        "Apply failed with 1 conflict: conflict with \"other\" with subresource \"scale\" using autoscaling/v1: .spec.replicas"
    );
    let kind = apply(&handle, &part, &deployment("web")).await;
    assert_eq!((kind.code, kind.body.str_at(&["message"])), (400, "invalid object type: apps/v1, Kind=Deployment"));
    assert_eq!(apply(&handle, &part, &scale(-1)).await.code, 409);
    assert_eq!(apply(&handle, &format!("{part}&force=true"), &scale(-1)).await.code, 422);
    assert_eq!(apply(&handle, &format!("{DEPLOYMENTS}/none/scale?fieldManager=m"), &scale(1)).await.code, 404);
}
