"""Which trainings the study consists of, and which labels each gets."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np
from halide import halide_foundation
from numpy.typing import NDArray
from pool import FOUNDATION, Parts
from pymatgen.io.ase import AseAtomsAdaptor
from runs import Sets, settings_for, train

from superionic.potentials import foundation_ref, load_calculator
from superionic.provenance import derived_seed
from superionic.sampling.configurations import configuration_descriptors
from superionic.sampling.selection import choose
from superionic.stages import ActiveSettings, SelectionMethod, TrainingMode
from superionic.training.assemble import labels_of
from superionic.training.mace_model import evaluate, foundation_head, load_model
from superionic.training.mace_run import TrainingOutcome
from superionic.training.metrics import errors_between
from superionic.training.replay import make_replay, shipped_replay_file
from superionic.training.uncertainty import committee_disagreement

SIZES = (30, 60, 120, 240)
LARGE = 480
LONGER, LONGER_AT = 3, 120
"""Trainings of three times the epochs, to see what more work would change."""
SELECTORS = (SelectionMethod.KMEDOIDS, SelectionMethod.FPS, SelectionMethod.ENTROPY)
RANDOM, ACTIVE = "random", "active"
COMMITTEE, MEMBER_FRACTION = 3, ActiveSettings().member_fraction
SHORTLIST = 3
"""The active loop spreads out among this many times as many frames of largest disagreement as it labels."""
REPLAY = 30
RATE = 0.01
PASSES = {TrainingMode.MULTIHEAD: 2000, TrainingMode.NAIVE: 2000, TrainingMode.SCRATCH: 4000}
"""Structures shown in one training at least, replay included; scratch gets twice the work."""
EPOCHS = {TrainingMode.MULTIHEAD: (12, 35), TrainingMode.NAIVE: (12, 60), TrainingMode.SCRATCH: (20, 120)}


@dataclass(frozen=True)
class Run:
    """One training: mode, choice and number of its labels, seed, foundation, and how many times the usual epochs."""

    mode: TrainingMode
    method: str
    n_labels: int
    seed: int
    member: int = 0
    halide: bool = False
    work: int = 1

    @property
    def name(self) -> str:
        """Name of the run's file."""
        foundation = "-halide" if self.halide else ""
        work = f"-work{self.work}" if self.work > 1 else ""
        return f"{self.mode.value}-{self.method}-{self.n_labels}-seed{self.seed}-member{self.member}{foundation}{work}"


def plan(seeds: Sequence[int]) -> list[Run]:
    """All runs, one seed after the other, so that a study broken off early is a smaller study; entropy comes last."""
    runs = []
    for seed in seeds:
        runs += [Run(mode, RANDOM, n, seed) for mode in TrainingMode for n in (*SIZES, LARGE)]
        runs += [Run(TrainingMode.MULTIHEAD, method, n, seed) for method in (*SELECTORS[:2], ACTIVE) for n in SIZES]
        runs += [Run(TrainingMode.MULTIHEAD, RANDOM, n, seed, halide=True) for n in SIZES]
    runs += [Run(mode, RANDOM, LONGER_AT, seed, work=LONGER) for seed in seeds[:1] for mode in TrainingMode]
    return runs + [Run(TrainingMode.MULTIHEAD, SELECTORS[2], n, seed) for seed in seeds for n in SIZES]


