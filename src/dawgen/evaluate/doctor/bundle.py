"""What to attach to a report of a fault: a zip file with versions, machine, settings and the end of the log.

No text of the user's is in it (`machine`, `masked`): no example, no label, no path, no key.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dawgen.errors import ConfigError
from dawgen.evaluate.doctor.machine import check_libraries, describe_machine, list_versions, mask_traceback
from dawgen.files import write_with
from dawgen.outputs import claim

ABOUT = """What `dawgen doctor --bundle` found, for a report of a fault.

In it: versions of libraries, the machine, numbers and switches of the settings, the last rows of the log.
Not in it: texts, names of labels, words of the task, paths, names of files, models and users, addresses, keys, messages
of errors. In their place stands "(given)", a count or a position.
Read it before you send it.
"""


def write_bundle(path: Path, runs: Sequence[Path], traceback: Path | None = None) -> dict[str, str]:
    """Write the zip file and return its files by name.

    runs: folders of runs, finished or not; none for an installation that fails at once. traceback: what a failed
    command wrote with --debug; of it only places in known code and kinds of errors are taken.

    Raises:
        ConfigError: a folder is no run's, or `path` is a file that `dawgen doctor` has not written.
    """
    if path.suffix.lower() != ".zip":
        raise ConfigError(f"--bundle {path}: expected a file that ends in .zip, such as dawgen-report.zip.")
    contents: dict[str, Any] = {
        "machine.json": describe_machine(),
        "versions.json": list_versions(),
        "libraries.json": check_libraries(),
    }
    for number, folder in enumerate(runs, 1):
        contents |= {f"run-{number}/{name}": value for name, value in describe_run(folder).items()}
    if traceback is not None:
        if not traceback.is_file():
            raise ConfigError(f"--traceback {traceback}: there is no such file.")
        contents["traceback.json"] = mask_traceback(traceback.read_text(encoding="utf-8", errors="replace"))
    files = {"ABOUT.txt": ABOUT} | {name: _as_text(value) for name, value in contents.items()}
    with claim([path], "doctor"):
        write_with(path, lambda place: _write_zip(place, files))
    return files


def describe_run(folder: Path) -> dict[str, Any]:
    """Return a run's settings, numbers, log and files by the names that they have in the bundle.

    Raises:
        ConfigError: there is no run in the folder.
    """
    from dawgen.evaluate.doctor import masked
    from dawgen.files import read_json
    from dawgen.report.run.files import read_settings

    if not any((folder / name).is_file() for name in ("config.yaml", "metrics.json", "log.jsonl")):
        raise ConfigError(f"{folder}: expected the folder of a run, found none of its files.")
    found: dict[str, Any] = {
        "files.json": masked.mask_files(folder),
        "log.jsonl": masked.mask_log(folder / "log.jsonl"),
    }
    for name, read, mask in (
        ("config.yaml", read_settings, masked.mask_settings),
        ("metrics.json", read_json, masked.mask_metrics),
    ):
        if (folder / name).is_file():
            try:
                found[f"{Path(name).stem}.json"] = mask(read(folder / name))
            except Exception as error:  # whose message may quote the file
                found[f"{Path(name).stem}.json"] = f"damaged: {type(error).__name__}"
    return found | {"findings.json": _list_findings(folder)}


def _list_findings(folder: Path) -> list[dict[str, Any]]:
    """Return what the doctor names in a run, without the evidence, which quotes labels."""
    from dawgen.evaluate.doctor.masked import pick
    from dawgen.methods.table import METHODS

    if not (folder / "metrics.json").is_file():
        return []
    try:
        from dawgen.evaluate.doctor.examine import examine

        found = examine([folder], again=False).findings
    except Exception as error:  # a bundle is wanted most where something is broken
        return [{"not examined": type(error).__name__}]
    return [
        {"name": one.name, "severity": one.severity} | ({"method": pick(one.method, METHODS)} if one.method else {})
        for one in found
    ]


def _as_text(value: Any) -> str:
    """Return JSON; of a list one line for each element."""
    if isinstance(value, list):
        return "".join(json.dumps(item) + "\n" for item in value)
    text = json.dumps(value, indent=1) + "\n"
    return re.sub(r"\[([-\d.eE,\s]+)\]", lambda row: f"[{' '.join(row[1].split())}]", text)  # numbers in one line


def _write_zip(place: Path, files: dict[str, str]) -> None:
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name), text, zipfile.ZIP_DEFLATED)  # with no time of today
