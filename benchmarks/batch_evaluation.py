"""Structures per second: one ASE call after the other against batches, for MACE on one thread or one GPU.

    OMP_NUM_THREADS=1 python benchmarks/batch_evaluation.py
    python benchmarks/batch_evaluation.py --device cuda --dtype float32 --architecture medium

Three ways take turns, so that load on the machine falls on all of them, and the fastest round of each counts: MACE's
own ASE calculator, superionic's ASE calculator, and superionic's batches. The process keeps freed memory for all three,
which MACE's calculator would not do on its own. On a CPU the time is that of the processor, on a GPU that of the clock.
"""

from __future__ import annotations

import argparse
import logging
import platform
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.filters import FrechetCellFilter
from ase.optimize import GoodOldQuasiNewton
from mace_calculator import halide

from superionic.potentials import foundation_path
from superionic.potentials.atoms import to_structure
from superionic.potentials.batch import evaluate_many, features_many
from superionic.potentials.mace_calculator import LightMACECalculator
from superionic.potentials.process import set_up_process
from superionic.potentials.relax import relax_many
from superionic.stages import RelaxSettings

PROPERTIES = ["energy", "forces", "stress"]
RELAXATION = RelaxSettings()


@dataclass(frozen=True)
class Case:
    """One row: what is done, to what, and in which ways."""

    name: str
    count: int
    ways: dict[str, Callable[[], object]]


def halides(count: int, repeat: tuple[int, int, int] = (1, 1, 1)) -> list[Atoms]:
    """Draw strained, distorted cells of Li3(In,Y)(Br,Cl)6 with random anions and cations."""
    rng, drawn = np.random.default_rng(0), []
    for _ in range(count):
        atoms = halide()
        symbols = np.array(atoms.get_chemical_symbols())
        symbols[(symbols == "Cl") & (rng.random(len(atoms)) < rng.random())] = "Br"
        symbols[(symbols == "In") & (rng.random(len(atoms)) < rng.random())] = "Y"
        atoms.set_chemical_symbols(symbols)
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + rng.normal(0, 0.01, (3, 3))), scale_atoms=True)
        atoms *= repeat
        atoms.positions += rng.normal(0, 0.05, atoms.positions.shape)
        drawn.append(atoms)
    return drawn


def medium_model() -> object:
    """Build the architecture of MACE-MP-0a medium with random weights."""
    import torch
    from e3nn import o3
    from mace import modules

    torch.manual_seed(0)
    return modules.ScaleShiftMACE(
        r_max=6.0,
        num_bessel=10,
        num_polynomial_cutoff=5,
        max_ell=3,
        interaction_cls=modules.interaction_classes["RealAgnosticResidualInteractionBlock"],
        interaction_cls_first=modules.interaction_classes["RealAgnosticResidualInteractionBlock"],
        num_interactions=2,
        num_elements=89,
        hidden_irreps=o3.Irreps("128x0e + 128x1o"),
        MLP_irreps=o3.Irreps("16x0e"),
        atomic_energies=np.zeros((1, 89)),
        avg_num_neighbors=60.0,
        atomic_numbers=list(range(1, 90)),
        correlation=3,
        gate=torch.nn.functional.silu,
        radial_MLP=[64, 64, 64],
        atomic_inter_scale=[1.0],
        atomic_inter_shift=[0.0],
    )


def calculators(architecture: str, device: str, dtype: str) -> tuple[Calculator, LightMACECalculator]:
    """Load the model once for MACE's calculator and once for superionic's."""
    from mace.calculators import MACECalculator  # before torch.load, which needs MACE's settings

    import torch  # isort: skip

    with tempfile.TemporaryDirectory() as folder:
        path = foundation_path("superionic-mini")
        if architecture == "medium":
            path = Path(folder) / "medium.model"
            torch.save(medium_model(), path)
        peer = MACECalculator(model_paths=str(path), device=device, default_dtype=dtype)
        model = torch.load(path, map_location=device, weights_only=False)
    return peer, LightMACECalculator(model, device=device, dtype=dtype)


def one_by_one(structures: Sequence[Atoms], calculator: Calculator) -> Callable[[], object]:
    """ASE calls for energy, forces and stress."""
    return lambda: [calculator.calculate(atoms, PROPERTIES) for atoms in structures]


def relaxed_by_ase(structures: Sequence[Atoms], calculator: Calculator, settings: RelaxSettings) -> None:
    """Relax with ASE, one structure after the other."""
    for start in structures:
        atoms = start.copy()
        atoms.calc = calculator
        optimiser = GoodOldQuasiNewton(FrechetCellFilter(atoms), logfile=None)
        optimiser.run(fmax=settings.fmax_eV_per_A, steps=settings.max_steps)


