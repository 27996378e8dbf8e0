#!/usr/bin/env bash
# A page in real Chromium pays a real shop, which is killed meanwhile and comes back: two bootstrap nodes with gateways, a
# shop that takes strangers by HTTPS, and the test `shop` of apps/web. Both ledgers are audited at the end.
#
#   testing/web/pay.sh [path of the pumasi binary]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
pumasi=${1:-${CARGO_TARGET_DIR:-target}/debug/pumasi}
folder=$(mktemp -d)
pids=()
export PUMASI_LANG=en PUMASI_HOME=$folder/shop PUMASI_PASSWORD=shop PUMASI_LOOPBACK=true
end() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$folder"
}
trap end EXIT

# line FILE EVENT: the first line of an event, within half a minute.
line() {
  for _ in $(seq 300); do
    grep -m1 "\"event\":\"$2\"" "$1" 2>/dev/null && return
    sleep 0.1
  done
  echo "no $2 in $1" >&2
  return 1
}
member() { python3 -c 'import json,sys; print(json.load(sys.stdin)'"$1"')'; }

node() { # node NAME [option…]
  local name=$1
  shift
  "$pumasi" bootstrap --json --listen 127.0.0.1:0 --gateway 127.0.0.1:0 --data "$folder/$name" "$@" >"$folder/$name.log" &
  pids+=($!)
}
node one
one=$(line "$folder/one.log" listening | member '["addresses"][0]')
node two --join "$one"
gateways=$(for name in one two; do line "$folder/$name.log" gateway | member '["url"]'; done | paste -sd,)
export PUMASI_BOOTSTRAP=$one

"$pumasi" init --name shop --json >"$folder/init.log"
did=$("$pumasi" id show --json | member '["did"]')
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
shop() {
  "$pumasi" listen --json --endpoint "127.0.0.1:$port" --shop --stranger-limit "50,000 KRW" >"$folder/shop.log" &
  shop=$!
  pids+=("$shop")
  line "$folder/shop.log" listening >/dev/null
}
shop

# Kills the shop as soon as it has taken a second payment, as a power cut would, and starts it again.
(
  for _ in $(seq 3000); do
    (($(grep -c '"state":"taken"' "$folder/shop.log" || true) >= 3)) && break
    sleep 0.1
  done
  kill -9 "$shop"
  echo "the shop was killed after $(grep -c '"state":"taken"' "$folder/shop.log") payments" >&2
  sleep 3
  exec "$pumasi" listen --json --endpoint "127.0.0.1:$port" --shop --stranger-limit "50,000 KRW" >"$folder/again.log"
) &
pids+=($!)

export PUMASI_TEST_SHOP=$did PUMASI_TEST_GATEWAYS=$gateways,http://127.0.0.1:9
${XTASK:-cargo xtask} wasm-test -p pumasi-web -- a_page_pays_a_shop

for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
wait 2>/dev/null || true
"$pumasi" status --json
"$pumasi" ledger audit
