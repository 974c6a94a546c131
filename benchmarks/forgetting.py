"""What a tuned model forgets: naive, multi-head at two learning rates and scratch on one small set of labels.

    OMP_NUM_THREADS=1 python benchmarks/forgetting.py [--folder DIR] [--seeds 3]

New labels: 50 + 10 frames of Li3InxY1-xBr6yCl6-6y by CHGNet r2SCAN (the high level of theory); test: frames of other
orderings. Replay: half of the set of superionic-mini. Foreign: those of the other half that hold elements without new
labels. Replay and foreign structures are compared with CHGNet 0.3.0, which superionic-mini was distilled from (the low
level). Errors are root mean squares, in meV/atom and meV/A. The frames are shared with label_efficiency.py; with them
the trainings take about twenty minutes on one core.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).with_name("labels"))

ROWS = (("multihead", 0.01), ("multihead", 0.001), ("naive", 0.01), ("scratch", 0.01))
EPOCHS = 30


def main() -> None:
    """Train every row for every seed and print the table."""
    from foreign import Material, foundation_errors, measure

    from superionic.stages import TrainingMode

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("label-efficiency"))
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    results: dict[str, list[dict[str, Any]]] = {}
    for seed in range(options.seeds):
        material = Material.of(options.folder / "pool", seed)
        results.setdefault("foundation", []).append(foundation_errors(material))
        for mode, rate in ROWS:
            file = options.folder / "forgetting" / f"{mode}-{rate:g}-seed{seed}.json"
            if not file.exists():
                found = measure(material, TrainingMode(mode), rate, EPOCHS, file.with_suffix(".run"))
                file.write_text(json.dumps(found), encoding="utf-8")
            name = mode if mode == "scratch" else f"{mode}, lr {rate:g}"
            results.setdefault(name, []).append(json.loads(file.read_text(encoding="utf-8")))
    print_table(results)


def print_table(results: dict[str, list[dict[str, Any]]]) -> None:
    """Means and standard deviations over the seeds, in meV/atom and meV/A."""
    import numpy as np

    columns = {
        "test E": "test_energy",
        "test F": "test_force",
        "replay F, old head": "replay_force_old_head",
        "foreign F, old head": "foreign_force_old_head",
        "foreign F, new head": "foreign_force_new_head",
        "CPU s": "cpu_s",
    }
    print("| run | " + " | ".join(columns) + " |\n| --- |" + " --- |" * len(columns))
    for name, rows in results.items():
        cells = []
        for column in columns.values():
            values = [row[column] for row in rows if row.get(column) is not None]
            cells.append(f"{np.mean(values):.4g} ± {np.std(values, ddof=1):.2g}" if len(values) > 1 else "–")
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
