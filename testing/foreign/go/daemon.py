"""go-libp2p in a process of its own: the daemon `p2pd`, which the Python package `hivemind` ships, and its control socket."""

import asyncio
import ctypes
import importlib.util
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

from link import Link
from wire import fields, framed, multiaddr, one, parse, peer_id, read_framed, tcp_host, unix

IDENTIFY, CONNECT, STREAM_OPEN, STREAM_HANDLER, _, LIST_PEERS = range(6)
START = 30
STEP = 10
PR_SET_PDEATHSIG = 1


def find():
    """Where the daemon lies. The package itself is not imported: most of what it needs is not installed."""
    package = importlib.util.find_spec("hivemind")
    return Path(package.submodule_search_locations[0]) / "hivemind_cli" / "p2pd"


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.2", 0))
        return taken.getsockname()[1]


class Daemon:
    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="p2pd-")
        self.control = f"{self.folder.name}/control"
        self.link = Link()
        self.handlers = 0

    async def start(self):
        # It listens where only the link leads, and tells the link's address. It dies with this process, however that ends.
        port = free_port()
        told = await self.link.listen(("127.0.0.2", port), into_daemon=True)
        self.address = f"/ip4/127.0.0.1/tcp/{told}"
        self.process = subprocess.Popen(
            [find(), "-listen", f"/unix{self.control}", "-hostAddrs", f"/ip4/127.0.0.2/tcp/{port},/ip4/127.0.0.2/udp/0/quic-v1",
             "-announceAddrs", self.address, "-relay=false", "-q"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=die_with_parent,
        )
        for _ in range(START * 20):
            await asyncio.sleep(0.05)
            assert self.process.poll() is None, "the daemon has ended"
            try:
                answer = await self.ask(IDENTIFY)
            except OSError:
                continue
            self.id = one(parse(one(answer, 4)), 1)
            return self
        raise TimeoutError("the daemon does not answer")

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.folder.cleanup()

    async def request(self, kind, *more):
        reader, writer = await asyncio.open_unix_connection(self.control)
        try:
            writer.write(framed(fields((1, kind), *more)))
            answer = parse(await asyncio.wait_for(read_framed(reader), STEP) or b"")
            if one(answer, 1) != 0:
                raise ConnectionError(one(parse(one(answer, 2, b"")), 1, b"the daemon has ended").decode())
        except BaseException:
            writer.close()
            raise
        return answer, reader, writer

    async def ask(self, kind, *more):
        answer, _, writer = await self.request(kind, *more)
        writer.close()
        return answer

    async def connect(self, peer, addresses):
        """Connects by the first address that it can dial: over the link where it is one of TCP."""
        at = []
        for address in addresses:
            if target := tcp_host(address):
                address = multiaddr(f"/ip4/127.0.0.1/tcp/{await self.link.listen(target, into_daemon=False)}")
            at.append(address)
        connect = fields((1, peer), *((2, address) for address in at), (3, STEP))
        await self.ask(CONNECT, (2, connect))

    async def dial(self, text):
        peer = peer_id(text)
        await self.connect(peer, [multiaddr(text)])
        return peer

    async def connections(self):
        """The address of the other end of each."""
        return [one(parse(peer), 2) for peer in (await self.ask(LIST_PEERS)).get(6, [])]

    async def open(self, peer, protocol):
        _, reader, writer = await self.request(STREAM_OPEN, (3, fields((1, peer), (2, protocol), (3, STEP))))
        return reader, writer

    async def exchange(self, peer, protocol, message, most):
        """One request and one answer, each behind its length."""
        reader, writer = await self.open(peer, protocol)
        try:
            writer.write(framed(message))
            answer = await asyncio.wait_for(read_framed(reader, most), STEP)
        finally:
            writer.close()
        if answer is None:
            raise ConnectionError("no answer")
        return answer

    async def handle(self, protocol, serve):
        """Has every stream of a protocol that others open go to `serve(peer, reader, writer)`."""

        async def accept(reader, writer):
            try:
                peer = one(parse(await read_framed(reader)), 1)
                await serve(peer, reader, writer)
            except (ValueError, OSError, asyncio.IncompleteReadError):
                pass
            finally:
                writer.close()

        self.handlers += 1
        path = f"{self.folder.name}/handler-{self.handlers}"
        await asyncio.start_unix_server(accept, path)
        await self.ask(STREAM_HANDLER, (4, fields((1, unix(path)), (2, protocol), (3, 0))))
