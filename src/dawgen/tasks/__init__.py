"""Tasks: the labels and how the two models are asked about them; one YAML file each.

>>> from dawgen.tasks import Task
>>> Task.load("scenes-nli").labels
('entailment', 'neutral', 'contradiction')
"""

from dawgen.tasks.rows import find_rows
from dawgen.tasks.task import GeneratorPrompts, Hub, Task

__all__ = ["GeneratorPrompts", "Hub", "Task", "find_rows"]
