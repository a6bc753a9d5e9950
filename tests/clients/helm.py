#!/usr/bin/env python3
"""Installs, upgrades, tests, rolls back and removes a chart with Helm 4 (its Go code, called from Python).

    pip install helm-python-sdk kubernetes
    kctl offline serve --ephemeral --write-kubeconfig kubeconfig &
    KUBECONFIG=kubeconfig python3 tests/clients/helm.py

Everything happens in a namespace of its own, which is deleted in the end, and with one custom resource
definition. Each step prints its name; the first that fails ends the program with its traceback.
"""

import json
import os
import pathlib
import tempfile
import textwrap
import time
import uuid

import helm_python as helm
from kubernetes import client, config
from kubernetes.client.rest import ApiException

SUFFIX = uuid.uuid4().hex[:6]
NAMESPACE = f"helm-{SUFFIX}"
GROUP = f"helm-{SUFFIX}.example.org"
STEPS = []

CHART = {
    "Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\nappVersion: '1.27'\n",
    "values.yaml": "replicas: 2\nimage: nginx:1.27\nmotto: first\nbroken: false\n",
    "values.schema.json": json.dumps(
        {
            "$schema": "https://json-schema.org/draft-07/schema#",
            "type": "object",
            "properties": {"replicas": {"type": "integer", "minimum": 0}},
        }
    ),
    "crds/visit.yaml": """\
        apiVersion: apiextensions.k8s.io/v1
        kind: CustomResourceDefinition
        metadata: {name: visits.GROUP}
        spec:
          group: GROUP
          scope: Namespaced
          names: {plural: visits, singular: visit, kind: Visit}
          versions:
          - name: v1
            served: true
            storage: true
            schema:
              openAPIV3Schema:
                type: object
                properties:
                  spec: {type: object, properties: {guest: {type: string}}}
    """,
    "templates/_names.tpl": '{{- define "shop.labels" -}}\napp: {{ .Release.Name }}\nchart: {{ .Chart.Name }}\n{{- end }}\n',
    "templates/web.yaml": """\
        apiVersion: v1
        kind: ServiceAccount
        metadata: {name: {{ .Release.Name }}}
        ---
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: {{ .Release.Name }}-motto}
        data: {motto: {{ .Values.motto | quote }}}
        ---
        apiVersion: v1
        kind: Service
        metadata:
          name: {{ .Release.Name }}
          labels: {{- include "shop.labels" . | nindent 12 }}
        spec:
          selector: {app: {{ .Release.Name }}}
          ports: [{port: 80, targetPort: 80}]
        ---
        apiVersion: apps/v1
        kind: Deployment
        metadata:
          name: {{ .Release.Name }}
          labels: {{- include "shop.labels" . | nindent 12 }}
        spec:
          replicas: {{ .Values.replicas }}
          selector: {matchLabels: {app: {{ .Release.Name }}}}
          template:
            metadata:
              labels: {{- include "shop.labels" . | nindent 16 }}
              annotations: {motto: {{ .Values.motto | quote }}}
            spec:
              serviceAccountName: {{ .Release.Name }}
              containers:
              - name: web
                image: {{ .Values.image }}
                ports: [{containerPort: 80}]
                envFrom: [{configMapRef: {name: {{ .Release.Name }}-motto}}]
        {{- if .Values.broken }}
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: {{ .Release.Name }}-broken}
        spec: {ports: [{port: 700000}]}
        {{- end }}
        ---
        apiVersion: GROUP/v1
        kind: Visit
        metadata: {name: {{ .Release.Name }}}
        spec: {guest: {{ .Capabilities.KubeVersion.Version | quote }}}
    """,
    "templates/hooks.yaml": """\
        apiVersion: batch/v1
        kind: Job
        metadata:
          name: {{ .Release.Name }}-prepare
          annotations:
            helm.sh/hook: pre-install,pre-upgrade
            helm.sh/hook-delete-policy: before-hook-creation
        spec:
          backoffLimit: 0
          template:
            spec:
              restartPolicy: Never
              containers: [{name: prepare, image: busybox, command: [sh, -c, "echo prepared"]}]
        ---
        apiVersion: v1
        kind: Pod
        metadata:
          name: {{ .Release.Name }}-check
          annotations: {helm.sh/hook: test}
        spec:
          restartPolicy: Never
          containers: [{name: check, image: busybox, command: [sh, -c, "echo all is well"]}]
    """,
    "templates/NOTES.txt": "Welcome to {{ .Release.Name }}.\n",
}


def step(function):
    STEPS.append(function)
    return function


def write_chart(folder):
    for name, text in CHART.items():
        path = pathlib.Path(folder) / "shop" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).replace("GROUP", GROUP))
    return str(pathlib.Path(folder) / "shop")


def deployment():
    return client.AppsV1Api().read_namespaced_deployment("web", NAMESPACE)


def visits():
    return client.CustomObjectsApi().list_namespaced_custom_object(GROUP, "v1", NAMESPACE, "visits")["items"]


@step
def reach_the_cluster(cfg, chart):
    cfg.check_reachable()


