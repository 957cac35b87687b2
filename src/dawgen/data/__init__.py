"""Input and storage: reading files, few-shot sampling, leak checks and the shards of a synthetic set.

In use:

    from dawgen.data import read
    real = read("train.csv", columns={"text1": "premise", "text2": "hypothesis"}, task=task)
"""

from dawgen.data.fewshot import FewShot, split_fewshot
from dawgen.data.leaks import (
    find_conflicts,
    find_leaks,
    leak_key,
    place_rows,
    resolve_conflicts,
    resolve_leaks,
    share_sentences,
)
from dawgen.data.read import Row, iterate_records, iterate_rows, read, read_rows
from dawgen.data.remarks import Remarks
from dawgen.data.rowfile import FieldFile, RowFile, as_row, parse_fields
from dawgen.data.store import ShardStore, check_shards, clear_shards, find_set, read_shards

__all__ = [
    "FewShot",
    "FieldFile",
    "Remarks",
    "Row",
    "RowFile",
    "ShardStore",
    "as_row",
    "check_shards",
    "clear_shards",
    "find_conflicts",
    "find_leaks",
    "find_set",
    "iterate_records",
    "iterate_rows",
    "leak_key",
    "parse_fields",
    "place_rows",
    "read",
    "read_rows",
    "read_shards",
    "resolve_conflicts",
    "resolve_leaks",
    "share_sentences",
    "split_fewshot",
]
