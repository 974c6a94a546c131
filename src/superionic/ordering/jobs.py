"""Makers of the ordering stage."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from jobflow import Maker
from pymatgen.core import PeriodicSite, Structure

from superionic.database.jobs import stage_job
from superionic.database.reuse import produce
from superionic.documents import CompositionInfo
from superionic.ordering.cell import SUBLATTICE
from superionic.ordering.result import OrderingSet
from superionic.ordering.schemas import OrderingRecord, OrderingSetDoc, SearchRecord
from superionic.ordering.tasks import enumerate_with
from superionic.stages import OrderingSettings
from superionic.supercell_choice import SupercellShape


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
        supercells: list[SupercellShape],
        composition: CompositionInfo,
        spec_key: str = "",
    ) -> OrderingSetDoc:
        """Enumerate.

        Parameters
        ----------
        structure : Structure
            Disordered host cell with oxidation states; missing occupancy is vacancy.
        supercells : list of SupercellShape
            Supercells that realise the composition: three integers, or the rows of a matrix.
        composition : CompositionInfo
            Grid point.
        spec_key : str
            Key of the campaign's spec.
        """
        inputs = {
            "structure": [structure.lattice.matrix, structure.frac_coords, [_content(site) for site in structure]],
            "supercells": supercells,
            "settings": self.settings.model_dump(mode="json", exclude={"supercells", "atoms_max"}, exclude_none=True),
            "seed": self.seed,
        }
        return produce(
            OrderingSetDoc,
            lambda: self._enumerate(structure, supercells),
            parents=[],
            settings=inputs,
            spec_key=spec_key,
            composition=composition,
        )

    def _enumerate(self, structure: Structure, supercells: list[SupercellShape]) -> OrderingSetDoc:
        found = enumerate_with(self.settings, structure, supercells, self.seed)
        return OrderingSetDoc(
            structures=list(found.structures),
            records=_records(found),
            exact=found.exact,
            complete=found.complete,
            count_distinct=found.count_distinct,
            count_charge_patterns=found.count_charge_patterns,
            count_raw=found.count_raw,
            mode=found.mode,
            searches=[SearchRecord(**asdict(evidence)) for evidence in found.evidence],
            tie_rule=found.tie_rule,
        )


def _content(site: PeriodicSite) -> str:
    """What of a site decides on the orderings."""
    return f"{site.species} {site.properties.get(SUBLATTICE, '')}"


def _records(found: OrderingSet) -> list[OrderingRecord]:
    columns = zip(
        found.energies_eV,
        found.charge_pattern_ids,
        found.multiplicities,
        found.supercells,
        found.n_atoms,
        strict=True,
    )
    return [
        OrderingRecord(
            energy_eV=float(energy),
            charge_pattern_id=int(pattern),
            multiplicity=int(multiplicity),
            supercell=[list(row) for row in cell],
            n_atoms=int(n_atoms),
        )
        for energy, pattern, multiplicity, cell, n_atoms in columns
    ]
