"""A prompted generator against a tuned one, at equal time and at equal money, on two real tasks.

python -m experiments.studies.prompted_tuned --data DATA --out runs/prompted_tuned --model FOLDER \\
    --csv experiments/results/prompted_tuned.csv

DATA is a folder with TASK/train.jsonl.gz and TASK/validation.jsonl.gz. The tuned generator is SmolLM2 with preset
smollm2 and the steps and rate of `make real`; the prompted one is the same model behind `transformers serve` on
loopback (FOLDER: its weights, with do_sample in generation_config.json). Both see 16 shots per label, and both sets are
judged by the same judge of the shots. Time is CPU seconds of one thread, of the tuning and writing process and of the
server. Money: the tuned set's seconds at --hour for the machine, the prompted set's tokens at --price-in and
--price-out per million, for which larger models than this one are sold. "Equal" are the prompted requests that the
tuned set's seconds, or its money, pay for, in their order; where fewer were asked for, all of them (column `asked`).

Quality: the share of a set's rows to whose label a classifier of up to 500 real rows per label (logistic regression on
MiniLM's vectors; no generator saw these rows) gives one half or more. Then three probes on the shots and the set, on
300 test rows. Each part is a file in the folder; a part that is there is not done again.
"""

import argparse
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from dawgen.classifier.embed import encode_rows
from dawgen.classifier.second_opinion import SecondOpinion
from dawgen.config import DecodeConfig, RunConfig
from dawgen.curation import Curator
from dawgen.data import ShardStore, read, read_shards
from dawgen.files import write_json, write_jsonl
from dawgen.generator.api.estimator import ApiGenerator
from dawgen.methods.interface import Given
from dawgen.methods.table import METHODS
from dawgen.models.encoder import load_encoder
from dawgen.models.load import load_generator, load_target
from dawgen.progress import Reporter
from dawgen.records import Example
from dawgen.rng import python_rng, thin
from dawgen.runs.curating import open_curator
from dawgen.runs.folder import Job, StepLog
from dawgen.runs.generate import Order, find_source, generate_set, tune_generator
from dawgen.runs.inputs import Inputs, first_rows, load_inputs
from dawgen.runs.settings import resolve_config
from experiments.pages.rows import write_rows

TASKS, SEEDS = ("agnews", "sick"), (13, 21, 42)
PROBES = ("linear_probe", "encoder_probe", "tfidf_probe")
PER_LABEL, REQUESTS = 50, 84  # rows of each label of the tuned set; whole texts of the prompted one, all labels
FIRST_TEXTS, JUDGING, TEST = 300, 500, 300
DECODE = DecodeConfig(max_new_tokens=64, temperature=0.8, top_p=0.95, attempts=40)


@dataclass(frozen=True, slots=True)
class Row:
    """One set of one task and seed. way: tuned, or the prompted one at equal time or money. asked: texts written for
    it, of those that it could have paid for (`paid`). kept: rows after curation. right: share that the judge of real
    rows agrees with. Then the probes' accuracies with it; of the way "shots" without any set."""

    task: str
    seed: int
    way: str
    paid: int
    asked: int
    kept: int
    seconds: float
    money: float
    right: float
    linear_probe: float
    encoder_probe: float
    tfidf_probe: float


