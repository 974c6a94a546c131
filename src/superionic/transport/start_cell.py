"""The cell that a production run starts from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ase import Atoms
from pymatgen.io.ase import AseAtomsAdaptor

from superionic.durable import DamagedFileError, read_sealed, set_aside, write_sealed
from superionic.dynamics import MDSettings
from superionic.dynamics.equilibrate import CellSettings, equilibrate_cell
from superionic.potentials.atoms import to_atoms
from superionic.potentials.relax import relax
from superionic.stages import TransportSettings

START_FILE = "start.json"
SMALL_DRIFT = 0.005
"""A relative change of the volume that is not worth a word."""


@dataclass(frozen=True, eq=False)
class StartCell:
    """Where a run starts.

    Attributes
    ----------
    atoms : ase.Atoms
        Positions and cell.
    volume_change : float
        Its volume over that of the supercell it was made from, less 1.
    notes : tuple of str
        What a reader of the numbers should know.
    """

    atoms: Atoms
    volume_change: float = 0.0
    notes: tuple[str, ...] = ()


def relaxed_cell(atoms: Atoms, calculator: Any, settings: TransportSettings) -> StartCell:  # noqa: ANN401 (ASE)
    """The supercell relaxed with the potential of the MD, from which it may sink below the periodic small cell.

    Raises
    ------
    CalculationError
        If the relaxation runs away.
    """
    found = relax(AseAtomsAdaptor.get_structure(atoms), calculator, settings.cell_relax)
    after = to_atoms(found.structure)
    note = f"the supercell was not relaxed in {found.n_steps} steps: {found.max_force_eV_per_A:.2g} eV/A are left"
    change = float(after.get_volume() / atoms.get_volume() - 1)
    return StartCell(after, change, () if found.converged else (note,))


def expanded_cell(atoms: Atoms, calculator: Any, settings: TransportSettings, md: MDSettings) -> StartCell:  # noqa: ANN401
    """The supercell with the mean cell that it has at the temperature of the MD.

    Raises
    ------
    CalculationError
        If the run at constant pressure explodes, or the cell leaves all bounds.
    """
    wanted = CellSettings(
        md.temperature_K,
        settings.npt_ps,
        settings.npt_freedom,
        settings.npt_pressure_GPa,
        md.time_step_fs,
        md.damping_fs,
        seed=md.seed,
    )
    found = equilibrate_cell(atoms, calculator, wanted)
    change = found.mean_volume_A3 / found.start_volume_A3 - 1
    drifts = abs(found.drift) > max(SMALL_DRIFT, 3 * found.drift_std)
    note = (
        f"the volume still changed by {100 * found.drift:.1f} % over the second half of the run at constant pressure: "
        "raise npt_ps"
    )
    return StartCell(found.atoms, change, (note,) if drifts else ())


def save_start(folder: Path, start: StartCell) -> None:
    """Keep a start, so that a run that is taken up starts from the very same."""
    content = {
        "positions_A": start.atoms.positions.tolist(),
        "cell_A": start.atoms.cell.array.tolist(),
        "volume_change": start.volume_change,
        "notes": start.notes,
    }
    write_sealed(folder / START_FILE, json.dumps(content).encode())


def load_start(folder: Path, like: Atoms) -> StartCell | None:
    """The start that was kept; None if there is none, or if its file is damaged."""
    file = folder / START_FILE
    if not file.exists():
        return None
    try:
        content = json.loads(read_sealed(file))
    except DamagedFileError:
        set_aside(file)
        return None
    atoms = like.copy()
    atoms.set_cell(content["cell_A"])
    atoms.set_positions(content["positions_A"])
    return StartCell(atoms, content["volume_change"], tuple(content["notes"]))
