"""How often intervals cover the true diffusivity: superionic and its peers on walks whose diffusivity is known.

    OMP_NUM_THREADS=1 python benchmarks/coverage.py [--quick] [--repeats 150] [--peers PYTHON] [--peer-repeats 20]

PYTHON is the interpreter of an environment that holds kinisi and pymatgen-analysis-diffusion (one or both); they get
the same walks. The table gives, per hopping model: bias of the mean, scatter of the results over repeats, the median
error claimed, how often the 68 % and the 95 % interval cover the truth, how often the verdict is `ok`, and how often
the 68 % interval of the Haven ratio covers. Sampling error of a coverage of 0.68: 0.04 for 150 repeats, 0.1 for 20.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hopping_models import DIFFUSIVITY_A2_PER_PS, MODELS, walk

TRUE_CM2_PER_S = 1e-4 * DIFFUSIVITY_A2_PER_PS
PEERS = Path(__file__).with_name("coverage_peers.py")
GOALS = {"bias": 0.03, "low": 0.58, "high": 0.78, "least_95": 0.90}


@dataclass(frozen=True)
class Answer:
    """What a tool says about one walk, in cm^2/s; intervals are low and high ends."""

    value: float
    std: float
    interval68: tuple[float, float]
    interval95: tuple[float, float]
    ok: bool | None = None
    haven_covered: bool | None = None


def own(model: str, seed: int) -> Answer:
    """Analyse one walk with superionic."""
    from superionic.transport import analyze_trajectory

    run = walk(model, seed)
    found = analyze_trajectory(run.positions_A, run.lattice_A, run.species, "Li", run.time_step_ps, 800.0)
    ratio, error = found.haven_ratio, found.haven_ratio_std
    return Answer(
        found.diffusivity_cm2_per_s,
        found.diffusivity_std_cm2_per_s,
        found.diffusivity_interval68_cm2_per_s,
        found.diffusivity_interval95_cm2_per_s,
        found.verdict.value == "ok",
        None if ratio is None or error is None else abs(ratio - run.haven_ratio) <= error,
    )


def peer(python: str, tool: str, model: str, seed: int) -> Answer | None:
    """Analyse one walk with a peer, in its own process; None where it is not installed."""
    run = walk(model, seed)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "walk.npz"
        np.savez(file, positions=run.positions_A, lattice=run.lattice_A, species=run.species, dt=run.time_step_ps)
        command = [python, str(PEERS), tool, str(file)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"  {tool}: {(done.stderr.strip().splitlines() or ['no message'])[-1]}", file=sys.stderr)
        return None
    value, std, low, high, low95, high95 = json.loads(done.stdout.strip().splitlines()[-1])
    return Answer(value, std, (low, high), (low95, high95))


def _share(verdicts: list[bool | None]) -> str:
    known = [verdict for verdict in verdicts if verdict is not None]
    return f"{np.mean(known):.2f}" if known else "-"


def row(name: str, model: str, answers: list[Answer]) -> str:
    """One line of the table."""
    values = np.array([answer.value for answer in answers])
    bias = values.mean() / TRUE_CM2_PER_S - 1
    error = values.std(ddof=1) / TRUE_CM2_PER_S / np.sqrt(len(values))
    covers = [
        np.mean([low <= TRUE_CM2_PER_S <= high for low, high in intervals])
        for intervals in ([a.interval68 for a in answers], [a.interval95 for a in answers])
    ]
    claimed = np.median([answer.std / TRUE_CM2_PER_S for answer in answers])
    haven = [answer.haven_covered for answer in answers if answer.haven_covered is not None]
    return (
        f"| {model} | {name} | {len(answers)} | {100 * bias:+.1f} ± {100 * error:.1f} | "
        f"{100 * values.std(ddof=1) / TRUE_CM2_PER_S:.1f} | {100 * claimed:.2g} | {covers[0]:.2f} | {covers[1]:.2f} | "
        f"{_share([a.ok for a in answers])} | {f'{np.mean(haven):.2f} of {len(haven)}' if haven else '-'} |"
    )


def meets_goals(answers: list[Answer]) -> bool:
    """Whether bias and coverage are what issue 6 asks for."""
    values = np.array([answer.value for answer in answers])
    in_68 = np.mean([a.interval68[0] <= TRUE_CM2_PER_S <= a.interval68[1] for a in answers])
    in_95 = np.mean([a.interval95[0] <= TRUE_CM2_PER_S <= a.interval95[1] for a in answers])
    unbiased = abs(values.mean() / TRUE_CM2_PER_S - 1) < GOALS["bias"]
    return bool(unbiased and GOALS["low"] <= in_68 <= GOALS["high"] and in_95 >= GOALS["least_95"])


def main() -> None:
    """Print the table; exit with 1 if superionic misses a goal at full length."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=150)
    parser.add_argument("--seed", type=int, default=0, help="first seed")
    parser.add_argument("--quick", action="store_true", help="20 repeats, goals not judged")
    parser.add_argument("--peers", metavar="PYTHON", help="interpreter of an environment with the peers")
    parser.add_argument("--peer-repeats", type=int, default=20)
    options = parser.parse_args()
    repeats = 20 if options.quick else options.repeats
    print("| model | tool | repeats | bias % | scatter % | claimed % | 68 % | 95 % | ok | Haven 68 % |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    good = True
    for model in MODELS:
        answers = [own(model, options.seed + seed) for seed in range(repeats)]
        good &= meets_goals(answers)
        print(row("superionic", model, answers), flush=True)
        for tool in ("kinisi", "pymatgen") if options.peers else ():
            found = [peer(options.peers, tool, model, options.seed + seed) for seed in range(options.peer_repeats)]
            known = [answer for answer in found if answer is not None]
            if len(known) > 1:
                print(row(tool, model, known), flush=True)
    if not options.quick:
        print(
            f"goals of superionic (bias < 3 %, 68 % interval 0.58 to 0.78, 95 % >= 0.90): {'met' if good else 'MISSED'}"
        )
        sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