class Study:
    """Trains what has not been trained yet and remembers the rest on disk."""

    def __init__(self, parts: Parts, folder: Path) -> None:
        self.parts = parts
        self.folder = folder
        self.groups = [frame.composition for frame in parts.pool]
        folder.mkdir(parents=True, exist_ok=True)

    @cached_property
    def descriptors(self) -> NDArray[np.float64]:
        """Descriptors of the pool by the foundation; no label enters."""
        calculator = load_calculator(foundation_ref(FOUNDATION))
        structures = [AseAtomsAdaptor.get_structure(frame.atoms) for frame in self.parts.pool]
        return configuration_descriptors(structures, calculator)

    def finished(self, run: Run) -> dict[str, Any] | None:
        """Result of a run, or None if there is none yet."""
        file = self.folder / f"{run.name}.json"
        return dict(json.loads(file.read_text(encoding="utf-8"))) if file.exists() else None

    def result(self, run: Run) -> dict[str, Any]:
        """Result of a run, trained now if need be."""
        if (found := self.finished(run)) is not None:
            return found
        indices, folder = self.choose(run), self.folder / f"{run.name}.run"
        sets, settings = self._sets(run, indices), run_settings(run)
        outcome = train(settings, sets, derived_seed(run.seed, run.member), folder)
        file = self.folder / f"{run.name}.model"
        file.write_bytes(outcome.production)
        found = self._errors(sets, outcome, file) | {"indices": indices}
        (self.folder / f"{run.name}.json").write_text(json.dumps(found), encoding="utf-8")
        rmtree(folder)
        return found

    def _sets(self, run: Run, indices: list[int]) -> Sets:
        if run.member:
            # as in a campaign: members of one start that see the same labels hardly differ
            share = round(MEMBER_FRACTION * len(indices))
            indices = np.random.default_rng([run.seed, run.member]).permutation(indices)[:share].tolist()
        chosen = [self.parts.pool[index] for index in indices]
        structures = [frame.atoms for frame in chosen]
        replay = make_replay(shipped_replay_file(FOUNDATION), structures, REPLAY, derived_seed(run.seed, "replay"))
        # the test set is evaluated afterwards, in one go and without the foundation, which is the same for all
        foundation = halide_foundation(self.parts, self.folder.parent) if run.halide else None
        return Sets(chosen, self.parts.valid, self.parts.test[:1], replay, foundation)

    def choose(self, run: Run) -> list[int]:
        """Positions in the pool of the labels of a run."""
        if run.method == ACTIVE and run.n_labels > SIZES[0]:
            return self._actively(run)
        seed = derived_seed(run.seed, "choice")
        if run.method in {RANDOM, ACTIVE}:
            # one order per seed: smaller sets lie inside larger ones, for all modes alike
            order = np.random.default_rng(seed).permutation(len(self.parts.pool))
            return sorted(order[: run.n_labels].tolist())
        return choose(self.descriptors, run.n_labels, SelectionMethod(run.method), groups=self.groups, seed=seed)

    def _actively(self, run: Run) -> list[int]:
        """Labels of the round before, and new ones where its committee disagrees most."""
        before = SIZES[SIZES.index(run.n_labels) - 1]
        members = [Run(run.mode, ACTIVE, before, run.seed, member) for member in range(COMMITTEE)]
        labelled: list[int] = self.result(members[0])["indices"]
        for member in members[1:]:
            self.result(member)
        pool = [frame.atoms for frame in self.parts.pool]
        models = [load_model(self.folder / f"{member.name}.model", "float32", "cpu") for member in members]
        found = [evaluate(model, pool, foundation_head(model, None), "float32") for model in models]
        disagreement = committee_disagreement(found).forces_meV_per_A
        disagreement[labelled] = -1.0
        wanted = run.n_labels - before
        shortlist = np.argsort(-disagreement, kind="stable")[: SHORTLIST * wanted].tolist()
        names = [self.groups[index] for index in shortlist]
        picked = choose(self.descriptors[shortlist], wanted, SelectionMethod.FPS, groups=names)
        return sorted([*labelled, *(shortlist[index] for index in picked)])

    def _errors(self, sets: Sets, outcome: TrainingOutcome, file: Path) -> dict[str, Any]:
        model, test = load_model(file, "float32", "cpu"), self.parts.test
        predicted = evaluate(model, [frame.atoms for frame in test], foundation_head(model, None), "float32")
        found: dict[str, Any] = {
            "test": asdict(errors_between(labels_of(test), predicted)),
            "valid": asdict(errors_between(labels_of(sets.valid), outcome.evaluations["tuned_valid"])),
        }
        if "tuned_replay" in outcome.evaluations:
            before, after = outcome.evaluations["foundation_replay"], outcome.evaluations["tuned_replay"]
            found["forgetting"] = asdict(errors_between(before, after))
        return found | {"seconds": outcome.seconds, "epochs": outcome.evidence.history[-1].epoch + 1}


def run_settings(run: Run) -> Any:  # noqa: ANN401 (TrainingSettings)
    """Settings of a run; the number of epochs follows from the amount of work."""
    shown = run.n_labels + (round(0.9 * REPLAY) if run.mode is TrainingMode.MULTIHEAD else 0)
    least, most = EPOCHS[run.mode]
    return settings_for(run.mode, RATE, run.work * min(max(round(PASSES[run.mode] / shown), least), most))
