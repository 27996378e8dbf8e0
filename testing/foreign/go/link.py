"""A slow link between our nodes and the daemon.

The daemon copies a stream of libp2p to a socket and back, and closes both ways as soon as the other end has closed one. Nodes
of ours close their way right behind a request, as libp2p allows. So that there is time for an answer, this link carries what
goes to the daemon message by message, each a Noise message as it was sent, and waits behind one for what is answered to it:
the end of a request lies in a message of its own. Nothing is read, changed, left out or put in another order.
"""

import asyncio
from contextlib import contextmanager, suppress

# For the daemon to open a stream at its handler, and to hand a request over; for a handler to answer.
PAUSE, OPEN, ANSWER = 0.004, 0.05, 2
NOISE = b"/noise\n"


class Link:
    def __init__(self):
        # Streams that are open at a handler without a request so far; requests read and not answered; bytes from the daemon.
        self.waiting, self.unanswered, self.sent = 0, 0, 0
        self.ports = {}

    async def listen(self, target, into_daemon):
        """Leads a port of its own to the target; gives the port."""
        if target in self.ports:
            return self.ports[target]

        async def carry(reader, writer):
            ways = (self.slowly, self.copy) if into_daemon else (self.copy, self.slowly)
            # At the end of this process the connections are simply gone.
            with suppress(OSError, asyncio.CancelledError):
                there = await asyncio.open_connection(*target)
                await asyncio.gather(ways[0](reader, there[1]), ways[1](there[0], writer))
            writer.close()

        server = await asyncio.start_server(carry, "127.0.0.1", 0)
        self.ports[target] = server.sockets[0].getsockname()[1]
        return self.ports[target]

    async def slowly(self, reader, writer):
        try:
            said = b""
            # What is agreed in the clear: each behind one byte of length.
            while said != NOISE:
                length = await reader.readexactly(1)
                said = await reader.readexactly(length[0])
                writer.write(length + said)
            while True:
                length = await reader.readexactly(2)
                writer.write(length + await reader.readexactly(int.from_bytes(length, "big")))
                await writer.drain()
                await asyncio.sleep(PAUSE)
                await until(lambda: not self.waiting, OPEN)
                await until(lambda: not self.unanswered, ANSWER)
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()

    async def copy(self, reader, writer):
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
                self.sent += len(data)
        except OSError:
            pass
        finally:
            writer.close()

    async def first_request(self, read):
        self.waiting += 1
        try:
            return await read
        finally:
            self.waiting -= 1

    @contextmanager
    def answering(self):
        """Holds back what goes to the daemon."""
        self.unanswered += 1
        try:
            yield
        finally:
            self.unanswered -= 1

    async def passed_on(self, before):
        """Waits until the daemon has sent something since then."""
        await until(lambda: self.sent > before, ANSWER / 2)
        await asyncio.sleep(PAUSE)


async def until(done, patience):
    while not done() and patience > 0:
        await asyncio.sleep(0.002)
        patience -= 0.002
