"""Structures of the Materials Project that compete with the compositions of a campaign."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monty.serialization import dumpfn, loadfn

from superionic.durable import move_whole, scratch_name
from superionic.errors import NotConfiguredError
from superionic.phase_files import phase_of_entry
from superionic.settings import SuperionicSettings
from superionic.stability.competing import against_competing_phases
from superionic.stages import StatedPhase

if TYPE_CHECKING:
    from pymatgen.entries.computed_entries import ComputedStructureEntry

KEY_VARIABLE = "MP_API_KEY"
SOURCE = "Materials Project"
INSTEAD = "or download the phases elsewhere and name them in stability.competing.entries (pymatgen JSON or CIFs)"


def materials_project_phases(
    elements: Sequence[str],
    max_e_above_hull_eV_per_atom: float = 0.05,
    *,
    client: Callable[[str], Any] | None = None,
    cache: Path | None = None,
) -> list[StatedPhase]:
    """Phases of some elements that are near the Materials Project's own hull, structures only.

    What was fetched is kept on disk and not asked for again; delete the file to refresh it.

    Parameters
    ----------
    elements : sequence of str
        Symbols; all chemical systems made of them are searched.
    max_e_above_hull_eV_per_atom : float
        Phases higher above the hull of these entries are left out, eV/atom.
    client : callable, optional
        Makes a client out of a key; by default pymatgen's ``MPRester``.
    cache : Path, optional
        Folder of what was fetched; by default in the cache folder of the installation.

    Returns
    -------
    list of StatedPhase
        Without energies: they are of another method than the tuned model's.

    Raises
    ------
    NotConfiguredError
        If there is no key, the service cannot be reached, or it has nothing.
    """
    entries = _entries(sorted(elements), client, cache or SuperionicSettings().cache_dir / "materials-project")
    phases = [(e.composition.element_composition, e.energy, len(e.structure)) for e in entries]
    heights = [found.e_above_hull_eV_per_atom for found in against_competing_phases(phases, [])]
    near = [e for e, height in zip(entries, heights, strict=True) if height <= max_e_above_hull_eV_per_atom]
    return [phase_of_entry(entry, SOURCE) for entry in sorted(near, key=lambda e: str(e.entry_id))]


def _entries(elements: list[str], client: Callable[[str], Any] | None, cache: Path) -> list[ComputedStructureEntry]:
    from pymatgen.entries.computed_entries import ComputedStructureEntry

    file = cache / f"{'-'.join(elements)}.json.gz"
    if file.is_file():
        return list(loadfn(file))
    found = [entry for entry in _fetched(elements, client) if isinstance(entry, ComputedStructureEntry)]
    if not found:
        raise NotConfiguredError(f"the {SOURCE} has no structures of {'-'.join(elements)}; turn it off, {INSTEAD}")
    file.parent.mkdir(parents=True, exist_ok=True)
    scratch = scratch_name(file).with_suffix(".json.gz")
    dumpfn(found, scratch)
    move_whole(scratch, file)
    return found


def _fetched(elements: list[str], client: Callable[[str], Any] | None) -> list[Any]:
    from pymatgen.ext.matproj import MPRester, MPRestError

    key = os.environ.get(KEY_VARIABLE, "")
    if not key:
        raise NotConfiguredError(
            f"stability.competing.materials_project needs the key of your account in the environment: export "
            f"{KEY_VARIABLE}=... (https://materialsproject.org/api), {INSTEAD}"
        )
    try:
        with (client or MPRester)(key) as rester:
            return list(rester.get_entries_in_chemsys(elements))
    except (MPRestError, OSError, ValueError) as error:
        reason = str(error).replace(key, "***")
        raise NotConfiguredError(
            f"the {SOURCE} cannot be asked for {'-'.join(elements)}: {reason}. Submit once from a machine with "
            f"internet access (the answer is kept in the cache folder), check {KEY_VARIABLE}, {INSTEAD}"
        ) from error
