"""A `dawgen predict` that ends like a killed one."""

from typing import Any

import pytest

from dawgen.deploy.predict import shard


class Killed(BaseException):
    """Ends a job at once, as a kill does."""


def stop_after(monkeypatch: pytest.MonkeyPatch, shards: int) -> None:
    """Let the process that labels end like a killed one after so many shards."""
    run, done = shard.Shard.run, list[int]()

    def run_some(self: shard.Shard, store: Any) -> dict[str, Any]:
        if len(done) == shards:
            raise Killed
        done.append(self.index)
        return run(self, store)

    monkeypatch.setattr(shard.Shard, "run", run_some)
