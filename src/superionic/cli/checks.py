"""The checks of ``superionic doctor``."""

from __future__ import annotations

import shutil
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from superionic.cli.check import Check, attempt
from superionic.cli.label_checks import label_checks
from superionic.cli.session import read_spec

if TYPE_CHECKING:
    from superionic.spec import ElectrolyteSpec

TESTED = {"mace-torch": "0.3.16", "chgnet": "0.4.2", "jobflow": "0.4.0", "FireWorks": "2.1.4", "maggma": "0.77.1"}
MIN_FREE_GB = 2.0
BYTES_PER_GB = 1e9


def run_checks(spec_file: Path | None, project: Path, labels: str | None = None) -> list[Check]:
    """All checks that apply; with a spec also what that spec needs, perhaps with another label engine.

    Raises
    ------
    SpecError
        If the spec is invalid.
    """
    spec = read_spec(spec_file, labels) if spec_file else None
    checks = [_settings(), _database(project), _disk(project), *_versions(), _device()]
    if spec is not None:
        checks += [_foundation(spec), *label_checks(spec)]
    return checks


def _settings() -> Check:
    from superionic.settings import config_file, load_settings

    def read() -> str:
        load_settings()
        return f"variables SUPERIONIC_*, {config_file()}{'' if config_file().exists() else ' (absent: defaults)'}"

    return attempt("settings", read)


def _database(project: Path) -> Check:
    from superionic.cli.session import open_project

    def reach() -> str:
        from superionic.database.stores import job_store
        from superionic.launch.launchpad import launchpad

        with open_project(project) as (choice, _):
            launchpad(choice)
            job_store(choice)
            return choice.describe()

    return attempt("database, queue and stores", reach)


def _disk(project: Path) -> Check:
    folder = next(path for path in (project.resolve(), *project.resolve().parents) if path.exists())
    free = shutil.disk_usage(folder).free / BYTES_PER_GB
    return Check("free disk", free > MIN_FREE_GB, f"{free:.1f} GB", f"free at least {MIN_FREE_GB:g} GB in {folder}")


def _versions() -> list[Check]:
    checks = []
    for package, tested in TESTED.items():
        try:
            found = version(package)
        except PackageNotFoundError:
            found = "absent"
        remedy = f"tested with {tested}: pip install '{package}=={tested}'"
        checks.append(
            Check(package, found == tested, found, "" if found == tested else remedy, required=found == "absent")
        )
    return checks


def _device() -> Check:
    from superionic.settings import load_settings

    device = load_settings().device
    if device == "cpu":
        return Check("device", True, "cpu")
    import torch

    usable = torch.cuda.is_available() if device.startswith("cuda") else True
    return Check("device", usable, device, "" if usable else "torch sees no CUDA device: set SUPERIONIC_DEVICE=cpu")


def _foundation(spec: ElectrolyteSpec) -> Check:
    return attempt(f"foundation {spec.foundation}", lambda: _look_at_foundation(spec))


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
