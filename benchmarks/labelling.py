"""What a label costs besides VASP: superionic with atomate2 and custodian against atomate2's defaults.

    OMP_NUM_THREADS=1 python -P benchmarks/labelling.py [--labels 200] [--workers 1 4] [--stock 20] [--quick]

The VASP stand-in takes the place of VASP; its own processor time, measured alone, is subtracted. All runs go through a
private MongoDB, the launchpad and superionic's workers. `stock` is atomate2's StaticMaker() as it comes: custodian with
its default handlers, which looks after 10 s for the first time, and the task document as output. "marginal" leaves out
what the first label of each worker pays: the imports. Goal: below 1 s of processor time per label. (`-P` keeps this
folder out of the path: its coverage.py would hide the package of that name.)
"""

from __future__ import annotations

import argparse
import os
import resource
import stat
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pymatgen.core import Lattice, Structure

GOAL_S = 1.0
CELLS_PER_SIDE = 2
FRAMES_PER_RUN = 30
"""As the default of sampling.frames."""


@dataclass(frozen=True)
class Cost:
    """What a run cost.

    Attributes
    ----------
    labels, workers : int
        Labels made, and workers that made them.
    cpu_s, wall_s : float
        Processor time of all processes, and wall time, s.
    """

    labels: int
    workers: int
    cpu_s: float
    wall_s: float


