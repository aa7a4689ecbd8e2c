"""How many pictures a second does webiml serve answer, how long does one wait, and what memory does that take?

    python benchmarks/serve.py [--requests 600] [--clients 50] [--workers 0] [--weights NAME_OR_PATH] [--json OUT.json]

`webiml serve` runs as a user runs it, on loopback, with its token. Clients send the manipulated pictures of
examples/pairs, each client one after the other on a connection of its own, and every answer is compared with what a
single client got before. Two ways: JSON with all four maps held behind links, and the mask alone as PNG. Beside it, in
the same run and before it, a loop in one process: Localizer.localize on the same files with all cores, no maps encoded.

Clients and service share the cores. Memory is the resident size of the service and of its processes after the first
tenth of the requests, in the middle and at the end.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
from machine import machine
from speed import resident, tree

from webiml.localize.localizer import SHIPPED
from webiml.store.atomic import write_bytes

PAIRS = Path(__file__).resolve().parents[1] / "examples" / "pairs"
WAYS = {"JSON, four maps": "application/json", "PNG, the mask": "image/png"}
LOOP = """
import sys, time
from webiml import Localizer
weights, repeats, *pictures = sys.argv[1:]
localizer = Localizer.load(weights)
localizer.localize(pictures[0])
begun = time.perf_counter()
for number in range(int(repeats)):
    localizer.localize(pictures[number % len(pictures)])
print(time.perf_counter() - begun)
"""


@dataclass(frozen=True)
class Measured:
    """One way of asking: pictures a second, seconds that a client waited, answers that were lost, memory in bytes."""

    way: str
    requests: int
    rate: float
    p50: float
    p95: float
    p99: float
    lost: int
    service: list[int]
    workers: list[int]


def main() -> None:
    """Measure the loop and both ways."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=600)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--workers", type=int, default=0, help="processes of the service; 0: one for each core")
    parser.add_argument("--weights", default=SHIPPED, help="name or path of the localizer")
    parser.add_argument("--json", type=Path, help="write every figure here")
    arguments = parser.parse_args()
    pictures = sorted(PAIRS.glob("*/1.jpg"))
    print(f"{machine()}\n{arguments.weights}, {arguments.clients} clients, {len(pictures)} pictures")
    alone = loop(arguments.weights, pictures, max(len(pictures), arguments.requests // 6))
    print(f"\n{'a loop in one process':<24}{alone:>8.2f} pictures a second")
    print(f"\n{'':<24}{'a second':>9}{'of loop':>9}{'p50':>8}{'p95':>8}{'p99':>8}{'lost':>6}   memory, MB")
    found = []
    with service(arguments) as (process, host, token):
        for way, accept in WAYS.items():
            one = ask_all(way, accept, process, host, token, [path.read_bytes() for path in pictures], arguments)
            memory = " ".join(
                f"{here / 1e6:.0f}+{there / 1e6:.0f}" for here, there in zip(one.service, one.workers, strict=True)
            )
            print(
                f"{way:<24}{one.rate:>9.2f}{one.rate / alone:>9.2f}"
                f"{one.p50:>7.2f}s{one.p95:>7.2f}s{one.p99:>7.2f}s{one.lost:>6}   {memory}"
            )
            found.append(one)
    print("\nmemory: the service + its processes together, after a tenth, in the middle, at the end")
    if arguments.json:
        all_of_it = {"machine": machine(), "loop": alone, "ways": [asdict(one) for one in found]}
        write_bytes(arguments.json, json.dumps(all_of_it, indent=1, allow_nan=False).encode())
    if any(one.lost for one in found):
        raise SystemExit("Answers were lost, or were not those of a single client.")


def loop(weights: str, pictures: list[Path], repeats: int) -> float:
    """Pictures a second that one process localizes, once the network is warm."""
    command = [sys.executable, "-c", LOOP, weights, str(repeats), *map(str, pictures)]
    return repeats / float(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


@contextmanager
def service(arguments: argparse.Namespace) -> Iterator[tuple[int, str, str]]:
    """The service in a process; its id, its host and port, and its token."""
    options = ["--workers", str(arguments.workers), "--weights", arguments.weights]
    options += ["--queue", str(max(64, arguments.clients)), "--json"]
    command = [sys.executable, "-m", "webiml", "serve", *options]
    environment = {name: value for name, value in os.environ.items() if name != "WEBIML_TOKEN"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        try:
            said = json.loads(process.stdout.readline())
            yield process.pid, urlsplit(said["address"]).netloc, said["token"]
        finally:
            process.send_signal(signal.SIGINT)


def ask_all(
    way: str,
    accept: str,
    process: int,
    host: str,
    token: str,
    pictures: list[bytes],
    arguments: argparse.Namespace,
) -> Measured:
    """All requests of one way, after each picture has been asked for once by one client."""
    headers = {"Accept": accept, "Authorization": f"Bearer {token}"}
    with connected(host) as connection:
        expected = [telling(*ask(connection, one, headers)) for one in pictures]
    waits: list[float] = []
    memory: list[tuple[int, int]] = []
    marks = [arguments.requests // 10, arguments.requests // 2]
    lock, lost = threading.Lock(), 0

    def client(first: int) -> None:
        nonlocal lost
        with connected(host) as connection:
            for number in range(first, arguments.requests, arguments.clients):
                begun = time.perf_counter()
                try:
                    right = (
                        telling(*ask(connection, pictures[number % len(pictures)], headers))
                        == (expected[number % len(pictures)])
                    )
                except (OSError, http.client.HTTPException):
                    right = False
                    connection.close()
                with lock:
                    waits.append(time.perf_counter() - begun)
                    lost += not right
                    if len(waits) in marks:
                        memory.append(held(process))

    begun = time.perf_counter()
    with ThreadPoolExecutor(arguments.clients) as pool:
        list(pool.map(client, range(arguments.clients)))
    seconds = time.perf_counter() - begun
    memory.append(held(process))
    p50, p95, p99 = (float(value) for value in np.percentile(waits, [50, 95, 99]))
    parts = ([one for one, _ in memory], [other for _, other in memory])
    return Measured(way, len(waits), len(waits) / seconds, p50, p95, p99, lost, *parts)


@contextmanager
def connected(host: str) -> Iterator[http.client.HTTPConnection]:
    """A connection that stays open between requests."""
    connection = http.client.HTTPConnection(host, timeout=600)
    try:
        yield connection
    finally:
        connection.close()


def ask(connection: http.client.HTTPConnection, picture: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
    """Status and body of one answer."""
    connection.request("POST", "/localize?picture=mask", picture, headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def telling(status: int, body: bytes) -> tuple[int, object]:
    """What must be the same whenever a picture is sent: all but the time it took and the links."""
    if body[:1] != b"{":
        return status, body
    return status, {name: value for name, value in json.loads(body).items() if name not in ("seconds", "links")}


def held(process: int) -> tuple[int, int]:
    """Resident bytes of the service, and of its processes together."""
    return resident(process), sum(resident(one) for one in tree(process) if one != process)


if __name__ == "__main__":
    main()
