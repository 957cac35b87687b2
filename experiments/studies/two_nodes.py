"""A part of the grid on a Ray cluster of two nodes and in processes of this machine: are all files the same?

python -m experiments.studies.two_nodes --out runs/two-nodes

Both nodes are on this machine, one CPU each, so that times say what Ray costs and not what more machines bring.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dawgen.bench.job import look_ahead, run_grid
from dawgen.bench.plan import Plan, make_plan
from dawgen.bench.read import read_grid
from dawgen.engine.engine import Engine
from dawgen.engine.local import LocalEngine
from dawgen.engine.storage import Store
from dawgen.files import hash_file

TIMES = {"seconds", "cpu_seconds", "times"}
NODE = {"num_cpus": 1, "object_store_memory": 200 * 2**20}


def main() -> None:
    """Run the grid on both engines and print what differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--grid", type=Path, default=Path(__file__).with_name("first.yaml"))
    parser.add_argument("--out", type=Path, required=True, help="a new folder")
    options = parser.parse_args()
    plan = make_plan(read_grid(options.grid, None))
    stores = {name: Store(options.out / name) for name in ("local", "ray")}
    seconds = {"local": _time(plan, stores["local"], "local", lambda: LocalEngine(2)), "ray": _run_on_two(plan, stores)}
    numbers = {name: {key: _read(store, cell) for key, cell in plan.cells.items()} for name, store in stores.items()}
    other = [key for key in plan.cells if numbers["local"][key] != numbers["ray"][key]]
    files = {name: _hash_sets(options.out / name) for name in stores}
    print(f"local, 2 processes: {seconds['local']:.0f} s; Ray, 2 nodes of one CPU: {seconds['ray']:.0f} s")
    print(f"{len(plan.cells) - len(other)} of {len(plan.cells)} cells have the same numbers")
    print(f"{len(files['local'])} files of sets, all the same: {files['local'] == files['ray']}")
    if other or files["local"] != files["ray"]:
        raise SystemExit(1)


def _run_on_two(plan: Plan, stores: dict[str, Store]) -> float:
    """Start two nodes, run the grid on them and return its seconds."""
    from ray.cluster_utils import Cluster

    from dawgen.engine.on_ray import RayEngine

    cluster = Cluster(initialize_head=True, head_node_args=NODE | {"include_dashboard": False})
    cluster.add_node(**NODE)
    try:
        return _time(plan, stores["ray"], "ray", RayEngine)
    finally:
        cluster.shutdown()


def _time(plan: Plan, store: Store, name: str, open_engine: Callable[[], Engine]) -> float:
    outlook, engine = look_ahead(plan, store), open_engine()
    begin = time.perf_counter()
    try:
        results = run_grid(plan, outlook, store, engine, name, print)
    finally:
        engine.close()
    if results["failed"]:
        raise SystemExit(f"{name}: {results['failed']}")
    return time.perf_counter() - begin


def _read(store: Store, cell: Any) -> dict[str, Any]:
    """Return a cell's numbers without its times."""
    return {name: value for name, value in store.read_json(cell.file).items() if name not in TIMES}


def _hash_sets(folder: Path) -> dict[str, str]:
    """Return the hash of each file inside the sets' folders but for logs and generators' times."""
    return {
        str(path.relative_to(folder)): hash_file(path)
        for path in sorted((folder / "sets").rglob("*"))
        if path.is_file() and len(path.relative_to(folder).parts) > 2 and path.suffix in (".jsonl", ".safetensors")
        if path.name != "log.jsonl"
    }


if __name__ == "__main__":
    main()
