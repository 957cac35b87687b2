"""The Ray engine on a real cluster of two nodes: the local engine's numbers, whatever dies on the way."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from dawgen.bench.prompts import PromptCell
from dawgen.bench.sets import SetCell
from dawgen.config import RunConfig
from dawgen.engine import on_ray
from dawgen.engine.local import LocalEngine
from dawgen.engine.on_ray import RayEngine
from dawgen.engine.schedule import run_all
from dawgen.engine.storage import Store
from dawgen.errors import ConfigError, DataError
from support.jobs import quick_settings, save_models, write_inputs

NODE = {"num_cpus": 1, "object_store_memory": 80 * 2**20}
PATIENCE = 60.0  # seconds
pytestmark = pytest.mark.alone  # a second cluster on the machine would find the first

TIMES = ("seconds", "cpu_seconds", "times", "digest")  # which is of the times too


@pytest.fixture(scope="module")
def ray() -> Any:
    """Return the package, or skip."""
    found = pytest.importorskip("ray", reason="the Ray engine needs dawgen[ray]")
    # Workers cannot import a test's module.
    found.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    return found


@pytest.fixture(scope="module")
def cluster(ray: Any) -> Iterator[Any]:
    """Start two nodes of one CPU; this process stays connected, so that tests share workers."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args=NODE | {"include_dashboard": False})
    cluster.add_node(**NODE)
    connection = RayEngine("auto")
    yield cluster
    connection.close()
    cluster.shutdown()


@pytest.fixture
def engine(cluster: Any) -> Iterator[RayEngine]:
    engine = RayEngine()
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ray")


@pytest.fixture(scope="module")
def config(folder: Path) -> RunConfig:
    settings = quick_settings(save_models(folder)) | write_inputs(folder)
    return RunConfig.model_validate(settings | {"seed": 1, "per_label": 16})


@pytest.fixture(scope="module")
def expected(config: RunConfig, folder: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return numbers and files of the local engine."""
    engine = LocalEngine(1)
    numbers = run_all(list_cells(config), Store(folder / "local"), engine)
    engine.close()
    assert not any("error" in values for values in numbers.values())
    return drop_times(numbers), read_files(folder / "local")


def list_cells(config: RunConfig) -> list[SetCell | PromptCell]:
    cell = SetCell(config)
    return [cell, PromptCell(config, "prompt_tuning"), PromptCell(config, "dawgen", f"{cell.place}/train.jsonl")]


def drop_times(numbers: dict[str, Any]) -> dict[str, Any]:
    """Return the numbers by key without those that no two runs have in common."""
    return {key: {name: values[name] for name in values if name not in TIMES} for key, values in numbers.items()}


def read_files(folder: Path) -> dict[str, bytes]:
    """Return all files but those with the cells' times."""
    paths = [path for path in folder.rglob("*") if path.is_file() and path.parent.parent != folder]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def find_workers(folder: str, key: str) -> list[int]:
    """Return the processes that do this cell for a cluster of ours."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            name = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            ours = name.startswith(f"ray::{folder} ") and key in name
            if ours and read_parent(read_parent(int(place.name))) == os.getpid():
                found.append(int(place.name))
        except OSError:  # it has ended
            continue
    return found


def read_parent(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


@contextmanager
def meanwhile(work: Callable[[], None]) -> Iterator[None]:
    """Do something in a thread beside the block; its error, too, is the block's."""
    errors: list[BaseException] = []

    def target() -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=target)
    thread.start()
    yield
    thread.join(PATIENCE)
    assert not errors and not thread.is_alive(), errors


def wait_for(find: Callable[[], list[Any]]) -> list[Any]:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := find():
            return found
        time.sleep(0.005)
    raise TimeoutError("what was waited for did not come")


@pytest.mark.parametrize("kind", ["file", "local"])  # local:// goes through fsspec, as s3:// does
def test_numbers_and_files_are_those_of_the_local_engine(
    kind: str, engine: RayEngine, config: RunConfig, expected: Any, tmp_path: Path
) -> None:
    numbers = run_all(list_cells(config), Store(f"{kind}://{tmp_path}"), engine)
    assert drop_times(numbers) == expected[0]
    assert read_files(tmp_path) == expected[1]
    assert run_all(list_cells(config), Store(tmp_path), None) == numbers  # type: ignore[arg-type]


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="workers are found by their names in /proc")
def test_a_killed_worker_is_replaced(engine: RayEngine, config: RunConfig, expected: Any, tmp_path: Path) -> None:
    key = SetCell(config).key

    def kill() -> None:
        os.kill(wait_for(lambda: find_workers("sets", key))[0], signal.SIGKILL)

    with meanwhile(kill):
        numbers = run_all(list_cells(config), Store(tmp_path), engine)
    assert drop_times(numbers) == expected[0]
    assert read_files(tmp_path) == expected[1]


