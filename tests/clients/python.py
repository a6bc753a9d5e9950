#!/usr/bin/env python3
"""Drives a cluster with the Python client, typed and dynamic, as programs of others do.

    pip install kubernetes
    kctl offline serve --ephemeral --write-kubeconfig kubeconfig &
    KUBECONFIG=kubeconfig python3 tests/clients/python.py

Everything happens in a namespace of its own, which is deleted in the end. Each step prints its name;
the first that fails ends the program with its traceback.
"""

import json
import threading
import time
import uuid

from kubernetes import client, config, dynamic, utils, watch
from kubernetes.client.rest import ApiException
from kubernetes.stream import portforward, stream

NAMESPACE = f"python-{uuid.uuid4().hex[:6]}"
STEPS = []


def step(function):
    STEPS.append(function)
    return function


def refused(code, call, *args, **kwargs):
    """The status body of a call that must fail with a code."""
    try:
        call(*args, **kwargs)
    except ApiException as error:
        assert error.status == code, f"{error.status} instead of {code}: {error.body}"
        return error
    raise AssertionError(f"{call.__name__} should have been refused with {code}")


def eventually(what, check, seconds=60):
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, f"{what} did not happen in {seconds} s"
        time.sleep(0.1)


def deployment(name, image="nginx:1.27", replicas=2):
    labels = {"app": name}
    container = client.V1Container(
        name="web",
        image=image,
        ports=[client.V1ContainerPort(container_port=80)],
        resources=client.V1ResourceRequirements(requests={"cpu": "10m", "memory": "16Mi"}),
        readiness_probe=client.V1Probe(http_get=client.V1HTTPGetAction(path="/", port=80), period_seconds=1),
    )
    return client.V1Deployment(
        metadata=client.V1ObjectMeta(name=name, labels=labels),
        spec=client.V1DeploymentSpec(
            replicas=replicas,
            selector=client.V1LabelSelector(match_labels=labels),
            template=client.V1PodTemplateSpec(
                metadata=client.V1ObjectMeta(labels=labels), spec=client.V1PodSpec(containers=[container])
            ),
        ),
    )


@step
def versions_and_discovery():
    version = client.VersionApi().get_code()
    assert version.major == "1" and int(version.minor.rstrip("+")) >= 30, version
    groups = {group.name for group in client.ApisApi().get_api_versions().groups}
    assert {"apps", "batch", "rbac.authorization.k8s.io", "apiextensions.k8s.io"} <= groups
    resources = {resource.name for resource in client.CoreV1Api().get_api_resources().resources}
    assert {"pods", "pods/log", "pods/exec", "services", "bindings"} <= resources


@step
def nodes_with_conditions_and_capacity():
    nodes = client.CoreV1Api().list_node().items
    assert nodes, "no nodes"
    for node in nodes:
        ready = [condition for condition in node.status.conditions if condition.type == "Ready"]
        assert ready and ready[0].status == "True", node.metadata.name
        assert node.status.capacity["cpu"] and node.status.node_info.kubelet_version


@step
def a_namespace():
    client.CoreV1Api().create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=NAMESPACE)))
    account = lambda: client.CoreV1Api().list_namespaced_service_account(NAMESPACE).items
    eventually("a default service account", lambda: any(item.metadata.name == "default" for item in account()))


