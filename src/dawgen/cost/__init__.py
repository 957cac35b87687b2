"""What a run will take before it starts: FLOPs, bytes and kernel calls by formula, seconds by a short calibration.

In use:

    from dawgen.cost import assume_workload, predict_run
    prediction = predict_run(config, assume_workload(config), target_config, generator_config)
"""

from dawgen.cost.calibration import Measuring
from dawgen.cost.machine import Machine
from dawgen.cost.predict import Prediction, predict_run
from dawgen.cost.stages import Stage
from dawgen.cost.workload import Data, Workload, assume_workload, measure_workload

__all__ = [
    "Data",
    "Machine",
    "Measuring",
    "Prediction",
    "Stage",
    "Workload",
    "assume_workload",
    "measure_workload",
    "predict_run",
]
