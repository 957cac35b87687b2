"""Runs `dawgen serve` as a process of its own and looks at it from outside: memory, open files, metrics, its log."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from benchmarks.soak.serve_wire import HOST, Line, NoAnswerError
from dawgen.errors import DataError

START = 120  # seconds in which it must be ready
MIB = 2**20


@dataclass(frozen=True)
class Server:
    """A service that is ready. Files: what it printed (out) and logged (err)."""

    process: subprocess.Popen[bytes]
    port: int
    token: str | None
    out: Path
    err: Path

    def read_memory(self) -> float:
        """Return the resident size in MiB. Linux only."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / MIB

    def count_files(self) -> int:
        """Return how many files and sockets are open. Linux only."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    async def read_metrics(self) -> dict[str, float]:
        """Return every number of /metrics by its name, summed over its labels."""
        line = Line(self.port, self.token)
        reply = await line.ask("GET", "/metrics")
        line.cut()
        totals: dict[str, float] = {}
        for family in text_string_to_metric_families(reply.body.decode()):
            for sample in family.samples:
                totals[sample.name] = totals.get(sample.name, 0.0) + sample.value
        return totals

    async def stop(self, number: int = signal.SIGTERM, *, within: float = 60) -> int:
        """Send a signal and return the exit status."""
        self.process.send_signal(number)
        return await asyncio.to_thread(self.process.wait, within)


@asynccontextmanager
async def serving(
    folder: Path, arguments: Sequence[str], *, token: str | None, threads: int = 1
) -> AsyncIterator[Server]:
    """Start the service on a free port of the loopback address, wait until it is ready, and kill it in the end.

    folder: for what it prints and logs.

    Raises:
        DataError: it ended, or was not ready in time; with the end of what it said.
    """
    folder.mkdir(parents=True, exist_ok=True)
    out, err = folder / "serve.out", folder / "serve.err"
    command = [sys.executable, "-m", "dawgen", "serve", *arguments, "--host", HOST, "--port", "0"]
    environment = {name: value for name, value in os.environ.items() if name != "DAWGEN_TOKEN"}
    environment |= {"OMP_NUM_THREADS": str(threads), "PYTHONUNBUFFERED": "1"}
    environment |= {} if token is None else {"DAWGEN_TOKEN": token}
    with out.open("wb") as printed, err.open("wb") as logged:
        process = subprocess.Popen(
            [*command, "--threads", str(threads)], stdout=printed, stderr=logged, env=environment
        )
    try:
        yield Server(process, await wait_until_ready(process, out, err), token, out, err)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


async def wait_until_ready(process: subprocess.Popen[bytes], out: Path, err: Path) -> int:
    """Return the port once /readyz says 200."""
    end = time.monotonic() + START
    while time.monotonic() < end and process.poll() is None:
        said = out.read_text() + err.read_text()
        if found := re.search(rf"http://{re.escape(HOST)}:(\d+)", said):
            line = Line(int(found[1]))
            try:
                reply = await line.ask("GET", "/readyz")
            except NoAnswerError:
                reply = None
            line.cut()
            if reply is not None and reply.status == 200:
                return int(found[1])
        await asyncio.sleep(0.05)
    said = (out.read_text() + err.read_text())[-2000:]
    raise DataError(f"dawgen serve: expected it to be ready within {START} s, it said:\n{said}")
