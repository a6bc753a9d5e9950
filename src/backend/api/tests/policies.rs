//! Policies on what is no whole object.

use super::*;

async fn policy(handle: &Handle, name: &str, resource: (&str, &str), operation: &str, rule: &str) {
    let group = "/apis/admissionregistration.k8s.io/v1";
    let spec = json!({
        "matchConstraints": {"resourceRules": [{"apiGroups": [resource.0], "apiVersions": ["*"],
            "operations": [operation], "resources": [resource.1]}]},
        "validations": [{"expression": rule, "message": "no"}],
    });
    let version = "admissionregistration.k8s.io/v1";
    let made =
        json!({"apiVersion": version, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": name}, "spec": spec});
    let answer = post(handle, &format!("{group}/validatingadmissionpolicies"), made).await;
    assert_eq!(answer.code, 201, "{}", answer.body);
    let binding = json!({"apiVersion": version, "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": name},
        "spec": {"policyName": name, "validationActions": ["Deny"]}});
    let answer = post(handle, &format!("{group}/validatingadmissionpolicybindings"), binding).await;
    assert_eq!(answer.code, 201, "{}", answer.body);
}

#[tokio::test]
async fn policies_see_subresources() {
    let handle = cluster();
    let core = "/api/v1/namespaces/default";
    let deployments = "/apis/apps/v1/namespaces/default/deployments";
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": {
        "replicas": 0, "selector": {"matchLabels": {"app": "d"}}, "template": {"metadata": {"labels": {"app": "d"}},
            "spec": {"containers": [{"name": "c", "image": "nginx"}]}}}});
    assert_eq!(post(&handle, deployments, deployment).await.code, 201);
    let mut held = pod("p", "a");
    held["spec"]["schedulerName"] = "nobody".into();
    assert_eq!(post(&handle, PODS, held).await.code, 201);
    let own = "request.subResource == 'scale' && request.kind.kind == 'Scale' && request.name == 'd'";
    let few = format!("{own} && object.kind == 'Scale' && object.spec.replicas < 3 && !has(oldObject.spec.replicas)");
    policy(&handle, "scale", ("apps", "deployments/scale"), "UPDATE", &few).await;
    policy(&handle, "bind", ("", "pods/binding"), "CREATE", "object.target.name != 'node-1'").await;
    policy(&handle, "evict", ("", "pods/eviction"), "CREATE", "request.kind.group != 'policy'").await;
    policy(&handle, "exec", ("", "pods/exec"), "CONNECT", "object.command[0] != 'sh'").await;
    let who = "request.userInfo.username == 'admin' && object.spec.audiences != ['x']";
    policy(&handle, "token", ("", "serviceaccounts/token"), "CREATE", who).await;
    policy(&handle, "debug", ("", "pods/ephemeralcontainers"), "UPDATE", "object.spec.ephemeralContainers.size() > 1")
        .await;
    let binding = |node: &str| json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "p"}, "target": {"name": node}});
    let refused = |of: &str, policy: &str| {
        format!("{of} is forbidden: ValidatingAdmissionPolicy '{policy}' with binding '{policy}' denied request: no")
    };
    let scale = |replicas: i64| json!({"spec": {"replicas": replicas}});
    let at = format!("{deployments}/d/scale");
    for (answer, of, by) in [
        (patch(&handle, &at, "merge-patch", scale(3)).await, "deployments.apps \"d\"", "scale"),
        (post(&handle, &format!("{PODS}/p/binding"), binding("node-1")).await, "pods \"p\"", "bind"),
        (
            post(
                &handle,
                &format!("{PODS}/p/eviction"),
                json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "p"}}),
            )
            .await,
            "pods \"p\"",
            "evict",
        ),
        (post(&handle, &format!("{PODS}/p/exec?command=sh"), Value::Null).await, "pods \"p\"", "exec"),
        (
            post(
                &handle,
                &format!("{core}/serviceaccounts/default/token"),
                json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": ["x"]}}),
            )
            .await,
            "serviceaccounts \"default\"",
            "token",
        ),
        (
            patch(
                &handle,
                &format!("{PODS}/p/ephemeralcontainers"),
                "strategic-merge-patch",
                json!({"spec": {"ephemeralContainers": [{"name": "e", "image": "busybox"}]}}),
            )
            .await,
            "pods \"p\"",
            "debug",
        ),
    ] {
        assert_eq!((answer.code, answer.body["message"].as_str()), (422, Some(refused(of, by).as_str())));
    }
    let answer = patch(&handle, &at, "merge-patch", scale(2)).await;
    assert_eq!((answer.code, answer.body["spec"]["replicas"].as_i64()), (200, Some(2)));
    assert_eq!(post(&handle, &format!("{PODS}/p/binding"), binding("node-2")).await.code, 201);
    assert_ne!(post(&handle, &format!("{PODS}/p/exec?command=true"), Value::Null).await.code, 422);
}

#[tokio::test]
async fn a_scale_is_changed_by_policies() {
    let handle = cluster();
    let group = "/apis/admissionregistration.k8s.io/v1";
    let version = "admissionregistration.k8s.io/v1";
    let policy = json!({"apiVersion": version, "kind": "MutatingAdmissionPolicy", "metadata": {"name": "m"}, "spec": {
        "reinvocationPolicy": "Never",
        "matchConstraints": {"resourceRules": [{"apiGroups": ["apps"], "apiVersions": ["*"], "operations": ["UPDATE"],
            "resources": ["replicasets/scale"]}]},
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression":
            "[JSONPatch{op: 'replace', path: '/spec/replicas', value: 1}]"}}]}});
    let answer = post(&handle, &format!("{group}/mutatingadmissionpolicies"), policy).await;
    assert_eq!(answer.code, 201, "{}", answer.body);
    let binding = json!({"apiVersion": version, "kind": "MutatingAdmissionPolicyBinding", "metadata": {"name": "m"},
        "spec": {"policyName": "m"}});
    assert_eq!(post(&handle, &format!("{group}/mutatingadmissionpolicybindings"), binding).await.code, 201);
    let sets = "/apis/apps/v1/namespaces/default/replicasets";
    let set = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "r"}, "spec": {
        "replicas": 0, "selector": {"matchLabels": {"app": "d"}}, "template": {"metadata": {"labels": {"app": "d"}},
            "spec": {"containers": [{"name": "c", "image": "nginx"}]}}}});
    assert_eq!(post(&handle, sets, set).await.code, 201);
    let answer = patch(&handle, &format!("{sets}/r/scale"), "merge-patch", json!({"spec": {"replicas": 5}})).await;
    assert_eq!((answer.code, answer.body["spec"]["replicas"].as_i64()), (200, Some(1)), "{}", answer.body);
}
