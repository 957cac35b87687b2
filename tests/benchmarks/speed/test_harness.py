import pytest
import torch

from benchmarks.speed.harness import Result, Setup, compare_costs, compare_rates, run_apart


def test_rates_compare_units_and_costs_are_their_inverse(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("benchmarks.speed.harness.time.perf_counter", lambda: clock[0])

    def work(seconds: float, units: float) -> float:
        clock[0] += seconds
        return units

    setup = Setup(pairs=3)
    assert compare_rates(lambda: work(1, 2), lambda: work(4, 1), setup) == [8.0] * 3
    assert compare_costs(lambda: work(1, 2), lambda: work(4, 1), setup) == [1 / 8] * 3


def test_runs_alternate_after_one_unmeasured_pair() -> None:
    order: list[str] = []

    def work(name: str) -> float:
        order.append(name)
        return 1.0

    compare_rates(lambda: work("a"), lambda: work("b"), Setup(pairs=2))
    assert order == ["a", "b"] * 3


@pytest.mark.parametrize(("side", "holds"), [("at least", True), ("at most", False)])
def test_a_result_judges_its_median_by_its_side(side: str, holds: bool) -> None:
    result = Result.of("a step", "b", "steps/s", [1.0, 3.0, 2.5], target=2.0, side=side)  # type: ignore[arg-type]
    assert (result.ratio_median, result.ratio_min, result.ratio_max, result.pairs) == (2.5, 1.0, 3.0, 3)
    assert result.unit == f"steps/s, {side}"
    assert result.holds is holds


@pytest.mark.alone
def test_peak_memory_is_that_of_a_process_of_its_own() -> None:
    held = torch.ones(64 << 20, dtype=torch.uint8)  # in this process: no business of the others
    quiet, loud = (int(run_apart("tests.benchmarks.speed.peak", str(size))) for size in (0, 64 << 20))
    assert 48 << 20 < loud - quiet < 96 << 20
    assert len(held) == 64 << 20


def test_a_process_of_its_own_gives_its_last_line() -> None:
    assert run_apart("timeit", "-n1", "-r1", "-s", "print('first')", "pass").startswith("1 loop")
