#!/usr/bin/env bash
# What is interactive, in a real terminal: tmux has the screen, the keys go through it, and vi is the editor.
#
#     cargo build && tests/terminal/tmux.sh target/debug/kctl
#     KUBECONFIG=~/.kube/config tests/terminal/tmux.sh target/release/kctl     # on another cluster
#
# It needs tmux and vi. Everything happens in a namespace of its own, which is deleted in the end. Each step
# prints its name; the first that fails shows the screen and ends the script.
set -euo pipefail

kctl=$(realpath "${1:?which kctl?}")
work=$(mktemp -d)
namespace=tmux-$RANDOM
socket=kctl-$$
t() { tmux -L "$socket" "$@"; }
k() { "$kctl" --namespace "$namespace" "$@"; }
screen() { t capture-pane -p -t main; }
step() { echo "$*"; }
fail() {
  echo "FAILED: $*" >&2
  screen | sed 's/^/  | /' >&2 || true
  exit 1
}
cleanup() {
  t kill-server 2>/dev/null || true
  "$kctl" delete namespace "$namespace" --wait=false >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap cleanup EXIT

if [[ -z ${KUBECONFIG:-} ]]; then
  export HOME=$work KCTL_OFFLINE=1 KCTL_OFFLINE_DIR=$work/state
fi
export KUBE_EDITOR=vi PS1='ready> '
"$kctl" create namespace "$namespace" >/dev/null
k create configmap menu --from-literal=dish=soup >/dev/null
k run web --image=nginx:1.27 --restart=Never >/dev/null
k wait pod/web --for=condition=Ready --timeout=60s >/dev/null
t -f /dev/null new-session -d -s main -x 100 -y 30 env PS1='ready> ' bash --norc --noprofile

# Types a line, without what comes after a dollar being read.
type_line() { t send-keys -t main -l "$1" && t send-keys -t main Enter; }
# Waits until the screen shows a text.
sees() {
  local end=$((SECONDS + 30))
  until screen | grep -qF -- "$1"; do
    ((SECONDS < end)) || fail "the screen does not show: $1"
    sleep 0.1
  done
}
run() {
  t send-keys -t main C-l
  type_line "clear; $(printf '%q' "$kctl") --namespace $namespace $*"
}
ends() {
  type_line 'echo "code=$?"'
  sees "code=$1"
}

step 'edit, with vi'
run edit configmap menu
sees 'dish: soup'
t send-keys -t main -l ':%s/soup/stew/'
t send-keys -t main Enter
type_line ':wq'
sees 'configmap/menu edited'
ends 0
[[ $(k get configmap menu -o jsonpath='{.data.dish}') == stew ]] || fail 'the change did not arrive'

step 'edit, without a change'
run edit configmap menu
sees 'dish: stew'
type_line ':q!'
sees 'Edit cancelled, no changes made.'

step 'edit, what the server refuses comes again with why'
run edit pod web
sees 'image: nginx:1.27'
type_line ':%s/restartPolicy: Never/restartPolicy: Sometimes/'
type_line ':wq'
sees '# pods "web" was not valid:'
type_line ':q!'
sees 'Edit cancelled'
ends 1

step 'exec -it: a shell, its size, keys, its code'
run exec -it web -- sh
sleep 1
type_line 'stty size; echo in-$((1+1))'
sees 'in-2'
sees '30 100'
type_line 'sleep 100'
sleep 0.5
t send-keys -t main C-c
type_line 'echo on-$((2+2))'
sees 'on-4'
t resize-window -t main -x 90 -y 25
sleep 0.5
type_line 'stty size'
sees '25 90'
t resize-window -t main -x 100 -y 30
type_line 'exit 5'
sees 'command terminated with exit code 5'
ends 5

step 'run -it --rm'
run run once -it --rm --image=busybox --restart=Never -- sh
sees 'try pressing enter'
t send-keys -t main Enter
type_line 'echo here-$((3+3))'
sees 'here-6'
type_line 'exit'
sees 'pod "once" deleted'

step 'debug -it'
run debug web -it --image=busybox -- sh
sees 'Defaulting debug container name to debugger-'
t send-keys -t main Enter
type_line 'echo beside-$((4+4))'
sees 'beside-8'
type_line 'exit'
sees 'Session ended'
ends 0

step 'delete -i: no, and yes'
run delete configmap menu -i
sees 'configmap/menu'
type_line n
sees 'deletion is cancelled'
k get configmap menu >/dev/null || fail 'it is gone'
run delete configmap menu -i
sees '(y/N)'
type_line y
sees 'configmap "menu" deleted'

step 'get --watch ends with Ctrl-C, and the terminal is as it was'
run get pods --watch
sees web
t send-keys -t main C-c
ends 1
type_line 'stty -a | tr " " "\n" | grep -x "[-]*echo"'
sees echo
echo 'all of it'
