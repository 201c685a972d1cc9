#!/usr/bin/env bash
# The main job on one machine, with nothing else to set up: a hub, a Git repository with the example
# fleet, and an agent for each of its 50 clusters over mutual TLS (simulated clusters, real agents).
#
#   HOLDFAST_BIN=build/release/bin demo.sh [KUBECONFIG]
#
# HOLDFAST_BIN is the folder of the programs. With KUBECONFIG one more cluster is enrolled: the real
# one. On a terminal the fleet is left running until Ctrl-C.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
bin=$(cd "${HOLDFAST_BIN:-$here/../../build/release/bin}" && pwd)
fleet=$here/../examples/fleet
kubeconfig=${1:-}
kubeconfig=${kubeconfig/#~\//$HOME/} # not every shell does that behind KUBECONFIG=
goal=healthy # on simulated clusters; a real one may have no way to the images
[ -n "$kubeconfig" ] && goal=applied
interactive=false
[ -t 1 ] && interactive=true

bold='' dim='' off=''
if $interactive && [ -z "${NO_COLOR:-}" ]; then
    bold=$'\e[1m' dim=$'\e[2m' off=$'\e[0m'
fi

dir=$(mktemp -d "${TMPDIR:-/tmp}/holdfast-demo.XXXXXX")
pids=()

clean_up() {
    trap - EXIT INT TERM
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
    rm -rf "$dir"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

say() { printf '\n%s%s%s\n' "$bold" "$*" "$off"; }
note() { printf '%s%s%s\n' "$dim" "$*" "$off"; }
fail() {
    printf 'demo: %s\n' "$*" >&2
    tail -n 15 "$dir"/*.log >&2 2>/dev/null || true
    exit 1
}

free_port() {
    local port
    for _ in $(seq 50); do
        port=$((20000 + RANDOM % 12000)) # below those that connections get
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
    done
    fail 'no free port was found'
}

# wait_for SECONDS COMMAND...: until the command succeeds.
wait_for() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.05
    done
}

holdfast() {
    "$bin/holdfast" --server "https://127.0.0.1:$api_port" --ca-file "$dir/hub/keys/root.crt" \
        --token-file "$dir/hub/admin.token" "$@"
}

commit() {
    git -C "$dir/clone" add -A
    git -C "$dir/clone" -c user.name='Ada Demo' -c user.email=ada@fleet.example commit -q -m "$1"
    git -C "$dir/clone" push -q origin HEAD:main
    git -C "$dir/clone" rev-parse HEAD
}

sim() { "$bin/holdfast-sim" --control "$dir/sim.sock" --command "$*" >/dev/null; }

if [ -n "$kubeconfig" ] && ! [ -r "$kubeconfig" ]; then
    fail "KUBECONFIG names '$kubeconfig', which cannot be read"
fi

# --- A repository with a fleet

say '1. A Git repository: three environments, 50 clusters, 8 apps with values per cluster'
git init -q --bare -b main "$dir/fleet.git"
git clone -q "$dir/fleet.git" "$dir/clone" 2>/dev/null
cp -R "$fleet/." "$dir/clone/"
if [ -n "$kubeconfig" ]; then
    cat >"$dir/clone/clusters/real.yaml" <<YAML
apiVersion: holdfast/v1alpha1
kind: Cluster
metadata:
  name: real
  labels: {env: staging, region: here, tier: cloud}
spec:
  values: {domain: real.fleet.example, replicas: 1, logLevel: debug}
YAML
fi
first=$(commit 'the fleet as it is today')
note "   file://$dir/fleet.git at ${first:0:8}"

# --- A hub

say '2. A hub on its embedded store'
link_port=$(free_port)
enroll_port=$(free_port)
api_port=$(free_port)
cat >"$dir/repositories.yaml" <<YAML
repositories:
- name: fleet
  url: file://$dir/fleet.git
  branch: main
  pollInterval: 1s
  write: direct
YAML
if [ -n "$kubeconfig" ]; then
    # What is in the real cluster belongs to a hub; with the same one it is taken over the next time.
    mkdir -m 700 "$dir/hub" "$dir/hub/keys"
    printf 'de30fa57-0000-4000-8000-000000000001' >"$dir/hub/keys/hub.id"
    (umask 077 && head -c 32 /dev/urandom >"$dir/hub/keys/secrets.key")
fi
"$bin/holdfast-hub" --data-dir "$dir/hub" --repositories "$dir/repositories.yaml" \
    --listen "127.0.0.1:$link_port" --enroll-listen "127.0.0.1:$enroll_port" \
    --api-listen "127.0.0.1:$api_port" >"$dir/hub.log" 2>&1 &
pids+=($!)
wait_for 60 holdfast version --server-only || fail 'the hub did not start'
note "   agents on 127.0.0.1:$link_port, API on https://127.0.0.1:$api_port"

# --- Agents

say '3. An agent for each cluster: single-use join tokens, keys made by the agents, mutual TLS'
wait_for 60 bash -c "'$bin/holdfast' --server https://127.0.0.1:$api_port --ca-file '$dir/hub/keys/root.crt' \
    --token-file '$dir/hub/admin.token' get clusters -o name | grep -q ." || fail 'the hub knows no cluster'
holdfast enroll --all --tokens >"$dir/tokens"
if [ -n "$kubeconfig" ]; then
    grep '^real ' "$dir/tokens" >"$dir/real.token"
    sed -i '/^real /d' "$dir/tokens"
    "$bin/holdfast-agent" --data-dir "$dir/real" --join-token "$(cut -d' ' -f2 "$dir/real.token")" \
        --enroll-hub "127.0.0.1:$enroll_port" --kubeconfig "$kubeconfig" >"$dir/real.log" 2>&1 &
    real_pid=$!
    pids+=($real_pid)
    real_is_gone() { ! kill -0 $real_pid; }
    real_is_settled() { real_is_gone || grep -q 'id=agent.connected' "$dir/real.log"; }
    wait_for 60 real_is_settled || fail 'the agent of the real cluster did not reach the hub'
    if real_is_gone 2>/dev/null; then fail 'the agent of the real cluster gave up'; fi
fi
"$bin/holdfast-sim" --tokens "$dir/tokens" --enroll-hub "127.0.0.1:$enroll_port" \
    --data-dir "$dir/agents" --control "$dir/sim.sock" >"$dir/sim.log" 2>&1 &
sim_pid=$!
pids+=($sim_pid)
sim_is_settled() { [ -S "$dir/sim.sock" ] || ! kill -0 $sim_pid; }
if ! wait_for 60 sim_is_settled || ! kill -0 $sim_pid; then fail 'the agents did not start'; fi
holdfast wait --for $goal --timeout 300s || fail 'the fleet did not become healthy'

# --- A commit reaches the fleet

say '4. A commit: checkout 1.4.2 -> 1.5.0'
sed -i 's#checkout:1\.4\.2#checkout:1.5.0#' "$dir/clone/apps/shop/checkout/deployment.yaml"
second=$(commit 'checkout 1.5.0')
note "   pushed ${second:0:8}; the hub polls every second (a webhook would do it at once)"
holdfast wait --revision "$second" --for $goal --timeout 300s || fail 'the commit did not reach the fleet'

# --- Something changes behind Git's back

say "5. Somebody changes two clusters behind Git's back"
sim drift eu-west-01 Deployment.apps/shop/checkout spec.replicas 9 kubectl-edit
sim drift store-007 ConfigMap/shop/frontend-config data.logLevel trace kubectl-edit
drift_is_seen() { [ "$(holdfast get drift -o name | wc -l)" -ge 2 ]; }
wait_for 60 drift_is_seen || fail 'the drift was not reported'
holdfast get drift

# --- Clusters reject a release

say '6. Canaries reject checkout 1.5.0 on three clusters; what they decide becomes a commit'
for cluster in eu-west-02 eu-west-03 store-007; do
    sim decide $cluster Deployment.apps/shop/checkout rejected '"Failed checks threshold reached 5"'
done
held_in_git() {
    git -C "$dir/clone" fetch -q && git -C "$dir/clone" show origin/main:holds/checkout 2>/dev/null &&
        git -C "$dir/clone" grep -q store-007 origin/main -- holds
}
wait_for 150 held_in_git || fail 'the decision did not come to Git'
git -C "$dir/clone" pull -q --ff-only origin main
git -C "$dir/clone" log -1 --format='   %h  %an%n%n%w(0,3,3)%B'

say '7. Somebody edits the same App: it lands there too, on the image that is good'
sed -i 's#^\( *\)- {name: PAYMENT_MODE#\1- {name: CURRENCY, value: EUR}\n&#' "$dir/clone/apps/shop/checkout/deployment.yaml"
third=$(commit 'checkout: prices in euros')
holdfast wait --revision "$third" --for $goal --timeout 300s || fail 'the commit did not reach the fleet'
holdfast get holds
note '   what happened, and why one cluster is as it is:'
holdfast log :checkout --limit 6
holdfast why eu-west-02:checkout

say '8. What is desired and what is there, for any tool that reads Git: git diff desired actual'
difference() { git --no-pager -C "$dir/hub/state.git" diff -U0 desired actual; }
by_hand_is_left() {
    local all
    all=$(difference)
    grep -q '^+.*trace' <<<"$all" && ! grep -q /checkout/ <<<"$all"
}
wait_for 150 by_hand_is_left || fail 'the state repository does not tell the drift'
note '   The three clusters are as desired, with the Hold; one change by hand is left:'
difference

say 'The fleet answers'
holdfast get apps

if [ -n "$kubeconfig" ]; then
    say 'And the real cluster among them'
    holdfast get status --cluster real
    note '   It keeps what it got. To take that away once this has ended:'
    note "   kubectl --kubeconfig $kubeconfig delete namespace shop observability holdfast-system"
fi

if ! $interactive; then
    say 'Done.'
    exit 0
fi
cat <<TEXT

${bold}The fleet is running.${off} Try, in another terminal:

  export HOLDFAST_SERVER=https://127.0.0.1:$api_port
  export HOLDFAST_CA_FILE=$dir/hub/keys/root.crt HOLDFAST_TOKEN_FILE=$dir/hub/admin.token
  export PATH=$bin:\$PATH; source <(holdfast completion bash)
  holdfast get clusters
  holdfast describe app checkout
  holdfast diff cluster eu-west-01
  holdfast show ':checkout@{1.minute.ago}'
  holdfast logs -f
  holdfast watch

  cd $dir/clone    # edit, commit, push: the fleet follows

Ctrl-C ends it and cleans up.
TEXT
wait -n "${pids[@]}" || true
fail 'a program ended by itself'
