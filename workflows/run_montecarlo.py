"""Monte Carlo of the orderings of one composition, through the launchpad, with a foundation potential.

    python workflows/run_montecarlo.py workflows/nasicon.yaml --at x=2 --project my-project

The block ``montecarlo`` of the spec gives the settings; without it the defaults are used. Run the same command again
after an interruption: what is finished stays, and replicas go on from their checkpoints. Relaxed snapshots are written
to ``<project>/montecarlo`` as extended XYZ, together with the traces of energy and acceptance as one HTML page.
"""

import argparse
import sys
from pathlib import Path
from typing import TypeVar

from jobflow import JobStore
from monty.json import MontyDecoder

from superionic import ElectrolyteSpec
from superionic.cli.session import open_project
from superionic.database.indexes import ensure_indexes
from superionic.database.stores import job_store
from superionic.documents import BaseDoc
from superionic.flows import MonteCarloFlowMaker
from superionic.launch.launchpad import launchpad
from superionic.launch.submit import submit_flow
from superionic.launch.workers import run_workers
from superionic.ordering.composition import grid_cell
from superionic.potentials.atoms import to_atoms
from superionic.provenance import content_key, derived_seed
from superionic.sampling.montecarlo_schemas import (
    ClusterExpansionDoc,
    MonteCarloDoc,
    MonteCarloRunDoc,
    MonteCarloSnapshotDoc,
)
from superionic.stages import MonteCarloSettings

DocT = TypeVar("DocT", bound=BaseDoc)


def documents(store: JobStore, schema: type[DocT], key: str) -> list[DocT]:
    """Documents of one class of this run, with their arrays, in the order of their jobs' names."""
    criteria = {"output.@class": schema.__name__, "output.spec_key": key}
    rows = store.query(criteria, sort={"completed_at": 1}, load=True)
    found = {row["name"]: MontyDecoder().process_decoded(row["output"]) for row in rows}
    return [found[name] for name in sorted(found)]


def show(store: JobStore, key: str, folder: Path) -> None:
    """Print what was found and write the snapshots and traces."""
    import plotly.io

    from superionic.report.figures_montecarlo import expansion_chart, trace_chart

    expansions, runs = documents(store, ClusterExpansionDoc, key), documents(store, MonteCarloRunDoc, key)
    for doc in expansions:
        print(
            f"cluster expansion: {doc.n_parameters} parameters, {doc.n_training} orderings, cross-validation error "
            f"{doc.cv_rmse_meV_per_atom:.2f} meV/atom (spread {doc.spread_meV_per_atom:.2f}); {doc.potential.name}"
        )
    for doc in runs:
        print(
            f"replica {doc.replica}: tau = {doc.tau_sweeps:.1f} sweeps, acceptance {doc.steps[-1].acceptance:.1%} at "
            f"{doc.freeze_K:g} K, {doc.verdict.value}"
        )
    for doc in documents(store, MonteCarloDoc, key):
        agreement = "" if doc.r_hat is None else f", R = {doc.r_hat:.3f}"
        print(f"all replicas: {doc.verdict.value}{agreement}, {doc.n_atoms} atoms")
    folder.mkdir(parents=True, exist_ok=True)
    for number, doc in enumerate(documents(store, MonteCarloSnapshotDoc, key)):
        to_atoms(doc.relaxed[0].structure).write(folder / f"snapshot_{number}.xyz", format="extxyz")
    charts = [trace_chart(runs), *(expansion_chart(doc) for doc in expansions)]
    pages = [plotly.io.to_html(chart.figure, include_plotlyjs=not n) for n, chart in enumerate(charts) if chart]
    (folder / "traces.html").write_text("\n".join(pages))
    print(f"snapshots and traces are in {folder}")


def main() -> int:
    """Submit, run, show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("spec", type=Path)
    parser.add_argument("--at", required=True, help="composition, e.g. x=2 or x=0.5,y=1")
    parser.add_argument("--project", "-C", type=Path, default=Path())
    parser.add_argument("--profile", help="profile of the spec, e.g. laptop")
    given = parser.parse_args()
    spec = ElectrolyteSpec.from_file(given.spec, given.profile)
    cell = grid_cell(spec, spec.point(dict(item.split("=") for item in given.at.split(","))))
    settings = spec.montecarlo or MonteCarloSettings()
    key = content_key(["montecarlo", spec.key, cell.info.label, settings])
    seed = derived_seed(spec.seed, "montecarlo", cell.info.label)
    with open_project(given.project) as (choice, installed):
        maker = MonteCarloFlowMaker(
            settings=settings,
            foundation=spec.foundation,
            merge_equal_orbits=spec.orderings.merge_equal_orbits,
            seed=seed,
            device=installed.device,
        )
        flow = maker.make(cell.structure, composition=cell.info, spec_key=key)
        store = job_store(choice)
        store.connect()
        ensure_indexes(store)
        submit_flow(flow, launchpad(choice), key, f"Monte Carlo: {spec.name} {cell.info.label}")
        launches = given.project / ".superionic" / "launches"
        outcome = run_workers(choice, installed.n_workers, key, launches, threads=installed.threads_per_worker)
        if not outcome.status.succeeded:
            print(outcome.problem or "some jobs failed or wait; `superionic status` shows which and why")
            return 1
        show(store, key, given.project / "montecarlo")
    return 0


if __name__ == "__main__":
    sys.exit(main())
