"""Compositions that a supercell can realise, where the given occupancies are not among them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import floor
from typing import Any

from pymatgen.core import Composition

from superionic.errors import OrderingError
from superionic.ordering.occupancies import OCCUPANCY_TOLERANCE, SiteMixture, charge_e, species_name

Pool = tuple[SiteMixture, int]
"""What shares some sites, and the number of these sites per reference cell."""
Choices = dict[float, list[tuple[float, tuple[tuple[int, ...], ...]]]]
"""By total charge in e: how far from the exact amounts, and the counts of each pool."""
LARGEST_MULTIPLE = 1000
"""Largest number of reference cells that is tried when a supercell is suggested."""
LARGEST_PRACTICAL = 64
"""Largest number of reference cells that is worth suggesting, or choosing without being asked for by its shape."""
CELLS_SHOWN = 4
"""Supercells of 1, 2, ... times the size asked for whose nearest compositions a refusal lists."""
REACHES = (1, 2, 4, 8)
"""How far, in ions, the search goes from the exact amounts until nothing closer can exist."""
CANDIDATES_PER_CHARGE = 4
CHARGE_DECIMALS = 4


@dataclass(frozen=True)
class NearbyComposition:
    """Whole numbers of ions close to given occupancies, charge neutral in total.

    Attributes
    ----------
    n_cells : int
        Number of reference cells.
    counts : tuple of tuple of int
        Sites per species (the vacancy included) of each pool.
    distance : float
        Sum of the changes of all numbers of ions and vacancies, per reference cell.
    """

    n_cells: int
    counts: tuple[tuple[int, ...], ...]
    distance: float

    def describe(self, pools: Sequence[Pool], ordered: Sequence[tuple[Any, int]]) -> str:
        """Say the formula of the supercell and which occupancies change, e.g. ``Li9Br9: Li+ 0.754 -> 0.75 (9/12)``."""
        amounts = {str(species.symbol): number * self.n_cells for species, number in ordered}
        changes = []
        for (mixture, sites), counts in zip(pools, self.counts, strict=True):
            n_sites = sites * self.n_cells
            for species, occupancy, count in zip(mixture.species, mixture.occupancies, counts, strict=True):
                if species is not None and count:
                    amounts[species.symbol] = amounts.get(species.symbol, 0) + count
                share = count / n_sites
                if species is not None and abs(share - occupancy) > OCCUPANCY_TOLERANCE:
                    changes.append(f"{species_name(species)} {occupancy:g} -> {share:.5g} ({count}/{n_sites})")
        formula = Composition(amounts).formula.replace(" ", "")
        return f"{formula}: {', '.join(changes) or 'as given'}"


def nearest_neutral(
    pools: Sequence[Pool], ordered: Sequence[tuple[Any, int]], n_cells: int, wanted: int = 1
) -> list[NearbyComposition]:
    """Find the charge-neutral compositions of a supercell that are closest to given occupancies.

    Parameters
    ----------
    pools : sequence of (SiteMixture, int)
        Mixtures and the number of sites per reference cell that share each.
    ordered : sequence of (species, int)
        Species of the ordered sites and their number per reference cell.
    n_cells : int
        Number of reference cells in the supercell.
    wanted : int
        Number of compositions.

    Returns
    -------
    list of NearbyComposition
        The closest first; empty if no change of up to 8 ions of a species gives a neutral cell.

    Raises
    ------
    OrderingError
        If a species has no oxidation state.
    """
    fixed = sum(charge_e(species) * number for species, number in ordered) * n_cells
    found: list[NearbyComposition] = []
    for reach in REACHES:
        options: Choices = {round(fixed, CHARGE_DECIMALS) + 0.0: [(0.0, ())]}
        for mixture, sites in pools:
            options = _extended(options, mixture, sites * n_cells, reach, wanted)
        found = [
            NearbyComposition(n_cells, counts, change / n_cells) for change, counts in options.get(0.0, [])[:wanted]
        ]
        # What one species gains another loses: none beyond the reach can belong to a smaller sum of changes.
        if len(found) == wanted and found[-1].distance * n_cells <= 2 * reach:
            break
    return found


def _extended(
    options: Choices,
    mixture: SiteMixture,
    n_sites: int,
    reach: int,
    wanted: int,
) -> Choices:
    """Add one pool to the best choices so far, which are kept by their total charge."""
    longer: Choices = {}
    charges = [charge_e(species) for species in mixture.species]
    for counts in _candidates(mixture, n_sites, reach):
        change = sum(abs(n - n_sites * x) for n, x in zip(counts, mixture.occupancies, strict=True))
        charge = sum(n * e for n, e in zip(counts, charges, strict=True))
        for before, choices in options.items():
            total = round(before + charge, CHARGE_DECIMALS) + 0.0
            longer.setdefault(total, []).extend((known + change, (*made, counts)) for known, made in choices)
    kept = max(wanted, CANDIDATES_PER_CHARGE)
    return {total: sorted(choices)[:kept] for total, choices in longer.items()}


def _candidates(mixture: SiteMixture, n_sites: int, reach: int) -> Iterator[tuple[int, ...]]:
    """Whole numbers that fill the sites, each within some reach of the exact amount."""
    ranges = []
    for occupancy in mixture.occupancies:
        below = floor(n_sites * occupancy + OCCUPANCY_TOLERANCE)
        ranges.append(range(max(0, below - reach + 1), min(n_sites, below + reach) + 1))
    for first in product(*ranges[:-1]):
        last = n_sites - sum(first)
        if last in ranges[-1]:
            yield (*first, last)


def refuse_fractions(pools: Sequence[Pool], n_cells: int, ordered: Sequence[tuple[Any, int]]) -> None:
    """Refuse occupancies that a supercell cannot realise, and say what it or a larger one can.

    Parameters
    ----------
    pools : sequence of (SiteMixture, int)
        Mixtures and the number of sites per reference cell that share each.
    n_cells : int
        Number of reference cells in the supercell.
    ordered : sequence of (species, int)
        Species of the ordered sites and their number per reference cell.

    Raises
    ------
    OrderingError
        If a mixture does not give whole numbers of ions within 1e-6.
    """
    wrong = [(mixture, sites) for mixture, sites in pools if mixture.counts(sites * n_cells) is None]
    if not wrong:
        return
    lines = [_explain(mixture, sites * n_cells) for mixture, sites in wrong]
    raise OrderingError(
        f"A supercell of {n_cells} cell(s) cannot realise these occupancies within {OCCUPANCY_TOLERANCE:g}:\n  "
        + "\n  ".join(lines)
        + f"\n{_suggest(pools)}"
        + nearest_list(pools, n_cells, ordered)
    )


def _explain(mixture: SiteMixture, n_sites: int) -> str:
    """Describe the arithmetic of one mixture and its nearest realisable occupancies."""
    parts = []
    for species, occupancy in zip(mixture.species, mixture.occupancies, strict=True):
        exact = n_sites * occupancy
        if abs(exact - round(exact)) <= OCCUPANCY_TOLERANCE:
            continue
        near = sorted({int(exact), int(exact) + 1}, key=lambda n: abs(n - exact))
        realisable = " or ".join(f"{n}/{n_sites} = {n / n_sites:.8g}" for n in near)
        parts.append(f"{species_name(species)} {n_sites} x {occupancy:g} = {exact:.8g}, nearest {realisable}")
    return "; ".join(parts) or f"the counts of {n_sites} sites do not add up"


def _suggest(pools: Sequence[Pool]) -> str:
    """Name the smallest supercells that realise all occupancies."""
    sizes = list(realising_sizes(pools, LARGEST_MULTIPLE))
    if not sizes:
        return f"No supercell of up to {LARGEST_MULTIPLE} cells can; choose one of the nearest occupancies."
    if sizes[0] > LARGEST_PRACTICAL:
        return (
            f"They fit exactly into no supercell of fewer than {sizes[0]} cells; choose one of the nearest occupancies."
        )
    examples = ", ".join(f"{n} cells (e.g. 1x1x{n})" for n in sizes[:3])
    return f"Choose one of the nearest occupancies, or a supercell of {examples}."


def realising_sizes(pools: Sequence[Pool], largest: int) -> Iterator[int]:
    """Yield the numbers of reference cells that give whole numbers of ions, up to a largest one."""
    for n in range(1, largest + 1):
        if all(mixture.counts(sites * n) is not None for mixture, sites in pools):
            yield n


def nearest_list(pools: Sequence[Pool], n_cells: int, ordered: Sequence[tuple[Any, int]]) -> str:
    """Text that lists the nearest charge-neutral compositions of a supercell and of its multiples."""
    lines, seen = [], set()
    try:
        for multiple in range(1, CELLS_SHOWN + 1):
            for near in nearest_neutral(pools, ordered, n_cells * multiple, wanted=2 if multiple == 1 else 1):
                # A larger cell that comes no nearer repeats a composition already listed.
                shares = tuple(tuple(n / near.n_cells for n in counts) for counts in near.counts)
                if shares not in seen:
                    seen.add(shares)
                    lines.append(f"{near.n_cells} cell(s): {near.describe(pools, ordered)}")
    except OrderingError:  # no oxidation states, so nothing is known about neutrality
        return ""
    return "\nNearest charge-neutral compositions, formula per supercell:\n  " + "\n  ".join(lines) if lines else ""
