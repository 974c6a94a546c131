"""Makers of the stability stage."""

from __future__ import annotations

from dataclasses import dataclass, field

from jobflow import Maker
from pymatgen.core import Structure

from superionic.database.fanout import fetch
from superionic.database.jobs import stage_job
from superionic.database.reuse import document_key, find_finished, produce
from superionic.documents import CompositionInfo
from superionic.errors import InsufficientDataError
from superionic.labelling.schemas import LabelSetDoc
from superionic.ordering.schemas import OrderingSetDoc
from superionic.potentials.jobs import relax_all
from superionic.potentials.registry import load_calculator
from superionic.potentials.schemas import ScreeningDoc
from superionic.provenance import stopwatch
from superionic.stability.candidates import Choice, choose
from superionic.stability.competition import trained_environments, with_competition
from superionic.stability.coverage import TrainedEnvironments
from superionic.stability.details import with_details
from superionic.stability.diagram import phase_diagram
from superionic.stability.free_energies import with_free_energies
from superionic.stability.polymorphs import with_polymorphs
from superionic.stability.schemas import CompetingPhasesDoc, GroundStateDoc, PhaseDiagramDoc
from superionic.stages import StabilitySettings
from superionic.training.schemas import ModelDoc

RERANKED = {"ranked_by": "tuned model"}


@dataclass
class GroundStateMaker(Maker):
    """Rank the orderings of one composition with the tuned model, unrelaxed, and relax the lowest.

    Parameters
    ----------
    name : str
        Name of the job.
    settings : StabilitySettings
        Which orderings, how many, and how they are relaxed.
    device : str
        Torch device.
    spec_key : str
        What the result is filed under; by default the campaign of the screening.
    """

    name: str = "ground state"
    settings: StabilitySettings = field(default_factory=StabilitySettings)
    device: str = "cpu"
    spec_key: str = ""

    @stage_job(data=["relaxed", "evaluated"], output_schema=GroundStateDoc)
    def make(
        self, model: ModelDoc | str, screening: ScreeningDoc | str, orderings: OrderingSetDoc | None = None
    ) -> GroundStateDoc:
        """Rank and relax.

        Parameters
        ----------
        model : ModelDoc or str
            The tuned model, or its key.
        screening : ScreeningDoc or str
            The screened orderings, or their key.
        orderings : OrderingSetDoc, optional
            The enumeration they came from; by default it is looked up in the store of the running job.

        Raises
        ------
        InsufficientDataError
            If no ordering could be relaxed.
        InputError
            If all enumerated orderings are asked for and the enumeration is not at hand.
        """
        return self._make(fetch(model, ModelDoc), fetch(screening, ScreeningDoc), orderings)

    def _make(self, model: ModelDoc, screening: ScreeningDoc, orderings: OrderingSetDoc | None) -> GroundStateDoc:
        usual, parents, spec_key = self.settings.relaxation_content, [model, screening], self.spec_key
        spec_key = spec_key or screening.spec_key
        # a ranking that changes nothing leaves the key, and with it the MD of the ground state, as it was without one
        for content in (usual, usual | RERANKED):
            found = find_finished(GroundStateDoc, document_key(GroundStateDoc, parents, content), _is_ranked)
            if found is not None:
                return found.model_copy(update={"spec_key": spec_key})
        with stopwatch() as watch:
            choice = self._choose(model, screening, orderings)
        return produce(
            GroundStateDoc,
            lambda: self._relax(model, choice),
            parents=parents,
            settings=usual | RERANKED if choice.changed else usual,
            spec_key=spec_key,
            composition=screening.composition,
            device=self.device,
            reusable=_is_ranked,
            before=watch,
        )

    def _choose(self, model: ModelDoc, screening: ScreeningDoc, orderings: OrderingSetDoc | None) -> Choice:
        calculator = load_calculator(model.potential, blob=model.model_blob, device=self.device)
        return choose(screening, orderings, self.settings.candidates, self.settings.max_structures, calculator)

    def _relax(self, model: ModelDoc, choice: Choice) -> GroundStateDoc:
        calculator = load_calculator(model.potential, blob=model.model_blob, device=self.device)
        relaxed, failures = relax_all(choice.structures, calculator, self.settings.relax, choice.chosen)
        if not relaxed:
            causes = "; ".join(failure.cause for failure in failures)
            raise InsufficientDataError(f"no ordering could be relaxed with model {model.key}: {causes}")
        unconverged = sum(not item.converged for item in relaxed)
        warning = f"{unconverged} of {len(relaxed)} relaxations did not reach the force criterion"
        return GroundStateDoc(
            potential=model.potential,
            model_key=model.key,
            relaxed=relaxed,
            energies_eV_per_atom=[item.energy_eV_per_atom for item in relaxed],
            multiplicities=choice.multiplicities(relaxed),
            n_candidates=len(choice.chosen),
            ranking=choice.record(relaxed),
            evaluated=choice.evaluated(),
            failures=failures,
            warnings=[warning] if unconverged else [],
        )


