#!/usr/bin/env python3
"""A real Bitcoin Core and our node sync from each other on regtest, and end with the same coins.

PUMASI_CORE_BITCOIND   Core's bitcoind; without it the test says SKIPPED
PUMASI_BITCOIND        our binary

Both ways, over v1 and v2 transport, through a reorganisation of 100 blocks: same tip, same muhash.
"""

import base64
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

CORE = os.environ.get("PUMASI_CORE_BITCOIND", "")
OURS = os.environ.get("PUMASI_BITCOIND", "target/debug/pumasi-bitcoind")
# Blocks that anybody may spend, so that no wallet is needed; a second script makes a second branch.
FIRST, SECOND = "raw(51)", "raw(5187)"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Node:
    running = []

    def __init__(self, binary, folder, v2):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()
        self.port, self.rpc_port = free_port(), free_port()
        self.process = subprocess.Popen([
            binary, f"-datadir={folder}", "-regtest", "-server", "-listen", "-connect=0", "-dnsseed=0", "-debug=net",
            f"-bind=127.0.0.1:{self.port}", f"-rpcport={self.rpc_port}", f"-v2transport={int(v2)}",
            "-printtoconsole=0", "-listenonion=0", "-natpmp=0", "-discover=0",
        ])
        self.running.append(self.process)
        self.until(self.answers, "the RPC answers")

    def answers(self):
        try:
            self.call("getblockcount")
            return True
        except (OSError, RuntimeError):
            if self.process.poll() is not None:
                raise SystemExit(f"{self.folder.name} has ended with {self.process.returncode}")
            return False

    def call(self, method, *params):
        user = (self.folder / "regtest" / ".cookie").read_bytes()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.rpc_port}/",
            json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode(),
            {"Authorization": "Basic " + base64.b64encode(user).decode(), "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                reply = json.load(answer)
        except urllib.error.HTTPError as error:
            raise RuntimeError(error.read().decode()) from error
        if "error" in reply:
            raise RuntimeError(f"{method}: {reply['error']}")
        return reply["result"]

    @staticmethod
    def until(condition, what, seconds=120):
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise SystemExit(f"FAILED: not within {seconds} s: {what}")
            time.sleep(0.1)

    def coins(self):
        info = self.call("gettxoutsetinfo", "muhash")
        return info["bestblock"], info["txouts"], info["muhash"], info["total_amount"]

    def stop(self):
        self.call("stop")
        if self.process.wait(60) != 0:
            raise SystemExit(f"FAILED: {self.folder.name} ended with {self.process.returncode}")


def agree(one, other, what):
    Node.until(lambda: one.call("getbestblockhash") == other.call("getbestblockhash"), f"same tip {what}")
    if one.coins() != other.coins():
        raise SystemExit(f"FAILED: other coins {what}: {one.coins()} {other.coins()}")
    print(f"   {what}: height {one.call('getblockcount')}, muhash {one.coins()[2][:16]}…")


def connect(one, other):
    one.call("addnode", f"127.0.0.1:{other.port}", "onetry")
    Node.until(lambda: one.call("getconnectioncount") > 0 and other.call("getconnectioncount") > 0, "connected")


def part(one, other):
    for peer in one.call("getpeerinfo"):
        one.call("disconnectnode", "", peer["id"])
    Node.until(lambda: one.call("getconnectioncount") == 0 and other.call("getconnectioncount") == 0, "parted")


def run(folder, v2):
    transport = "v2" if v2 else "v1"
    core, ours = Node(CORE, f"{folder}/core-{transport}", v2), Node(OURS, f"{folder}/ours-{transport}", v2)
    core.call("generatetodescriptor", 150, FIRST)
    connect(ours, core)
    agree(ours, core, f"{transport}: ours has synced from Core")
    used = {peer["transport_protocol_type"] for peer in ours.call("getpeerinfo")}
    if used != {transport}:
        raise SystemExit(f"FAILED: the transport is {used}, not {transport}")
    ours.call("generatetodescriptor", 150, FIRST)
    agree(ours, core, f"{transport}: Core has followed our blocks")
    # Each goes its own way for 100 blocks; then the longer way wins, once on each side.
    for longer, shorter, name in ((core, ours, "ours"), (ours, core, "Core")):
        part(ours, core)
        shorter.call("generatetodescriptor", 100, FIRST)
        longer.call("generatetodescriptor", 101, SECOND)
        connect(ours, core)
        agree(ours, core, f"{transport}: {name} has reorganised 100 blocks")
    part(ours, core)
    # A fresh node of ours serves everything to a fresh Core.
    fresh = Node(CORE, f"{folder}/fresh-{transport}", v2)
    fresh.call("addnode", f"127.0.0.1:{ours.port}", "onetry")
    agree(fresh, ours, f"{transport}: a new Core has synced from ours")
    for node in (fresh, core, ours):
        node.stop()


def main():
    if not os.access(CORE, os.X_OK):
        print("SKIPPED core sync: PUMASI_CORE_BITCOIND names no bitcoind")
        return
    with tempfile.TemporaryDirectory() as folder:
        for v2 in (False, True):
            run(folder, v2)
    print("ok: Core and ours agree")


def leave_nothing_behind():
    """After a failure nodes are still there."""
    for process in Node.running:
        if process.poll() is None:
            process.kill()
            process.wait()


if __name__ == "__main__":
    try:
        sys.exit(main())
    finally:
        leave_nothing_behind()
