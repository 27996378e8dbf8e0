"""A peer on go-libp2p that knows `docs/spec/` only: joins the overlay, finds a profile and verifies it, keeps some for others,
and talks in a topic. One JSON request per line in, one answer per line out.

The transports, Noise, Yamux, QUIC and identify are go-libp2p's, Kademlia and gossip are written here.
"""

import asyncio
import json
import sys

from daemon import Daemon
from gossip import Gossip, make_member, make_message, member_key
from kad import Kad, profile_key
from pumasi import Person
from wire import framed, is_quic, multiaddr, peer_id, peer_name, tcp_host

SET = "/pumasi/set/1.0.0"
MAX_SET = 262_144


def say(event, more):
    print(json.dumps({"event": event} | more, ensure_ascii=False), flush=True)


class Node:
    async def start(self):
        self.person = Person()
        self.daemon = await Daemon().start()
        self.kad, self.gossip = Kad(self.daemon, over=tcp_host), Gossip(self.daemon, say)
        await self.kad.serve()
        await self.gossip.serve()
        name = peer_name(self.daemon.id)
        say("started", {"peer": name, "address": f"{self.daemon.address}/p2p/{name}"})

    async def join(self, address):
        answers = await self.kad.join(await self.daemon.dial(address), multiaddr(address))
        return {"answered": len(answers), "known": len(self.kad.peers)}

    async def find(self, did):
        return found(*await self.kad.find(did))

    async def find_over_quic(self, address, did):
        """Once more from a node of its own, which only asks."""
        other = await Daemon().start()
        try:
            kad = Kad(other, over=is_quic)
            kad.peers[await other.dial(address)] = [multiaddr(address)]
            answer = found(*await kad.find(did))
            connections = await other.connections()
            return answer | {"quic": bool(connections) and all(map(is_quic, connections))}
        finally:
            other.stop()

    async def kept(self, did):
        """Which profile was put here, and how often one was told to somebody."""
        for _ in range(300):
            if value := self.kad.kept.get(profile_key(did)):
                return {"sequence": json.loads(value)["sequence"], "told": self.kad.told}
            await asyncio.sleep(0.1)
        raise LookupError("nobody has put it here")

    async def topic(self, name, neighbour):
        """Joins a topic with one neighbour, and no other; and says to the nodes of the DHT that it is a member."""
        await self.gossip.join(peer_id(neighbour), name)
        key = member_key(name)
        request = b"\x01" + framed(key) + make_member(self.person, name, peer_name(self.daemon.id), [self.daemon.address])
        answers = [await self.daemon.exchange(peer, SET, request, MAX_SET) for peer in await self.kad.nodes(key)]
        return {"did": self.person.did, "kept": answers.count(b"\x01")}

    async def say(self, name, text, forged=False):
        data = make_message(self.person, name, text)
        if forged:
            # A letter within the signature, not the last one: that one has bits which may not be set.
            data = data[:-10] + (b"B" if data[-10:-9] == b"A" else b"A") + data[-9:]
        await self.gossip.publish(name, data)
        return {}


def found(document, peer):
    if document is None:
        raise LookupError("not found")
    return {"id": document["id"], "sequence": document["sequence"], "from": peer_name(peer)}


async def main():
    node = Node()
    await node.start()
    lines = asyncio.StreamReader(limit=1 << 20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    try:
        while line := await lines.readline():
            asked = json.loads(line)
            does = asked.pop("do")
            try:
                say(does, await asyncio.wait_for(getattr(node, does)(**asked), 50))
            except Exception as error:
                say("failed", {"at": does, "why": f"{type(error).__name__}: {error}"})
    finally:
        node.daemon.stop()


asyncio.run(main())
