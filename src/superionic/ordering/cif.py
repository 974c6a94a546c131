"""A disordered crystal from a CIF: formal charges, and what to do about refined occupancies."""

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import gcd
from pathlib import Path
from typing import Any

import numpy as np
from pymatgen.core import Element, Structure

from superionic.errors import OrderingError
from superionic.ordering.cell import ReferenceCell
from superionic.ordering.nearest import (
    LARGEST_PRACTICAL,
    nearest_list,
    nearest_neutral,
    realising_sizes,
    refuse_fractions,
)
from superionic.ordering.occupancies import charge_e
from superionic.ordering.supercells import supercell_size
from superionic.supercell_choice import SupercellShape

CLOSEST_A = 1.0
"""Partly occupied sites closer than this can hardly be occupied at the same time."""
NEUTRAL_E = 1e-4
LARGEST_GUESS_E = 0.1
"""Net charge per atom up to which a guess of formal charges is worth showing."""
SPACE_GROUP_NAME = r"^\s*_(?:symmetry_)?space_group_name_H-M\S*[ \t]+(\S.*)$"
OPERATIONS = r"^\s*_(?:symmetry_equiv_pos_as_xyz|space_group_symop_operation_xyz)"
REPEATS = ("Issues encountered while parsing CIF", "Skipping relative stoichiometry check")
"""Beginnings of the parser's messages that say nothing new."""
GROUP_OF_HALOGENS = 17
GROUP_OF_CHALCOGENS = 16


@dataclass(frozen=True)
class CifCrystal:
    """A disordered crystal read from a CIF.

    Attributes
    ----------
    structure : Structure
        With oxidation states.
    notes : tuple of str
        What a user should know: warnings of the parser, sites too close to each other.
    """

    structure: Structure
    notes: tuple[str, ...]


def read_cif(path: Path, charges: Mapping[str, float] | None = None) -> CifCrystal:
    """Read a CIF with partial occupancies.

    Parameters
    ----------
    path : Path
        The file; the first structure in it is taken, in the cell that it describes.
    charges : mapping of str to float, optional
        Formal charge of each element; by default those of the CIF (``_atom_type_oxidation_number``).

    Raises
    ------
    OrderingError
        If there is no structure in the file, or a formal charge is missing. Charges are never guessed.
    """
    structure, notes = _parsed(path)
    structure = _charged(structure, charges, path)
    return CifCrystal(structure, (*notes, *_too_close(structure)))


def _parsed(path: Path) -> tuple[Structure, list[str]]:
    from pymatgen.io.cif import CifParser

    try:
        text, notes = with_operations(path.read_text(errors="replace"), str(path))
    except OSError as error:
        raise OrderingError(f"{path}: cannot be read: {error.strerror}; check the path") from error
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            structures = CifParser.from_str(text).parse_structures(primitive=False)
        except (ValueError, KeyError, IndexError, AssertionError, TypeError) as error:
            said = "; ".join(_messages(caught))
            raise OrderingError(f"{path}: no structure can be read from this CIF: {error} {said}".rstrip()) from error
    if len(structures) > 1:
        notes.append(f"the CIF holds {len(structures)} structures; the first one was taken")
    return structures[0], [*notes, *(f"CIF parser: {message}" for message in _messages(caught))]


def _messages(caught: list[warnings.WarningMessage]) -> list[str]:
    """Distinct messages of the parser; those that only repeat others are left out."""
    messages = dict.fromkeys(str(w.message) for w in caught if issubclass(w.category, UserWarning))
    return [message for message in messages if not message.startswith(REPEATS)]


