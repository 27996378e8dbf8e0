#!/usr/bin/env python3
"""Kills a node at random moments while it syncs and reorganises; each time it must start again and lose nothing.

PUMASI_BITCOIND   our binary (default: target/debug/pumasi-bitcoind)
KILLS             how many kills (500)
SEED              what the moments and the forks depend on

One node makes blocks and forks and is never killed; the other follows it. Every 20 kills it may catch up, and must
then have the same tip and the same coins as the node that was never interrupted.
"""

import http.client
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time

from sync import OURS, FIRST, Node, agree, free_port, leave_nothing_behind

KILLS = int(os.environ.get("KILLS", "500"))
SEED = int(os.environ.get("SEED", str(random.randrange(2**32))))
CHECK_EVERY = 20


class Victim:
    def __init__(self, folder, source):
        self.folder, self.source = folder, source
        os.mkdir(folder)
        self.rpc_port, self.port = free_port(), free_port()

    def start(self):
        return subprocess.Popen(
            [
                OURS, f"-datadir={self.folder}", "-regtest", f"-connect=127.0.0.1:{self.source.port}", "-listen=0",
                f"-rpcport={self.rpc_port}", "-debug=net", "-printtoconsole=0", "-dbcache=4",
            ],
            stderr=subprocess.PIPE,
        )

    def keep_saving(self, process):
        """Asks for the figures of all coins, before which they are written to the disk, until the process is gone."""
        node = self.handle(process)
        while process.poll() is None:
            try:
                node.call("gettxoutsetinfo", "none")
            except (OSError, RuntimeError, ValueError, http.client.HTTPException):
                time.sleep(0.02)

    def handle(self, process):
        node = Node.__new__(Node)
        node.folder, node.rpc_port, node.port, node.process = pathlib.Path(self.folder), self.rpc_port, self.port, process
        return node

    def node(self, process):
        """The running process, to be asked."""
        node = self.handle(process)
        Node.until(node.answers, "the RPC answers after a kill")
        return node


def disturb(source, rng):
    """New blocks, or a fork that leaves up to twenty blocks below the tip and is longer."""
    height = source.call("getblockcount")
    # Spendable by anybody, and never the same block twice: one that was invalidated would stay so.
    script = f"raw(04{rng.randbytes(4).hex()}7551)"
    if rng.random() < 0.4 and height > 30:
        depth = rng.randint(1, 20)
        source.call("invalidateblock", source.call("getblockhash", height - depth + 1))
        source.call("generatetodescriptor", depth + rng.randint(1, 3), script)
    else:
        source.call("generatetodescriptor", rng.randint(1, 20), script)


def main():
    rng = random.Random(SEED)
    print(f"seed {SEED}, {KILLS} kills")
    with tempfile.TemporaryDirectory() as folder:
        source = Node(OURS, f"{folder}/source", True)
        source.call("generatetodescriptor", 110, FIRST)
        victim = Victim(f"{folder}/victim", source)
        begin, forks = time.monotonic(), 0
        for kill in range(1, KILLS + 1):
            disturb(source, rng)
            process = victim.start()
            # Saves all the time, so that kills hit the moment of a commit too.
            threading.Thread(target=victim.keep_saving, args=(process,), daemon=True).start()
            # From the first moments of opening to well into the sync.
            time.sleep(rng.random() ** 2 * 0.8)
            if process.poll() is not None:
                raise SystemExit(f"FAILED after {kill} kills: {process.stderr.read().decode()}")
            process.send_signal(signal.SIGKILL)
            process.wait()
            if kill % CHECK_EVERY == 0:
                process = victim.start()
                node = victim.node(process)
                Node.until(lambda: node.call("getconnectioncount") > 0, "connected")
                agree(node, source, f"after {kill} kills")
                node.stop()
                forks += 1
        print(f"ok: {KILLS} kills in {time.monotonic() - begin:.0f} s, {forks} times the same coins")
        source.stop()


if __name__ == "__main__":
    try:
        sys.exit(main())
    finally:
        leave_nothing_behind()
