"""The table of results that ends ``run`` and ``demo``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from superionic.cli.console import emit_table, say
from superionic.documents import structure_name

if TYPE_CHECKING:
    from superionic.database.stores import DatabaseChoice
    from superionic.documents import CompositionInfo
    from superionic.spec import ElectrolyteSpec

MEV_PER_EV = 1000


def summary(choice: DatabaseChoice, spec: ElectrolyteSpec) -> list[dict[str, Any]]:
    """One row per composition: stability and conductivity as the collections have them."""
    from superionic.database.queries import find_rows
    from superionic.database.stores import mongo_database
    from superionic.ordering.composition import grid_cells

    database = mongo_database(choice)
    mine = [f"spec_keys={spec.key}"]
    hulls = _by_composition(find_rows(database["phase_diagrams"], mine, unwind="phases"))
    sigmas = _by_composition(find_rows(database["conductivities"], mine))
    return [_row(cell.info, hulls.get(cell.info.label), sigmas.get(cell.info.label)) for cell in grid_cells(spec)]


def sources(choice: DatabaseChoice, spec: ElectrolyteSpec) -> list[str]:
    """What the numbers rest on; a stand-in or teacher potential is named as such."""
    from superionic.database.stores import mongo_database
    from superionic.potentials.registry import foundation_ref

    found = mongo_database(choice)["labels"].distinct("level_of_theory", {"spec_keys": spec.key, "accepted": True})
    foundation = foundation_ref(spec.foundation)
    return [
        f"labels: {', '.join(sorted(map(str, found))) or 'none'}",
        f"foundation: {spec.foundation}, {foundation.level_of_theory}",
    ]


def _by_composition(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    newest: dict[str, dict[str, Any]] = {}
    for row in rows:
        newest.setdefault(str(row["composition"]), row)
    return newest


def _row(place: CompositionInfo, hull: dict[str, Any] | None, sigma: dict[str, Any] | None) -> dict[str, Any]:
    stability = ("formation_energy_eV_per_atom", "e_above_hull_eV_per_atom", "reference_e_above_hull_eV_per_atom")
    transport: tuple[str, ...] = (
        "key",
        "verdict",
        "activation_energy_eV",
        "activation_energy_std_eV",
        "temperatures_K",
    )
    transport += ("conductivities_S_per_cm", "conductivities_std_S_per_cm", "verdicts")
    row: dict[str, Any] = {"formula": place.formula, "polymorph": place.polymorph}
    row |= {name: (hull or {}).get(name) for name in stability}
    return row | {name: (sigma or {}).get(name) for name in transport}


def show_summary(rows: list[dict[str, Any]], rests_on: list[str]) -> None:
    """Print the rows as a table; where a verdict is not ok the bound stands instead of a number."""
    columns = (
        "composition",
        "E_f / meV/atom",
        "E_hull / meV/atom",
        "labels' E_hull",
        "conductivity / S/cm",
        "E_a / eV",
    )
    emit_table("results", columns, [_cells(row) for row in rows])
    say("; ".join(rests_on))
    say("a conductivity in words instead of a number: the run was too short or unsound, see the report for the reason")


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    return (
        structure_name(row["formula"], row["polymorph"]),
        _mev(row["formation_energy_eV_per_atom"]),
        _mev(row["e_above_hull_eV_per_atom"]),
        _mev(row["reference_e_above_hull_eV_per_atom"]),
        _conductivities(row),
        _energy(row),
    )


def _mev(value: float | None) -> str:
    # adding zero turns a rounded -0.0 into 0.0
    return "-" if value is None else f"{round(MEV_PER_EV * value, 1) + 0.0:.1f}"


def _energy(row: dict[str, Any]) -> str:
    value, error = row["activation_energy_eV"], row["activation_energy_std_eV"]
    return "-" if value is None else f"{value:.2f} ± {error:.2f}"


def _conductivities(row: dict[str, Any]) -> str:
    columns = ("temperatures_K", "conductivities_S_per_cm", "conductivities_std_S_per_cm", "verdicts")
    points = zip(*(row[name] or [] for name in columns), strict=True)
    return "\n".join(_point(*point) for point in points) or "-"


def _point(temperature_K: float, sigma: float | None, error: float | None, verdict: str) -> str:
    """A conductivity with its error; where the verdict allows no value, the bound that its error reaches."""
    words = verdict.replace("_", " ")
    if sigma is None or error is None or verdict == "framework_unstable":
        return f"{temperature_K:.0f} K: {words}"
    if verdict == "ok":
        return f"{temperature_K:.0f} K: {sigma:.2g} ± {error:.1g}"
    return f"{temperature_K:.0f} K: below {sigma + error:.1g} ({words})"