class Dying(PromptCell):
    def run(self, store: Store) -> dict[str, Any]:
        os.kill(os.getpid(), signal.SIGKILL)
        return {}


class Failing(PromptCell):
    def run(self, store: Store) -> dict[str, Any]:
        with store.workspace("tries") as folder:
            (folder / str(time.time_ns())).touch()
        raise DataError("no rows")


def test_a_cell_that_always_dies_or_fails_is_an_error(
    cluster: Any, config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_ray, "RETRIES", 0)
    engine, store = RayEngine(), Store(tmp_path)
    cells = [Dying(config, "gold"), Failing(config, "zero_shot")]
    numbers = run_all(cells, store, engine)
    assert "died 1 times" in numbers[cells[0].key]["error"]
    assert numbers[cells[1].key] == {"error": "no rows"}
    assert len(list((tmp_path / "tries").iterdir())) == 1  # nothing is tried again that says why


class Facts(PromptCell):
    def run(self, store: Store) -> dict[str, Any]:
        import dawgen

        store.write_text(f"here/{os.getppid()}", "")
        end = time.monotonic() + PATIENCE
        while len(list((store.fetch("here")).iterdir())) < 2 and time.monotonic() < end:
            time.sleep(0.01)
        hidden = os.environ["CUDA_VISIBLE_DEVICES"]
        return {"threads": torch.get_num_threads(), "gpus": hidden, "code": dawgen.__file__, "folder": os.getcwd()}


def test_both_nodes_work_at_a_time_with_one_thread_and_our_code(
    engine: RayEngine, config: RunConfig, tmp_path: Path
) -> None:
    assert engine.slots == 4
    numbers = list(run_all([Facts(config, "gold"), Facts(config, "zero_shot")], Store(tmp_path), engine).values())
    assert len(list((tmp_path / "here").iterdir())) == 2  # each waited for the other node's
    for values in numbers:
        assert (values["threads"], values["gpus"], values["folder"]) == (1, "", os.getcwd())
        assert "runtime_resources" in values["code"]  # Ray's copy of this process's package


def test_a_store_that_only_this_process_sees_is_refused(engine: RayEngine, config: RunConfig) -> None:
    with pytest.raises(ConfigError, match="share"):
        run_all([PromptCell(config, "zero_shot")], Store("memory:///ray"), engine)


def test_workers_with_other_versions_are_refused(
    cluster: Any, config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_ray, "_read_versions", lambda: {"torch": "1.0"})
    with pytest.raises(ConfigError, match=r"torch .*, not 1.0"):
        run_all([PromptCell(config, "zero_shot")], Store(tmp_path), RayEngine())


@dataclass
class Held(PromptCell):
    """Waits until both nodes hold one, and on the node of `raylet` for its end."""

    raylet: int = 0

    def run(self, store: Store) -> dict[str, Any]:
        home, end = os.getppid(), time.monotonic() + PATIENCE  # not asked again: an orphan has another parent
        store.write_text(f"held/{home}/{time.time_ns()}", "")
        while (len(list(store.fetch("held").iterdir())) < 2 or home == self.raylet) and time.monotonic() < end:
            time.sleep(0.01)
        return {}


def test_a_removed_node_loses_nothing(
    engine: RayEngine, cluster: Any, config: RunConfig, expected: Any, tmp_path: Path
) -> None:
    node, store = next(iter(cluster.worker_nodes)), Store(tmp_path)
    raylet = node.all_processes["raylet"][0].process.pid
    held = [Held(config, method, raylet=raylet) for method in ("gold", "zero_shot")]

    def remove() -> None:
        wait_for(lambda: list(tmp_path.glob("held/*")) if (tmp_path / f"held/{raylet}").exists() else [])
        cluster.remove_node(node, allow_graceful=False)

    with meanwhile(remove):
        numbers = drop_times(run_all([*held, *list_cells(config)], store, engine))
    assert [numbers.pop(cell.key) for cell in held] == [{}, {}]
    assert len(list(tmp_path.glob("held/*/*"))) == 3  # one had to begin again
    assert numbers == expected[0]
    assert {name: data for name, data in read_files(tmp_path).items() if name.startswith("sets")} == expected[1]
    wait_for(lambda: [engine._count_slots()] if engine._count_slots() == 2 else [])  # Ray counts it out after a while


def test_no_package_no_cluster_and_no_address_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    class Nowhere:
        def __init__(self) -> None:
            self.asked: list[str] = []

        def init(self, *, address: str, **options: Any) -> None:
            self.asked.append(address)
            if address == "auto":
                raise ConnectionError("no cluster")

    nowhere = Nowhere()
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    on_ray._connect(nowhere, "auto", 0.0, 1)
    assert nowhere.asked == ["auto", "local"]
    with pytest.raises(ConfigError, match="--address 127.0.0.1:1: "):
        on_ray._connect(nowhere, "127.0.0.1:1", 0.0, 1)
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r"dawgen\[ray\]"):
        RayEngine()
