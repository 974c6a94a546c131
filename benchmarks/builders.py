"""What the query collections cost: a full build of 10,000 job outputs, and another one after 10 changes.

    OMP_NUM_THREADS=1 python -P benchmarks/builders.py [--documents 10000] [--atoms 80]

Outputs as a large campaign leaves them, on a private server: nine in ten are labels (structure, forces, stress), the
rest conductivities with nine temperatures, phase diagrams of 30 compositions, and DiffusionDocs, which no builder takes
and each has to pass over. Their numbers are made up; only their size and shape count. Processor time of this process
is what the goals are about: 1,000 documents per second for a full build, 1 s for a re-run after 10 changes.
"""

from __future__ import annotations

import argparse
import copy
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pymongo.collection import Collection

    from superionic.documents import BaseDoc

GOAL_PER_S, GOAL_RERUN_S, CHANGES = 1000.0, 1.0, 10
SHARES = {"label": 0.9, "conductivity": 0.04, "phase_diagram": 0.01, "diffusion": 0.05}
START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Cost:
    """Processor and wall time of one run of all builders, s, and what it did."""

    cpu_s: float
    wall_s: float
    built: int
    failed: int


def wrapped(document: BaseDoc, number: int, key: str) -> dict[str, Any]:
    """A document as jobflow stores it."""
    return {
        "uuid": f"job-{number}",
        "index": 1,
        "name": type(document).__name__,
        "metadata": {"campaign": "c" * 32, "stage": "x"},
        "completed_at": (START + timedelta(seconds=number)).isoformat(),
        "output": {**plain(document), "key": key},
    }


def plain(document: BaseDoc) -> dict[str, Any]:
    """A document as plain data with its class, as monty writes it."""
    from monty.json import jsanitize

    return dict(jsanitize(document, strict=True, enum_values=True, allow_bson=True))


def shared() -> dict[str, Any]:
    """Fields that all documents have."""
    from superionic.documents import CompositionInfo, Resources
    from superionic.provenance import software_versions

    return {
        "spec_key": "s" * 32,
        "composition": CompositionInfo(axes={"x": 0.5}, label="x=0.5", formula="Li3In0.5Y0.5Br6"),
        "parents": ["p" * 32, "q" * 32],
        "software": software_versions(),
        "resources": Resources(wall_time_s=12.0, cpu_time_s=10.0),
    }


def label(n_atoms: int) -> BaseDoc:
    """A label of a cell of `n_atoms`."""
    import numpy as np
    from pymatgen.core import Lattice, Structure

    from superionic.labelling.schemas import LabelDoc

    rng = np.random.default_rng(0)
    species = [("Li", "In", "Y", "Br", "Br")[site % 5] for site in range(n_atoms)]
    return LabelDoc(
        **shared(),
        structure=Structure(Lattice.orthorhombic(12, 13, 14), species, rng.random((n_atoms, 3))),
        energy_eV=-300.0,
        forces_eV_per_A=rng.normal(size=(n_atoms, 3)).tolist(),
        stress_eV_per_A3=rng.normal(size=(3, 3)).tolist(),
        level_of_theory="teacher: synthetic",
        accepted=True,
    )


def conductivity() -> BaseDoc:
    """A conductivity from nine temperatures."""
    from superionic.transport.schemas import ArrheniusPoint, ArrheniusRun, ConductivityDoc, Interval

    numbers = {
        "n_hops": 60,
        "diffusivity_cm2_per_s": 1e-5,
        "diffusivity_std_cm2_per_s": 1e-6,
        "conductivity_S_per_cm": 0.1,
        "conductivity_std_S_per_cm": 0.01,
        "verdict": "ok",
        "used": True,
    }
    temperatures = [600.0 + 50 * n for n in range(9)]
    return ConductivityDoc(
        **shared(),
        model_key="m" * 32,
        level_of_theory="teacher: synthetic",
        mobile="Li",
        points=[
            ArrheniusPoint(temperature_K=t, diffusion_keys=[f"d{t}"], n_runs=1, n_used=1, **numbers)
            for t in temperatures
        ],
        runs=[ArrheniusRun(temperature_K=t, diffusion_key=f"d{t}", **numbers) for t in temperatures],
        activation_energy_eV=0.31,
        activation_energy_std_eV=0.04,
        activation_energy_95_eV=Interval(low=0.2, high=0.4),
        reference_temperature_K=300.0,
        conductivity_at_reference_S_per_cm=1e-3,
        conductivity_at_reference_95_S_per_cm=Interval(low=1e-4, high=1e-2),
        fit_temperatures_K=temperatures * 11,
        fit_conductivity_S_per_cm=[0.1] * 99,
        fit_low_S_per_cm=[0.1] * 99,
        fit_high_S_per_cm=[0.1] * 99,
        verdict="extrapolated",
        verdict_reason="outside the simulated temperatures",
    )


