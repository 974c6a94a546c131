"""Cluster functions of orderings by icet, which is imported only when they are needed.

M. Angqvist et al., Adv. Theory Simul. 2, 1900015 (2019). Site functions are orthogonal in the
sense of A. van de Walle, Calphad 33, 266 (2009); fixed sites carry none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from pymatgen.core import Structure

from superionic.errors import NotConfiguredError, OrderingError
from superionic.ordering.cell import DisorderedCell, ReferenceCell
from superionic.ordering.lattices import FloatArray, LabelArray
from superionic.ordering.occupancies import species_name

VACANCY_SYMBOL = "X"
SYMPREC_A = 0.01


@dataclass(frozen=True, eq=False)
class ClusterFeatures:
    """Cluster functions of the orderings of one disordered crystal.

    Attributes
    ----------
    reference : ReferenceCell
        The disordered crystal; a primitive cell of it keeps everything small.
    cutoffs_A : tuple of float
        Largest distance inside a pair, triplet, ... in angstrom.
    """

    reference: ReferenceCell
    cutoffs_A: tuple[float, ...]

    @classmethod
    def of(
        cls, structure: Structure, cutoffs_A: Sequence[float], *, merge_equal_orbits: bool = True
    ) -> "ClusterFeatures":
        """Analyse a disordered structure.

        Parameters
        ----------
        structure : Structure
            Disordered structure with oxidation states.
        cutoffs_A : sequence of float
            Largest distance inside a pair, triplet, ... in angstrom.
        merge_equal_orbits : bool
            Whether orbits with the same species and occupancies share one pool of ions.
        """
        reference = ReferenceCell.of(structure, merge_equal_orbits=merge_equal_orbits, symprec_A=SYMPREC_A)
        return cls(reference, tuple(float(cutoff) for cutoff in cutoffs_A))

    @cached_property
    def space(self) -> Any:  # noqa: ANN401 (icet.ClusterSpace)
        """Cluster space of icet.

        Raises
        ------
        NotConfiguredError
            If icet is not installed.
        OrderingError
            If icet cannot build the space.
        """
        ClusterSpace = _icet().ClusterSpace
        allowed = [[self.symbols[species_name(s)] for s in mixture.species] for mixture in self.reference.mixtures]
        host = self.reference.structure
        atoms = Atoms([names[0] for names in allowed], host.cart_coords, cell=host.lattice.matrix, pbc=True)
        try:
            return ClusterSpace(atoms, list(self.cutoffs_A), allowed, SYMPREC_A, SYMPREC_A)
        except (ValueError, RuntimeError) as error:
            raise OrderingError(
                f"icet cannot build clusters with cutoffs of {list(self.cutoffs_A)} A for {host.formula}: {error}"
            ) from error

    @cached_property
    def symbols(self) -> dict[str, str]:
        """Chemical symbol that stands for each species in icet, which knows no oxidation states."""
        species = {species_name(s): s for mixture in self.reference.mixtures for s in mixture.species}
        found: dict[str, str] = {}
        spare = iter(chemical_symbols[:0:-1])
        own = {getattr(s, "symbol", VACANCY_SYMBOL) for s in species.values() if s is not None}
        for name, s in species.items():
            symbol = VACANCY_SYMBOL if s is None else str(s.symbol)
            if symbol in found.values():  # a second charge state of one element
                symbol = next(other for other in spare if other not in own and other not in found.values())
            found[name] = symbol
        return found

    @cached_property
    def orbits(self) -> tuple[tuple[int, float, int], ...]:
        """Order, radius in angstrom and multiplicity of the cluster behind every feature."""
        return tuple((int(o["order"]), float(o["radius"]), int(o["multiplicity"])) for o in self.space.as_list)

    def atoms(self, cell: DisorderedCell, labels: LabelArray) -> Atoms:
        """An ordering with vacancies as atoms, the way icet wants it.

        Parameters
        ----------
        cell : DisorderedCell
            Supercell of the reference.
        labels : ndarray of int8, shape (width,)
            Species label of every column.
        """
        symbols = [""] * len(cell.frac_coords)
        for site, species in cell.fixed.items():
            symbols[site] = self.symbols[species_name(species)]
        for sublattice in cell.sublattices:
            names = [self.symbols[species_name(s)] for s in sublattice.species]
            for position in sublattice.positions:
                symbols[cell.sites[position]] = names[labels[position]]
        return Atoms(symbols, scaled_positions=cell.frac_coords, cell=cell.lattice_A, pbc=True)

    def vector(self, cell: DisorderedCell, labels: LabelArray) -> FloatArray:
        """Averages of the cluster functions over each orbit (correlations), the constant left out.

        Parameters
        ----------
        cell : DisorderedCell
            Supercell of the reference.
        labels : ndarray of int8, shape (width,)
            Species label of every column.

        Returns
        -------
        ndarray, shape (n_features,)
            Intensive: the same for any cell of the same infinite ordering.
        """
        values = self.space.get_cluster_vector(self.atoms(cell, labels))
        found: FloatArray = np.asarray(values, dtype=np.float64)[1:]
        return found


class ClusterEnergy:
    """Energy of a supercell by a cluster expansion, with swaps by icet's compiled local evaluation.

    Parameters
    ----------
    features : ClusterFeatures
        The cluster functions.
    cell : DisorderedCell
        The supercell.
    parameters_eV : ndarray, shape (1 + n_features,)
        Constant and coefficients, eV per cell of the reference.
    """

    def __init__(self, features: ClusterFeatures, cell: DisorderedCell, parameters_eV: FloatArray) -> None:
        self._features, self._cell = features, cell
        self._parameters_eV = np.asarray(parameters_eV, dtype=np.float64) * cell.cosets.size
        self._calculator: Any = None
        self._numbers: list[int] = []
        self._sites = cell.sites.tolist()

    def start(self, labels: LabelArray) -> float:
        """Set the state; energy in eV."""
        atoms = self._features.atoms(self._cell, labels)
        self._numbers = [int(number) for number in atoms.numbers]
        if self._calculator is None:
            self._calculator = self._local_calculator(atoms)
        self._calculator.set_occupations(self._numbers)
        vector = np.asarray(self._calculator.get_cluster_vector(self._numbers))
        return float(vector @ self._parameters_eV)

    def _local_calculator(self, atoms: Atoms) -> Any:  # noqa: ANN401 (icet's compiled class)
        from icet import ClusterExpansion as IcetExpansion
        from mchammer.calculators import ClusterExpansionCalculator

        # every orbit must survive icet's pruning, so that the parameters keep their places
        expansion = IcetExpansion(self._features.space, np.ones(len(self._parameters_eV)))
        return ClusterExpansionCalculator(atoms, expansion).cpp_calc

    def swap_delta(self, i: int, j: int) -> float:
        """Energy change of a swap, eV."""
        change = self._calculator.get_cluster_vector_changes([self._move(i, j)])[0]
        return float(np.dot(change, self._parameters_eV))

    def swap(self, i: int, j: int) -> None:
        """Exchange the species of two sites."""
        move = self._move(i, j)
        self._calculator.apply_moves([move])
        for site, number in move:
            self._numbers[site] = number

    def _move(self, i: int, j: int) -> list[tuple[int, int]]:
        a, b = self._sites[i], self._sites[j]
        return [(a, self._numbers[b]), (b, self._numbers[a])]


def _icet() -> Any:  # noqa: ANN401 (the module)
    try:
        import icet
    except ImportError as error:
        raise NotConfiguredError(
            "cluster expansions need icet: pip install 'superionic[montecarlo]' (its installation compiles C++), or "
            "use the energy `ewald` or `potential`"
        ) from error
    return icet
