"""The checks of ``superionic doctor``."""

from __future__ import annotations

import os
import platform
import shutil
import socket
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from superionic.cli.check import Check, attempt
from superionic.cli.database_checks import database_checks
from superionic.cli.label_checks import label_checks
from superionic.cli.session import open_project
from superionic.cli.worker_checks import needed_categories
from superionic.errors import SuperionicError

if TYPE_CHECKING:
    from superionic.spec import ElectrolyteSpec

TESTED = {
    "FireWorks": "2.1.4",
    "jobflow": "0.4.0",
    "maggma": "0.77.1",
    "pymongo": "4.16.0",
    "numpy": "2.4.6",
    "ase": "3.29.0",
    "pymatgen": "2026.10.24",
    "mace-torch": "0.3.16",
    "torch": "2.13.0",
    "chgnet": "0.4.2",
    "atomate2": "0.1.5",
    "custodian": "2026.10.21",
    "quests": "2026.2.22",
    "icet": "4.0",
}
"""Versions of constraints.txt; the tests make sure of that."""
EXTRAS = {"mace-torch": "mace", "torch": "mace", "chgnet": "chgnet", "atomate2": "vasp", "custodian": "vasp"}
EXTRAS |= {"quests": "selection", "icet": "montecarlo"}
MIN_FREE_GB = 2.0
BYTES_PER_GB = 1e9


def run_checks(
    spec: ElectrolyteSpec | None, project: Path, categories: set[str] | None = None, *, database: bool = True
) -> list[Check]:
    """All checks that apply to this machine.

    Parameters
    ----------
    spec : ElectrolyteSpec or None
        A campaign; what it needs is checked, too.
    project : Path
        Project folder.
    categories : set of str, optional
        Categories of jobs that are to run here; by default all that the campaign needs.
    database : bool
        Whether to look at database and queue.
    """
    needed = needed_categories(spec)
    here = needed if categories is None else categories
    checks = [_machine(), _settings(), *_disks(project), *_versions(_needed_extras(spec, here))]
    if database:
        checks += _database(project, needed)
    if "gpu" in here:
        checks.append(_device(spec))
    if spec is not None:
        checks += _campaign(spec, here)
    return checks


def _machine() -> Check:
    return Check("machine", True, f"{socket.gethostname()}, Python {platform.python_version()}", required=False)


def _settings() -> Check:
    from superionic.settings import config_file, load_settings

    def read() -> str:
        load_settings()
        return f"variables SUPERIONIC_*, {config_file()}{'' if config_file().exists() else ' (absent: defaults)'}"

    return attempt("settings", read)


def _database(project: Path, categories: set[str]) -> list[Check]:
    try:
        with open_project(project) as (choice, _):
            return list(database_checks(choice, categories))
    except SuperionicError as error:
        return [Check("database", False, "not usable", str(error))]


def _disks(project: Path) -> Iterator[Check]:
    """Free space of the file systems that are written to, one check for each."""
    from superionic.settings import load_settings

    folders = {"project": project.resolve()}
    try:
        settings = load_settings()
    except SuperionicError:  # has a check of its own
        settings = None
    if settings is not None:
        folders |= {"cache": settings.cache_dir.expanduser().resolve()}
        folders |= {"trainings": settings.training_root.resolve(), "MD": settings.md_root.resolve()}
    seen: set[int] = set()
    for name, path in folders.items():
        folder = next(place for place in (path, *path.parents) if place.exists())
        if (device := folder.stat().st_dev) in seen:
            continue
        seen.add(device)
        free, writable = shutil.disk_usage(folder).free / BYTES_PER_GB, os.access(folder, os.W_OK)
        remedy = f"free at least {MIN_FREE_GB:g} GB in {folder}" if writable else f"{folder} is not yours to write"
        enough = writable and free > MIN_FREE_GB
        yield Check(f"disk of the {name}", enough, f"{free:.1f} GB free, {folder}", "" if enough else remedy)


def _needed_extras(spec: ElectrolyteSpec | None, here: set[str]) -> set[str]:
    """Extras of superionic without which the jobs of these categories cannot run."""
    from superionic.stages import LabelEngine, MonteCarloEnergy, SelectionMethod

    if spec is None:
        return {"mace"} if "gpu" in here else set()
    engine = spec.labelling.engine
    selections = [spec.sampling.selection, spec.sampling.frame_selection]
    selections += [spec.active.selection] if spec.active.rounds else []
    clusters = spec.montecarlo is not None and spec.montecarlo.energy is MonteCarloEnergy.CLUSTER_EXPANSION
    needed = {
        "mace": "gpu" in here,
        "chgnet": engine is LabelEngine.TEACHER_CHGNET_R2SCAN and "gpu" in here,
        "vasp": engine is LabelEngine.VASP_SCAN and "vasp" in here,
        "selection": SelectionMethod.ENTROPY in selections and "gpu" in here,
        "montecarlo": clusters and "cpu" in here,
    }
    return {extra for extra, wanted in needed.items() if wanted}