def phase_diagram() -> BaseDoc:
    """A phase diagram of 30 compositions with 10 orderings each."""
    from superionic.documents import CompositionInfo
    from superionic.potentials.schemas import PotentialRef
    from superionic.stability.schemas import PhaseDiagramDoc, PhaseEntry

    places = [CompositionInfo(axes={"x": n / 29}, label=f"x={n}/29", formula=f"Li{n}In") for n in range(30)]
    return PhaseDiagramDoc(
        **shared() | {"composition": None},
        model_key="m" * 32,
        potential=PotentialRef(name="model", sha256="a" * 64, level_of_theory="teacher: synthetic"),
        end_members=[places[0], places[-1]],
        entries=[
            PhaseEntry(
                composition=place,
                source_key="g" * 32,
                source_index=index,
                n_atoms=20,
                energy_eV=-80.0,
                formation_energy_eV_per_atom=0.001 * index,
                e_above_hull_eV_per_atom=0.001 * index,
                stable=index == 0,
                lowest=index == 0,
            )
            for place in places
            for index in range(10)
        ],
        missing=[],
    )


def outputs(n_documents: int, n_atoms: int) -> Iterator[dict[str, Any]]:
    """The raw documents."""
    patterns = {
        "label": wrapped(label(n_atoms), 0, ""),
        "conductivity": wrapped(conductivity(), 0, ""),
        "phase_diagram": wrapped(phase_diagram(), 0, ""),
    }
    patterns["diffusion"] = copy.deepcopy(patterns["conductivity"])
    patterns["diffusion"]["output"]["@class"] = "DiffusionDoc"
    number = 0
    for kind, share in SHARES.items():
        for _ in range(round(share * n_documents)):
            number += 1
            document = copy.deepcopy(patterns[kind])
            document["output"]["key"] = f"{number:032x}"
            completed = (START + timedelta(seconds=number)).isoformat()
            yield document | {"uuid": f"job-{number}", "completed_at": completed}


def measured(build: Callable[[], Any]) -> Cost:
    """Run all builders once."""
    cpu, wall = time.process_time(), time.perf_counter()
    report = build()
    return Cost(time.process_time() - cpu, time.perf_counter() - wall, report.built, report.failed)


def change(collection: Collection[Any]) -> None:
    """Store some outputs again, as jobs that took a result over do."""
    for row in list(collection.find({"output.@class": "LabelDoc"}, {"_id": 0}).limit(CHANGES)):
        again = row | {"uuid": f"{row['uuid']}-again", "completed_at": datetime.now(UTC).isoformat()}
        collection.insert_one(again)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=10_000)
    parser.add_argument("--atoms", type=int, default=80)
    options = parser.parse_args()

    from superionic.builders import build_all
    from superionic.database.indexes import ensure_indexes
    from superionic.database.stores import job_store, mongo_database, open_database

    with tempfile.TemporaryDirectory() as folder, open_database(Path(folder), "local") as choice:
        store = job_store(choice)
        ensure_indexes(store)
        store.connect()
        collection = mongo_database(choice)["outputs"]
        collection.insert_many(outputs(options.documents, options.atoms))
        n_atoms, size = options.atoms, collection.database.command("collStats", "outputs")["size"] / options.documents

        costs = {"full build": measured(lambda: build_all(store.docs_store))}
        costs["nothing changed"] = measured(lambda: build_all(store.docs_store))
        change(collection)
        costs[f"after {CHANGES} changes"] = measured(lambda: build_all(store.docs_store))
    print(f"{options.documents} outputs, labels of {n_atoms} atoms, {size / 1000:.1f} kB per output\n")
    print("| run | built | failed | processor time, s | wall time, s | built per processor second |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, cost in costs.items():
        rate = f"{cost.built / cost.cpu_s:,.0f}" if cost.built > CHANGES else "-"
        print(f"| {name} | {cost.built:,} | {cost.failed} | {cost.cpu_s:.2f} | {cost.wall_s:.2f} | {rate} |")
    first, last = costs["full build"], costs[f"after {CHANGES} changes"]
    met = first.built / first.cpu_s >= GOAL_PER_S and last.cpu_s < GOAL_RERUN_S and last.built == CHANGES
    print(f"\ngoals {'met' if met and not first.failed else 'NOT met'}")


if __name__ == "__main__":
    main()