@step
def config_maps_and_conflicts():
    core = client.CoreV1Api()
    body = client.V1ConfigMap(metadata=client.V1ObjectMeta(name="settings"), data={"a": "1"})
    made = core.create_namespaced_config_map(NAMESPACE, body)
    assert made.metadata.uid and made.metadata.resource_version and made.metadata.creation_timestamp
    assert "AlreadyExists" in refused(409, core.create_namespaced_config_map, NAMESPACE, body).body
    made.data["b"] = "2"
    replaced = core.replace_namespaced_config_map("settings", NAMESPACE, made)
    assert replaced.data == {"a": "1", "b": "2"}
    # The version that was read first is an old one by now.
    refused(409, core.replace_namespaced_config_map, "settings", NAMESPACE, made)
    patched = core.patch_namespaced_config_map("settings", NAMESPACE, {"data": {"a": None, "c": "3"}})
    assert patched.data == {"b": "2", "c": "3"}
    tried = core.patch_namespaced_config_map("settings", NAMESPACE, {"data": {"d": "4"}}, dry_run="All")
    assert tried.data["d"] == "4" and "d" not in core.read_namespaced_config_map("settings", NAMESPACE).data
    operations = [{"op": "add", "path": "/data/e", "value": "5"}, {"op": "test", "path": "/data/b", "value": "2"}]
    assert core.patch_namespaced_config_map("settings", NAMESPACE, operations).data["e"] == "5"
    refused(404, core.read_namespaced_config_map, "none", NAMESPACE)
    bad = client.V1ConfigMap(metadata=client.V1ObjectMeta(name="Bad_Name"))
    assert "RFC 1123" in refused(422, core.create_namespaced_config_map, NAMESPACE, bad).body


@step
def lists_in_pages():
    core = client.CoreV1Api()
    for index in range(7):
        labels = {"page": "yes", "odd": str(index % 2)}
        metadata = client.V1ObjectMeta(name=f"page-{index}", labels=labels)
        core.create_namespaced_config_map(NAMESPACE, client.V1ConfigMap(metadata=metadata))
    seen, token = [], None
    while True:
        page = core.list_namespaced_config_map(NAMESPACE, label_selector="page=yes", limit=3, _continue=token)
        seen += [item.metadata.name for item in page.items]
        token = page.metadata._continue
        if not token:
            break
        assert page.metadata.remaining_item_count is None or page.metadata.remaining_item_count >= 0
    assert seen == [f"page-{index}" for index in range(7)], seen
    odd = core.list_namespaced_config_map(NAMESPACE, label_selector="odd in (1),page").items
    assert len(odd) == 3
    one = core.list_namespaced_config_map(NAMESPACE, field_selector="metadata.name=page-3").items
    assert [item.metadata.name for item in one] == ["page-3"]
    refused(400, core.list_namespaced_config_map, NAMESPACE, field_selector="data.a=1")
    core.delete_collection_namespaced_config_map(NAMESPACE, label_selector="page=yes")
    assert not core.list_namespaced_config_map(NAMESPACE, label_selector="page=yes").items


@step
def a_watch_from_a_version():
    core = client.CoreV1Api()
    version = core.list_namespaced_secret(NAMESPACE).metadata.resource_version
    events = []

    def read():
        source = watch.Watch()
        for event in source.stream(
            core.list_namespaced_secret, NAMESPACE, resource_version=version, timeout_seconds=20
        ):
            events.append((event["type"], event["object"].metadata.name))
            if event["type"] == "DELETED":
                source.stop()

    thread = threading.Thread(target=read)
    thread.start()
    secret = client.V1Secret(metadata=client.V1ObjectMeta(name="key"), string_data={"password": "s3cret"})
    assert core.create_namespaced_secret(NAMESPACE, secret).data == {"password": "czNjcmV0"}
    core.patch_namespaced_secret("key", NAMESPACE, {"metadata": {"labels": {"a": "b"}}})
    core.delete_namespaced_secret("key", NAMESPACE)
    thread.join(30)
    assert events == [("ADDED", "key"), ("MODIFIED", "key"), ("DELETED", "key")], events