def with_operations(text: str, source: str) -> tuple[str, list[str]]:
    """Add the operations of a space group that a CIF only names; pymatgen would take such a file for P1.

    Parameters
    ----------
    text : str
        Content of the CIF.
    source : str
        Its name, for messages.

    Returns
    -------
    tuple of str and list of str
        The content, and a note if anything was added.

    Raises
    ------
    OrderingError
        If the CIF lists no operations and names an unknown space group.
    """
    from pymatgen.symmetry.groups import SpaceGroup

    named = re.search(SPACE_GROUP_NAME, text, flags=re.IGNORECASE | re.MULTILINE)
    name = named.group(1).strip().strip("'\"").strip() if named else ""
    if re.search(OPERATIONS, text, flags=re.IGNORECASE | re.MULTILINE) or name in {"", "?", "."}:
        return text, []
    try:
        group = SpaceGroup(name.replace(" ", ""))
    except ValueError as error:
        raise OrderingError(
            f"{source}: the space group {name!r} is not known and the CIF lists no symmetry operations; add them "
            "(_space_group_symop_operation_xyz) or write the whole cell in P 1"
        ) from error
    operations = "".join(f"\n'{operation.as_xyz_str()}'" for operation in group.symmetry_ops)
    block = re.compile(r"^(data_.*)$", flags=re.IGNORECASE | re.MULTILINE)
    added = block.sub(lambda line: f"{line.group(1)}\nloop_\n_symmetry_equiv_pos_as_xyz{operations}", text, count=1)
    return added, [f"the CIF lists no symmetry operations: those of {name} in its standard setting were used"]


def _charged(structure: Structure, charges: Mapping[str, float] | None, path: Path) -> Structure:
    symbols = sorted({element.symbol for element in structure.composition.elements}, key=lambda s: Element(s).X)
    given = dict(charges) if charges is not None else _charges_of(structure)
    unknown = sorted(set(given) - set(symbols))
    if unknown:
        raise OrderingError(f"--charges names {', '.join(unknown)}, but {path} holds {', '.join(symbols)}")
    missing = [symbol for symbol in symbols if symbol not in given]
    if missing:
        raise OrderingError(_ask_for_charges(structure, symbols, missing, path))
    if charges is None:
        return structure
    charged = structure.copy()
    charged.add_oxidation_state_by_element(given)
    return charged


def _charges_of(structure: Structure) -> dict[str, float]:
    """Oxidation numbers in the file by element; pymatgen fills gaps with zeros, which say nothing."""
    states = {species.symbol: getattr(species, "oxi_state", None) for species in structure.composition.elements}
    return {symbol: float(state) for symbol, state in states.items() if state}


def _ask_for_charges(structure: Structure, symbols: list[str], missing: list[str], path: Path) -> str:
    guess = _guessed(structure, symbols)
    flag = "--charges " + ",".join(
        f"{symbol}={guess.get(symbol, 0):g}" if guess else f"{symbol}=?" for symbol in symbols
    )
    advice = "common oxidation numbers suggest (check them!)" if guess else "add"
    return (
        f"{path}: no formal charge for {', '.join(missing)}, neither as oxidation number in the CIF nor on the command "
        f"line, so there is no electrostatic energy to rank by; {advice} {flag}"
    )


def _guessed(structure: Structure, symbols: list[str]) -> dict[str, float]:
    """Combination of common oxidation numbers that leaves the smallest net charge, if it is small."""
    amounts = structure.composition.element_composition
    choices = [_common(Element(symbol)) for symbol in symbols]
    best = min(
        product(*choices),
        key=lambda states: abs(sum(n * amounts[symbol] for n, symbol in zip(states, symbols, strict=True))),
    )
    net = abs(sum(n * amounts[symbol] for n, symbol in zip(best, symbols, strict=True)))
    return dict(zip(symbols, best, strict=True)) if net / amounts.num_atoms <= LARGEST_GUESS_E else {}


def _common(element: Element) -> list[float]:
    """Common oxidation numbers; only the negative ones of halogens and chalcogens."""
    states = [float(n) for n in element.common_oxidation_states] or [0.0]
    if element.group in {GROUP_OF_CHALCOGENS, GROUP_OF_HALOGENS}:
        return [n for n in states if n < 0] or states
    return [n for n in states if n > 0] or states


def _too_close(structure: Structure) -> list[str]:
    """Say which partly occupied sites are so close that both can hardly be occupied."""
    partial = [i for i, site in enumerate(structure) if not site.is_ordered]
    distances = structure.distance_matrix[np.ix_(partial, partial)]
    pairs = np.argwhere(np.triu(distances < CLOSEST_A, 1))
    if not len(pairs):
        return []
    i, j = min(pairs.tolist(), key=lambda pair: distances[pair[0], pair[1]])
    first, second = structure[partial[i]], structure[partial[j]]
    example = f"{first.label} ({first.species_string}) and {second.label} ({second.species_string})"
    note = (
        f"{len(pairs)} pair(s) of partly occupied sites are less than {CLOSEST_A:g} A apart, e.g. {example} at "
        f"{distances[i, j]:.2f} A; orderings may occupy both: merge split sites in the CIF first"
    )
    return [note]


