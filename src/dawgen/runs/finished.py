"""A finished run, as all that read one see it, and the generator that a set was written with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from dawgen.config import RunConfig
from dawgen.data import RowFile, parse_fields
from dawgen.data.hub import is_hub_name
from dawgen.errors import DataError
from dawgen.files import hash_file, read_json
from dawgen.generator.api.saved import ServedRecord, is_served, read_served
from dawgen.generator.saved import Record
from dawgen.records import Example
from dawgen.report.run.files import Fields, read_log, read_settings
from dawgen.report.run.metrics import RunMetrics, read_metrics
from dawgen.report.run.tables import list_environment
from dawgen.runs.inputs import Inputs, load_inputs
from dawgen.runs.settings import resolve_config

CONFIG = "config.yaml"
WAYS = {  # DecodeConfig.first_texts, in words
    "given": "texts without labels that the job had, word for word",
    "shots": "text1 of the few labelled examples, word for word",
    "written": "written by the generator",
}


@dataclass(frozen=True)
class FinishedRun:
    """The folder of a run that has ended: its numbers are there. What else is in it is read when it is asked for.

    recorded: config.yaml as it stands, the settings and what the bytes depend on beside them; empty where it is gone.

        run = FinishedRun.open(Path("runs/mine"))
        run.config.target.model, run.metrics.methods["dawgen"].accuracy, run.inputs().train
    """

    folder: Path
    recorded: Fields
    metrics: RunMetrics

    @classmethod
    def open(cls, folder: Path) -> FinishedRun:
        """Return the run of a folder.

        Raises:
            DataError: no finished run is there, or one of its files is damaged.
        """
        return cls(folder, read_settings(folder / CONFIG), read_metrics(folder))

    @classmethod
    def find(cls, folder: Path) -> FinishedRun | None:
        """Return the finished run that a set or a bundle (RUN/synthetic, RUN/prompts/METHOD) belongs to, if any."""
        place = folder.resolve()
        run = place.parent if place.name == "synthetic" else place.parent.parent
        inside = place.name == "synthetic" or place.parent.name == "prompts"
        whole = inside and all((run / name).is_file() for name in (CONFIG, "metrics.json"))
        return cls.open(run) if whole else None

    @cached_property
    def config(self) -> RunConfig:
        """The settings. Raises what `resolve` does."""
        return self.resolve()

    def resolve(self, arguments: Mapping[str, Any] | None = None, assignments: Iterable[str] = ()) -> RunConfig:
        """Return the settings with changes, given as to `resolve_config`; threads are as many as the run took.

        Raises:
            DataError: config.yaml is gone. ConfigError: it is damaged, or a change is none.
        """
        if not (self.folder / CONFIG).is_file():
            raise DataError(f"{self.folder}: expected a finished run, found no {CONFIG}. Its settings are not known.")
        config = resolve_config(file=self.folder / CONFIG, arguments=arguments, assignments=assignments)
        return config.model_copy(update={"threads": self._record.get("threads", config.threads)})

    def inputs(self, config: RunConfig | None = None, *, check: bool = True) -> Inputs:
        """Return the data, read and drawn again as the run did.

        config: its settings with changes, such as files that have moved. check: False leaves it to the caller to say
        what `list_changed` finds.

        Raises:
            DataError: a file is not the one that the run had, or cannot be read. ConfigError: as for a run.
        """
        inputs = load_inputs(config or self.config)
        if check and (changed := list_changed(inputs, self.recorded)):
            raise DataError(changed[0])
        return inputs

    @cached_property
    def written(self) -> Sequence[Example]:
        """The rows of the set that the run has written; none where it has written none."""
        path = self.folder / "synthetic" / "train.jsonl"
        return RowFile(path) if path.is_file() else ()

    def read_set(self, inputs: Inputs) -> Sequence[Example] | None:
        """Return the synthetic rows that methods learned from: the given ones, else the run's own; None for none."""
        return self.written or None if inputs.synthetic is None else inputs.synthetic

    @property
    def raw(self) -> Path:
        """Where the shards of the candidates are that the run has written, if it has written any."""
        return self.folder / "synthetic" / "raw"

    def bundle(self, method: str) -> Path | None:
        """Return the folder of the prompt that a method has trained; None where it has trained none."""
        place = self.folder / "prompts" / method
        return place if (place / "bundle.json").is_file() else None

    def steps(self, method: str) -> list[Fields]:
        """Return the log's rows of a method's training, one a step."""
        rows = (row for row in self._log if row.get("stage") == "target" and row.get("method") == method)
        return list({row["step"]: row for row in rows if "step" in row}.values())  # a resumed training repeats some

    def read_answers(self, method: str) -> tuple[list[int], list[int]]:
        """Return the true and the predicted label numbers of the test rows; empty where nothing was predicted.

        Raises:
            DataError: a damaged file.
        """
        path, labels = self.folder / "prompts" / method / "predicted.json", len(self.metrics.labels)
        if not path.is_file():
            return [], []
        row = parse_fields(path.read_bytes(), str(path))
        gold, predicted = row.get("gold"), row.get("predicted")
        if not isinstance(gold, list) or not isinstance(predicted, list) or len(gold) != len(predicted):
            raise DataError(f"{path}: expected the lists gold and predicted of one length; the file is damaged.")
        if wrong := [number for number in (*gold, *predicted) if number not in range(labels)]:
            raise DataError(f"{path}: expected label numbers below {labels}, found {wrong[0]!r}; the file is damaged.")
        return gold, predicted

    @property
    def environment(self) -> list[tuple[str, str]]:
        """Versions, device, threads and models; of a model that is a folder of this machine only the folder's name."""
        models = self._record.get("models") or {}
        names = {f"{role} model": str(model.get("name")) for role, model in models.items()}
        return [
            (name, value.replace(names[name], hide_path(names[name])) if name in names else value)
            for name, value in list_environment(self.recorded)
        ]

    @property
    def hashes(self) -> dict[str, str]:
        """The SHA-256 of each input file by its bare name: its path is private."""
        found = self._record.get("inputs") or {}
        return {Path(str(name)).name: str(digest) for name, digest in found.items()}

    @cached_property
    def _log(self) -> list[Fields]:
        return read_log(self.folder / "log.jsonl")

    @property
    def _record(self) -> Fields:
        return self.recorded.get("record") or {}


