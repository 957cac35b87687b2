"""A stand-in of the Hugging Face Hub on loopback: the few routes by which files are published and fetched.

It knows one token. Files ending in .safetensors go through Git LFS where `lfs` is set, as on the real hub; without it
all files are part of the commit.
"""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub import constants

TOKEN = "hf_stand_in"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(ThreadingHTTPServer):
    """Repositories by "models/OWNER/NAME" or "datasets/OWNER/NAME": whether private, files, and those of branches."""

    daemon_threads = True

    def __init__(self, *, lfs: bool) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.lfs = lfs
        self.repos: dict[str, dict[str, Any]] = {}
        self.objects: dict[str, bytes] = {}
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def run_hub(*, lfs: bool = False) -> Iterator[Hub]:
    """Serve until the block ends."""
    with Hub(lfs=lfs) as hub:
        threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield hub
        hub.shutdown()


@contextmanager
def pretend_hub(patch: pytest.MonkeyPatch, folder: Path, *, lfs: bool = False) -> Iterator[Hub]:
    """Have huggingface_hub take a stand-in for the real hub, with its token and an empty cache in the folder."""
    with run_hub(lfs=lfs) as hub:
        template = f"{hub.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        patch.setattr(constants, "ENDPOINT", hub.url)
        patch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        patch.setattr(constants, "HF_HUB_DISABLE_XET", lfs)  # as where hf_xet is not installed
        patch.setattr(constants, "HF_HUB_OFFLINE", False)
        patch.setattr(constants, "HF_HUB_CACHE", str(folder / "cache"))
        patch.setattr(constants, "HF_TOKEN_PATH", str(folder / "token"))
        patch.setenv("HF_TOKEN", TOKEN)
        yield hub


