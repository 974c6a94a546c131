"""The closed-loop test: what the tuned model of a laptop campaign says, against its own teacher asked directly.

    superionic run workflows/nasicon.yaml --profile laptop -C nasicon
    OMP_NUM_THREADS=1 python benchmarks/closed_loop.py nasicon teacher-md --project nasicon --folder loop
"""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

# not the folder of this script: benchmarks/coverage.py would hide the module `coverage`, which numba looks for
sys.path[0] = str(Path(__file__).with_name("loop"))


def main() -> None:
    from campaign import Campaign
    from runs import TEACHER, Runs
    from systems import SYSTEMS
    from teacher import LEVEL_OF_THEORY, TeacherCalculator

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("system", choices=SYSTEMS)
    parser.add_argument("stage", choices=["teacher-md"])
    parser.add_argument("--project", type=Path, required=True)
    parser.add_argument("--folder", type=Path, default=Path("closed-loop"))
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    system = SYSTEMS[options.system]
    folder = options.folder / system.name
    runs = Runs(system, Campaign(system.spec, options.project, folder), folder)
    teacher = TeacherCalculator()
    for label, temperature in runs.system.runs():
        runs.make(TEACHER, LEVEL_OF_THEORY, label, temperature, teacher)


if __name__ == "__main__":
    main()
