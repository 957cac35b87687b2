"""The built-in task family: a small world in plain English whose labels an oracle knows exactly.

>>> from dawgen import Example
>>> from dawgen.scenes import label_pair
>>> label_pair("scenes-nli", Example("a man is sleeping in the garden", "a man is sleeping outside"))
'entailment'
"""

from dawgen.scenes.examples import LABELS, SceneData, draw_data, draw_examples, is_reserved
from dawgen.scenes.oracle import label_pair, read_caption, read_question

__all__ = [
    "LABELS",
    "SceneData",
    "draw_data",
    "draw_examples",
    "is_reserved",
    "label_pair",
    "read_caption",
    "read_question",
]
