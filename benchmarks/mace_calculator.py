"""Time per force call of superionic's MACE calculator against MACE's own, on one thread.

    OMP_NUM_THREADS=1 python benchmarks/mace_calculator.py

The two take turns, so that load on the machine falls on both; the fastest round of each counts.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import numpy as np
from ase import Atoms
from pymatgen.core import Lattice, Structure

from superionic.potentials import foundation_path, foundation_ref, load_calculator, to_atoms

FOUNDATION = "superionic-mini"
ROUNDS, CALLS = 12, 5


def halide() -> Atoms:
    """Build the 20-atom cell of Li3InCl6."""
    host = Structure.from_spacegroup(
        "C2/m",
        Lattice.monoclinic(6.43, 11.09, 6.40, 109.8),
        ["In", "Li", "Li", "Cl", "Cl"],
        [[0, 0, 0], [0, 1 / 3, 0], [0, 1 / 6, 0.5], [0.25, 0.16, 0.24], [0.25, 0, 0.76]],
    )
    host.remove_sites([index for index, site in enumerate(host) if site.specie.symbol == "Li"][:2])
    return to_atoms(host)


def mover(atoms: Atoms, calculator: object) -> Callable[[], None]:
    """Make a function that moves all atoms a little and computes the forces."""
    moving, rng = atoms.copy(), np.random.default_rng(0)
    moving.calc = calculator

    def step() -> None:
        moving.positions += rng.normal(0, 1e-3, moving.positions.shape)
        moving.get_forces()

    return step


def fastest_ms(steps: dict[str, Callable[[], None]]) -> dict[str, float]:
    """Measure the processor time per call of each, in turns."""
    best = dict.fromkeys(steps, float("inf"))
    for _ in range(ROUNDS):
        for name, step in steps.items():
            start = time.process_time()
            for _ in range(CALLS):
                step()
            best[name] = min(best[name], (time.process_time() - start) / CALLS * 1e3)
    return best


def main() -> None:
    """Print one line per cell and precision."""
    logging.disable(logging.WARNING)
    for dtype in ("float32", "float64"):
        ours = load_calculator(foundation_ref(FOUNDATION, dtype))
        from mace.calculators import MACECalculator

        peer = MACECalculator(model_paths=str(foundation_path(FOUNDATION)), device="cpu", default_dtype=dtype)
        for size in ((1, 1, 1), (2, 1, 2)):
            atoms = halide() * size
            atoms.rattle(0.05, seed=1)
            times = fastest_ms({"superionic": mover(atoms, ours), "MACE": mover(atoms, peer)})
            ratio = times["MACE"] / times["superionic"]
            shown = ", ".join(f"{name} {value:.1f} ms" for name, value in times.items())
            print(f"{dtype} {len(atoms):4d} atoms: {shown}: {ratio:.2f} times as fast")


if __name__ == "__main__":
    main()
