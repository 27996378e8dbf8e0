#!/usr/bin/env bash
# Bitcoin Core's own functional tests against pumasi-bitcoind, unmodified.
#
#   PUMASI_CORE_SOURCE   a source tree of Bitcoin Core (31 or its development branch), or any folder that has its test/
#   PUMASI_BITCOIND      our binary (default: target/debug/pumasi-bitcoind)
#   BITCOINCLI           Core's bitcoin-cli, for the tests that use it (optional)
#
# Usage: functional.sh [test …]     without arguments: those that the node must pass.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)

named=(
  p2p_ping p2p_leak p2p_timeouts p2p_invalid_block p2p_invalid_tx p2p_invalid_messages p2p_sendheaders
  feature_block feature_dersig feature_cltv feature_csv_activation feature_nulldummy feature_taproot
  mempool_spend_coinbase mempool_resurrect mempool_reorg mempool_accept interface_rpc
)
tests=("$@")
((${#tests[@]})) || tests=("${named[@]}")

if [[ -z ${PUMASI_CORE_SOURCE:-} || ! -d ${PUMASI_CORE_SOURCE:-}/test/functional ]]; then
  printf 'SKIPPED core functional %s: PUMASI_CORE_SOURCE names no source of Bitcoin Core\n' "${tests[@]}"
  exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# What Core's build would write, without a wallet.
cat >"$work/config.ini" <<INI
[environment]
CLIENT_NAME=Pumasi
CLIENT_BUGREPORT=
SRCDIR=$PUMASI_CORE_SOURCE
BUILDDIR=$work
EXEEXT=
RPCAUTH=$PUMASI_CORE_SOURCE/share/rpcauth/rpcauth.py

[components]
ENABLE_BITCOIND=true
INI
[[ -n ${BITCOINCLI:-} ]] && echo ENABLE_CLI=true >>"$work/config.ini"

export BITCOIND=${PUMASI_BITCOIND:-${CARGO_TARGET_DIR:-$root/target}/debug/pumasi-bitcoind}
export PYTHONDONTWRITEBYTECODE=1
failed=0
for test in "${tests[@]}"; do
  status=0
  begin=$SECONDS
  timeout "${PUMASI_CORE_TIMEOUT:-1800}" python3 "$PUMASI_CORE_SOURCE/test/functional/${test%.py}.py" \
    --configfile="$work/config.ini" --cachedir="$work/cache" >"$work/$test.log" 2>&1 || status=$?
  case $status in
    0) echo "ok      $test ($((SECONDS - begin)) s)" ;;
    77) echo "SKIPPED core functional $test: $(grep -o 'Test Skipped: .*' "$work/$test.log")" ;;
    *)
      failed=1
      echo "FAILED  $test ($((SECONDS - begin)) s)"
      grep -vE '^\s*$' "$work/$test.log" | tail -40
      ;;
  esac
done
exit $failed
