"""Steps per second of superionic's MD against plain ASE with MACE's own calculator, on one thread or one GPU.

    OMP_NUM_THREADS=1 python benchmarks/md_throughput.py
    python benchmarks/md_throughput.py --device cuda --architecture medium --cases 1x160 8x160 32x160 1x20 8x20 32x20

Plain ASE runs one replica after the other, its Langevin integrator with MACE's calculator, and writes nothing.
superionic does what it does in production: a single run is `run_segments`, several are `run_together`, both with guard,
trajectory and checkpoints in a folder. The column torch-sim, where that is installed, is `run_in_torchsim`, with guard
and files, too. All use the same model file in one process and take turns; a ratio is the median over the rounds of the
ratio within a round, so that load on the machine cancels. On a CPU the time is that of the processor, on a GPU that of
the clock.
"""

from __future__ import annotations

import argparse
import logging
import platform
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from ase import Atoms, units
from ase.calculators.calculator import Calculator
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import MaxwellBoltzmannDistribution
from batch_evaluation import calculators, halides, medium_model

from superionic.dynamics import MDSettings, RunRequest, ns_per_day, run_segments, run_together
from superionic.dynamics.torchsim import run_in_torchsim, torchsim_model
from superionic.potentials.mace_calculator import LightMACECalculator
from superionic.potentials.process import set_up_process
from superionic.potentials.registry import foundation_ref, load_network
from superionic.stages import Thermostat

TEMPERATURE_K, TIME_STEP_FS, DAMPING_FS, STRIDE_FS = 800.0, 1.0, 100.0, 100.0
CELLS = {20: (1, 1, 1), 160: (2, 2, 2)}
CASES = ["1x160", "1x20", "8x20", "16x20", "32x20"]
REQUIRED = {"1x160": 1.3, "16x20": 3.0}
"""Least ratio on a CPU."""


@dataclass(frozen=True)
class Way:
    """One way to run MD: how many steps a call makes in all, and the call."""

    steps: int
    run: Callable[[int], object]


def ase_way(cells: Sequence[Atoms], calculator: Calculator, steps: int) -> Way:
    """Plain ASE; each round takes another replica, as their rates add up to nothing more."""

    def run(number: int) -> None:
        atoms = cells[number % len(cells)].copy()
        atoms.calc = calculator
        MaxwellBoltzmannDistribution(atoms, temperature_K=TEMPERATURE_K)
        friction = 1 / (DAMPING_FS * units.fs)
        Langevin(atoms, TIME_STEP_FS * units.fs, temperature_K=TEMPERATURE_K, friction=friction).run(steps)

    return Way(steps, run)


def our_way(cells: Sequence[Atoms], calculator: LightMACECalculator, steps: int, folder: Path) -> Way:
    """`run_segments` for one replica, `run_together` for several."""

    def run(number: int) -> None:
        requests = [
            RunRequest(cell, md_settings(steps, seed), folder / f"{len(cells)}-{number}-{seed}")
            for seed, cell in enumerate(cells)
        ]
        if len(requests) == 1:
            run_segments(requests[0].atoms, calculator, requests[0].settings, requests[0].folder)
            return
        failed = [outcome for outcome in run_together(requests, calculator) if isinstance(outcome, Exception)]
        if failed:
            raise failed[0]

    return Way(steps * len(cells), run)


def torchsim_way(cells: Sequence[Atoms], model: object, steps: int, folder: Path) -> Way:
    """`run_in_torchsim` for all replicas."""

    def run(number: int) -> None:
        requests = [
            RunRequest(cell, md_settings(steps, seed), folder / f"torchsim-{len(cells)}-{number}-{seed}")
            for seed, cell in enumerate(cells)
        ]
        failed = [outcome for outcome in run_in_torchsim(requests, model) if isinstance(outcome, Exception)]
        if failed:
            raise failed[0]

    return Way(steps * len(cells), run)


