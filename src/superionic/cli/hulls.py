"""What ``superionic query hulls`` shows besides the fields of its rows, and its entries for pymatgen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from superionic.database.stores import DatabaseChoice

Row = dict[str, Any]
ALL_PHASES = ("e_above_all_phases_eV_per_atom", "decomposition")
KEPT = (
    "formula",
    "polymorph",
    "formation_energy_eV_per_atom",
    "e_above_hull_eV_per_atom",
    "e_above_hull_std_eV_per_atom",
    "probability_stable",
    "campaign",
)
"""What the entries say in their data."""


def with_temperatures(rows: Sequence[Row]) -> list[Row]:
    """Rows with the free energies of each temperature as fields of their own."""
    return [row | _at_temperatures(row) for row in rows]


def _at_temperatures(row: Row) -> Row:
    found: Row = {}
    for free in row.get("free_energies") or []:
        at = f"{free['temperature_K']:g}K"
        found[f"formation_free_energy_{at}_eV_per_atom"] = free["formation_free_energy_eV_per_atom"]
        found[f"e_above_hull_{at}_eV_per_atom"] = free["e_above_hull_eV_per_atom"]
    return found


def further_columns(rows: Sequence[Row]) -> tuple[str, ...]:
    """Columns of what only some campaigns have: free energies and competing phases."""
    temperatures = [name for row in rows for name in _at_temperatures(row) if name.startswith("e_above_hull")]
    competing = ALL_PHASES if any(row.get(ALL_PHASES[0]) is not None for row in rows) else ()
    return (*dict.fromkeys(temperatures), *competing)


def write_ground_states(choice: DatabaseChoice, rows: Sequence[Row], path: Path) -> int:
    """Write the ground states behind rows of hulls as pymatgen entries.

    Parameters
    ----------
    choice : DatabaseChoice
        Where the documents are.
    rows : sequence of dict
        Rows, each with the key of its GroundStateDoc.
    path : Path
        File to write, .json or .json.gz.

    Returns
    -------
    int
        Number of entries.

    Raises
    ------
    InputError
        If there is nothing to write, or a document is not in the job store any more.
    """
    from superionic.errors import InputError
    from superionic.stability.entries import ground_state_entries, write_entries

    about = {row["source_key"]: {name: row.get(name) for name in KEPT} for row in rows}
    if not about:
        raise InputError("no hull matches, so there are no entries to write; `superionic build` brings them up to date")
    states = _ground_states(choice, list(about))
    write_entries(ground_state_entries(states, about), path)
    return len(states)


def _ground_states(choice: DatabaseChoice, keys: Sequence[str]) -> list[Any]:
    from monty.json import MontyDecoder

    from superionic.database.stores import job_store
    from superionic.errors import InputError

    store = job_store(choice)
    store.connect()
    states = []
    for key in keys:
        wanted = {"output.key": key, "output.@class": "GroundStateDoc"}
        found = store.query_one(wanted, sort={"completed_at": -1}, load=True)
        if found is None:
            raise InputError(f"ground state {key} is not in the job store any more: run the campaign again")
        states.append(MontyDecoder().process_decoded(found["output"]))
    return states