@step
def a_deployment_until_it_is_available():
    apps = client.AppsV1Api()
    made = apps.create_namespaced_deployment(NAMESPACE, deployment("web"))
    assert made.spec.strategy.rolling_update.max_surge == "25%" and made.spec.revision_history_limit == 10
    source = watch.Watch()
    for event in source.stream(apps.list_namespaced_deployment, NAMESPACE, timeout_seconds=60):
        status = event["object"].status
        if status.available_replicas == 2 and status.observed_generation == event["object"].metadata.generation:
            source.stop()
    assert apps.read_namespaced_deployment_status("web", NAMESPACE).status.ready_replicas == 2
    apps.patch_namespaced_deployment_scale("web", NAMESPACE, {"spec": {"replicas": 3}})
    assert apps.read_namespaced_deployment_scale("web", NAMESPACE).spec.replicas == 3
    eventually("three pods", lambda: apps.read_namespaced_deployment("web", NAMESPACE).status.ready_replicas == 3)
    image = {"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "nginx:1.28"}]}}}}
    changed = apps.patch_namespaced_deployment("web", NAMESPACE, image)
    assert changed.spec.template.spec.containers[0].ports[0].container_port == 80, "the patch merges lists by name"

    def rolled_out():
        found = apps.read_namespaced_deployment("web", NAMESPACE)
        status = found.status
        return status.updated_replicas == 3 == status.replicas == status.available_replicas

    eventually("the new image", rolled_out)
    sets = lambda: apps.list_namespaced_replica_set(NAMESPACE, label_selector="app=web").items
    eventually("an old set without pods", lambda: sorted(item.spec.replicas for item in sets()) == [0, 3])
    assert all(item.metadata.owner_references[0].kind == "Deployment" for item in sets())


@step
def logs_exec_and_port_forward():
    core = client.CoreV1Api()
    pods = lambda: core.list_namespaced_pod(NAMESPACE, label_selector="app=web").items
    eventually("the old pods' end", lambda: len(pods()) == 3)
    pod = pods()[0]
    assert pod.status.pod_ip and pod.status.container_statuses[0].ready
    assert isinstance(core.read_namespaced_pod_log(pod.metadata.name, NAMESPACE, tail_lines=5), str)
    forwarded = portforward(core.connect_get_namespaced_pod_portforward, pod.metadata.name, NAMESPACE, ports="80")
    socket = forwarded.socket(80)
    socket.sendall(b"GET / HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n")
    answer = b""
    while chunk := socket.recv(4096):
        answer += chunk
    assert answer.startswith(b"HTTP/1.1 200"), answer[:80]
    box = client.V1Pod(
        metadata=client.V1ObjectMeta(name="box"),
        spec=client.V1PodSpec(containers=[client.V1Container(name="box", image="busybox", command=["sleep", "3600"])]),
    )
    core.create_namespaced_pod(NAMESPACE, box)
    eventually("a running pod", lambda: core.read_namespaced_pod("box", NAMESPACE).status.phase == "Running")
    try:
        run = stream(
            core.connect_get_namespaced_pod_exec, "box", NAMESPACE, command=["sh", "-c", "read x; echo got $x; echo bad >&2; exit 3"],
            stdin=True, stdout=True, stderr=True, tty=False, _preload_content=False,
        )
    except ApiException as error:
        assert "sandbox" in str(error), error
        print("    exec: not tried, this machine allows no sandbox")
        return
    run.write_stdin("it\n")
    run.run_forever(timeout=20)
    assert run.read_stdout() == "got it\n" and run.read_stderr() == "bad\n"
    assert run.returncode == 3, run.returncode


@step
def services_and_endpoints():
    core = client.CoreV1Api()
    spec = client.V1ServiceSpec(selector={"app": "web"}, ports=[client.V1ServicePort(port=80, name="http")], type="NodePort")
    service = core.create_namespaced_service(NAMESPACE, client.V1Service(metadata=client.V1ObjectMeta(name="web"), spec=spec))
    assert service.spec.cluster_ip and 30000 <= service.spec.ports[0].node_port <= 32767

    def addresses():
        slices = client.DiscoveryV1Api().list_namespaced_endpoint_slice(NAMESPACE, label_selector="kubernetes.io/service-name=web")
        return [address for item in slices.items for end in item.endpoints or [] for address in end.addresses]

    eventually("three endpoints", lambda: len(addresses()) == 3)


@step
def jobs_and_cron_jobs():
    batch = client.BatchV1Api()
    template = client.V1PodTemplateSpec(
        spec=client.V1PodSpec(
            restart_policy="Never", containers=[client.V1Container(name="once", image="busybox", command=["true"])]
        )
    )
    job = client.V1Job(metadata=client.V1ObjectMeta(name="once"), spec=client.V1JobSpec(template=template, completions=2))
    batch.create_namespaced_job(NAMESPACE, job)
    eventually("two completions", lambda: batch.read_namespaced_job("once", NAMESPACE).status.succeeded == 2)
    cron = client.V1CronJob(
        metadata=client.V1ObjectMeta(name="nightly"),
        spec=client.V1CronJobSpec(schedule="0 3 * * *", job_template=client.V1JobTemplateSpec(spec=job.spec)),
    )
    assert batch.create_namespaced_cron_job(NAMESPACE, cron).spec.concurrency_policy == "Allow"
    cron.spec.schedule = "when I feel like it"
    cron.metadata.name = "never"
    refused(422, batch.create_namespaced_cron_job, NAMESPACE, cron)


@step
def custom_resources():
    extensions, custom = client.ApiextensionsV1Api(), client.CustomObjectsApi()
    group = f"{NAMESPACE}.example.com"
    schema = client.V1JSONSchemaProps(
        type="object",
        properties={
            "spec": client.V1JSONSchemaProps(
                type="object",
                required=["size"],
                properties={
                    "size": client.V1JSONSchemaProps(type="integer", minimum=1),
                    "colour": client.V1JSONSchemaProps(type="string", default="red"),
                },
            )
        },
    )
    definition = client.V1CustomResourceDefinition(
        metadata=client.V1ObjectMeta(name=f"widgets.{group}"),
        spec=client.V1CustomResourceDefinitionSpec(
            group=group,
            scope="Namespaced",
            names=client.V1CustomResourceDefinitionNames(plural="widgets", kind="Widget", singular="widget"),
            versions=[
                client.V1CustomResourceDefinitionVersion(
                    name="v1", served=True, storage=True, schema=client.V1CustomResourceValidation(open_apiv3_schema=schema)
                )
            ],
        ),
    )
    extensions.create_custom_resource_definition(definition)
    try:
        place = (group, "v1", NAMESPACE, "widgets")

        def established():
            status = extensions.read_custom_resource_definition(f"widgets.{group}").status
            return any(item.type == "Established" and item.status == "True" for item in (status and status.conditions) or [])

        eventually("an established definition", established)
        widget = {"apiVersion": f"{group}/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": {"size": 3}}
        assert custom.create_namespaced_custom_object(*place, widget)["spec"] == {"size": 3, "colour": "red"}
        widget["metadata"]["name"], widget["spec"]["size"] = "x", 0
        assert "greater than or equal to 1" in refused(422, custom.create_namespaced_custom_object, *place, widget).body
        assert len(custom.list_namespaced_custom_object(*place)["items"]) == 1
        lookup = dynamic.DynamicClient(client.ApiClient()).resources.get(api_version=f"{group}/v1", kind="Widget")
        assert lookup.get(name="w", namespace=NAMESPACE).spec.size == 3
    finally:
        extensions.delete_custom_resource_definition(f"widgets.{group}")


@step
def server_side_apply_with_the_dynamic_client():
    maps = dynamic.DynamicClient(client.ApiClient()).resources.get(api_version="v1", kind="ConfigMap")
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "owned", "namespace": NAMESPACE}, "data": {"k": "1"}}
    maps.server_side_apply(body=body, field_manager="one")
    body["data"]["k"] = "2"
    try:
        maps.server_side_apply(body=body, field_manager="two")
        raise AssertionError("a conflict was expected")
    except dynamic.exceptions.ConflictError as error:
        assert json.loads(error.body)["details"]["causes"][0]["message"] == 'conflict with "one"', error.body
    forced = maps.server_side_apply(body=body, field_manager="two", force_conflicts=True)
    assert forced.data.k == "2"


