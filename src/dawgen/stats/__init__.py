"""Statistics over tasks, seeds and test rows, with their uncertainty: small formulas, one file each.

>>> from dawgen.stats import compare, find_t_interval
>>> low, high = find_t_interval([0.81, 0.84, 0.78])
>>> round(low, 3), round(high, 3)
(0.735, 0.885)
>>> compare({13: 0.81, 21: 0.84}, {13: 0.75, 21: 0.80}).wins
2
"""

from dawgen.stats.agreement import bootstrap_alpha, measure_alpha, measure_kappa
from dawgen.stats.auc import find_auc_error, find_aucs
from dawgen.stats.bootstrap import DRAWS, bootstrap_pairs, mean_over_groups
from dawgen.stats.correlation import Correlation, correlate_ranks, correlate_values
from dawgen.stats.gap import Estimate, subtract_estimates
from dawgen.stats.holm import adjust_holm
from dawgen.stats.interval import find_t_interval
from dawgen.stats.items import average_items, bootstrap_items, read_answers
from dawgen.stats.macro_f1 import bootstrap_macro_f1, find_macro_f1
from dawgen.stats.mcnemar import find_mcnemar_p
from dawgen.stats.optimism import expect_best
from dawgen.stats.paired import Comparison, compare, describe, show_p, show_percent, show_way
from dawgen.stats.ranks import find_rank_p
from dawgen.stats.reliability import Bin, find_brier, find_ece, find_ece_noise, list_bins
from dawgen.stats.risk import Point, find_aurc, trace_risk
from dawgen.stats.temperature import Temperature, apply_temperature, find_nll, fit_temperature

__all__ = [
    "DRAWS",
    "Bin",
    "Comparison",
    "Correlation",
    "Estimate",
    "Point",
    "Temperature",
    "adjust_holm",
    "apply_temperature",
    "average_items",
    "bootstrap_alpha",
    "bootstrap_items",
    "bootstrap_macro_f1",
    "bootstrap_pairs",
    "compare",
    "correlate_ranks",
    "correlate_values",
    "describe",
    "expect_best",
    "find_auc_error",
    "find_aucs",
    "find_aurc",
    "find_brier",
    "find_ece",
    "find_ece_noise",
    "find_macro_f1",
    "find_mcnemar_p",
    "find_nll",
    "find_rank_p",
    "find_t_interval",
    "fit_temperature",
    "list_bins",
    "mean_over_groups",
    "measure_alpha",
    "measure_kappa",
    "read_answers",
    "show_p",
    "show_percent",
    "show_way",
    "subtract_estimates",
    "trace_risk",
]
