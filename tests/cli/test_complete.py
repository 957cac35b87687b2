"""The shell completes option values, through the script that typer installs; help shows the choices."""

import re
from pathlib import Path
from typing import Any

import pytest

from dawgen.bench.named import list_grids
from dawgen.cli.complete import complete_lists, complete_models, complete_settings, complete_tasks
from dawgen.config import INITS
from dawgen.meanings import list_meanings
from dawgen.methods.table import METHODS
from dawgen.models.resolve import MINIS
from dawgen.presets import PRESETS

WIDTHS = ("80", "200")


def press_tab(dawgen: Any, monkeypatch: pytest.MonkeyPatch, line: str) -> list[str]:
    """Return what bash offers behind a line that was typed."""
    words = line.split(" ")
    monkeypatch.setenv("_DAWGEN_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
    status, out, err = dawgen()
    assert (status, err) == (0, "")
    return out.split()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("dawgen ru", ["run"]),
        ("dawgen --qu", ["--quiet"]),
        ("dawgen run --pre", ["--preset"]),
        ("dawgen run --preset ", list(PRESETS)),
        ("dawgen run --preset sm", ["small", "smollm2"]),
        ("dawgen tune --leaks ", []),  # an option of other verbs
        ("dawgen run --leaks ", ["refuse", "drop"]),
        ("dawgen run --conflicts d", ["drop"]),
        ("dawgen run --methods ", list(METHODS)),
        ("dawgen run --methods lora,pp", ["lora,ppt"]),
        ("dawgen run --methods lora,lor", []),
        ("dawgen train --method synth", ["synthetic_only", "synthetic_then_real"]),
        ("dawgen run --task scenes-n", ["scenes-nli"]),
        ("dawgen run --track ten", ["tensorboard"]),
        ("dawgen run --set target.surg", ["target.surgery="]),
        ("dawgen models mini-", sorted(MINIS)),
        ("dawgen serve --model mini-t", ["mini-t5"]),
        ("dawgen serve --dtype b", ["bfloat16"]),
        ("dawgen bench --grid sm", ["smollm2", "smollm2_settings"]),
        ("dawgen bench --engine ", ["local", "ray"]),
        ("dawgen annotate --export l", ["label-studio"]),
        ("dawgen report --compare ", ["paper"]),
    ],
)
def test_option_values_are_completed(
    dawgen: Any, monkeypatch: pytest.MonkeyPatch, line: str, offered: list[str]
) -> None:
    assert sorted(press_tab(dawgen, monkeypatch, line)) == sorted(offered)


def test_the_shells_script_calls_dawgen(dawgen: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    status, out, _ = dawgen("--show-completion", "bash")
    assert status == 0
    assert "_DAWGEN_COMPLETE=complete_bash" in out and re.search(r"^complete .* dawgen$", out, re.MULTILINE)


def test_settings_and_their_choices_are_completed() -> None:
    assert complete_settings("generator.kind=") == [
        f"generator.kind={kind}" for kind in ("untuned", "plain", "weighted", "dawgen", "api")
    ]
    assert complete_settings("target.init=") == [f"target.init={init}" for init in INITS]
    assert complete_settings("target.placement=b") == ["target.placement=before", "target.placement=behind"]
    assert {f"target.model={name}" for name in MINIS} <= set(complete_settings("target.model="))
    assert complete_settings("target.decoder_sentinel=") == [
        "target.decoder_sentinel=true",
        "target.decoder_sentinel=false",
    ]
    assert complete_settings("") == [f"{one.key}=" for one in list_meanings()]
    assert complete_settings("nothing=") == complete_settings("target.rate=") == []


def test_files_are_offered_beside_names(tmp_path: Path) -> None:
    for name in ("own.yaml", "model.gguf", "rows.csv"):
        (tmp_path / name).touch()
    (tmp_path / "folder").mkdir()
    assert complete_tasks(f"{tmp_path}/") == [f"{tmp_path}/folder/", f"{tmp_path}/own.yaml"]
    assert complete_models(f"{tmp_path}/m") == [f"{tmp_path}/model.gguf"]
    assert complete_tasks(f"{tmp_path}/none/") == complete_models("\0") == []
    assert "mini-t5" in complete_models("")


def test_names_with_commas_are_each_offered_once() -> None:
    complete = complete_lists(["a", "ab", "c"])
    assert complete("") == ["a", "ab", "c"]
    assert complete("a,") == ["a,ab", "a,c"]
    assert complete("c,x,a") == ["c,x,a", "c,x,ab"]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    ("verb", "words"),
    [
        ("run", [*METHODS, *PRESETS, "[refuse|drop]", "weighted", "behind", "agem", *INITS]),
        ("train", ["dawgen", "synthetic_then_real", *PRESETS, "[refuse|drop]"]),
        ("tune", [*PRESETS, "[refuse|drop]", "generator.kind"]),
        ("bench", ["[local|ray]", *list_grids()]),
        ("serve", ["float32, bfloat16, float16"]),
        ("annotate", ["[csv|label-studio]"]),
    ],
)
def test_help_shows_the_choices_whole(
    dawgen: Any, monkeypatch: pytest.MonkeyPatch, verb: str, words: list[str], width: str
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    status, out, _ = dawgen(verb, "--help")
    assert status == 0
    shown = "".join(re.sub(r"[^\w|\[\].,-]+", " ", out).split())
    missing = [word for word in words if word.replace(" ", "") not in shown]
    assert not missing, out
