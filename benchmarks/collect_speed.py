"""How fast is webiml collect, and what does it hold in memory? Against a server of this machine, per number of links.

    python benchmarks/collect_speed.py --rows 1000 10000 100000 --out collect_speed.json
    python benchmarks/collect_speed.py --img2dataset PEER/bin/img2dataset  # elsewhere: it pins old versions

A server in a process of its own answers with distinct JPEGs (a comment in each makes them so). `webiml collect` runs
as a user runs it, from a CSV into a new store, with its usual checks: addresses, robots.txt, opt-out headers, sniffing,
SHA-256, a row a link, pictures made safe on the disk. Only the manners towards one host are lifted (--host-rate 0),
since there is but one. Beside it the naive way: 32 threads, urllib, a file a picture, nothing checked.

Server and client share the cores. Memory is VmHWM of the collecting process.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np

from webiml.runners.where import commit, machine


def jpeg(width: int, height: int) -> bytes:
    """A photograph-like JPEG: smooth noise, quality 85."""
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (height // 8, width // 8, 3), np.uint8)
    picture = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()


class Server(asyncio.Protocol):
    """Answers GET /<number>.jpg with the picture of that number, and /robots.txt with 404; nothing else is asked."""

    picture = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        path = data.split(b" ", 2)[1]
        if not path.endswith(b".jpg"):
            self.transport.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            return
        comment = b"\xff\xfe" + (2 + len(path)).to_bytes(2, "big") + path
        body = self.picture[:2] + comment + self.picture[2:]
        head = b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(body)
        self.transport.write(head + body)


async def serve(width: int, height: int) -> None:
    Server.picture = jpeg(width, height)
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def collect(folder: Path, links: list[str]) -> tuple[float, float]:
    """Seconds and peak memory, MB, of `webiml collect` of the links."""
    table = folder / "links.csv"
    with open(table, "w", encoding="utf-8") as file:
        file.write("url,group,name\n")
        file.writelines(f"{url},{number // 2},{number}\n" for number, url in enumerate(links))
    command = [
        sys.executable,
        "-m",
        "webiml",
        "collect",
        str(table),
        "--out",
        str(folder / "store"),
        "--json",
        "--quiet",
    ]
    command += ["--contact", "benchmark@localhost", "--allow-private", "--host-rate", "0", "--host-connections", "64"]
    started, peak = time.monotonic(), 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        while process.poll() is None:
            peak = max(peak, held(process.pid))
            time.sleep(0.1)
        assert process.stdout is not None
        summary = json.loads(process.stdout.read())
    assert summary["fetched"] == len(links), summary
    return time.monotonic() - started, peak / 1e3


def held(process: int) -> int:
    """Peak memory of a process, kB; 0 when it has ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)


def naive(folder: Path, links: list[str]) -> float:
    """Seconds of 32 threads that fetch the links and write a file each."""

    def one(number_url: tuple[int, str]) -> None:
        number, url = number_url
        with urllib.request.urlopen(url, timeout=10) as answer:
            (folder / f"{number}.jpg").write_bytes(answer.read())

    started = time.monotonic()
    with ThreadPoolExecutor(32) as threads:
        list(threads.map(one, enumerate(links)))
    return time.monotonic() - started


def img2dataset(program: Path, folder: Path, links: list[str]) -> float:
    """Seconds of img2dataset: 2 processes, 32 threads each, shards of 500, pictures as they came."""
    (folder / "links.txt").write_text("\n".join(links))
    command = [str(program), "--url_list", str(folder / "links.txt"), "--output_folder", str(folder / "out")]
    command += ["--processes_count", "2", "--thread_count", "32", "--number_sample_per_shard", "500"]
    command += ["--resize_mode", "no", "--output_format", "files", "--enable_wandb", "False"]
    environment = {**os.environ, "NO_ALBUMENTATIONS_UPDATE": "1"}
    started = time.monotonic()
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    seconds = time.monotonic() - started
    came = sum(1 for _ in (folder / "out").glob("*/*.jpg"))
    assert came == len(links), f"img2dataset brought {came} of {len(links)}"
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--size", default="384x256", help="width x height of the pictures, pixels")
    parser.add_argument("--naive", type=int, default=3000, help="links of the naive way")
    parser.add_argument("--img2dataset", type=Path, help="the program, for a comparison with --naive links")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    width, height = map(int, given.size.split("x"))
    if given.serve:
        asyncio.run(serve(width, height))
        return
    command = [sys.executable, __file__, "--serve", "--size", given.size]
    result: dict[str, object] = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine()}
    result |= {"commit": commit(), "size": given.size, "bytes": len(jpeg(width, height))}
    runs = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            port = int(server.stdout.readline())
            every = [f"http://127.0.0.1:{port}/{number}.jpg" for number in range(max([*given.rows, given.naive]))]
            with tempfile.TemporaryDirectory() as folder:
                seconds = naive(Path(folder), every[: given.naive])
            print(f"naive, 32 threads: {given.naive / seconds:,.0f} images/s", flush=True)
            result["naive_images_per_second"] = given.naive / seconds
            if given.img2dataset:
                with tempfile.TemporaryDirectory() as folder:
                    seconds = img2dataset(given.img2dataset, Path(folder), every[: given.naive])
                print(f"img2dataset: {given.naive / seconds:,.0f} images/s", flush=True)
                result["img2dataset_images_per_second"] = given.naive / seconds
            for rows in given.rows:
                with tempfile.TemporaryDirectory() as folder:
                    seconds, peak = collect(Path(folder), every[:rows])
                print(f"{rows:>9,} links: {rows / seconds:,.0f} images/s, {seconds:.1f} s, {peak:,.0f} MB", flush=True)
                runs.append({"rows": rows, "seconds": seconds, "images_per_second": rows / seconds, "peak_mb": peak})
        finally:
            server.kill()
    result["runs"] = runs
    if given.out:
        given.out.write_text(json.dumps(result, indent=1) + os.linesep)


if __name__ == "__main__":
    main()
