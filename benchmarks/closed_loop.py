"""The closed-loop test: what the tuned model of a laptop campaign says, against its own teacher asked directly.

    superionic run workflows/nasicon.yaml --profile laptop -C nasicon
    OMP_NUM_THREADS=1 python benchmarks/closed_loop.py nasicon all --project nasicon [--folder DIR]

The teacher is CHGNet r2SCAN, a surrogate for VASP-SCAN. Stages: `teacher-md` takes an hour on a core of its own,
`statics` and `models-md` some twenty minutes each; `report` prints the tables from what is finished, and writes a
figure and a section of a page if asked to. Each can be killed and called again: it goes on where it was. `teacher-md`
needs no more of the campaign than its screenings, the others need its ground states.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from pathlib import Path

# not the folder of this script: benchmarks/coverage.py would hide the module `coverage`, which numba looks for
sys.path[0] = str(Path(__file__).with_name("loop"))


def main() -> None:
    """Run the stages that were asked for."""
    from campaign import Campaign
    from ground_states import GroundStates
    from models import Models
    from names import MODELS
    from runs import Runs
    from systems import SYSTEMS

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("system", choices=SYSTEMS)
    parser.add_argument("stage", choices=["teacher-md", "statics", "models-md", "report", "all"])
    parser.add_argument("--project", type=Path, required=True, help="project folder of the campaign; only read")
    parser.add_argument("--folder", type=Path, default=Path("closed-loop"), help="keeps what is computed")
    parser.add_argument("--figure", type=Path, help="write the figure as SVG or PNG")
    parser.add_argument("--page", type=Path, help="put the report into this page, in place of an older one")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    system = SYSTEMS[options.system]
    campaign = Campaign(options.project, options.folder / system.name)
    models = Models(campaign)
    runs = Runs(system, campaign, models)
    if options.stage in {"statics", "all"}:
        GroundStates(campaign, models).make()
    if options.stage in {"teacher-md", "all"}:
        runs.make_teachers()
    if options.stage in {"models-md", "all"}:
        for name in MODELS:
            runs.make(name)
    if options.stage in {"report", "all"}:
        from figure import draw
        from page import figure_block, put
        from results import Results
        from summary import report

        found = Results(system, campaign, models).gather()
        (campaign.folder / "results.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
        print(text := report(found))
        if options.figure:
            draw(found, options.figure)
        if options.page:
            block = figure_block(options.page, options.figure) if options.figure else ""
            put(options.page, system.name, f"{block}\n\n{text}")


if __name__ == "__main__":
    main()
