"""Many clients at once against a server, on raw sockets: a client library would cost more than the server."""

import asyncio
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit


class BadAnswer(Exception):
    """A status other than 200."""


@dataclass
class Load:
    """Latencies of all requests of some clients over some seconds."""

    seconds: float = 0
    bytes: int = 0
    latencies: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        """Milliseconds that this share of the requests stayed below."""
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def load(url: str, headers: dict[str, str], clients: int, seconds: float) -> Load:
    """Each client asks again as soon as it has its answer; the first tenth of the time does not count."""
    return asyncio.run(_load(url, headers, clients, seconds))


def fetch(url: str, headers: dict[str, str]) -> tuple[float, int]:
    """One request from its first byte to its last: seconds, and bytes of the body."""
    return asyncio.run(_fetch(url, headers))


async def _load(url: str, headers: dict[str, str], clients: int, seconds: float) -> Load:
    found = Load()
    start = time.perf_counter()
    begin, end = start + seconds / 10, start + seconds * 1.1

    async def client() -> None:
        reader, writer = await _connected(url)
        request = _request(url, headers)
        while (asked := time.perf_counter()) < end:
            writer.write(request)
            size = await _answer(reader)
            if time.perf_counter() >= begin:
                found.latencies.append(time.perf_counter() - asked)
                found.bytes += size
        writer.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    found.seconds = time.perf_counter() - begin
    return found


async def _fetch(url: str, headers: dict[str, str]) -> tuple[float, int]:
    reader, writer = await _connected(url)
    start = time.perf_counter()
    writer.write(_request(url, headers))
    size = await _answer(reader)
    writer.close()
    return time.perf_counter() - start, size


async def _connected(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    parts = urlsplit(url)
    return await asyncio.open_connection(parts.hostname, parts.port, limit=1 << 22)


def _request(url: str, headers: dict[str, str]) -> bytes:
    parts = urlsplit(url)
    lines = [f"GET {parts.path}?{parts.query} HTTP/1.1", f"Host: {parts.netloc}"]
    return "\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers.items()), "", ""]).encode()


async def _answer(reader: asyncio.StreamReader) -> int:
    """Reads one answer, whole or in chunks, and returns the bytes of its body."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if b" 200 " not in head.split(b"\r\n", 1)[0]:
        raise BadAnswer(head.decode())
    if b"transfer-encoding: chunked" not in head:
        length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        return length
    total = 0
    while size := int(await reader.readline(), 16):
        await reader.readexactly(size + 2)
        total += size
    await reader.readline()
    return total
