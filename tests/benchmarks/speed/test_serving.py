"""All ways to serve many prompts give the same answers, and each side is asked and measured as it says."""

import os
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from benchmarks.speed import serving
from benchmarks.speed.harness import Setup
from benchmarks.speed.serving import check_answers, compare, compare_asking, make_work
from benchmarks.speed.serving_fleet import Fleet, can_read_memory, load_saved, read_memory, save_model
from benchmarks.speed.serving_memory import compare_growth, measure
from benchmarks.speed.serving_peers import ask_peft, wrap_all
from benchmarks.speed.serving_traffic import Request, ask_batcher, draw_traffic, make_loaded
from benchmarks.speed.targets import SHAPES, Family, make_scorer, make_target, ship
from dawgen.deploy.serve.batcher import Batcher
from dawgen.deploy.serve.loaded_prompt import LoadedPrompt

FAMILIES: tuple[Family, ...] = ("t5", "llama")


def make_tiny(setup: Setup, family: Family) -> serving.Case:
    backbone = make_target(family, "tiny", device=setup.device, dtype=setup.dtype)
    return backbone, make_loaded(backbone, 5, 7), draw_traffic(backbone, 24, 5)


def answer_singly(case: serving.Case) -> list[Tensor]:
    backbone, prompts, traffic = case
    shipped, asked = ship(backbone), [(request, prompts[request.prompt]) for request in traffic]
    return [make_scorer(shipped, held.scorer.words.ids).score([request.ids], held.prompt)[0] for request, held in asked]


@pytest.mark.parametrize("family", FAMILIES)
def test_batches_and_peft_give_the_answers_of_single_rows(family: Family) -> None:
    backbone, prompts, traffic = case = make_tiny(Setup(), family)
    wanted = answer_singly(case)
    assert {len(answer) for answer in wanted} == {2, 3, 4, 5}
    check_answers(ask_peft(wrap_all(backbone, prompts), prompts, traffic), wanted, torch.float32)
    with Batcher(ship(backbone), threads=1) as batcher:
        check_answers(ask_batcher(batcher, prompts, traffic, 10), wanted, torch.float32)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Fleet, serving.Case]]:
    folder: Path = tmp_path_factory.mktemp("model")
    case = make_tiny(Setup(), "t5")
    save_model(case[0], folder)
    with Fleet(folder, case[1], [[0], [1, 4], [2], [3]]) as processes:
        yield processes, case


def test_processes_give_the_answers_of_single_rows(fleet: tuple[Fleet, serving.Case]) -> None:
    processes, case = fleet
    for at_work, under_way in ((1, 24), (2, 3)):
        check_answers(processes.ask(case[2], under_way, at_work), answer_singly(case), torch.float32)


@pytest.mark.alone
@pytest.mark.skipif(not can_read_memory(), reason="the system has no /proc/PID/smaps_rollup")
def test_processes_share_the_weights_file_but_not_what_they_hold(fleet: tuple[Fleet, serving.Case]) -> None:
    own, shared = read_memory(os.getpid())
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    assert own + shared == pytest.approx(resident, rel=0.05)
    sizes = [read_memory(process.pid or 0) for process in fleet[0]._processes]
    total = fleet[0].measure_memory()
    assert sum(size for size, _ in sizes) < total < sum(map(sum, sizes))


def test_processes_end_with_the_fleet(tmp_path: Path) -> None:
    backbone, prompts, _ = make_tiny(Setup(), "t5")
    save_model(backbone, tmp_path)
    with Fleet(tmp_path, prompts, [[0]]) as processes:
        assert processes._processes[0].is_alive()
    assert not processes._processes[0].is_alive()


def test_a_saved_model_is_the_same_one(tmp_path: Path) -> None:
    backbone, prompts, traffic = make_tiny(Setup(), "t5")
    save_model(backbone, tmp_path)
    rows, held = [request.ids for request in traffic], prompts[0]
    scorers = [make_scorer(model, held.scorer.words.ids) for model in (load_saved(tmp_path), ship(backbone))]
    scores = [scorer.score(rows, held.prompt) for scorer in scorers]
    assert torch.equal(*scores)