def frame(number: int) -> Structure:
    """Distorted LiCl with 64 atoms in interleaved order."""
    rng = np.random.default_rng(number)
    structure = Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.14), ["Li", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    structure.make_supercell([CELLS_PER_SIDE] * 3)
    order = rng.permutation(len(structure))
    shuffled = Structure.from_sites([structure[int(i)] for i in order])
    return Structure(shuffled.lattice, shuffled.species, shuffled.frac_coords + rng.normal(0, 0.005, (len(order), 3)))


def set_up(folder: Path) -> None:
    """Let the stand-in be VASP for all processes that are started from here."""
    from superionic.labelling.fake_vasp import write_synthetic_potcars

    command = folder / "fake_vasp.sh"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m superionic.labelling.fake_vasp "$@"\n')
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    write_synthetic_potcars(folder / "potcars", [])
    os.environ |= {
        "ATOMATE2_VASP_CMD": str(command),
        "ATOMATE2_VASP_GAMMA_CMD": str(command),
        "PMG_VASP_PSP_DIR": str(folder / "potcars"),
        "SUPERIONIC_REHEARSAL": "1",
    }


def children_cpu_s() -> float:
    """Processor time of all processes that were started from here and have ended, s."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def stand_in_cpu_s(folder: Path, repeats: int = 5) -> float:
    """Processor time of one run of the stand-in alone, s."""
    from superionic.labelling.ordering import for_vasp
    from superionic.labelling.scan import spin_of
    from superionic.labelling.vasp_maker import scan_vasp_maker
    from superionic.stages import VaspSettings

    settings, costs = VaspSettings(), []
    for number in range(repeats):
        here = folder / f"alone-{number}"
        here.mkdir()
        os.chdir(here)
        maker = scan_vasp_maker(settings, spin_of(settings, ["Li", "Cl"]), ["Li", "Cl"])
        maker.write(for_vasp(frame(number)).structure)
        before = children_cpu_s()
        subprocess.run([os.environ["ATOMATE2_VASP_CMD"]], check=True, stdout=subprocess.DEVNULL)
        costs.append(children_cpu_s() - before)
    os.chdir(folder)
    return float(np.median(costs))


def sampling_run(first: int, n: int, campaign: str) -> Any:  # noqa: ANN401 (SamplingDoc)
    """A sampling run as a campaign makes it."""
    from superionic.potentials.schemas import PotentialRef
    from superionic.sampling.schemas import SamplingDoc

    return SamplingDoc(
        key=f"{campaign}-{first}",
        potential=PotentialRef(name="none", sha256="0" * 64, level_of_theory="none"),
        parent_index=0,
        parent_id=f"parent {first}",
        seed=0,
        temperature_K=800,
        mean_temperature_K=800,
        time_ps=1,
        frame_times_ps=[0.1] * n,
        frames=[frame(first + i) for i in range(n)],
        strains=[np.zeros((3, 3)).tolist()] * n,
        rejected_strains=0,
    )


def own_flow(store: Any, n: int, campaign: str) -> Any:  # noqa: ANN401 (jobflow)
    """The labelling stage of n frames, whose sampling runs are put into the store as if they had run."""
    from monty.json import jsanitize

    from superionic.flows.stages import Category, Stage, mark
    from superionic.labelling.jobs import LabelSetMaker
    from superionic.sampling.schemas import SamplingSetDoc
    from superionic.stages import LabellingSettings

    runs = [sampling_run(i, min(FRAMES_PER_RUN, n - i), campaign) for i in range(0, n, FRAMES_PER_RUN)]
    for run in runs:
        output = jsanitize(run, strict=True, enum_values=True)
        record = {"uuid": run.key, "index": 1, "output": output, "completed_at": "2026-01-01", "metadata": {}}
        store.update(record, key=["uuid", "index"], save={"data": ["frames"]})
    # only the number of frames matters here: the label jobs fetch theirs by key, as in a campaign
    atom = Structure(Lattice.cubic(5), ["Li"], [[0, 0, 0]])
    small = [run.model_copy(update={"frames": [atom] * len(run.frames)}) for run in runs]
    job = LabelSetMaker("label", LabellingSettings()).make(SamplingSetDoc(key="set", runs=small, requested=1))
    return mark(job, Stage.LABELLING, Category.VASP, campaign)


def stock_flow(n: int) -> Any:  # noqa: ANN401 (jobflow)
    """The same structures with atomate2's StaticMaker as it comes; sorted, because atomate2 does not sort."""
    from atomate2.vasp.jobs.core import StaticMaker
    from jobflow import Flow

    return Flow([StaticMaker().make(frame(i).get_sorted_structure()) for i in range(n)])


def measure(folder: Path, kind: str, n: int, workers: int) -> Cost:
    """Run n labels and sum up the processor time of the workers and of all that they started."""
    from superionic.database.stores import job_store, mongo_database, open_database
    from superionic.launch.launchpad import launchpad
    from superionic.launch.submit import submit_flow
    from superionic.launch.workers import run_workers

    campaign = f"{kind}-{n}-{workers}"
    with open_database(folder, "local", database=f"benchmark_{campaign}".replace("-", "_")) as database:
        store = job_store(database)
        store.connect()
        flow = own_flow(store, n, campaign) if kind == "superionic" else stock_flow(n)
        submit_flow(flow, launchpad(database), campaign, campaign)
        cpu, start = children_cpu_s(), time.perf_counter()
        outcome = run_workers(database, workers, campaign, folder / campaign)
        cost = Cost(n, workers, children_cpu_s() - cpu, time.perf_counter() - start)
        done = mongo_database(database)["outputs"].count_documents({"output.accepted": True})
    if not outcome.status.succeeded or (kind == "superionic" and done != n):
        raise SystemExit(f"{campaign} did not finish: {outcome.status.failures} {outcome.problem}")
    return cost


def report(kind: str, cost: Cost, first: Cost, alone_s: float) -> float:
    """Print one line; the marginal overhead per label, s."""
    total = cost.cpu_s / cost.labels - alone_s
    started = first.cpu_s * cost.workers
    marginal = (cost.cpu_s - started) / max(1, cost.labels - cost.workers) - alone_s
    wall = (cost.wall_s - first.wall_s) / max(1, cost.labels - cost.workers) * cost.workers
    print(
        f"{kind:11s} {cost.labels:4d} labels, {cost.workers} workers: {total:6.2f} s CPU per label with the imports, "
        f"{marginal:6.2f} s marginal, {wall:6.2f} s wall per label and worker"
    )
    return marginal


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labels", type=int, default=200)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--stock", type=int, default=20, help="labels with atomate2's defaults; 0 leaves them out")
    parser.add_argument("--quick", action="store_true", help="20 labels, one worker, 3 with atomate2's defaults")
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.labels, chosen.workers, chosen.stock = 20, [1], 3
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        set_up(folder)
        alone = stand_in_cpu_s(folder)
        print(f"stand-in alone: {alone:.2f} s CPU per run (64 atoms), subtracted below")
        first = measure(folder, "superionic", 1, 1)
        ours = [
            report("superionic", measure(folder, "superionic", chosen.labels, w), first, alone) for w in chosen.workers
        ]
        print(f"goal of {GOAL_S:g} s CPU per label: {'reached' if max(ours) < GOAL_S else 'MISSED'}")
        if chosen.stock:
            stock = report("atomate2", measure(folder, "stock", chosen.stock, 1), measure(folder, "stock", 1, 1), alone)
            print(f"ratio of the marginal overheads (atomate2's defaults / superionic): {stock / ours[0]:.2f}")


if __name__ == "__main__":
    main()
