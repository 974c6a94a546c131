"""Monte Carlo jobs: continuation after a kill, reuse, refusals; no potential and no icet are needed here."""

import numpy as np
import pytest
from jobflow import JobStore, run_locally
from maggma.stores import MemoryStore
from pymatgen.core import Lattice, Structure

from superionic.documents import CompositionInfo
from superionic.errors import InputError, InsufficientDataError
from superionic.ordering.autocorrelation import SeriesVerdict
from superionic.ordering.montecarlo_checkpoint import CheckpointFile
from superionic.potentials.schemas import PotentialRef, RelaxedStructure
from superionic.sampling import expansion_jobs, montecarlo_assemble, montecarlo_inputs
from superionic.sampling.montecarlo_assemble import joined_document, joined_verdict, run_document
from superionic.sampling.montecarlo_jobs import MonteCarloMaker, MonteCarloSetMaker, SnapshotMaker
from superionic.stages import MonteCarloSettings

PLACE = CompositionInfo(axes={}, label="test", formula="LiAlZnO2F2")
SETTINGS = MonteCarloSettings(
    supercell=(2, 2, 2),
    energy="ewald",
    dielectric_constant=80.0,
    temperatures=3,
    sweeps_per_temperature=10,
    equilibration_sweeps=30,
    production_sweeps=400,
    snapshots_per_replica=2,
)


class KilledError(Exception):
    """Stands for SIGKILL."""


@pytest.fixture
def host():
    species = [{"Li+": 0.5}, {"Al3+": 0.5, "Zn2+": 0.5}, "O2-", "F-"]
    return Structure(Lattice.cubic(4.2), species, [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5]])


@pytest.fixture(autouse=True)
def scratch(tmp_path, monkeypatch):
    monkeypatch.setenv("SUPERIONIC_CACHE_DIR", str(tmp_path))
    return tmp_path / "montecarlo"


@pytest.fixture
def store():
    found = JobStore(MemoryStore(), additional_stores={"data": MemoryStore()})
    found.connect()
    return found


def run(job, store):
    return next(iter(run_locally(job, store=store, ensure_success=True).values()))[1].output


def without_provenance(document):
    return document.model_dump(exclude={"resources", "software", "reused_from", "resumed_at_sweep"})


def test_a_killed_replica_continues_in_its_next_launch(host, store, scratch, monkeypatch):
    maker = MonteCarloMaker(settings=SETTINGS, seed=4)
    real = montecarlo_assemble.run_monte_carlo

    def killed_after_100_sweeps(*args, on_checkpoint, **options):
        def checkpoint(state):
            on_checkpoint(state)
            if state.n_done >= 100:
                raise KilledError

        return real(*args, on_checkpoint=checkpoint, **options)

    with monkeypatch.context() as context:
        context.setattr(montecarlo_assemble, "run_monte_carlo", killed_after_100_sweeps)
        context.setattr(CheckpointFile, "keep", CheckpointFile.save)
        with pytest.raises(KilledError):
            run_locally(maker.make(host, PLACE), store=store, ensure_success=True, raise_immediately=True)
    (file,) = scratch.iterdir()
    continued = run(maker.make(host, PLACE), store)
    assert continued.resumed_at_sweep == 100
    assert not file.exists()
    fresh = JobStore(MemoryStore(), additional_stores={"data": MemoryStore()})
    whole = run(maker.make(host, PLACE), fresh)
    assert whole.resumed_at_sweep is None
    assert without_provenance(whole) == without_provenance(continued)


def test_a_finished_replica_is_found_again_and_others_differ(host, store):
    maker = MonteCarloMaker(settings=SETTINGS, seed=4)
    first = run(maker.make(host, PLACE), store)
    again = run(maker.make(host, PLACE), store)
    assert again.reused_from is not None
    assert again.energies_eV == first.energies_eV
    # what does not concern the run does not change its key
    same = MonteCarloMaker(settings=SETTINGS.model_copy(update={"replicas": 9, "folds": 4}), seed=4)
    assert run(same.make(host, PLACE), store).key == first.key
    assert run(MonteCarloMaker(settings=SETTINGS, seed=5).make(host, PLACE), store).key != first.key