def _versions(needed_extras: set[str]) -> Iterator[Check]:
    for package, tested in TESTED.items():
        extra = EXTRAS.get(package)
        needed = extra is None or extra in needed_extras
        try:
            found = version(package).partition("+")[0]
        except PackageNotFoundError:
            found = "absent"
        if found == "absent" and not needed:
            continue
        wanted = f"superionic[{extra}]" if extra and found == "absent" else f"{package}=={tested}"
        remedy = "" if found == tested else f"tested with {tested}: pip install '{wanted}'"
        yield Check(package, found == tested, found, remedy, required=found == "absent")


def _device(spec: ElectrolyteSpec | None) -> Check:
    """Whether torch computes on the device in the floating point types of the campaign."""
    from superionic.errors import NotConfiguredError
    from superionic.settings import load_settings

    def compute() -> str:
        device = load_settings().device
        types = sorted({"float64", spec.training.dtype, spec.transport.dtype} if spec else {"float64"})
        if device == "cpu":
            return "cpu"
        import torch

        try:
            for name in types:
                ones = torch.ones(4, 4, dtype=getattr(torch, name), device=device)
                float((ones @ ones).sum())
        except (RuntimeError, TypeError, AssertionError) as error:
            raise NotConfiguredError(
                f"torch cannot compute in {name} on {device}: {str(error).strip().partition(chr(10))[0][:160]}. On a "
                "login node without GPU ask the compute node (--via-queue); else set SUPERIONIC_DEVICE=cpu or install "
                "a torch for this driver"
            ) from None
        title = torch.cuda.get_device_name(device) if device.startswith("cuda") else device
        return f"{device}: {title}, {', '.join(types)}"

    return attempt("device", compute)


def _campaign(spec: ElectrolyteSpec, here: set[str]) -> Iterator[Check]:
    """What the campaign needs besides: foundation and replay structures where potentials run, the label engine."""
    from superionic.dynamics.torchsim import require_torchsim
    from superionic.flows.dataset import label_category
    from superionic.stages import GroupEngine

    if "gpu" in here:
        if spec.transport.group_engine is GroupEngine.TORCH_SIM:
            yield attempt("torch-sim", require_torchsim)
        yield attempt(f"foundation {spec.foundation}", lambda: _look_at_foundation(spec))
        yield attempt("replay structures", lambda: _look_at_replay(spec))
    if label_category(spec).value in here:
        yield from label_checks(spec)


def _look_at_foundation(spec: ElectrolyteSpec) -> str:
    """Level of theory of the foundation, once it is known to be a trusted model of all elements; it is not loaded."""
    from ase.data import chemical_symbols

    from superionic.cli.label_checks import elements_of
    from superionic.errors import InputError
    from superionic.potentials.model_file import inspect_model_file
    from superionic.potentials.registry import foundation_path, foundation_ref, require_trusted

    reference, path = foundation_ref(spec.foundation), foundation_path(spec.foundation)
    known = {chemical_symbols[number] for number in inspect_model_file(path).atomic_numbers}
    unknown = [element for element in elements_of(spec) if element not in known]
    if unknown:
        raise InputError(f"{path} does not know {', '.join(unknown)}; choose another `foundation`")
    require_trusted(path, reference.sha256)
    return reference.level_of_theory


def _look_at_replay(spec: ElectrolyteSpec) -> str:
    """Where the replay structures of the training come from."""
    from superionic.errors import InputError
    from superionic.stages import TrainingMode
    from superionic.training.replay import mace_replay_file, shipped_replay_file

    settings = spec.training
    if settings.mode is not TrainingMode.MULTIHEAD and TrainingMode.MULTIHEAD not in settings.curve_modes:
        return "none needed"
    if settings.replay_set is not None:
        return str(mace_replay_file(settings.replay_set))
    if settings.replay_file is None:
        shipped = shipped_replay_file(spec.foundation)
        return str(shipped) if shipped else "derived from the training structures: `training.replay_set` is better"
    if not Path(settings.replay_file).is_file():
        raise InputError(f"training.replay_file {settings.replay_file} does not exist: correct it, or take it out")
    return settings.replay_file