def smallest_size(structure: Structure, *, merge_equal_orbits: bool, symprec_A: float = 0.01) -> int:
    """Return the smallest number of cells that realises the occupancies.

    Raises
    ------
    OrderingError
        If more than 64 cells are needed; the message lists the nearest compositions of small ones.
    """
    reference = ReferenceCell.of(structure, merge_equal_orbits=merge_equal_orbits, symprec_A=symprec_A)
    for size in realising_sizes(reference.mixed_pools, LARGEST_PRACTICAL):
        return size
    refuse_fractions(reference.mixed_pools, 1, reference.ordered_species)
    raise OrderingError(f"No supercell of up to {LARGEST_PRACTICAL} cells realises the occupancies.")


def refuse_charged(structure: Structure, sizes: Sequence[int], *, merge_equal_orbits: bool) -> None:
    """Refuse a crystal that is not charge neutral as given, and list neutral compositions nearby (OrderingError)."""
    charges = [(s, charge_e(s), n) for s, n in structure.composition.items()]
    total = sum(charge * n for _, charge, n in charges)
    if abs(total) <= NEUTRAL_E:
        return
    reference = ReferenceCell.of(structure, merge_equal_orbits=merge_equal_orbits, symprec_A=0.01)
    terms = " + ".join(f"{n:g} {s} x ({charge:+g})" for s, charge, n in charges)
    raise OrderingError(
        f"The cell is not charge-neutral: {terms} = {total:+g} e; correct the occupancies or the charges."
        + nearest_list(reference.mixed_pools, min(sizes), reference.ordered_species)
    )


def adopt_nearest(
    structure: Structure, supercells: Sequence[SupercellShape], *, merge_equal_orbits: bool, symprec_A: float = 0.01
) -> tuple[Structure, str]:
    """Replace occupancies by the nearest charge-neutral ones that all supercells realise.

    Parameters
    ----------
    structure : Structure
        Disordered, with oxidation states.
    supercells : sequence of SupercellShape
        Supercells to be used; the composition fits the greatest common divisor of their sizes.
    merge_equal_orbits : bool
        Whether orbits with equal occupancies share one count.
    symprec_A : float
        Distance tolerance of the symmetry search, in angstrom.

    Returns
    -------
    tuple of Structure and str
        The structure with changed occupancies, and a sentence that says what changed ("" if nothing).

    Raises
    ------
    OrderingError
        If no neutral composition is near.
    """
    reference = ReferenceCell.of(structure, merge_equal_orbits=merge_equal_orbits, symprec_A=symprec_A)
    pools, ordered = reference.mixed_pools, reference.ordered_species
    size = gcd(*(supercell_size(cell) for cell in supercells))
    found = nearest_neutral(pools, ordered, size)
    if not found:
        raise OrderingError(
            f"No charge-neutral composition of {size} cell(s) is near these occupancies; check the charges."
        )
    if found[0].distance <= NEUTRAL_E:
        return structure, ""
    changed = structure.copy()
    for (mixture, n_sites), counts, sites in zip(pools, found[0].counts, reference.pool_sites, strict=True):
        named: dict[Any, float] = {
            species: count / (n_sites * size)
            for species, count in zip(mixture.species, counts, strict=True)
            if species is not None and count
        }
        for site in sites:
            changed[int(site)].species = named
    changed = _without_empty(changed)
    text = f"{found[0].describe(pools, ordered)} per {size} cell(s)"
    after = ReferenceCell.of(changed, merge_equal_orbits=merge_equal_orbits, symprec_A=symprec_A)
    still_mixed = sum(max(counts) < sum(counts) for counts in found[0].counts)
    if len(after.mixed_pools) < still_mixed:
        text += (
            "; sites that differed in occupancy are alike now and share one pool (unless each orbit keeps its count)"
        )
    return changed, text


def _without_empty(structure: Structure) -> Structure:
    return Structure.from_sites([site for site in structure if site.species.num_atoms > 0])