@step
def access_is_asked_and_granted():
    rbac, authorization, core = client.RbacAuthorizationV1Api(), client.AuthorizationV1Api(), client.CoreV1Api()
    core.create_namespaced_service_account(NAMESPACE, client.V1ServiceAccount(metadata=client.V1ObjectMeta(name="reader")))
    rules = [client.V1PolicyRule(api_groups=[""], resources=["configmaps"], verbs=["get", "list"])]
    rbac.create_namespaced_role(NAMESPACE, client.V1Role(metadata=client.V1ObjectMeta(name="read"), rules=rules))
    rbac.create_namespaced_role_binding(
        NAMESPACE,
        client.V1RoleBinding(
            metadata=client.V1ObjectMeta(name="read"),
            role_ref=client.V1RoleRef(api_group="rbac.authorization.k8s.io", kind="Role", name="read"),
            subjects=[client.RbacV1Subject(kind="ServiceAccount", name="reader", namespace=NAMESPACE)],
        ),
    )

    def allowed(verb, resource):
        spec = client.V1SubjectAccessReviewSpec(
            user=f"system:serviceaccount:{NAMESPACE}:reader",
            resource_attributes=client.V1ResourceAttributes(namespace=NAMESPACE, verb=verb, resource=resource),
        )
        return authorization.create_subject_access_review(client.V1SubjectAccessReview(spec=spec)).status.allowed

    assert allowed("list", "configmaps") and not allowed("delete", "configmaps") and not allowed("list", "secrets")
    request = client.AuthenticationV1TokenRequest(spec=client.V1TokenRequestSpec(audiences=[], expiration_seconds=600))
    token = core.create_namespaced_service_account_token("reader", NAMESPACE, request).status.token
    settings = client.Configuration.get_default_copy()
    settings.api_key = {name: f"Bearer {token}" for name in ("authorization", "BearerToken")}
    settings.api_key_prefix = {}
    settings.cert_file = settings.key_file = settings.refresh_api_key_hook = None
    reader = client.CoreV1Api(client.ApiClient(settings))
    assert reader.list_namespaced_config_map(NAMESPACE).items
    assert "cannot list resource" in refused(403, reader.list_namespaced_secret, NAMESPACE).body


