"""Makers of the ordering stage."""

from __future__ import annotations

from dataclasses import dataclass, field

from jobflow import Maker
from pymatgen.core import Structure

from superionic.database.jobs import stage_job
from superionic.database.reuse import produce
from superionic.documents import CompositionInfo
from superionic.ordering.enumerate import OrderingSet, enumerate_orderings
from superionic.ordering.schemas import OrderingRecord, OrderingSetDoc
from superionic.stages import OrderingSettings


@dataclass
class EnumerateMaker(Maker):
    """Enumerate the distinct orderings of one composition.

    Parameters
    ----------
    name : str
        Name of the job.
    settings : OrderingSettings
        Number of orderings, decoration rule and pooling of orbits.
    seed : int
        Seed of drawn decorations.
    """

    name: str = "enumerate"
    settings: OrderingSettings = field(default_factory=OrderingSettings)
    seed: int = 0

    @stage_job(data=["structures"], output_schema=OrderingSetDoc)
    def make(
        self,
        structure: Structure,
        supercells: list[tuple[int, int, int]],
        composition: CompositionInfo,
        spec_key: str = "",
    ) -> OrderingSetDoc:
        """Enumerate.

        Parameters
        ----------
        structure : Structure
            Disordered host cell with oxidation states; missing occupancy is vacancy.
        supercells : list of tuple of int
            Supercells that realise the composition.
        composition : CompositionInfo
            Grid point.
        spec_key : str
            Key of the campaign's spec.
        """
        inputs = {
            "structure": [structure.lattice.matrix, structure.frac_coords, [str(site.species) for site in structure]],
            "supercells": supercells,
            "settings": self.settings.model_dump(mode="json", exclude={"supercells"}),
            "seed": self.seed,
        }
        return produce(
            OrderingSetDoc,
            lambda: self._enumerate(structure, [tuple(cell) for cell in supercells]),
            parents=[],
            settings=inputs,
            spec_key=spec_key,
            composition=composition,
        )

    def _enumerate(self, structure: Structure, supercells: list[tuple[int, ...]]) -> OrderingSetDoc:
        found = enumerate_orderings(
            structure,
            supercells=supercells,
            max_orderings=self.settings.max_orderings,
            merge_equal_orbits=self.settings.merge_equal_orbits,
            decorations=self.settings.decorations.value,
            seed=self.seed,
        )
        return OrderingSetDoc(
            structures=list(found.structures),
            records=_records(found),
            exact=found.exact,
            count_distinct=found.count_distinct,
            mode=str(found.mode),
            tie_rule=found.tie_rule,
        )


def _records(found: OrderingSet) -> list[OrderingRecord]:
    columns = zip(found.energies_eV, found.charge_pattern_ids, found.multiplicities, found.supercells, strict=True)
    return [
        OrderingRecord(energy_eV=float(e), charge_pattern_id=int(p), multiplicity=int(m), supercell=_matrix(cell))
        for e, p, m, cell in columns
    ]


def _matrix(supercell: object) -> list[list[int]]:
    import numpy as np

    array = np.asarray(supercell, dtype=int)
    matrix: list[list[int]] = (np.diag(array) if array.ndim == 1 else array).tolist()
    return matrix
