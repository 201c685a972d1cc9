"""A TCP proxy on the loopback with weather: what passes through it is delayed, cut, held or spoilt.

    proxy = Proxy(7420)           # hands on to that port; clients use proxy.port
    proxy.weather = Weather(delay=0.2, piece=1)
"""
import asyncio
import dataclasses
import random
import socket
import struct
import threading

CALM_PIECE = 65536


@dataclasses.dataclass(frozen=True)
class Weather:
    delay: float = 0  # seconds for each piece
    piece: int = CALM_PIECE  # bytes that go at once
    rate: float = 0  # bytes a second; 0: any
    flip: float = 0  # how likely a piece has one bit changed
    loss: float = 0  # how likely a piece never comes: then nothing more does, as without an answer
    up: bool = True  # from the client to the server; False: held, and nobody is told
    down: bool = True
    share: float = 1  # of the connections


CALM = Weather()


class Proxy:
    """Serves from a thread of its own until the process ends."""

    def __init__(self, to, seed=0):
        self.to = to
        self.weather = CALM
        self.refuses = False  # new connections are reset
        self.random = random.Random(seed)
        self.links = set()
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen(512)
        self.port = listener.getsockname()[1]
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self._run, args=(listener,), daemon=True).start()

    def reset_all(self):
        """Ends all connections with a reset, at both ends."""
        self.loop.call_soon_threadsafe(self._reset_all)

    def _run(self, listener):
        asyncio.set_event_loop(self.loop)
        self.loop.create_task(asyncio.start_server(self._serve, sock=listener))
        self.loop.run_forever()

    def _reset_all(self):
        for link in list(self.links):
            for writer in link:
                reset(writer)

    async def _serve(self, reader, writer):
        if self.refuses:
            reset(writer)
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.to)
        except OSError:
            reset(writer)
            return
        link = (writer, far_writer)
        self.links.add(link)
        luck = self.random.random()
        await asyncio.gather(self._pump(reader, far_writer, "up", luck),
                             self._pump(far_reader, writer, "down", luck))
        self.links.discard(link)

    def _weather_of(self, luck):
        weather = self.weather
        return weather if luck < weather.share else CALM

    async def _pump(self, reader, writer, way, luck):
        try:
            while data := await reader.read(CALM_PIECE):
                if not await self._carry(data, writer, way, luck):
                    return
            writer.write_eof()
        except (OSError, RuntimeError):
            reset(writer)

    async def _carry(self, data, writer, way, luck):
        """Hands bytes on, piece by piece, as the weather is; false if they were lost on the way."""
        while data:
            weather = self._weather_of(luck)
            if not getattr(weather, way):
                await asyncio.sleep(0.05)
                continue
            if self.random.random() < weather.loss:
                return False
            piece, data = bytearray(data[:weather.piece]), data[weather.piece:]
            if self.random.random() < weather.flip:
                piece[self.random.randrange(len(piece))] ^= 1 << self.random.randrange(8)
            pause = weather.delay + (len(piece) / weather.rate if weather.rate else 0)
            if pause:
                await asyncio.sleep(pause)
            writer.write(piece)
            await writer.drain()
        return True


def reset(writer):
    """Closes a connection so that the other end sees a reset."""
    plain = writer.get_extra_info("socket")
    try:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    except OSError:
        pass
    writer.transport.abort()
