"""What a report of a fault says of a machine: system, versions, which libraries load. Nothing of the user's own.

Only the standard library is used here: it must work where an installation is broken.
"""

from __future__ import annotations

import builtins
import json
import os
import platform
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path, PurePosixPath
from typing import Any

SECONDS = 180  # for all libraries to load
# What is imported by the names of their modules: libraries whose files a traceback may name.
LIBRARIES = ("numpy", "torch", "transformers", "tokenizers", "safetensors", "datasets", "scipy", "sklearn", "pyarrow")
_OTHERS = (
    "accelerate dawgen datasketch fastapi filelock fsspec gguf huggingface_hub jinja2 matplotlib peft pydantic "
    "pydantic_core ray rich sacrebleu sentence_transformers torchjd typer uvicorn yaml"
)
_VARIABLES = (
    "OMP_NUM_THREADS MKL_NUM_THREADS ATEN_CPU_CAPABILITY CUDA_VISIBLE_DEVICES PYTHONPATH PYTHONWARNINGS HF_HUB_OFFLINE "
    "HF_HOME DAWGEN_CACHE DAWGEN_TRUST DAWGEN_TOKEN"
)
OTHERS, VARIABLES = tuple(_OTHERS.split()), tuple(_VARIABLES.split())

_LOCAL = re.compile(r"(cpu|cu\d{2,3}|rocm[\d.]+|xpu)")
_SAID = re.compile(r"[0-9]{1,4}|true|false|yes|no|on|off|default|avx2|avx512", re.IGNORECASE)
_FRAME = re.compile(r'\s*File "(.+)", line (\d+), in (.+)')
_RAISED = re.compile(r"([A-Za-z_][\w.]*)(?::\s(.*))?")
_LINKS = ("The above exception was the direct cause", "During handling of the above exception")
_CHECK = """
import importlib, json, sys, traceback
for name in sys.argv[1:]:
    print(json.dumps({"name": name}), flush=True)
    try:
        module = importlib.import_module(name)
        row = {"loaded": True}
        if name == "torch":
            row["threads"], row["kernels"] = module.get_num_threads(), module.backends.cpu.get_cpu_capability()
            row["gpus"] = [module.cuda.get_device_name(n) for n in range(module.cuda.device_count())]
    except BaseException:
        row = {"loaded": False, "error": traceback.format_exc()}
    print(json.dumps(row), flush=True)
"""


def describe_machine() -> dict[str, Any]:
    """Return system, processor, memory and the variables that change how dawgen computes; of a text only that it is."""
    release = re.match(r"\d+(\.\d+)*", platform.release())  # what follows the numbers may be a name
    memory = _find_line("/proc/meminfo", "MemTotal:").split()
    return {
        "system": platform.system(),
        "release": release[0] if release else None,
        "libc": " ".join(platform.libc_ver()),
        "machine": platform.machine(),
        "processor": _find_line("/proc/cpuinfo", "model name").lstrip("\t :") or None,
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gb": round(int(memory[0]) / 2**20, 1) if memory and memory[0].isdigit() else None,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "virtual_environment": sys.prefix != sys.base_prefix,
        "variables": {name: mask_variable(os.environ[name]) for name in VARIABLES if name in os.environ},
    }


def mask_variable(value: str) -> str:
    """Return a variable's value where it is a number or a switch, else only that it is set."""
    return value if _SAID.fullmatch(value) else "set" if value else "empty"


def list_versions() -> dict[str, str | None]:
    """Return the versions of dawgen and of all it asks for, extras too; None where something is not installed."""
    names = {"dawgen", "pip"}
    try:
        wanted = requires("dawgen") or []
    except PackageNotFoundError:  # run from a clone that is not installed
        wanted = [name.replace("_", "-") for name in (*LIBRARIES, *OTHERS)]
    names |= {found[0] for text in wanted if (found := re.match(r"[\w.-]+", text))}
    return {name: _find_version(name) for name in sorted(names)}


def mask_version(text: str) -> str:
    """Return a version; of a local part, which anybody may choose, only cpu, cu128 and the like.

    >>> mask_version("2.13.0+cpu"), mask_version("1.0+for.acme")
    ('2.13.0+cpu', '1.0+local')
    """
    public, plus, local = text.partition("+")
    if not re.fullmatch(r"[0-9][0-9a-z.!]*", public):
        return "unknown"
    return public + (f"+{local if _LOCAL.fullmatch(local) else 'local'}" if plus else "")