def cases(
    peer: Calculator, ours: LightMACECalculator, repeat: tuple[int, int, int], count: int, relaxed: int
) -> list[Case]:
    """Energies with forces and stress, features, and relaxations of cells of one size."""
    from pymatgen.io.ase import AseAtomsAdaptor

    structures = halides(count, repeat)
    few = structures[:relaxed]
    crystals = [to_structure(atoms, AseAtomsAdaptor.get_structure(atoms)) for atoms in few]
    found = [
        Case(
            "energy, forces, stress",
            count,
            {
                "MACE": one_by_one(structures, peer),
                "light": one_by_one(structures, ours),
                "batch": lambda: evaluate_many(structures, ours),
            },
        ),
        Case(
            "features",
            count,
            {
                "MACE": lambda: [peer.get_descriptors(atoms, invariants_only=True) for atoms in structures],
                "light": lambda: [ours.invariant_features(atoms) for atoms in structures],
                "batch": lambda: features_many(structures, ours),
            },
        ),
        Case(
            "relaxation",
            relaxed,
            {
                "MACE": lambda: relaxed_by_ase(few, peer, RELAXATION),
                "light": lambda: relaxed_by_ase(few, ours, RELAXATION),
                "batch": lambda: relax_many(crystals, ours, RELAXATION),
            },
        ),
    ]
    return found if relaxed else found[:-1]


def fastest_s(ways: dict[str, Callable[[], object]], rounds: int, clock: Callable[[], float]) -> dict[str, float]:
    """Run all ways in turns and keep the fastest round of each."""
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(rounds):
        for name, way in ways.items():
            start = clock()
            way()
            best[name] = min(best[name], clock() - start)
    return best


def print_case(case: Case, atoms: int, rounds: int, clock: Callable[[], float]) -> None:
    """Print one row of the table."""
    seconds = fastest_s(case.ways, rounds, clock)
    rates = " | ".join(f"{case.count / seconds[name]:8.2f}" for name in case.ways)
    ratios = " | ".join(f"{seconds[name] / seconds['batch']:6.2f}" for name in ("MACE", "light"))
    print(f"| {atoms:3d} | {case.name:22s} | {rates} | {ratios} |", flush=True)


def print_sizes(ours: LightMACECalculator, largest: int, rounds: int, clock: Callable[[], float]) -> None:
    """Print the rate against the number of structures given at once."""
    structures = halides(largest)
    sizes = [2**power for power in range(largest.bit_length())]
    ways = {
        str(size): lambda size=size: [
            evaluate_many(structures[start : start + size], ours, max_edges=10**9) for start in range(0, largest, size)
        ]
        for size in sizes
    }
    seconds = fastest_s(ways, rounds, clock)
    shown = ", ".join(f"{size}: {largest / seconds[str(size)]:.1f}" for size in sizes)
    print(f"\nstructures/s (20 atoms, energy, forces, stress) by structures per call: {shown}", flush=True)


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float64", choices=["float64", "float32"])
    parser.add_argument("--architecture", default="mini", choices=["mini", "medium"])
    parser.add_argument("--count", type=int, default=32, help="20-atom cells; a quarter as many of 160 atoms")
    parser.add_argument("--relaxed", type=int, default=8, help="20-atom cells that are relaxed; 0: none")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--large", action="store_true", help="160-atom cells, too, without relaxations")
    return parser.parse_args()


def main() -> None:
    """Print the table."""
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    given = options()
    set_up_process(1)
    clock = time.perf_counter if given.device != "cpu" else time.process_time
    peer, ours = calculators(given.architecture, given.device, given.dtype)
    packages = ", ".join(f"{name} {version(name)}" for name in ("mace-torch", "torch", "ase"))
    print(f"{given.architecture} {given.dtype} on {given.device} ({platform.machine()}), one thread; {packages}\n")
    print("| atoms | structures/s | MACE, ASE calls | light, ASE calls | batch | batch/MACE | batch/light |")
    print("|---|---|---|---|---|---|---|")
    relaxed = given.relaxed if given.architecture == "mini" else 0  # random weights have nothing to relax to
    for case in cases(peer, ours, (1, 1, 1), given.count, relaxed):
        print_case(case, 20, given.rounds, clock)
    if given.large:
        for case in cases(peer, ours, (2, 2, 2), max(1, given.count // 4), 0):
            print_case(case, 160, given.rounds, clock)
    print_sizes(ours, given.count, given.rounds, clock)


if __name__ == "__main__":
    main()
