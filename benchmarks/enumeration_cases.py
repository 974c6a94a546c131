"""Disordered crystals of the enumeration benchmark, and one measurement per process.

    python benchmarks/enumeration_cases.py TOOL CASE [--option value ...]

prints one JSON line. The interpreter may be the peer's own: nothing but the peer and pymatgen is imported
for it. Coordinates are approximate literature values.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

from pymatgen.core import DummySpecies, Lattice, Structure

LISTED = 2000
MEMORY_LIMIT_GB = 12
Result = dict[str, Any]


def halide(metal: dict[str, float], anion: dict[str, float], li_g: float = 0.75, li_h: float = 0.75) -> Structure:
    """Li3MX6 in C2/m, lithium on 4g and 4h."""
    return Structure.from_spacegroup(
        "C2/m",
        Lattice.monoclinic(6.90, 11.93, 6.84, 109.8),
        [metal, {"Li+": li_g}, {"Li+": li_h}, anion, anion],
        [[0, 0, 0], [0, 0.335, 0], [0, 0.163, 0.5], [0.246, 0, 0.763], [0.244, 0.160, 0.241]],
    )


def nasicon() -> Structure:
    """Na3Zr2Si2PO12 in R-3c (hexagonal cell), Na1 and Na2 of one occupancy."""
    return Structure.from_spacegroup(
        "R-3c",
        Lattice.hexagonal(9.05, 22.80),
        [{"Na+": 0.75}, {"Na+": 0.75}, "Zr4+", {"Si4+": 2 / 3, "P5+": 1 / 3}, "O2-", "O2-"],
        [
            [0, 0, 0],
            [0.638, 0, 0.25],
            [0, 0, 0.147],
            [0.294, 0, 0.25],
            [0.180, -0.030, 0.1925],
            [0.192, 0.168, 0.0868],
        ],
    )


def li3inbr6() -> Structure:
    """H: lithium and vacancies only."""
    return halide({"In3+": 1}, {"Br-": 1})


def mixed_halide(li_g: float = 0.75, li_h: float = 0.75) -> Structure:
    """L: Li3In0.5Y0.5Br3Cl3, isovalent metals and halogens."""
    return halide({"In3+": 0.5, "Y3+": 0.5}, {"Br-": 0.5, "Cl-": 0.5}, li_g, li_h)


def gold_palladium() -> Structure:
    """Half gold, half palladium on a face-centred cubic lattice; no charges."""
    primitive = Lattice([[0, 2, 2], [2, 0, 2], [2, 2, 0]])
    return Structure(primitive, [{"Au0+": 0.5, "Pd0+": 0.5}], [[0, 0, 0]])


CASES: dict[str, tuple[Callable[[], Structure], tuple[int, int, int]]] = {
    "H 1x1x1": (li3inbr6, (1, 1, 1)),
    "H 1x1x2": (li3inbr6, (1, 1, 2)),
    "H 1x2x2": (li3inbr6, (1, 2, 2)),
    "H primitive": (lambda: li3inbr6().get_primitive_structure(), (1, 1, 1)),
    "fcc AuPd": (gold_palladium, (1, 1, 1)),
    "N primitive": (lambda: nasicon().get_primitive_structure(), (1, 1, 1)),
    "N conventional": (nasicon, (1, 1, 1)),
    "L' 1x1x1": (lambda: mixed_halide(1.0, 0.5), (1, 1, 1)),
    "L 1x1x1": (mixed_halide, (1, 1, 1)),
    "L 1x1x2": (mixed_halide, (1, 1, 2)),
    "L 1x2x2": (mixed_halide, (1, 2, 2)),
}


def own(structure: Structure, supercell: tuple[int, int, int], options: argparse.Namespace) -> Callable[[], Result]:
    """superionic: the lowest distinct orderings."""
    from superionic.ordering import enumerate_orderings

    def run() -> Result:
        found = enumerate_orderings(structure, [supercell], max_orderings=options.listed)
        return {
            "returned": len(found),
            "distinct": len(found),
            "energies_eV": _few(found.energies_eV),
            "exact": found.exact,
            "patterns": int(found.charge_pattern_ids.max()) + 1,
            "raw": float(found.count_raw),
            "proof": not found.evidence,
        }

    return run


def own_count(structure: Structure, supercell: tuple[int, int, int], _: argparse.Namespace) -> Callable[[], Result]:
    """superionic: Burnside count."""
    from superionic.ordering import count_orderings

    return lambda: {"distinct": count_orderings(structure, supercell)}


def own_derivatives(structure: Structure, _: tuple[int, int, int], options: argparse.Namespace) -> Callable[[], Result]:
    """superionic: distinct orderings of all supercells of some size that do not fit a smaller one."""
    import numpy as np

    from superionic.ordering import enumerate_orderings
    from superionic.ordering.supercells import supercells_of_size

    def run() -> Result:
        divisors = [n for n in range(1, options.size + 1) if options.size % n == 0 and _is_whole(structure, n)]
        cells = [cell for n in divisors for cell in supercells_of_size(structure, n)]
        found = enumerate_orderings(structure, cells, max_orderings=10**6)
        sizes = np.rint(np.linalg.det(np.array(found.supercells))).astype(int)
        return {"distinct": int((sizes == options.size).sum()), "returned": len(found), "exact": found.complete}

    return run


def pymatgen(
    structure: Structure, supercell: tuple[int, int, int], options: argparse.Namespace
) -> Callable[[], Result]:
    """pymatgen: OrderDisorderedStructureTransformation, ranked by Ewald energy."""
    from pymatgen.transformations.standard_transformations import OrderDisorderedStructureTransformation

    large = structure.copy().make_supercell(supercell)
    transformation = OrderDisorderedStructureTransformation(algo=options.algo)

    def run() -> Result:
        found = transformation.apply_transformation(large, return_ranked_list=options.listed)
        energies = sorted(entry["energy"] for entry in found)
        levels = {round(energy, 4) for energy in energies}
        return {"returned": len(found), "levels": len(levels), "energies_eV": _few(energies)}

    return run


def shry(structure: Structure, supercell: tuple[int, int, int], options: argparse.Namespace) -> Callable[[], Result]:
    """SHRY: distinct orderings without energies; vacancies as dummy species, one pool per composition."""
    from itertools import islice

    from shry.core import Substitutor

    large = structure.copy().make_supercell(supercell)
    for site in large:
        missing = 1.0 - site.species.num_atoms
        if missing > 1e-6:  # noqa: PLR2004 -- rounding of occupancies
            site.species = {**site.species.as_dict(), DummySpecies("X", 0): missing}

    def run() -> Result:
        substitutor = Substitutor(large, groupby=lambda site: str(site.species))
        listed = sum(1 for _ in islice(substitutor.make_patterns(), options.listed))
        return {"distinct": int(substitutor.count()), "returned": listed}

    return run


def icet(structure: Structure, _: tuple[int, int, int], options: argparse.Namespace) -> Callable[[], Result]:
    """icet: all supercells of one size at one composition, without energies."""
    from icet.tools import enumerate_structures
    from pymatgen.io.ase import AseAtomsAdaptor

    bare = structure.copy()
    bare.remove_oxidation_states()
    choices = [_symbols(site) for site in bare]
    filled = Structure(bare.lattice, [symbols[0] for symbols in choices], bare.frac_coords)
    atoms = AseAtomsAdaptor.get_atoms(filled)
    varied = {s for symbols in choices if len(symbols) > 1 for s in symbols if s != "X"}
    shares = {s: sum(site.species[s] for site in bare) / len(bare) for s in varied}
    limits = {s: (share - 1e-6, share + 1e-6) for s, share in shares.items()}

    def run() -> Result:
        found = enumerate_structures(atoms, [options.size], choices, concentration_restrictions=limits)
        return {"returned": sum(1 for _ in found)}

    return run


def ewald(structure: Structure, supercell: tuple[int, int, int], options: argparse.Namespace) -> Callable[[], Result]:
    """Energies of some orderings by superionic and by pymatgen's EwaldSummation."""
    from pymatgen.analysis.ewald import EwaldSummation

    from superionic.ordering import enumerate_orderings

    def run() -> Result:
        start = time.perf_counter()
        found = enumerate_orderings(structure, [supercell], max_orderings=options.listed)
        ours_s = (time.perf_counter() - start) / len(found)
        chosen = range(0, len(found), max(1, len(found) // 10))
        structures = [found.structures[i] for i in chosen]
        start = time.perf_counter()
        theirs = [EwaldSummation(ordered).total_energy for ordered in structures]
        peer_s = (time.perf_counter() - start) / len(structures)
        apart = max(abs(float(found.energies_eV[i]) - energy) for i, energy in zip(chosen, theirs, strict=True))
        return {"returned": len(structures), "largest_difference_eV": apart, "ratio": peer_s / ours_s}

    return run


def grid(_: None, __: None, options: argparse.Namespace) -> Callable[[], Result]:
    """superionic: all grid points of a campaign file, as ``superionic enumerate`` does it."""
    from superionic.ordering.tasks import spec_tasks
    from superionic.spec import ElectrolyteSpec

    spec = ElectrolyteSpec.from_file(options.spec)

    def run() -> Result:
        points = []
        for task in spec_tasks(spec, spec.points):
            start = time.perf_counter()
            found = task.run()
            point = {
                "label": task.label,
                "supercells": len(task.supercells),
                "returned": len(found),
                "exact": found.exact,
                "proof": not found.evidence,
                "distinct": float(found.count_distinct),
                "seconds": time.perf_counter() - start,
            }
            points.append(point)
        return {"points": points}

    return run


TOOLS = {
    "own": own,
    "own_count": own_count,
    "own_derivatives": own_derivatives,
    "pymatgen": pymatgen,
    "shry": shry,
    "icet": icet,
    "ewald": ewald,
    "grid": grid,
}


def _is_whole(structure: Structure, n_cells: int) -> bool:
    """Tell whether a supercell holds whole numbers of all species on one common sublattice each."""
    amounts = [n_cells * x for x in structure.composition.values()]
    return all(abs(amount - round(amount)) < 1e-6 for amount in amounts)  # noqa: PLR2004 -- rounding


def _few(energies: Any) -> list[float]:  # noqa: ANN401 -- list or array
    """Return the first, second and last energy."""
    listed = [float(energy) for energy in energies]
    return [listed[0], listed[min(1, len(listed) - 1)], listed[-1]]


def _symbols(site: Any) -> list[str]:  # noqa: ANN401 -- pymatgen ships no types
    """Return what may sit on a site, the vacancy as X."""
    symbols = sorted(element.symbol for element in site.species)
    return symbols if site.species.num_atoms > 1 - 1e-6 else [*symbols, "X"]


def main() -> None:
    """Measure one tool on one case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tool", choices=TOOLS)
    parser.add_argument("case")
    parser.add_argument("--algo", type=int, default=0)
    parser.add_argument("--size", type=int, default=2)
    parser.add_argument("--listed", type=int, default=LISTED)
    parser.add_argument("--spec")
    parser.add_argument("--cpu-limit", type=int)
    options = parser.parse_args()
    limit = MEMORY_LIMIT_GB * 2**30
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    if options.cpu_limit is not None:
        resource.setrlimit(resource.RLIMIT_CPU, (options.cpu_limit, options.cpu_limit + 5))
    build, supercell = CASES.get(options.case, (lambda: None, None))
    run = TOOLS[options.tool](build(), supercell, options)
    wall, cpu = time.perf_counter(), time.process_time()
    result = run()
    result["wall_s"], result["cpu_s"] = time.perf_counter() - wall, time.process_time() - cpu
    result["rss_MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main()
