"""Makers of the sampling stage."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from jobflow import Maker, Response

from superionic.database.fanout import fetch, replace_by
from superionic.database.jobs import stage_job
from superionic.database.reuse import produce
from superionic.errors import InputError, InsufficientDataError
from superionic.potentials.registry import foundation_ref, load_calculator
from superionic.potentials.schemas import Failure, PotentialRef, ScreeningDoc
from superionic.provenance import derived_seed
from superionic.sampling.close_pairs import close_pairs
from superionic.sampling.configurations import configuration_descriptors
from superionic.sampling.frames import sample_frames
from superionic.sampling.schemas import FrameChoice, ParentChoice, SamplingDoc, SamplingSetDoc
from superionic.sampling.selection import choose, choose_parents
from superionic.stages import SamplingSettings

CHOICES = {"parents_per_composition", "selection", "frames", "candidates", "frame_selection"}
"""Settings that decide which runs and frames are used; the run of one parent knows only how many frames it draws."""
DATA = ["frames", "descriptors"]
MD_DTYPE = "float32"
"""Precision of the sampling MD: the frames are random anyway, and single precision takes two thirds of the time."""


@dataclass
class SampleMaker(Maker):
    """Strained MD frames of one screened ordering.

    Parameters
    ----------
    name : str
        Name of the job.
    settings : SamplingSettings
        Temperature, lengths, number of frames, strain.
    foundation : str
        ``superionic-mini``, ``mace-mp-0a-medium`` or a path.
    seed : int
        Seed of the composition; that of the run derives from it and the parent.
    device : str
        Torch device.
    mobile : str
        Symbol of the mobile element; needed for frames with close pairs only.
    """

    name: str = "sample"
    settings: SamplingSettings = field(default_factory=SamplingSettings)
    foundation: str = "mace-mp-0a-medium"
    seed: int = 0
    device: str = "cpu"
    mobile: str = ""

    @stage_job(data=DATA, output_schema=SamplingDoc)
    def make(self, screening: ScreeningDoc | str, parent_index: int) -> SamplingDoc:
        """Sample one ordering.

        Parameters
        ----------
        screening : ScreeningDoc or str
            The screened orderings of the composition, or the key under which they are stored.
        parent_index : int
            Position in `screening.relaxed`.

        Raises
        ------
        InputError
            If there is no such ordering.
        CalculationError
            If the MD exploded five times and left too little to draw frames from.
        """
        document = fetch(screening, ScreeningDoc)
        if not 0 <= parent_index < len(document.relaxed):
            raise InputError(
                f"parent {parent_index} does not exist: screening {document.key} has {len(document.relaxed)}"
            )
        potential = foundation_ref(self.foundation, dtype=MD_DTYPE)
        return produce(
            SamplingDoc,
            lambda: self._sample(document, parent_index, potential),
            parents=[document],
            settings=[self._settings(), potential, self.seed, parent_index],
            spec_key=document.spec_key,
            composition=document.composition,
            device=self.device,
        )

    def _settings(self) -> dict[str, Any]:
        drawn, described = self.settings.drawn_frames, chooses_frames(self.settings)
        settings = self.settings.model_dump(exclude={*CHOICES, "close_pairs"})  # so runs without pairs keep their keys
        pairs = {"close_pairs": self.settings.close_pairs, "mobile": self.mobile} if self.settings.close_pairs else {}
        return settings | pairs | {"drawn_frames": drawn, "described": described}

    def _sample(self, screening: ScreeningDoc, parent_index: int, potential: PotentialRef) -> SamplingDoc:
        seed = derived_seed(self.seed, "run", parent_index)
        calculator = load_calculator(potential, device=self.device)
        sampled = sample_frames(screening.relaxed[parent_index].structure, calculator, self.settings, seed)
        frames = [frame.structure for frame in sampled.frames]
        pairs = close_pairs(frames, self.mobile, self.settings.close_pairs, seed)
        strains = [frame.strain.tolist() for frame in sampled.frames]
        return SamplingDoc(
            potential=potential,
            parent_index=parent_index,
            parent_id=f"{screening.key}:{parent_index}",
            seed=seed,
            temperature_K=self.settings.temperature_K,
            mean_temperature_K=sampled.mean_temperature_K,
            time_ps=self.settings.time_ps,
            frame_times_ps=[*sampled.times_ps, *(sampled.times_ps[pair.base] for pair in pairs)],
            exploded=sampled.exploded,
            frames=[*frames, *(pair.structure for pair in pairs)],
            strains=[*strains, *(strains[pair.base] for pair in pairs)],
            close_pair_ratios=[pair.ratio for pair in pairs],
            rejected_strains=sum(frame.rejected for frame in sampled.frames),
            descriptors=(
                configuration_descriptors(frames, calculator).tolist() if chooses_frames(self.settings) else []
            ),
        )


@dataclass
class SampleSetMaker(Maker):
    """Choose parents among the screened orderings of one composition and sample each in a job of its own.

    Parameters
    ----------
    name : str
        Name of the job; those of the runs derive from it.
    settings : SamplingSettings
        Number and choice of parents, and the settings of the runs.
    foundation : str
        ``superionic-mini``, ``mace-mp-0a-medium`` or a path.
    seed : int
        Seed of the composition.
    device : str
        Torch device.
    sample_maker : SampleMaker, optional
        Makes the runs; by default a :class:`SampleMaker` with the settings above.
    mobile : str
        Symbol of the mobile element; needed for frames with close pairs only.
    """

    name: str = "sample"
    settings: SamplingSettings = field(default_factory=SamplingSettings)
    foundation: str = "mace-mp-0a-medium"
    seed: int = 0
    device: str = "cpu"
    sample_maker: SampleMaker | None = None
    mobile: str = ""

    @stage_job(data=DATA, output_schema=SamplingSetDoc)
    def make(self, screening: ScreeningDoc) -> Response[Any]:
        """Replace this job by one run per parent and a job that joins them; its output is a SamplingSetDoc."""
        count, method = self.settings.parents_per_composition, self.settings.selection
        seed = derived_seed(self.seed, "selection")
        indices = choose_parents(screening.energies_eV_per_atom, screening.descriptors, count, method, seed)
        maker = self.sample_maker or SampleMaker(
            "", self.settings, self.foundation, self.seed, self.device, self.mobile
        )
        runs = [replace(maker, name=f"{self.name} run {run}").make(screening.key, i) for run, i in enumerate(indices)]
        choice = ParentChoice(indices=indices, method=method.value, seed=seed)
        gather = replace(self, name=f"{self.name} collect").collect([run.output for run in runs], choice, screening.key)
        return replace_by(runs, gather)

    @stage_job(on_missing_none=True, data=DATA, output_schema=SamplingSetDoc)
    def collect(self, runs: list[SamplingDoc | None], choice: ParentChoice, screening_key: str) -> SamplingSetDoc:
        """Join the finished runs and list those that failed.

        Parameters
        ----------
        runs : list of SamplingDoc or None
            One per chosen parent; None where the job failed.
        choice : ParentChoice
            How the parents were chosen.
        screening_key : str
            Key of the ScreeningDoc.

        Raises
        ------
        InsufficientDataError
            If all runs failed.
        """
        finished = [run for run in runs if run is not None]
        failures = _failures(runs, choice)
        if not finished:
            raise InsufficientDataError(
                f"all {len(runs)} sampling runs of screening {screening_key} failed: see the tracebacks of the jobs "
                f"'{self.name.removesuffix(' collect')} run N', mend the cause and run again"
            )
        return produce(
            SamplingSetDoc,
            lambda: SamplingSetDoc(
                runs=finished,
                requested=len(runs),
                failures=failures,
                choice=choice,
                frame_choice=self._choose_frames(finished),
            ),
            parents=finished,
            settings=[choice, failures, self._frame_settings()],
            spec_key=finished[0].spec_key,
            composition=finished[0].composition,
        )

    def _frame_settings(self) -> dict[str, Any] | None:
        if not chooses_frames(self.settings):
            return None
        return self.settings.model_dump(include={"frames", "frame_selection"}) | {"seed": self.seed}

    def _choose_frames(self, runs: list[SamplingDoc]) -> FrameChoice | None:
        """As many frames of every run, different from each other; None if there is no choice."""
        if not chooses_frames(self.settings):
            return None
        method, seed = self.settings.frame_selection, derived_seed(self.seed, "frames")
        owners = [number for number, run in enumerate(runs) for _ in range(run.n_drawn)]
        rows = [row for run in runs for row in run.descriptors]
        count = self.settings.frames * len(runs)
        picks = choose(rows, count, method, groups=[f"{number:06d}" for number in owners], seed=seed)
        starts = [owners.index(number) for number in range(len(runs))]
        positions = [
            [pick - start for pick in picks if owners[pick] == number] + list(range(run.n_drawn, len(run.frames)))
            for number, (run, start) in enumerate(zip(runs, starts, strict=True))
        ]
        return FrameChoice(positions=positions, method=method.value, seed=seed)


def chooses_frames(settings: SamplingSettings) -> bool:
    """Whether more frames are drawn than labelled, so that they have to be chosen."""
    return settings.drawn_frames > settings.frames


def _failures(runs: list[Any], choice: ParentChoice) -> list[Failure]:
    cause = "the job failed; its traceback is in the launchpad or log"
    return [
        Failure(item=f"run {number} (parent {index})", cause=cause)
        for number, (run, index) in enumerate(zip(runs, choice.indices, strict=True))
        if run is None
    ]
