#!/usr/bin/env bash
# Drives a cluster with kubectl: an application's life, from its manifests to its end.
#
#     kctl offline serve --ephemeral --write-kubeconfig kubeconfig &
#     KUBECONFIG=kubeconfig tests/clients/kubectl.sh
#
# KUBECTL names another kubectl than the one on PATH. Everything happens in a namespace of its own, which is
# deleted in the end. Each step prints its name; the first that fails ends the script.
set -euo pipefail

kubectl=${KUBECTL:-kubectl}
namespace=kubectl-$RANDOM
work=$(mktemp -d)
k() { "$kubectl" --namespace "$namespace" "$@"; }
step() { echo "$*"; }
fail() { echo "FAILED: $*" >&2; exit 1; }
is() { [[ $1 == "$2" ]] || fail "$1 instead of $2"; }
eventually() {
  local end=$((SECONDS + 60)) wanted=$1 got
  shift
  until got=$("$@") && [[ $got == "$wanted" ]]; do
    ((SECONDS < end)) || fail "$got instead of $wanted"
    sleep 0.2
  done
}
cleanup() {
  "$kubectl" delete namespace "$namespace" --wait=false >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap cleanup EXIT

"$kubectl" create namespace "$namespace" >/dev/null

step 'create, expose, scale, roll out'
k create deployment web --image=nginx:1.27 --replicas=2 --port=80 >/dev/null
k rollout status deployment/web --timeout=60s >/dev/null
k expose deployment web --port=80 >/dev/null
k scale deployment web --replicas=4 >/dev/null
k wait deployment/web --for=jsonpath='{.status.availableReplicas}'=4 --timeout=60s >/dev/null
k set image deployment/web nginx=nginx:1.28 >/dev/null
k rollout status deployment/web --timeout=60s >/dev/null
images() { k get pods -l app=web -o jsonpath='{.items[*].spec.containers[0].image}' | tr ' ' '\n' | sort -u; }
eventually nginx:1.28 images
k rollout undo deployment/web >/dev/null
k rollout status deployment/web --timeout=60s >/dev/null
is "$(k get deployment web -o jsonpath='{.spec.template.spec.containers[0].image}')" nginx:1.27
addresses() { k get endpointslices -l kubernetes.io/service-name=web -o go-template='{{range .items}}{{range .endpoints}}{{if .conditions.ready}}x{{end}}{{end}}{{end}}'; }
eventually xxxx addresses

step 'apply, diff, prune'
for name in a b c; do
  printf 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: %s\ndata:\n  x: "1"\n' "$name" >"$work/$name.yaml"
done
k apply -f "$work" --prune -l '!keep' --prune-allowlist=core/v1/ConfigMap >/dev/null
is "$(k apply -f "$work/a.yaml")" 'configmap/a unchanged'
sed -i 's/x: "1"/x: "2"/' "$work/a.yaml"
k diff -f "$work/a.yaml" >"$work/diff" && fail 'no difference was seen'
grep -q '^+  x: "2"' "$work/diff" || fail "$(cat "$work/diff")"
k apply --server-side --force-conflicts -f "$work/a.yaml" >/dev/null
is "$(k get configmap a -o jsonpath='{.data.x}')" 2

step 'what is refused'
k create configmap a 2>"$work/err" && fail 'made twice'
grep -q 'already exists' "$work/err" || fail "$(cat "$work/err")"
k run web --image='not an image!' --restart=Always --overrides='{"spec":{"containers":[]}}' 2>"$work/err" && fail 'a pod of nothing'
printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: d}\ndatum: {}\n' >"$work/d"
k apply -f "$work/d" 2>"$work/err" && fail 'an unknown field'
grep -q 'unknown field' "$work/err" || fail "$(cat "$work/err")"

step 'jobs, logs, exec, cp'
k create job once --image=busybox -- sh -c 'echo done here' >/dev/null
k wait job/once --for=condition=complete --timeout=60s >/dev/null
is "$(k logs job/once)" 'done here'
pod=$(k get pods -l app=web -o jsonpath="pod/{.items[0].metadata.name}")
is "$(k exec "$pod" -- sh -c 'echo $((6*7))')" 42
echo moved >"$work/file"
k cp "$work/file" "$namespace/${pod#pod/}:/tmp/file"
is "$(k exec "$pod" -- cat /tmp/file)" moved

step 'roles'
k create serviceaccount reader >/dev/null
k create role reader --verb=get,list --resource=pods >/dev/null
k create rolebinding reader --role=reader --serviceaccount="$namespace:reader" >/dev/null
who=system:serviceaccount:$namespace:reader
is "$(k auth can-i list pods --as="$who")" yes
is "$(k auth can-i delete pods --as="$who" || true)" no
token=$(k create token reader)
[[ $(tr '.' '\n' <<<"$token" | wc -l) == 3 ]] || fail 'a token is no JWT'

step 'explain, describe, events, api-resources'
k explain deployment.spec.strategy.rollingUpdate.maxSurge | grep -q IntOrString || fail explain
k describe deployment web | grep -q 'NewReplicaSet:' || fail describe
k events --for deployment/web | grep -q ScalingReplicaSet || fail events
[[ $("$kubectl" api-resources --no-headers | wc -l) -gt 50 ]] || fail api-resources

step 'the end'
k delete deployment,service,job --all --timeout=60s >/dev/null
k wait pod --all --for=delete --timeout=60s >/dev/null
is "$(k get pods --no-headers 2>/dev/null | wc -l)" 0
echo "all of it, with kubectl $("$kubectl" version --client -o json | sed -n 's/.*"gitVersion": "\(.*\)".*/\1/p')"