def main(arguments: Sequence[str] | None = None) -> None:
    """Do the parts that are missing, print the rows and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("--data", "--out", "--model", "--csv"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--tasks", nargs="+", default=list(TASKS))
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--hour", type=float, default=0.05)
    parser.add_argument("--price-in", type=float, default=0.15)
    parser.add_argument("--price-out", type=float, default=0.6)
    parser.add_argument("--port", type=int, default=8771)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    cells = [(task, seed) for seed in options.seeds for task in options.tasks]
    for task, seed in cells:
        if not (options.out / f"{task}-{seed}" / "tuned.json").exists():
            write_tuned(options, task, seed)
    if any(not (options.out / f"{task}-{seed}" / "prompted.json").exists() for task, seed in cells):
        with serve(options.model, options.port) as pid:
            for task, seed in cells:
                if not (options.out / f"{task}-{seed}" / "prompted.json").exists():
                    write_prompted(options, task, seed, pid)
    found = [row for task, seed in cells for row in compare(options, task, seed)]
    write_rows(options.csv, Row, found)


def settle(options: argparse.Namespace, task: str, seed: int) -> RunConfig:
    """Return the settings of a task and seed, the same for both generators; pairs get unlabelled first texts."""
    files = {name: str(options.data / task / f"{name}.jsonl.gz") for name in ("train", "validation")}
    arguments: dict[str, Any] = {"task": task, "train": files["train"], "test": files["validation"], "seed": seed}
    arguments |= {"leaks": "drop", "conflicts": "drop", "per_label": PER_LABEL}
    rows = read(files["train"])
    if rows[0].text2 is not None:
        texts = sorted({row.text1 for row in rows})
        file = options.out / "inputs" / f"{task}-{seed}.jsonl"
        file.parent.mkdir(parents=True, exist_ok=True)
        drawn = python_rng(seed, "prompted_tuned/first").sample(texts, FIRST_TEXTS)
        write_jsonl(file, [{"text": text} for text in drawn])
        arguments["unlabelled"] = str(file)
    own = ["curate.judge=minilm", "generator.steps=40", "generator.lr=0.05"]
    return resolve_config(preset="smollm2", arguments=arguments, assignments=own)


def write_tuned(options: argparse.Namespace, task: str, seed: int) -> None:
    """Tune the generator, write its set, and keep what both took."""
    config = settle(options, task, seed)
    inputs, folder = load_inputs(config), options.out / f"{task}-{seed}" / "tuned"
    base = load_generator(config.generator.model, dtype=config.generator.dtype, device="cpu")
    job, source = Job(seed, StepLog(folder / "log.jsonl"), Reporter()), find_source(config, inputs)
    times = [time.process_time()]
    generator = tune_generator(base, source, config.generator, folder=folder / "generator", job=job)
    times.append(time.process_time())
    order = Order(PER_LABEL, source.first_texts, folder / "generator")
    _, numbers = generate_set(generator, order, find_curator(config, inputs), folder=folder / "synthetic", job=job)
    times.append(time.process_time())
    seconds = {"tuning_cpu": times[1] - times[0], "writing_cpu": times[2] - times[1]}
    write_json(folder.parent / "tuned.json", seconds | {"numbers": numbers})


def write_prompted(options: argparse.Namespace, task: str, seed: int, pid: int) -> None:
    """Ask the server for texts, and keep what it took."""
    inputs, folder = load_inputs(settle(options, task, seed)), options.out / f"{task}-{seed}" / "prompted"
    generator = ApiGenerator(
        str(options.model),
        inputs.task,
        url=f"http://127.0.0.1:{options.port}/v1",
        decode=DECODE,
        answers=folder,
        seed=seed,
        concurrency=2,
        timeout=900,
        prompt_shots=3,
        logprobs=False,
    ).fit(inputs.train)
    per_label, begin = REQUESTS // len(inputs.task.labels), count_seconds(pid)
    known = {"prefix": generator.hash_requests(), "seed": seed, "decode": DECODE.model_dump(mode="json")}
    store = ShardStore(folder / "raw", known | {"per_label": per_label})
    generator.generate(per_label, first_texts=inputs.first_texts, store=store, log=print)
    numbers = {"cpu": count_seconds(pid) - begin, "spent": generator.spent_}
    write_json(folder.parent / "prompted.json", numbers | {"generated": generator.generation_.generated.total()})


def compare(options: argparse.Namespace, task: str, seed: int) -> Iterator[Row]:
    """Yield the rows of a task and seed: the shots alone, the tuned set, the prompted one at equal time and money."""
    config, place = settle(options, task, seed), options.out / f"{task}-{seed}"
    inputs = load_inputs(config)
    tuned, prompted = (json.loads((place / f"{way}.json").read_text()) for way in ("tuned", "prompted"))
    seconds = tuned["tuning_cpu"] + tuned["writing_cpu"]
    money, asked = options.hour * seconds / 3600, prompted["generated"]
    spent = prompted["spent"]
    each = (spent["read"] * options.price_in + spent["written"] * options.price_out) / 1e6 / spent["answers"]
    written = tuned["numbers"]["generated"]
    judge = fit_judge(options, inputs, task, seed)
    own = read(place / "tuned" / "synthetic" / "train.jsonl")
    sets = [("shots", 0, 0, [], 0.0, 0.0), ("tuned", written, written, own, seconds, money)]
    candidates = list(read_shards(place / "prompted" / "raw"))
    for way, paid in (("time", seconds * asked / prompted["cpu"]), ("money", money / each)):
        count = min(int(paid), asked)
        curator = find_curator(config, inputs)
        some = candidates[:count]
        rows = [one.example for one, verdict in zip(some, curator.judge(some), strict=True) if verdict.kept]
        sets.append((way, int(paid), count, rows, count * prompted["cpu"] / asked, count * each))
    test = thin(inputs.test or [], TEST, seed, "prompted_tuned/test")
    for way, paid, count, rows, took, cost in sets:
        right = float((judge.weigh(rows) >= 0.5).mean()) if rows else float("nan")
        scores = {probe: measure(probe, inputs, rows, test) for probe in PROBES}
        row = Row(
            task, seed, way, int(paid), count, len(rows), round(took, 1), round(cost, 6), round(right, 4), **scores
        )
        print(row, flush=True)
        yield row


def find_curator(config: RunConfig, inputs: Inputs) -> Curator:
    """Return the filters of both sets, with the judge of the shots."""
    return open_curator(config, inputs.train, inputs.task.labels, test=inputs.test or (), say=print)


def fit_judge(options: argparse.Namespace, inputs: Inputs, task: str, seed: int) -> SecondOpinion:
    """Return a classifier of real rows that neither generator has seen."""
    seen = set(inputs.train)
    rows = [row for row in read(options.data / task / "train.jsonl.gz", task=inputs.task) if row not in seen]
    python_rng(seed, "prompted_tuned/judge").shuffle(rows)
    encoder = load_encoder("minilm", device="cpu")
    judge = SecondOpinion(inputs.task.labels, lambda some: encode_rows(encoder, some))
    return judge.fit(first_rows(rows, inputs.task.labels, JUDGING))


def measure(probe: str, inputs: Inputs, rows: Sequence[Example], test: Sequence[Example]) -> float:
    """Return a probe's accuracy with the shots and the set's rows; a label without a row gets none from the set."""
    whole = bool(rows) and {row.label for row in rows} == set(inputs.task.labels)
    spec = METHODS[f"{probe}_synthetic" if whole else probe]
    given = Given(task=inputs.task, real=inputs.train, synthetic=rows if whole else None)
    predicted = spec.fit(load_target("mini-t5"), given).predict(list(test))
    return round(float(sum(own == row.label for own, row in zip(predicted, test, strict=True)) / len(test)), 4)


@contextmanager
def serve(model: Path, port: int) -> Iterator[int]:
    """Run `transformers serve` on one thread until the block ends; yields its process."""
    words = [sys.executable, "-m", "transformers.cli.transformers", "serve", str(model), "--host", "127.0.0.1"]
    words += ["--port", str(port), "--device", "cpu", "--dtype", "float32"]
    server = subprocess.Popen(words, env=os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"})
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5)
                break
            except OSError:
                if server.poll() is not None:
                    break
                time.sleep(1)
        if server.poll() is not None:
            raise ChildProcessError("transformers serve has ended; its extra: pip install 'transformers[serving]'")
        yield server.pid
    finally:
        server.terminate()
        server.wait()


def count_seconds(pid: int) -> float:
    """Return the CPU seconds that a process has used, on Linux."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
