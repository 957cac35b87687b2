"""Curation: which synthetic rows are kept, and for each dropped one the reason, the score and the row it repeats.

    from dawgen.curation import curate
    kept, dropped = curate(synthetic, real=real, test=test)

Every filter is a pure function (`filters`, `dedupe`, `posterior`). `Curator` applies them in a fixed order and
remembers the rows that it kept, so that a set may be judged shard by shard. Nothing here needs a model.
"""

from dawgen.curation.curator import REASONS, Curated, Curator, Dropped, Reason, Verdict, curate
from dawgen.curation.filters import copy_stats

__all__ = ["REASONS", "Curated", "Curator", "Dropped", "Reason", "Verdict", "copy_stats", "curate"]