def test_run_document_describes_the_run(host):
    document = run_document(MonteCarloMaker(settings=SETTINGS, seed=1), host, None, None, "key")
    assert [step.sweeps for step in document.steps] == [10, 10, 10, 30, 400]
    assert [step.temperature_K for step in document.steps][::2] == pytest.approx([3000, 900, 900])
    assert document.mean_energy_eV == pytest.approx(np.mean(document.energies_eV[60:]))
    assert len(document.snapshots) == len(document.snapshot_sweeps) == 2
    assert np.diff(document.snapshot_sweeps)[0] >= 2 * document.tau_sweeps
    for structure, sweep, energy in zip(
        document.snapshots, document.snapshot_sweeps, document.snapshot_energies_eV, strict=True
    ):
        assert structure.composition.as_dict() == {"Li+": 4, "Al3+": 4, "Zn2+": 4, "O2-": 8, "F-": 8}
        assert document.energies_eV[sweep] == energy
    assert document.level_of_theory == "formal charges, dielectric constant 80"


def test_snapshots_that_a_short_run_does_not_have_are_refused(host, monkeypatch):
    document = run_document(MonteCarloMaker(settings=SETTINGS, seed=1), host, None, None, "key")
    monkeypatch.setattr(montecarlo_inputs, "foundation_ref", lambda _name: pytest.fail("not needed"))
    with pytest.raises(InsufficientDataError, match="so there is no number 3"):
        SnapshotMaker(index=2).make.original(SnapshotMaker(index=2), document)


def test_cluster_expansion_energy_needs_an_expansion(host):
    settings = SETTINGS.model_copy(update={"energy": "cluster-expansion"})
    with pytest.raises(InputError, match="needs a ClusterExpansionDoc"):
        run_document(MonteCarloMaker(settings=settings), host, None, None, "key")


def test_replicas_are_joined_and_must_agree(host):
    runs = [run_document(MonteCarloMaker(settings=SETTINGS, replica=n, seed=n), host, None, None, "k") for n in (0, 1)]
    joined = joined_document(runs, 3, None)
    assert joined.requested == 3
    assert "1 of 3 Monte Carlo replicas did not finish" in joined.warnings
    per_atom = 1000 / joined.n_atoms
    assert joined.mean_energy_meV_per_atom == pytest.approx(per_atom * np.mean([run.mean_energy_eV for run in runs]))
    stds = [run.mean_energy_std_eV for run in runs]
    assert joined.mean_energy_std_meV_per_atom == pytest.approx(per_atom * np.hypot(*stds) / 2)


def test_joined_verdicts():
    ok, short, frozen = SeriesVerdict.OK, SeriesVerdict.TOO_SHORT, SeriesVerdict.FROZEN
    assert joined_verdict([ok, ok], 1.02) is ok
    assert joined_verdict([ok, ok], 1.5) is SeriesVerdict.NOT_EQUILIBRATED
    assert joined_verdict([ok, short], 1.0) is short
    assert joined_verdict([frozen, short], None) is frozen


def test_no_replica_at_all_is_an_error(host):
    with pytest.raises(InsufficientDataError, match="all 2 Monte Carlo replicas failed"):
        MonteCarloSetMaker().make.original(MonteCarloSetMaker(), [None, None])


def test_orderings_that_relax_into_others_are_left_out(host, monkeypatch):
    """The third structure loses an ion to another site; strain and a common shift are no reason."""
    drawn = expansion_jobs.TrainingOrderingsMaker(
        settings=SETTINGS.model_copy(update={"training_supercells": [(1, 2, 2)], "training_orderings": 4})
    )._draw(host)

    def relax_all(structures, _calculator, _settings):
        relaxed = []
        for index, start in enumerate(structures):
            end = start.copy()
            end.scale_lattice(start.volume * 1.05)
            end.translate_sites(range(len(end)), [0.9, 0.8, 0.3])
            if index == 2:
                end.translate_sites([0], [0.0, 0.25, 0.0])
            item = RelaxedStructure(
                source_index=index,
                structure=end,
                energy_eV=-1.0 - index,
                energy_eV_per_atom=0.0,
                max_force_eV_per_A=0.0,
                n_steps=1,
                converged=True,
            )
            relaxed.append(item)
        return relaxed, []

    monkeypatch.setattr(expansion_jobs, "relax_all", relax_all)
    monkeypatch.setattr(expansion_jobs, "load_calculator", lambda *_args, **_options: None)
    monkeypatch.setattr(expansion_jobs, "check_elements", lambda *_args: None)
    maker = expansion_jobs.TrainingEnergiesMaker(settings=SETTINGS.model_copy(update={"training_jobs": 1}))
    found = maker._evaluate(drawn, PotentialRef(name="none", sha256="0" * 64, level_of_theory="none"), None)
    assert len(drawn.structures) == 4
    assert [item.energy_eV for item in found.energies] == [-1.0, -2.0, -4.0]
    (lost,) = found.failures
    assert lost.item == "part 0, structure 2"
    assert "another site" in lost.cause
