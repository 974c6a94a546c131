"""From partial occupancies to whole numbers of ions: what a supercell can and cannot realise."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from superionic.errors import OrderingError

OCCUPANCY_TOLERANCE = 1e-6
VACANCY_NAME = "vacancy"


@dataclass(frozen=True)
class SiteMixture:
    """What shares one kind of site.

    Attributes
    ----------
    species : tuple
        pymatgen species, the vacancy as ``None`` at the end.
    occupancies : tuple of float
        Their occupancies; they add up to 1.
    """

    species: tuple[Any, ...]
    occupancies: tuple[float, ...]

    @classmethod
    def of(cls, site: Any) -> "SiteMixture":  # noqa: ANN401 -- pymatgen ships no types
        """Read the mixture of a pymatgen site; what is missing to 1 is vacancy.

        Raises
        ------
        OrderingError
            If the occupancies exceed 1.
        """
        pairs = [(s, float(occ)) for s, occ in site.species.items() if occ > OCCUPANCY_TOLERANCE]
        pairs.sort(key=lambda pair: str(pair[0]))
        missing = 1.0 - sum(occupancy for _, occupancy in pairs)
        if missing < -OCCUPANCY_TOLERANCE:
            raise OrderingError(
                f"Occupancies at {site.frac_coords.round(4).tolist()} add up to {1.0 - missing:g} "
                f"({site.species_string}); they may not exceed 1."
            )
        if missing > OCCUPANCY_TOLERANCE:
            pairs.append((None, missing))
        return cls(tuple(s for s, _ in pairs), tuple(occupancy for _, occupancy in pairs))

    @property
    def key(self) -> tuple[tuple[str, float], ...]:
        """Hashable identity: equal for sites of the same species and occupancies."""
        named = zip(self.species, self.occupancies, strict=True)
        return tuple((species_name(s), round(occupancy, 6)) for s, occupancy in named)

    @property
    def is_ordered(self) -> bool:
        """Whether one species fills the site."""
        return len(self.species) == 1

    def counts(self, n_sites: int) -> tuple[int, ...] | None:
        """Return the number of sites per species among n sites, or None if it is not whole."""
        exact = [n_sites * occupancy for occupancy in self.occupancies]
        counts = tuple(round(number) for number in exact)
        whole = all(abs(a - b) <= OCCUPANCY_TOLERANCE for a, b in zip(exact, counts, strict=True))
        return counts if whole and sum(counts) == n_sites else None


def species_name(species: Any | None) -> str:  # noqa: ANN401 -- pymatgen ships no types
    """Return how a species (or the vacancy) is called in messages and keys."""
    return VACANCY_NAME if species is None else str(species)


def charge_e(species: Any | None) -> float:  # noqa: ANN401 -- pymatgen ships no types
    """Return the formal charge of a species in elementary charges; 0 for the vacancy.

    Raises
    ------
    OrderingError
        If the species has no oxidation state.
    """
    if species is None:
        return 0.0
    charge = getattr(species, "oxi_state", None)
    if charge is None:
        raise OrderingError(
            f"Species {species} has no oxidation state, so there is no Ewald energy to rank by; add formal "
            'charges first, e.g. structure.add_oxidation_state_by_element({"Li": 1, "In": 3, "Br": -1}).'
        )
    return float(charge)


def check_neutral(charges: Sequence[tuple[str, float, int]]) -> None:
    """Refuse a cell that is not charge-neutral, showing the arithmetic.

    Parameters
    ----------
    charges : sequence of (str, float, int)
        Name, charge in e and number of ions of each species in the cell.

    Raises
    ------
    OrderingError
        If the charges do not add up to zero within 1e-4 e.
    """
    total = sum(charge * number for _, charge, number in charges)
    if abs(total) > 1e-4:  # noqa: PLR2004 -- decimals of fractional oxidation states
        terms = " + ".join(f"{number} {name} x ({charge:+g})" for name, charge, number in charges)
        raise OrderingError(
            f"The cell is not charge-neutral: {terms} = {total:+g} e; correct the occupancies or the oxidation states."
        )
