"""The checks of ``superionic doctor`` that belong to workers: whether every category is served."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from superionic.cli.check import Check

if TYPE_CHECKING:
    from fireworks import LaunchPad

    from superionic.database.stores import DatabaseChoice
    from superionic.spec import ElectrolyteSpec


def needed_categories(spec: ElectrolyteSpec | None) -> set[str]:
    """Categories of worker that a campaign needs; without one, those that every campaign needs."""
    from superionic.flows.dataset import label_category
    from superionic.flows.stages import Category

    always = {Category.CPU.value, Category.GPU.value}
    return always if spec is None else always | {label_category(spec).value}


def worker_checks(choice: DatabaseChoice, pad: LaunchPad, categories: set[str]) -> Iterator[Check]:
    """Whether somebody takes the jobs that are ready, and whether there are files for the workers."""
    if choice.started:
        yield Check("workers", True, "`superionic run` starts them, for all categories", required=False)
        return
    yield _served(pad)
    from superionic.database.stores import DatabaseKind

    if choice.kind is DatabaseKind.USER_FILES:
        yield _worker_files(choice, categories)


def _served(pad: LaunchPad) -> Check:
    from superionic.launch.inspection import ready_jobs, served_categories

    ready, served = ready_jobs(pad), served_categories(pad)
    alone = {} if "" in served else {name: n for name, n in ready.items() if name not in served}
    counts = ", ".join(f"{n} of {name or 'no category'}" for name, n in sorted((alone or ready).items()))
    if not alone:
        return Check("workers", True, f"ready jobs: {counts or 'none'}", required=False)
    names = sorted(name for name in alone if name)
    remedy = (
        f"no worker took such a job within a day: `superionic worker --category {names[0] if names else 'NAME'}`, or "
        "`qlaunch` with the files of that category"
    )
    return Check("workers", False, f"ready jobs that nobody serves: {counts}", remedy, required=False)


def _worker_files(choice: DatabaseChoice, categories: set[str]) -> Check:
    from superionic.launch.inspection import worker_files

    files = worker_files(choice.config_dir)
    all_takers = sorted(name for name, served in files.items() if "" in served)
    missing = sorted(categories - set().union(*files.values())) if not all_takers else []
    found = ", ".join(f"{name}: {' '.join(sorted(served)) or 'all'}" for name, served in files.items()) or "none"
    if missing:
        remedy = f"no my_fworker file in {choice.config_dir} takes {', '.join(missing)}: `superionic init` writes them"
        return Check("worker files", False, found, remedy, required=False)
    remedy = f"{all_takers[0]} takes the jobs of all categories; give it one" if all_takers else ""
    return Check("worker files", not all_takers, found, remedy, required=False)
