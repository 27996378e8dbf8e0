"""The DHT of note 003 (PyPI kademlia) beside ours: nodes on loopback in one process. Prints one JSON object."""

import asyncio
import json
import random
import socket
import sys
import time

from kademlia.network import Server


def free_ports(count):
    sockets = []
    for _ in range(count):
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.bind(("127.0.0.1", 0))
        sockets.append(one)
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


async def timed(jobs, at_once):
    """Runs the jobs, so many at a time; gives the seconds that all took, and those of each."""
    gate = asyncio.Semaphore(at_once)
    took = []

    async def run(job):
        async with gate:
            began = time.perf_counter()
            await job()
            took.append(time.perf_counter() - began)

    began = time.perf_counter()
    await asyncio.gather(*(run(job) for job in jobs))
    return time.perf_counter() - began, took


def p95(took):
    took = sorted(took)
    return round(1000 * took[round(0.95 * (len(took) - 1))], 2)


async def main(ask):
    rng = random.Random(ask["seed"])
    ports = free_ports(ask["nodes"])
    nodes = [Server() for _ in ports]
    for node, port in zip(nodes, ports):
        await node.listen(port, interface="127.0.0.1")
    for at, node in enumerate(nodes[1:], 1):
        await node.bootstrap([("127.0.0.1", ports[rng.randrange(at)])])
    keys = [f"key {number}" for number in range(ask["keys"])]
    value = lambda key, version: f"{version} {key} ".ljust(ask["bytes"], "x")
    found = {}

    def put(key, version):
        node = rng.choice(nodes)
        return lambda: node.set(key, value(key, version))

    def get(key):
        node = rng.choice(nodes)

        async def run():
            found[key] = await node.get(key)

        return run

    answer = {}
    for phase, at_once in ask["phases"]:
        cpu = time.process_time()
        wall, took = await timed([put(key, f"first {phase}") for key in keys], at_once)
        put_cpu, cpu = time.process_time() - cpu, time.process_time()
        gets = [get(rng.choice(keys)) for _ in range(ask["gets"])]
        got, got_took = await timed(gets, at_once)
        answer[phase] = {
            "puts_per_s": round(len(keys) / wall, 1),
            "put_p95_ms": p95(took),
            "put_cpu_ms": round(1000 * put_cpu / len(keys), 3),
            "gets_per_s": round(len(gets) / got, 1),
            "get_p95_ms": p95(got_took),
            "get_cpu_ms": round(1000 * (time.process_time() - cpu) / len(gets), 3),
        }

    # Overwritten by its owner, and read by another at once.
    stale = 0
    for key in keys:
        await rng.choice(nodes).set(key, value(key, "second"))
        stale += (await rng.choice(nodes).get(key)) != value(key, "second")
    # Overwritten by anybody.
    forged = 0
    for key in keys:
        await rng.choice(nodes).set(key, value(key, "forged"))
        forged += (await rng.choice(nodes).get(key)) == value(key, "forged")
    answer |= {"stale": stale, "forged": forged, "keys": len(keys)}
    print(json.dumps(answer))
    for node in nodes:
        node.stop()


asyncio.run(main(json.loads(sys.argv[1])))