def _is_ranked(doc: GroundStateDoc) -> bool:
    return doc.ranking is not None


@dataclass
class PhaseDiagramMaker(Maker):
    """Hull of the ground states, with the labels' own hull beside it where there are labels.

    Parameters
    ----------
    name : str
        Name of the job.
    mobile : str
        Mobile species; motifs are counted around the other cations.
    temperatures_K : list of float
        Temperatures of the free energies of mixing; needs the hosts.
    merge_equal_orbits : bool
        Whether orbits of equal occupancies share a pool of ions, as in the enumeration.
    against_competing : bool
        Whether competing phases were asked for, so that their absence is worth a warning.
    """

    name: str = "phase diagram"
    mobile: str = ""
    temperatures_K: list[float] = field(default_factory=list)
    merge_equal_orbits: bool = True
    against_competing: bool = False

    @stage_job(on_missing_none=True, output_schema=PhaseDiagramDoc)
    def make(
        self,
        model: ModelDoc | str,
        ground_states: list[GroundStateDoc | None],
        label_sets: list[LabelSetDoc | None],
        end_members: list[CompositionInfo],
        hosts: list[Structure] | None = None,
        competing: CompetingPhasesDoc | None = None,
    ) -> PhaseDiagramDoc:
        """Build the diagram.

        Parameters
        ----------
        model : ModelDoc or str
            The tuned model, or its key.
        ground_states : list of GroundStateDoc or None
            One per composition; None where the job failed.
        label_sets : list of LabelSetDoc or None
            Labels of the same relaxed structures, in the same order; may be empty.
        end_members : list of CompositionInfo
            Compositions whose ground states are the references.
        hosts : list of Structure, optional
            Disordered, charge-decorated host of each ground state, in their order; with them the document says what
            the ground states look like.
        competing : CompetingPhasesDoc, optional
            Phases outside of the campaign; needs the hosts.

        Raises
        ------
        InsufficientDataError
            If an end member has no ground state.
        """
        tuned = fetch(model, ModelDoc)
        found = [state for state in ground_states if state is not None]
        pairs = zip(ground_states, hosts or [], strict=bool(hosts))
        host_of = {state.key: host for state, host in pairs if state is not None}

        def compute() -> PhaseDiagramDoc:
            doc = with_polymorphs(phase_diagram(tuned, ground_states, label_sets, end_members))
            doc = with_details(doc, found, host_of, self.mobile)
            doc = with_free_energies(doc, found, host_of, self.temperatures_K, self.merge_equal_orbits)
            if competing is not None:
                return with_competition(doc, competing, self._trained(tuned, found, hosts))
            lost = ["the competing phases have no energies: see the failures of the stability stage"]
            return doc.model_copy(update={"warnings": doc.warnings + lost}) if self.against_competing else doc

        with_hosts = [self.mobile, hosts] if hosts else []
        at_temperatures = [self.temperatures_K, self.merge_equal_orbits] if self.temperatures_K else []
        return produce(
            PhaseDiagramDoc,
            compute,
            parents=[tuned, *found, *(doc for doc in (*label_sets, competing) if doc is not None)],
            settings=[*(member.label for member in end_members), *with_hosts, *at_temperatures],
            spec_key=found[0].spec_key if found else "",
        )

    def _trained(
        self, model: ModelDoc, ground_states: list[GroundStateDoc], hosts: list[Structure] | None
    ) -> TrainedEnvironments:
        sites = [site for host in hosts or [] for site in host]
        charges = {species.symbol: float(species.oxi_state or 0) for site in sites for species in site.species}
        return trained_environments(model.elements, ground_states, charges)
