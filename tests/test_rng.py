"""Randomness by purpose."""

from dawgen.rng import derive_seed, python_rng, thin


def test_purposes_and_indices_have_draws_of_their_own() -> None:
    seeds = {derive_seed(seed, purpose, index) for seed in (1, 2) for purpose in ("a", "b") for index in (0, 1)}
    assert len(seeds) == 8
    assert python_rng(1, "a").random() == python_rng(1, "a").random()


def test_rows_are_thinned_evenly_and_few_are_left_alone() -> None:
    rows = list(range(100))
    some = thin(rows, 10, 1, "test")
    assert len(set(some)) == 10
    assert thin(rows, 100, 1, "test") == rows
    assert some == thin(rows, 10, 1, "test") != thin(rows, 10, 2, "test")