def md_settings(steps: int, seed: int) -> MDSettings:
    """Settings of one replica."""
    return MDSettings(
        temperature_K=TEMPERATURE_K,
        time_ps=steps * TIME_STEP_FS / 1000,
        time_step_fs=TIME_STEP_FS,
        thermostat=Thermostat.LANGEVIN,
        damping_fs=DAMPING_FS,
        stride_fs=STRIDE_FS,
        seed=seed,
    )


def rates(ways: dict[str, Way], rounds: int, clock: Callable[[], float]) -> dict[str, list[float]]:
    """Steps per second of each way in each round, after a round to warm up."""
    found: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            start = clock()
            way.run(number)
            if number:
                found[name].append(way.steps / (clock() - start))
    return found


def row(case: str, found: dict[str, list[float]], required: float | None) -> str:
    """One row of the table; rates are sums over the replicas."""
    shown = []
    for name in ("ASE", "superionic", "torch-sim"):
        rate = statistics.median(found[name]) if name in found else None
        shown += ["-"] * 2 if rate is None else [f"{rate:.1f}", f"{ns_per_day(TIME_STEP_FS, 1 / rate):.2f}"]
    ours = [ours / peer for ours, peer in zip(found["superionic"], found["ASE"], strict=True)]
    atom_rate = statistics.median(found["superionic"]) * int(case.split("x")[1])
    need = f", at least {required:g}" if required else ""
    ratio = f"{statistics.median(ours):.2f} ({min(ours):.2f}-{max(ours):.2f}{need})"
    return f"| {case} | {' | '.join(shown)} | {atom_rate:.0f} | {ratio} |"


def ways_of(
    case: str, peer: Calculator, ours: LightMACECalculator, torchsim: object | None, steps: int, folder: Path
) -> dict[str, Way]:
    """All ways to run one case, given as replicas x atoms."""
    replicas, atoms = (int(number) for number in case.split("x"))
    cells = halides(replicas, CELLS[atoms])
    ways = {"ASE": ase_way(cells, peer, steps), "superionic": our_way(cells, ours, steps, folder)}
    return ways if torchsim is None else ways | {"torch-sim": torchsim_way(cells, torchsim, steps, folder)}


def torchsim_of(architecture: str, device: str, dtype: str) -> object | None:
    """The model for torch-sim, if that is installed."""
    if find_spec("torch_sim") is None:
        return None
    network = medium_model() if architecture == "medium" else load_network(foundation_ref("superionic-mini"))
    return torchsim_model(network, device=device, dtype=dtype)


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default=["float32", "float64"], nargs="+", choices=["float64", "float32"])
    parser.add_argument("--architecture", default="mini", choices=["mini", "medium"])
    parser.add_argument("--steps", type=int, default=100, help="steps of each replica in a round")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--cases", default=CASES, nargs="+", help="replicas x atoms (20 or 160), as in 16x20")
    return parser.parse_args()


def main() -> None:
    """Print one table per precision."""
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    given = options()
    set_up_process(1)
    clock = time.process_time if given.device == "cpu" else time.perf_counter
    packages = ", ".join(f"{name} {version(name)}" for name in ("mace-torch", "torch", "ase"))
    for dtype in given.dtype:
        peer, ours = calculators(given.architecture, given.device, dtype)
        torchsim = torchsim_of(given.architecture, given.device, dtype)
        print(f"\n{given.architecture} {dtype} on {given.device} ({platform.machine()}), one thread; {packages}\n")
        print(
            "| replicas x atoms | ASE steps/s | ns/day | superionic steps/s | ns/day | torch-sim steps/s | ns/day "
            "| superionic atom steps/s | superionic/ASE (range) |"
        )
        print("|---|---|---|---|---|---|---|---|---|")
        for case in given.cases:
            with tempfile.TemporaryDirectory() as folder:
                ways = ways_of(case, peer, ours, torchsim, given.steps, Path(folder))
                required = REQUIRED.get(case) if (given.device, given.architecture) == ("cpu", "mini") else None
                print(row(case, rates(ways, given.rounds, clock), required), flush=True)


if __name__ == "__main__":
    main()
