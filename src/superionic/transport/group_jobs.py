"""Production runs that one job advances side by side."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Any

from jobflow import Maker, Response

from superionic.database.fanout import fetch, fetch_kin, key_if_stored
from superionic.database.jobs import stage_job
from superionic.database.reuse import document_key, is_finished
from superionic.errors import CalculationError, InsufficientDataError
from superionic.potentials.schemas import RelaxedSetDoc
from superionic.training.schemas import ModelDoc
from superionic.transport.jobs import ProductionMDMaker
from superionic.transport.production_folder import ProductionFolder
from superionic.transport.production_run import (
    ProductionRun,
    RunPausedError,
    advance_together,
    prepared,
    waiting_shown,
    watched,
)
from superionic.transport.schemas import MDGroupDoc, TrajectoryDoc


@dataclass
class MDGroupMaker(Maker):
    """Advance several runs of one composition with one batch of the potential per step.

    The runs end in their own folders. The jobs of :class:`ProductionMDMaker` that follow find them there and make
    their documents, so that each is stored, found again and analysed like a run of its own; a run that is in the
    database already is left out, and one that fails here is tried again there.

    Parameters
    ----------
    name : str
        Name of the job.
    runs : list of ProductionMDMaker
        The runs: any temperatures, orderings and replicas with the same model.
    """

    name: str = "md group"
    runs: list[ProductionMDMaker] = field(default_factory=list)

    @stage_job(on_missing_none=True, output_schema=MDGroupDoc)
    def make(
        self, model: ModelDoc | str | None, ground_state: RelaxedSetDoc | str | None
    ) -> MDGroupDoc | Response[Any]:
        """Advance the runs to their ends; as :meth:`ProductionMDMaker.make`, a new job goes on after this one.

        Parameters
        ----------
        model : ModelDoc or str
            The tuned model, or its key.
        ground_state : RelaxedSetDoc or str
            Relaxed orderings, or the key of their document.

        Raises
        ------
        InsufficientDataError
            If model or ground state failed.
        """
        if model is None or ground_state is None:
            raise InsufficientDataError("there is no model or no relaxed structure to run MD with: see their failures")
        tuned, state = fetch(model, ModelDoc), fetch_kin(ground_state, RelaxedSetDoc)
        keys = [maker.key(tuned, state) for maker in self.runs]
        missing = [
            maker
            for maker, key in zip(self.runs, keys, strict=True)
            if maker.ordering < len(state.relaxed) and not is_finished(TrajectoryDoc, key)
        ]
        try:
            advanced = self._advance(tuned, state, missing) if missing else []
        except RunPausedError:
            return Response(replace=self.make(key_if_stored(tuned), key_if_stored(state)))
        return MDGroupDoc(
            key=document_key(MDGroupDoc, [tuned, state], keys),
            spec_key=state.spec_key,
            composition=state.composition,
            parents=[tuned.key, state.key],
            run_keys=keys,
            advanced=[run.key for run in advanced],
        )

    def _advance(self, model: ModelDoc, state: RelaxedSetDoc, missing: list[ProductionMDMaker]) -> list[ProductionRun]:
        """Advance all whose cells can be made; the others fail in their own jobs."""
        runs = {maker.key(model, state): (maker.planned(model, state), maker) for maker in missing}
        potential = missing[0].potential(model)
        ProductionFolder.remove_old(next(iter(runs.values()))[0].folder.path.parent)
        ready: dict[str, ProductionRun] = {}
        with ExitStack() as locks:
            # two groups that share runs must not wait for each other
            for key in sorted(runs):
                locks.enter_context(waiting_shown(runs[key][0]))
            watch = locks.enter_context(watched([run for run, _ in runs.values()], missing[0].device))
            for key, (run, maker) in runs.items():
                with suppress(CalculationError):
                    ready[key], _ = prepared(run, maker.settings, potential)
            if ready:
                advance_together(list(ready.values()), potential, watch)
        return list(ready.values())