@step
def install_and_wait(cfg, chart):
    release = cfg.install(chart, "web", {"replicas": 2}, wait="watcher", timeout=120)
    assert (release["revision"], release["status"]) == (1, "deployed"), release
    assert deployment().status.available_replicas == 2
    job = client.BatchV1Api().read_namespaced_job("web-prepare", NAMESPACE)
    assert job.status.succeeded == 1
    [visit] = visits()
    version = client.VersionApi().get_code().git_version
    assert visit["spec"]["guest"] == version, (visit, version)
    [secret] = client.CoreV1Api().list_namespaced_secret(NAMESPACE, label_selector="owner=helm").items
    assert secret.type == "helm.sh/release.v1" and secret.metadata.name == "sh.helm.release.v1.web.v1"


@step
def dry_run_leaves_nothing(cfg, chart):
    release = cfg.install(chart, "dry", dry_run="server")
    assert "pending" in release["status"], release
    assert [r["name"] for r in cfg.list(all_states=True)] == ["web"]
    assert len(client.CoreV1Api().list_namespaced_secret(NAMESPACE).items) == 1


@step
def a_second_install_of_the_name_is_refused(cfg, chart):
    try:
        cfg.install(chart, "web")
    except helm.HelmError as error:
        assert "still in use" in str(error), error
        return
    raise AssertionError("two releases of one name")


@step
def upgrade(cfg, chart):
    release = cfg.upgrade(chart, "web", {"replicas": 4, "motto": "second"}, wait="watcher", timeout=120)
    assert (release["revision"], release["status"]) == (2, "deployed"), release
    live = deployment()
    assert live.status.available_replicas == 4 and live.status.updated_replicas == 4
    assert live.spec.template.metadata.annotations["motto"] == "second"
    data = client.CoreV1Api().read_namespaced_config_map("web-motto", NAMESPACE).data
    assert data == {"motto": "second"}
    assert cfg.get_values("web") == {"replicas": 4, "motto": "second"}


@step
def a_broken_upgrade_fails_and_changes_nothing(cfg, chart):
    try:
        cfg.upgrade(chart, "web", {"broken": True, "motto": "third"}, wait="watcher", timeout=60)
    except helm.HelmError as error:
        assert "700000" in str(error), error
    else:
        raise AssertionError("an impossible port was taken")
    assert [r["status"] for r in cfg.history("web")] == ["superseded", "deployed", "failed"] or [
        r["status"] for r in cfg.history("web")
    ] == ["failed", "deployed", "superseded"], cfg.history("web")


def apply_by_hand(spec):
    body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}
    client.AppsV1Api().patch_namespaced_deployment(
        "web", NAMESPACE, body, field_manager="hand", force=True, _content_type="application/apply-patch+yaml"
    )


@step
def what_a_hand_took_is_not_taken_back_before_it_lets_go(cfg, chart):
    apply_by_hand({"replicas": 1})
    try:
        cfg.upgrade(chart, "web", {"replicas": 4, "motto": "second"}, wait="watcher", timeout=120)
    except helm.HelmError as error:
        # Helm 4 applies on the server's side: the field belongs to whoever scaled.
        assert 'conflict with "hand"' in str(error), error
    else:
        raise AssertionError("a conflict was overlooked")
    apply_by_hand({})
    cfg.upgrade(chart, "web", {"replicas": 4, "motto": "second"}, wait="watcher", timeout=120)
    assert deployment().status.available_replicas == 4


@step
def run_the_tests_of_the_chart(cfg, chart):
    result = cfg.test("web", timeout=60, logs=True)
    assert "all is well" in result["logs"], result


@step
def roll_back(cfg, chart):
    cfg.rollback("web", version=1, wait="watcher", timeout=120)
    live = deployment()
    assert live.spec.template.metadata.annotations["motto"] == "first", live.spec.template.metadata
    assert cfg.status("web")["status"] == "deployed"


@step
def storage_in_config_maps(cfg, chart):
    with helm.Config(namespace=NAMESPACE, storage_driver="configmap") as other:
        folder = tempfile.mkdtemp()
        path = pathlib.Path(folder) / "small"
        (path / "templates").mkdir(parents=True)
        (path / "Chart.yaml").write_text("apiVersion: v2\nname: small\nversion: 0.1.0\n")
        (path / "templates" / "one.yaml").write_text(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\ndata: {a: b}\n"
        )
        other.install(str(path), "small")
        assert [r["name"] for r in other.list()] == ["small"]
        other.uninstall("small")


@step
def uninstall(cfg, chart):
    cfg.uninstall("web", wait="watcher", timeout=120)
    assert not cfg.list(all_states=True)
    try:
        deployment()
    except ApiException as error:
        assert error.status == 404
    else:
        raise AssertionError("the deployment is still there")
    assert not visits()
    assert not client.CoreV1Api().list_namespaced_secret(NAMESPACE, label_selector="owner=helm").items


def main():
    config.load_kube_config(os.environ.get("KUBECONFIG"))
    core = client.CoreV1Api()
    core.create_namespace({"metadata": {"name": NAMESPACE}})
    started = time.monotonic()
    try:
        with tempfile.TemporaryDirectory() as folder, helm.Config(namespace=NAMESPACE) as cfg:
            chart = write_chart(folder)
            for function in STEPS:
                function(cfg, chart)
                print(function.__name__.replace("_", " "), flush=True)
    finally:
        core.delete_namespace(NAMESPACE)
        try:
            client.ApiextensionsV1Api().delete_custom_resource_definition(f"visits.{GROUP}")
        except ApiException as error:
            if error.status != 404:
                raise
    print(f"{len(STEPS)} steps with Helm {helm.helm_sdk_version()} in {time.monotonic() - started:.1f} s")


if __name__ == "__main__":
    main()
