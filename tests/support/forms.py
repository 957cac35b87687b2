"""A session on made-up pairs and its form in a process of its own, as tests of the page need them."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from dawgen.evaluate.annotate.guide import write_guide
from dawgen.evaluate.annotate.session import Session
from dawgen.records import Example
from dawgen.tasks import Task
from support.jobs import make_pairs

HOSTILE = '<img src=x onerror=alert(1)><script>alert(2)</script> & "quotes" it\'s & amp;'


def make_session(folder: Path, *, rows: int = 3, controls: int = 4) -> Session:
    """Draw a session; the first of its synthetic pairs holds HTML."""
    real = [Example(**row) for row in make_pairs(30, seed=1)]
    made = [Example(**row) for row in make_pairs(rows, seed=2)]
    made[0] = Example(HOSTILE, made[0].text2, made[0].label)
    task = Task.from_examples(real, name="scenes")
    session = Session.create(folder, {"ours": made}, real, task, rows=rows, controls=controls, seed=13)
    write_guide(folder, session.items, real, session.labels, "Rate what is written.\nNot what might be meant.")
    return session


class Form:
    """`dawgen annotate FOLDER` in a process; the port stays when it starts again."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, 0
        self.process: subprocess.Popen[str] | None = None

    @property
    def link(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def start(self) -> None:
        """Start the server and wait until it answers."""
        call = [sys.executable, "-m", "dawgen", "annotate", str(self.folder), "--port", str(self.port)]
        self.process = subprocess.Popen(call, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        said = ""
        while not (found := re.search(r"http://127\.0\.0\.1:(\d+)/", said)):
            line = self.process.stdout.readline()
            assert line, f"the form ended before it began: {said}"
            said += line
        self.port = int(found[1])
        wait_for(self.link)

    def stop(self, number: int = signal.SIGINT) -> str:
        """Send the signal; returns what was said since the start."""
        assert self.process is not None
        self.process.send_signal(number)
        said, _ = self.process.communicate(timeout=20)
        self.process = None
        return said


@contextmanager
def serve(folder: Path) -> Iterator[Form]:
    """Serve the session of a folder on a free port."""
    form = Form(folder)
    form.start()
    try:
        yield form
    finally:
        if form.process is not None:
            form.stop(signal.SIGKILL)


def wait_for(link: str) -> None:
    """Wait until a server answers."""
    for _ in range(200):
        try:
            with urlopen(link, timeout=5):
                return
        except (URLError, ConnectionError):
            time.sleep(0.05)
    raise AssertionError(f"{link} does not answer")