class _Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass

    def do_GET(self) -> None:
        self._route()

    do_HEAD = do_POST = do_PUT = do_GET  # noqa: N815

    def _route(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else self._read_chunks()
        path = self.path.partition("?")[0]
        self.server.asked.append(f"{self.command} {path}")
        for pattern, answer, needs_token in _ROUTES:
            if match := re.fullmatch(pattern, f"{self.command} {path}"):
                if needs_token and self.headers.get("Authorization") != f"Bearer {TOKEN}":
                    return self._send(401, {"error": "Invalid username or password."})
                return answer(self, body, *match.groups())
        return self._send(404, {"error": f"no such route: {self.command} {path}"})

    def _read_chunks(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return b""
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _send(self, status: int, value: Any, **headers: str) -> None:
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        for name, text in {"Content-Length": str(len(data)), **headers}.items():
            self.send_header(name.replace("_", "-"), text)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _create(self, body: bytes) -> None:
        asked = json.loads(body)
        name = f"{asked.get('type', 'model')}s/{asked['organization']}/{asked['name']}"
        url = f"{self.server.url}/{name.removeprefix('models/')}"
        status = 409 if name in self.server.repos else 200
        self.server.repos.setdefault(
            name, {"private": asked.get("visibility") == "private", "files": {}, "branches": {}}
        )
        self._send(status, {"url": url, "error": "You already created this repo"} if status == 409 else {"url": url})

    def _branch(self, _body: bytes, repo: str, branch: str) -> None:
        found = self.server.repos[repo]
        new = branch not in found["branches"]
        found["branches"].setdefault(branch, dict(found["files"]))
        self._send(201 if new else 409, {})

    def _describe(self, _body: bytes, repo: str, revision: str = "main") -> None:
        if (found := self.server.repos.get(repo)) is None:
            return self._send(404, {"error": "Repository not found"}, X_Error_Code="RepoNotFound")
        if self._find_files(found, revision) is None:
            return self._send(404, {"error": "Revision not found"}, X_Error_Code="RevisionNotFound")
        return self._send(200, {"id": repo.partition("/")[2], "private": found["private"], "sha": COMMIT})

    def _validate(self, body: bytes) -> None:
        front = yaml.safe_load(json.loads(body)["content"].split("---\n")[1])
        errors = [] if front.get("license") else [{"message": "license is required"}]
        if front.get("license") == "other" and not front.get("license_name"):
            errors.append({"message": "license_name is required with other"})
        self._send(400 if errors else 200, {"errors": errors, "warnings": []})

    def _find_files(self, repo: dict[str, Any], revision: str) -> dict[str, bytes] | None:
        """Return the files of a branch or commit by name."""
        known = {"main": repo["files"], COMMIT: repo["files"], **repo["branches"]}
        known |= {_name_commit(branch): files for branch, files in repo["branches"].items()}
        return known.get(revision)

    def _preupload(self, body: bytes, repo: str, _branch: str) -> None:
        if repo not in self.server.repos:
            return self._send(404, {"error": "Repository not found"}, X_Error_Code="RepoNotFound")
        modes = [
            {
                "path": file["path"],
                "uploadMode": "lfs" if self.server.lfs and file["path"].endswith(".safetensors") else "regular",
                "shouldIgnore": False,
            }
            for file in json.loads(body)["files"]
        ]
        return self._send(200, {"files": modes})

    def _batch(self, body: bytes, _repo: str) -> None:
        objects = [
            {**thing, "actions": {"upload": {"href": f"{self.server.url}/lfs/{thing['oid']}", "header": {}}}}
            for thing in json.loads(body)["objects"]
        ]
        self._send(200, {"transfer": "basic", "objects": objects}, Content_Type="application/vnd.git-lfs+json")

    def _put(self, body: bytes, oid: str) -> None:
        sound = hashlib.sha256(body).hexdigest() == oid
        if sound:
            self.server.objects[oid] = body
        self._send(200 if sound else 400, {})

    def _commit(self, body: bytes, repo: str, branch: str) -> None:
        files = self._find_files(self.server.repos[repo], branch)
        assert files is not None
        for line in body.splitlines():
            item = json.loads(line)
            if item["key"] == "file":
                files[item["value"]["path"]] = base64.b64decode(item["value"]["content"])
            elif item["key"] == "lfsFile":
                files[item["value"]["path"]] = self.server.objects[item["value"]["oid"]]
        self._send(200, {"commitUrl": f"{self.server.url}/{repo}/commit/{COMMIT}", "commitOid": COMMIT})

    def _resolve(self, _body: bytes, repo: str, revision: str, name: str) -> None:
        if (found := self.server.repos.get(f"models/{repo}")) is None:
            return self._send(404, {"error": "Repository not found"}, X_Error_Code="RepoNotFound")
        if (files := self._find_files(found, revision)) is None:
            return self._send(404, {"error": "Revision not found"}, X_Error_Code="RevisionNotFound")
        if name not in files:
            return self._send(404, {"error": "Entry not found"}, X_Error_Code="EntryNotFound")
        data = files[name]
        commit = _name_commit(revision) if revision in found["branches"] else revision.replace("main", COMMIT)
        return self._send(200, data, ETag=f'"{hashlib.sha256(data).hexdigest()}"', X_Repo_Commit=commit)


def _name_commit(branch: str) -> str:
    return hashlib.sha1(branch.encode()).hexdigest()


_REPO = r"((?:models|datasets)/[^/]+/[^/]+)"
_ROUTES: list[tuple[str, Any, bool]] = [
    (r"POST /api/repos/create", _Handler._create, True),
    (r"POST /api/validate-yaml", _Handler._validate, False),
    (rf"GET /api/{_REPO}", _Handler._describe, True),
    (rf"GET /api/{_REPO}/revision/([^/]+)", _Handler._describe, True),
    (rf"POST /api/{_REPO}/branch/([^/]+)", _Handler._branch, True),
    (rf"POST /api/{_REPO}/preupload/([^/]+)", _Handler._preupload, True),
    (rf"POST /api/{_REPO}/commit/([^/]+)", _Handler._commit, True),
    (r"POST /(.+)\.git/info/lfs/objects/batch", _Handler._batch, True),
    (r"PUT /lfs/(\w+)", _Handler._put, False),
    (r"(?:GET|HEAD) /([^/]+/[^/]+)/resolve/([^/]+)/(.+)", _Handler._resolve, False),
]
