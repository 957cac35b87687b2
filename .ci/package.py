"""Builds wheel and sdist, and tries both as who has nothing else: `prepare FOLDER` builds and installs, `try` runs.

The wheel is built from the sdist, and installed into an empty environment. There `demo`, `run`, `bench`, `serve` and
`doctor` run in an empty folder, without the hub. Tests run in the unpacked sdist, on its own sources.
"""

import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.request
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
PORT = 8497
DEAD = re.compile(r"\]\((?!https?:)[^)]*\)|(?:src|href)=[\"'](?!https?:)")
QUICK = ["--set", "target.steps=5", "--set", "generator.steps=5", "--shots", "4", "--per-label", "4"]
# In the sdist: what reads pages, grids, studies and benchmarks, which lie beside the package; not the longest ones.
TESTS = [
    "tests/docs",
    "--ignore=tests/docs/test_tutorial.py",
    "--ignore=tests/docs/test_serve.py",
    "tests/bench/test_grid.py",
    "tests/experiments/pages",
    "tests/test_versions.py",
]
TESTS += ["tests/test_imports.py", "tests/test_layers.py", "tests/test_meanings.py", "tests/test_v01.py"]


def prepare(folder: Path) -> None:
    """Build both, check them, and install the wheel into an empty environment."""
    dist = folder / "dist"
    run([sys.executable, "-m", "build", "--outdir", str(dist), str(ROOT)], ROOT)
    run([sys.executable, "-m", "twine", "check", "--strict", *map(str, dist.iterdir())], ROOT)
    (wheel,) = dist.glob("*.whl")
    check_readme(wheel)
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "sdist", filter="data")
    check_files(next((folder / "sdist").iterdir()))
    run([sys.executable, "-m", "venv", str(folder / "venv")], ROOT)
    arguments = ["--disable-pip-version-check", "-q", *os.environ.get("PIP_ARGS", "").split(), f"{wheel}[web]"]
    run([str(folder / "venv/bin/python"), "-m", "pip", "install", "-c", "constraints.txt", *arguments], ROOT)


def check_readme(wheel: Path) -> None:
    """End where the description that a package index shows has a link to a file or a heading."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        text = archive.read(name).decode()
        grids = [name for name in archive.namelist() if re.search(r"bench/grids/\w+\.yaml$", name)]
    if (dead := DEAD.findall(text)) or not grids:
        sys.exit(f"the wheel: expected no relative links, and grids, found {dead[:3]} and {len(grids)} grids")


def check_files(sdist: Path) -> None:
    """End where the sdist lacks a file of the repository: its tests may read any."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if missing := [name for name in listed.stdout.splitlines() if not (sdist / name).exists()]:
        sys.exit(f"the sdist lacks {', '.join(missing[:5])}: pyproject.toml lists what it includes")


def try_both(folder: Path) -> None:
    """Run the verbs from the wheel, and tests from the sdist, while the demo takes the other core."""
    python = folder.absolute() / "venv/bin/python"
    command = str(python.with_name("dawgen"))
    with tempfile.TemporaryDirectory() as empty:
        place = Path(empty)
        os.environ |= {"HOME": empty, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
        os.environ.pop("PYTHONPATH", None)
        where = run([str(python), "-c", "import dawgen; print(dawgen.__file__)"], place).strip()
        if not where.startswith(str(folder.absolute())):
            sys.exit(f"expected the installed package, found {where}")
        log = (place / "demo.log").open("w+")
        demo = subprocess.Popen([command, "demo"], cwd=place, stdout=log, stderr=log)
        run([command, "run", "--task", "scenes-nli", "--out", "job", *QUICK], place)
        run([command, "predict", "job/prompts/dawgen", "--in", write_rows(place), "--out", "labelled.jsonl"], place)
        run([command, "bench", "--grid", "first", "--only", "zero_shot,prompt_tuning"], place)
        run([command, "doctor", "job", "--bundle", "report.zip"], place)
        serve(command, place)
        run_tests(next((folder.absolute() / "sdist").iterdir()))
        if demo.wait() or not (place / "runs/demo/report.html").is_file():
            log.seek(0)
            sys.exit(f"dawgen demo failed:\n{log.read()[-2000:]}")
        print(f"dawgen demo: done beside the others; in {place} {sorted(path.name for path in place.iterdir())}")


def write_rows(place: Path) -> str:
    """Return a file with one pair to label."""
    row = {"text1": "a girl is singing in the park", "text2": "a child is making music outdoors"}
    (place / "new.jsonl").write_text(json.dumps(row) + "\n")
    return "new.jsonl"


def serve(command: str, place: Path) -> None:
    """Serve the run's prompt and ask it once."""
    server = subprocess.Popen([command, "serve", "job/prompts/dawgen", "--port", str(PORT)], cwd=place)
    try:
        body = json.dumps({"prompt": "dawgen", "inputs": [json.loads((place / "new.jsonl").read_text())]}).encode()
        for _ in range(240):
            time.sleep(0.5)
            try:
                ask = urllib.request.Request(f"http://127.0.0.1:{PORT}/v1/classify", body)
                ask.add_header("Content-Type", "application/json")
                print(urllib.request.urlopen(ask, timeout=30).read().decode())
                return
            except urllib.error.HTTPError as error:
                if error.code == 503:  # it loads its model
                    continue
                sys.exit(f"dawgen serve answers {error.code}: {error.read().decode()}")
            except OSError:  # not yet
                if server.poll() is not None:
                    break
        sys.exit("dawgen serve does not answer")
    finally:
        server.terminate()
        server.wait()


def run_tests(sdist: Path) -> None:
    """Run tests in the unpacked sdist, with the libraries of this environment and the sources that lie there."""
    os.environ["PYTHONPATH"] = str(sdist / "src")
    run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not alone and not browser", *TESTS],
        sdist,
    )


def run(command: list[str], folder: Path) -> str:
    """Return what a command prints; end with it where it fails."""
    began = time.monotonic()
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    print(f"{' '.join(Path(word).name for word in command)[:100]}: {time.monotonic() - began:.0f} s", flush=True)
    if done.returncode:
        sys.exit(f"{done.stdout[-3000:]}\nfailed with {done.returncode}: {' '.join(command)}")
    return done.stdout


if __name__ == "__main__":
    {"prepare": prepare, "try": try_both}[sys.argv[1]](Path(sys.argv[2]))
