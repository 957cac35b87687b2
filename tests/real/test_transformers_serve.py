"""A generator behind an API, held against a real server: `transformers serve` with SmolLM2 on loopback."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

import dawgen
from dawgen.config import DecodeConfig
from dawgen.models.load import load_generator
from support.real import require_smollm2

pytestmark = pytest.mark.real
NEEDED = ("openai", "fastapi", "uvicorn", "tenacity")  # of the server and of the client


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write SmolLM2 as the server reads models, drawing tokens as it is told to."""
    name = require_smollm2()
    for module in NEEDED:
        if os.environ.get("DAWGEN_REAL") != "required":
            pytest.importorskip(module, reason="wants transformers[serving] and dawgen[api]")
    place = tmp_path_factory.mktemp("smollm2")
    backbone = load_generator(name, dtype="bfloat16", device="cpu")
    backbone.model.save_pretrained(place)
    backbone.tokenizer.save_pretrained(place)
    settings = place / "generation_config.json"
    settings.write_text(json.dumps(json.loads(settings.read_text()) | {"do_sample": True}))
    return place


@pytest.fixture(scope="module")
def url(folder: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["serve", str(folder), "--host", "127.0.0.1", "--port", str(port), "--device", "cpu", "--dtype", "float32"]
    server = subprocess.Popen(
        [sys.executable, "-m", "transformers.cli.transformers", *words],
        env=os.environ | {"HF_HUB_OFFLINE": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(300):
            if server.poll() is not None:
                pytest.fail("transformers serve ended at once")
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
                break
            except OSError:
                time.sleep(0.3)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        server.wait()


def test_a_real_server_writes_a_set_with_exact_quotas(url: str, folder: Path, tmp_path: Path) -> None:
    real = [dawgen.Example("The team won the final.", label="sport"), dawgen.Example("A soup of peas.", label="food")]
    decode = DecodeConfig(max_new_tokens=16, temperature=0.7, top_p=0.9)
    generator = dawgen.ApiGenerator(
        str(folder), url=url, decode=decode, answers=tmp_path, prompt_shots=1, concurrency=2, timeout=300
    ).fit(real)
    assert generator.find_scores() is False  # it reads echo and logprobs, and gives none
    rows = generator.generate(1)
    assert sorted(str(row.label) for row in rows) == ["food", "sport"] and all(row.text1 for row in rows)
    spent = generator.spent_
    assert spent["estimated"] == 0 and spent["read"] > 50 * spent["answers"] and spent["written"] > 0
    asked = spent["answers"]
    assert generator.generate(1) == rows and generator.spent_["answers"] == asked
