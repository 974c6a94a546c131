"""Are the errors right for ions that push each other? Long runs of superionic crystals, cut into short ones.

    OMP_NUM_THREADS=1 python benchmarks/interacting_ions.py [--quick]

Pair potentials of `crystals/models.py`; needs numba (extra `selection`); half an hour on one core. The truth is the
diffusivity of the long run, whose own error is a few times smaller. For each length of the short runs: bias, scatter,
the median error claimed and the one that treats ions as independent (jackknife), coverage of both intervals over runs
with verdict `ok`, and that of the 68 % interval of the Haven ratio.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

# not the folder of this script: benchmarks/coverage.py would hide the module `coverage`, which numba looks for
sys.path[0] = str(Path(__file__).with_name("crystals"))

if TYPE_CHECKING:
    from engine import Run

    from superionic.transport import Diffusion

CRYSTALS = (("AgI", 4, 700.0, 1200.0, 5.0, (40.0, 80.0)), ("CaF2", 3, 1700.0, 500.0, 3.0, (40.0, 80.0)))
EQUILIBRATION_PS, FRAME_PS = 5.0, 0.1
COLUMNS = (
    *("crystal", "runs", "ps", "ok", "bias %", "scatter %", "claimed %", "jackknife %"),
    *("68 %", "95 %", "Haven ratio", "Haven 68 %"),
)


def analyse(run: Run, start_ps: float, length_ps: float, mobile: str, kelvin: float) -> Diffusion:
    """Analyse a part of a run."""
    from superionic.transport import analyze_trajectory

    first, count = round(start_ps / run.time_step_ps), round(length_ps / run.time_step_ps)
    positions = run.positions_A[first : first + count]
    return analyze_trajectory(positions, run.lattice_A, run.species, mobile, run.time_step_ps, kelvin)


def jackknife(found: Diffusion) -> float:
    """Relative standard error that takes the ions for independent."""
    ions = np.trace(found.samples.particles, axis1=1, axis2=2) / 3.0
    return float(ions.std(ddof=1) / np.sqrt(len(ions)) / ions.mean())


def row(name: str, truth: Diffusion, runs: list[Diffusion], length_ps: float) -> str:
    """One line of the table."""
    true = truth.diffusivity_cm2_per_s
    ok = [run for run in runs if run.verdict == "ok"]
    if not ok or truth.haven_ratio is None:
        return f"| {name} | {len(runs)} | {length_ps:g} | {len(ok) / len(runs):.2f} |{' - |' * (len(COLUMNS) - 4)}"
    values = np.array([run.diffusivity_cm2_per_s for run in runs]) / true
    claimed = np.median([run.diffusivity_std_cm2_per_s for run in ok]) / true
    in_68, in_95 = (
        np.mean([low <= true <= high for low, high in intervals])
        for intervals in (
            [run.diffusivity_interval68_cm2_per_s for run in ok],
            [run.diffusivity_interval95_cm2_per_s for run in ok],
        )
    )
    haven = [abs(run.haven_ratio - truth.haven_ratio) <= run.haven_ratio_std for run in ok if run.haven_ratio]
    alone = np.median([jackknife(run) for run in runs])
    return (
        f"| {name} | {len(runs)} | {length_ps:g} | {len(ok) / len(runs):.2f} | "
        f"{100 * (values.mean() - 1):+.1f} ± {100 * values.std(ddof=1) / np.sqrt(len(values)):.1f} | "
        f"{100 * values.std(ddof=1):.1f} | {100 * claimed:.1f} | {100 * alone:.1f} | {in_68:.2f} | {in_95:.2f} | "
        f"{truth.haven_ratio:.2f} ± {truth.haven_ratio_std:.2f} | {np.mean(haven):.2f} |"
    )


def main() -> None:
    """Print the table."""
    from engine import simulate
    from models import MODELS

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a fifth of the length")
    options = parser.parse_args()
    print(f"| {' | '.join(COLUMNS)} |\n|{' --- |' * len(COLUMNS)}")
    for name, cells, kelvin, full_ps, step_fs, lengths_ps in CRYSTALS:
        total_ps, mobile = full_ps / (5 if options.quick else 1), MODELS[name].mobile
        stride = round(1000 * FRAME_PS / step_fs)
        run = simulate(MODELS[name], cells, (kelvin, kelvin), total_ps, time_step_fs=step_fs, stride=stride, seed=5)
        truth = analyse(run, EQUILIBRATION_PS, total_ps, mobile, kelvin)
        for length in lengths_ps:
            starts = np.arange(EQUILIBRATION_PS, total_ps - length, length)
            parts = [analyse(run, float(start), length, mobile, kelvin) for start in starts]
            print(row(f"{name}, {kelvin:g} K", truth, parts, length), flush=True)


if __name__ == "__main__":
    main()
