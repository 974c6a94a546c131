"""Error against the number of labels: selectors, the active loop, and multi-head against naive against scratch.

    OMP_NUM_THREADS=1 python benchmarks/label_efficiency.py [--folder DIR] [--seeds 0 1 2] [--report-only] [--figure F]

Li3InxY1-xBr6yCl6-6y in 20-atom cells. Low level of theory: superionic-mini, distilled from CHGNet 0.3.0. High level:
CHGNet r2SCAN. No DFT is involved. Takes hours on one core; what is finished is kept in the folder, so a broken-off
study continues. The table, of all seeds that are finished, goes to stdout.
"""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

# not the folder of this script: benchmarks/coverage.py would hide the module `coverage`, which numba looks for
sys.path[0] = str(Path(__file__).with_name("labels"))


def main() -> None:
    """Run what is missing and print the table."""
    from pool import load_or_make
    from study import Study, plan
    from summary import figure, table

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("label-efficiency"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="give each core seeds of its own")
    parser.add_argument("--report-only", action="store_true", help="use the finished runs, start none")
    parser.add_argument("--figure", type=Path, help="write the curves as SVG or PNG")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    study = Study(load_or_make(options.folder / "pool"), options.folder / "runs")
    if not options.report_only:
        for number, run in enumerate(runs := plan(options.seeds), start=1):
            print(f"{number}/{len(runs)} {run.name}", file=sys.stderr, flush=True)
            study.result(run)
    print(table(study))
    if options.figure:
        figure(study, options.figure)


if __name__ == "__main__":
    main()