@step
def manifests_with_several_documents():
    documents = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "from-yaml"}, "data": {"x": "y"}},
        {"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "of-list"}}]},
    ]
    for document in documents:
        utils.create_from_dict(client.ApiClient(), document, namespace=NAMESPACE)
    core = client.CoreV1Api()
    assert core.read_namespaced_config_map("from-yaml", NAMESPACE).data == {"x": "y"}
    assert core.read_namespaced_secret("of-list", NAMESPACE).type == "Opaque"


@step
def disruption_budgets_and_evictions():
    policy, core = client.PolicyV1Api(), client.CoreV1Api()
    spec = client.V1PodDisruptionBudgetSpec(min_available=3, selector=client.V1LabelSelector(match_labels={"app": "web"}))
    policy.create_namespaced_pod_disruption_budget(
        NAMESPACE, client.V1PodDisruptionBudget(metadata=client.V1ObjectMeta(name="web"), spec=spec)
    )
    read = lambda: policy.read_namespaced_pod_disruption_budget("web", NAMESPACE).status
    eventually("a counted budget", lambda: read() and read().current_healthy == 3)
    name = core.list_namespaced_pod(NAMESPACE, label_selector="app=web").items[0].metadata.name
    eviction = client.V1Eviction(metadata=client.V1ObjectMeta(name=name, namespace=NAMESPACE))
    assert "disruption budget" in refused(429, core.create_namespaced_pod_eviction, name, NAMESPACE, eviction).body


@step
def events_tell_what_happened():
    events = client.CoreV1Api().list_namespaced_event(NAMESPACE, field_selector="involvedObject.kind=Pod").items
    assert "Scheduled" in {event.reason for event in events}


@step
def deletion_takes_everything_along():
    core, apps = client.CoreV1Api(), client.AppsV1Api()
    apps.delete_namespaced_deployment("web", NAMESPACE, propagation_policy="Foreground")
    eventually("no pods of the deployment", lambda: not core.list_namespaced_pod(NAMESPACE, label_selector="app=web").items)
    core.delete_namespace(NAMESPACE)

    def gone():
        try:
            return core.read_namespace(NAMESPACE).status.phase != "Terminating" and False
        except ApiException as error:
            return error.status == 404

    eventually("the end of the namespace", gone)


def main():
    config.load_kube_config()
    for function in STEPS:
        started = time.monotonic()
        print(f"{function.__name__.replace('_', ' ')}", flush=True)
        function()
        print(f"    ok, {time.monotonic() - started:.1f} s", flush=True)
    print(f"all {len(STEPS)} steps passed")


if __name__ == "__main__":
    main()