class Desk:
    """Answers when told to, and notes how many wait at once."""

    def __init__(self) -> None:
        self.waiting: list[Future[Tensor]] = []
        self.most = 0

    def submit(self, loaded: LoadedPrompt, rows: list[list[int]]) -> Any:
        self.future: Future[Tensor] = Future()
        self.waiting.append(self.future)
        self.most = max(self.most, len(self.waiting))
        if len(self.waiting) == 3:  # answers the newest first: order must not matter
            for future in reversed(self.waiting):
                future.set_result(torch.tensor([[float(rows[0][0])]]))
            self.waiting = []
        return self


def test_so_many_clients_ask_at_a_time_and_answers_keep_the_order() -> None:
    backbone, prompts, traffic = make_tiny(Setup(), "t5")
    desk = Desk()
    answers = ask_batcher(desk, prompts, traffic, 3)  # type: ignore[arg-type]
    assert len(answers) == len(traffic) and desk.most == 3
    with Batcher(ship(backbone), threads=1) as batcher:
        one_by_one = ask_batcher(batcher, prompts, traffic, 1)
        assert batcher.stats().batches == len(traffic)
    check_answers(one_by_one, answer_singly((backbone, prompts, traffic)), torch.float32)


def test_traffic_is_drawn_once_and_for_all_prompts() -> None:
    backbone = make_target("t5", "tiny")
    traffic = draw_traffic(backbone, 400, 32)
    assert traffic == draw_traffic(backbone, 400, 32)
    assert {request.prompt for request in traffic} == set(range(32))
    assert {min(lengths := [len(request.ids) for request in traffic]), max(lengths)} == {10, 60}


def test_a_wrong_answer_stops_the_benchmark() -> None:
    right = [torch.log_softmax(torch.randn(3), 0) for _ in range(4)]
    wrong = [*right[:3], right[3] + 1e-4]
    check_answers(wrong, right, torch.bfloat16)
    with pytest.raises(AssertionError):
        check_answers(wrong, right, torch.float32)
    traffic = [Request(0, [300])] * 4
    with pytest.raises(AssertionError):
        compare_asking(lambda asked: right[: len(asked)], lambda asked: wrong[: len(asked)], traffic, Setup(pairs=1))
    work = make_work(lambda asked: right, traffic, [], torch.float32)
    assert [work(), work()] == [4, 4]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_every_line_runs_in_the_dtype_given(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "make_case", make_tiny)
    setup = Setup(dtype=dtype, pairs=1)
    lines = [line for family in FAMILIES for line in compare(setup, family)]
    assert [line.target for line in lines] == [1.5, 1.5, 1.2]
    assert all(line.ratio_median > 0 and line.pairs == 1 for line in lines)
    assert [line.target for line in serving.run(replace(setup, big=True))] == [5.0, 5.0, 1.2]


@pytest.mark.parametrize("family", FAMILIES)
def test_prompts_hold_their_own_numbers_and_no_more(family: Family) -> None:
    shape = SHAPES[family, "tiny"]
    stored = 2 * shape.layers * shape.shared * shape.head if family == "llama" else 0  # keys and values of a position
    found = measure(family, "tiny", 7, [1, 4])
    assert [numbers["prompts"] for numbers in found] == [1, 4]
    assert [numbers["bytes"] for numbers in found] == [count * 7 * (shape.d + stored) * 4 for count in (1, 4)]
    assert all(numbers["rss"] > 50e6 for numbers in found)


def test_growth_is_that_of_the_process_over_that_of_the_prompts() -> None:
    found = [{"prompts": n, "bytes": 10 * n, "rss": 1000 + 12 * n} for n in (1, 8, 128)]
    assert compare_growth(found) == pytest.approx(1.2)
