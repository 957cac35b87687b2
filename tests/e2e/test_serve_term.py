"""kill -TERM to a service under load: what it was sent is answered, what comes later is refused, and it ends well."""

from pathlib import Path

from benchmarks.soak.serve_term import Pull, run_rounds
from support.tiny import save_tiny


def test_no_accepted_request_is_lost(tmp_path: Path) -> None:
    model = str(save_tiny("t5", tmp_path / "t5"))
    found = run_rounds(tmp_path, Pull(clients=24, seconds=1, most=32, rounds=2, model=model))
    assert [name for name, holds in found["checks"].items() if not holds] == []
    full, pausing = found["rounds"]
    assert full["before"]["right"] >= 24
    assert full["open_answered"] > 0
    assert pausing["before"]["right"] > 5
    for one in (full, pausing):
        assert one["after"]["right"] + one["after"]["refused"] + one["after"]["closed"] > 0
        assert one["seconds_to_end"] < 20