def list_changed(inputs: Inputs, recorded: Mapping[str, Any]) -> list[str]:
    """Return a line for each file that has changed since the run. recorded: its config.yaml.

    Files are known by what is in them, since they may have moved; a run that recorded none can say nothing.
    """
    known = (recorded.get("record") or {}).get("inputs")
    changed = [] if known is None else [name for name, digest in inputs.hashes.items() if digest not in known.values()]
    return [
        f"{name}: expected the file that the run was trained on, found another; it has changed." for name in changed
    ]


def find_generator(folder: Path) -> Record | ServedRecord | None:
    """Return the generator beside a set, if the set's raw rows were written with its prefix."""
    settings = folder / "raw" / "settings.json"
    for place in (folder / "generator", folder.resolve().parent / "generator"):
        if is_served(place) and (folder / "raw").is_dir():
            return read_served(place)
        files = [place / "generator.json", place / "prefix.safetensors", settings]
        if all(file.is_file() for file in files) and read_json(settings).get("prefix") == hash_file(files[1]):
            try:
                return Record.model_validate_json(files[0].read_bytes())
            except ValueError as error:
                raise DataError(
                    f"{files[0]}: expected a saved generator: {' '.join(str(error).split())[:150]}"
                ) from error
    return None


def describe_generator(record: Record | ServedRecord) -> dict[str, Any]:
    """Return what a saved generator says of itself; its few-shot texts are left where they are."""
    settings = record.settings.model_dump(mode="json")
    if isinstance(record, ServedRecord):
        return {
            "generator": {"model": record.settings.model, "kind": "api", "server": record.host}
            | {"settings": {name: settings[name] for name in ("endpoint", "prompt_shots", "instruction")}},
            "decode": record.decode.model_dump(mode="json"),
            "first_texts": WAYS[record.decode.first_texts] if record.task.pair else None,
            "seed": record.seed,
            "generator_warnings": list(record.warnings),
        }
    base = {
        "model": hide_path(record.base.name),
        "revision": record.base.revision,
        "fingerprint": record.base.fingerprint,
        "quantisation": record.base.quantisation,
    }
    return {
        "generator": base
        | {"kind": settings.pop("kind"), "settings": {k: v for k, v in settings.items() if k != "model"}},
        "decode": record.decode.model_dump(mode="json"),
        "first_texts": WAYS[record.decode.first_texts] if record.task.pair else None,
        "seed": record.seed,
        "generator_warnings": list(record.warnings),
    }


def hide_path(model: str) -> str:
    """Return a model's name; of one that is a folder of this machine only the folder's name."""
    return model if is_hub_name(model) or "/" not in model else f"{Path(model).name} (a folder)"