def check_libraries() -> list[dict[str, Any]]:
    """Return of each library whether another process can load it, and if not, where it failed.

    A library that ends the process is the last one, with the exit status.
    """
    command = [sys.executable, "-P", "-c", _CHECK, *LIBRARIES, "dawgen"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        out, status = done.stdout, str(done.returncode)
    except subprocess.TimeoutExpired as late:
        out, status = _as_text(late.stdout), f"none after {SECONDS} s"
    except OSError as error:
        return [{"error": type(error).__name__}]
    rows: list[dict[str, Any]] = []
    for line in out.splitlines():
        try:
            row = json.loads(line)
        except ValueError:  # what a library prints itself
            continue
        if not isinstance(row, dict):
            continue
        if row.get("name") in (*LIBRARIES, "dawgen"):
            rows.append({"name": row["name"]})
        elif rows:
            rows[-1] |= _mask_check(row)
    if rows and "loaded" not in rows[-1]:
        rows[-1] |= {"loaded": False, "status": status}
    return rows


def mask_traceback(text: str) -> list[str]:
    """Return a traceback's places in known libraries and its kinds of errors: no message, no line of code, no path."""
    return list(_mask_lines(text))


def _mask_check(row: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"loaded": row.get("loaded") is True}
    if isinstance(row.get("threads"), int):
        found["threads"] = row["threads"]
        found["kernels"] = str(row.get("kernels"))
        found["gpus"] = [str(name) for name in row.get("gpus", ())]
    if "error" in row:
        found["error"] = mask_traceback(str(row["error"]))
    return found


def _mask_lines(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if frame := _FRAME.fullmatch(line):
            place = _mask_place(frame[1])
            inside = frame[3] if place and re.fullmatch(r"[\w.<>]+", frame[3]) else ""
            yield f"{place}:{frame[2]} {inside}".rstrip() if place else "(a file elsewhere)"
        elif line.startswith(_LINKS):
            yield "(then)"
        elif (raised := _RAISED.fullmatch(line)) and _is_known(raised[1]):
            yield raised[1] + _mask_message(raised[1], raised[2] or "")


def _mask_place(path: str) -> str | None:
    """Return a file of a known library, from the library's folder on; None for any other."""
    parts = PurePosixPath(path.replace("\\", "/")).parts
    own = Path(__file__).parents[2]
    if path.startswith(f"{own}{os.sep}"):
        return PurePosixPath("dawgen", *Path(path).relative_to(own).parts).as_posix()
    for number, part in enumerate(parts[:-1]):
        if part in ("site-packages", "dist-packages") and parts[number + 1] in (*LIBRARIES, *OTHERS):
            return "/".join(parts[number + 1 :])
    standard = sysconfig.get_path("stdlib")
    if path.startswith(f"{standard}{os.sep}") and "site-packages" not in parts:
        return "python/" + Path(path).relative_to(standard).as_posix()
    return "python/frozen" if path.startswith("<frozen importlib.") else None


def _is_known(kind: str) -> bool:
    """Return whether a word is the name of a kind of error: Python's own, or a known library's."""
    root = kind.partition(".")[0]
    if "." in kind:
        return root in (*LIBRARIES, *OTHERS) and kind.rpartition(".")[2].endswith(("Error", "Exception", "Warning"))
    found = getattr(builtins, kind, None)
    return isinstance(found, type) and issubclass(found, BaseException)


def _mask_message(kind: str, message: str) -> str:
    """Return what a message says of libraries that do not load, "" of any other."""
    if kind not in ("ImportError", "ModuleNotFoundError", "OSError"):
        return ""
    module = re.match(r"No module named '(\w+)", message)
    if module and module[1] in (*LIBRARIES, *OTHERS):
        return f": no module {module[1]}"
    shared = re.match(r"(lib(?:cu\w+|nv\w+|torch\w*|c10\w*|stdc\+\+|gomp|nccl)[\w.-]*\.so[\d.]*):", message)
    return f": {shared[1]}" if shared else ""


def _find_version(name: str) -> str | None:
    try:
        return mask_version(version(name))
    except PackageNotFoundError:
        return None


def _find_line(path: str, start: str) -> str:
    """Return what follows `start` in the first line that begins with it; "" where there is none."""
    try:
        lines = Path(path).read_text(errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.removeprefix(start) for line in lines if line.startswith(start)), "").strip()


def _as_text(value: str | bytes | None) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value or ""
