"""Groups of production runs that torch-sim advances; here a stand-in drifts the atoms."""

import sys
from importlib.metadata import PackageNotFoundError
from types import SimpleNamespace

import numpy as np
import pytest
from ase.calculators.emt import EMT
from pydantic import ValidationError
from pymatgen.core import Lattice, Structure

from superionic.documents import Blob, CompositionInfo
from superionic.dynamics import run_segments, torchsim
from superionic.dynamics.batch_run import INTEGRATORS
from superionic.errors import InputError, NotConfiguredError
from superionic.potentials.schemas import PotentialRef, RelaxedStructure
from superionic.stability.schemas import GroundStateDoc
from superionic.stages import GroupEngine, Thermostat, TransportSettings
from superionic.training.schemas import ModelDoc
from superionic.transport import jobs
from superionic.transport.group_jobs import MDGroupMaker
from superionic.transport.jobs import ProductionMDMaker

QUICK = {"supercell": (1, 1, 1), "time_ps": 0.4, "discard_ps": 0.02, "time_step_fs": 2, "stride_fs": 20}
IN_TORCHSIM = {"runs_per_job": 2, "group_engine": "torch-sim", "thermostat": "langevin"}
REF = PotentialRef(name="m", head="pbe", sha256="0" * 64, level_of_theory="test")
MODEL = ModelDoc(
    key="model",
    spec_key="spec",
    potential=REF,
    mode="naive",
    foundation=REF,
    n_train=0,
    command=[],
    requested={},
    effective={},
    epochs_run=0,
    best_epoch=0,
    stopped_early=False,
    history=[],
    errors=[],
    elements=["Li", "Cl"],
    label_level_of_theory="test",
    model_blob=Blob.from_bytes(b"tuned", "application/x-torch"),
)
SALT = RelaxedStructure(
    source_index=0,
    structure=Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.14), ["Li", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]),
    energy_eV=0.0,
    energy_eV_per_atom=0.0,
    max_force_eV_per_A=0.0,
    n_steps=0,
    converged=True,
)
STATE = GroundStateDoc(
    key="state",
    spec_key="spec",
    composition=CompositionInfo(axes={}, label="x=1", formula="LiCl"),
    potential=REF,
    model_key="model",
    relaxed=[SALT],
    energies_eV_per_atom=[0.0],
    n_candidates=1,
)


def runs(**changes):
    settings = TransportSettings(**(QUICK | IN_TORCHSIM | changes))
    return [ProductionMDMaker(f"md: {kelvin:g} K", settings, kelvin, seed=4) for kelvin in (800.0, 900.0)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"runs_per_job": 1}, "runs_per_job is 1: raise it, or choose group_engine: lockstep"),
        ({"thermostat": "berendsen"}, "no Berendsen thermostat: set thermostat to langevin, nose-hoover or csvr"),
    ],
)
def test_what_torchsim_cannot_do_is_refused_in_the_spec(change, message):
    with pytest.raises(ValidationError, match=message):
        TransportSettings(**(QUICK | IN_TORCHSIM | change))
    TransportSettings(**(QUICK | IN_TORCHSIM | change | {"group_engine": "lockstep"}))


def test_every_thermostat_that_the_spec_allows_exists_in_torchsim():
    allowed = []
    for thermostat in Thermostat:
        try:
            allowed.append(TransportSettings(**(QUICK | IN_TORCHSIM | {"thermostat": thermostat})).thermostat)
        except ValidationError:
            continue
    assert set(allowed) == set(INTEGRATORS)


def test_the_engine_is_part_of_the_key_where_it_moves_otherwise():
    def key(**changes):
        return runs(**changes)[0].key(MODEL, STATE)

    assert key() != key(group_engine="lockstep")
    assert key() == key(runs_per_job=7)
    assert key(group_engine="lockstep") == key(group_engine="lockstep", runs_per_job=1)


@pytest.fixture
def torch_sim(tmp_path, monkeypatch):
    """A stand-in that can be taken away, and can break down in the middle of all runs."""
    monkeypatch.setenv("SUPERIONIC_MD_DIR", str(tmp_path))
    stand_in = SimpleNamespace(installed=True, breaks_at=None, models=[], advanced=0)

    def version(_):
        if not stand_in.installed:
            raise PackageNotFoundError
        return "0.6.1"

    def drift(segments, model, shared):
        stand_in.models.append(model)
        for segment in segments:
            run = segment.run
            stand_in.advanced += 1
            while True:
                moved = run.atoms.positions + 1e-3
                run.show(moved, run.atoms.get_momenta(), -1.0, np.zeros_like(moved))
                if run.frame_is_due:
                    segment.keep_frame()
                if run.over or run.step == stand_in.breaks_at:
                    break
                run.step += 1
            shared.begin()
            segment.save()
        if stand_in.breaks_at is not None:
            raise RuntimeError("out of memory")

    def nothing_to_load(*_arguments):
        return "network"

    monkeypatch.setattr(torchsim, "version", version)
    monkeypatch.setitem(sys.modules, "superionic.dynamics._torchsim_batch", SimpleNamespace(go_on=drift))
    monkeypatch.setattr(jobs, "load_network", nothing_to_load)
    monkeypatch.setattr(jobs, "torchsim_model", lambda *arguments: arguments)
    return stand_in


def test_a_group_is_advanced_and_its_documents_are_made_where_torchsim_is_not_installed(torch_sim):
    makers = runs()
    assert len(MDGroupMaker("md group", makers)._advance(MODEL, STATE, makers)) == 2
    assert torch_sim.models == [("network", "pbe", "cpu", "float32")]
    torch_sim.installed = False
    docs = [maker._run(MODEL, STATE) for maker in makers]
    assert torch_sim.advanced == 2, "nothing is run twice"
    assert [(doc.temperature_K, doc.engine, doc.together, doc.n_frames) for doc in docs] == [
        (800.0, "torch-sim", 2, 21),
        (900.0, "torch-sim", 2, 21),
    ]


def test_without_torchsim_nothing_is_begun(torch_sim, tmp_path):
    torch_sim.installed = False
    makers = runs(cell="relax")
    for attempt in (
        lambda: MDGroupMaker("group", makers)._advance(MODEL, STATE, makers),
        lambda: makers[0]._run(MODEL, STATE),
    ):
        with pytest.raises(NotConfiguredError, match=r"superionic\[torchsim\].*group_engine: lockstep"):
            attempt()
    assert not list(tmp_path.rglob("*.h5"))


def test_a_run_that_broke_down_goes_on_in_torchsim_or_not_at_all(torch_sim):
    makers = runs()
    torch_sim.breaks_at = 100
    with pytest.raises(RuntimeError, match="out of memory"):
        MDGroupMaker("md group", makers)._advance(MODEL, STATE, makers)
    torch_sim.installed, torch_sim.breaks_at = False, None
    with pytest.raises(NotConfiguredError):
        makers[0]._run(MODEL, STATE)
    planned = makers[0].planned(MODEL, STATE)
    with pytest.raises(InputError, match=r"differs in engine \(there torch-sim, now ASE\)"):
        run_segments(planned.atoms, EMT(), planned.settings, planned.folder.run, model_key="model")
    torch_sim.installed = True
    doc = makers[0]._run(MODEL, STATE)
    assert (doc.engine, doc.resumed_at_ps, doc.n_frames) == ("torch-sim", [0.2], 21)
    assert doc.segments == 3, "the group, the job without torch-sim, and this one"


def test_a_lockstep_run_is_the_default_and_says_so():
    assert TransportSettings().group_engine is GroupEngine.LOCKSTEP
    assert runs(group_engine="lockstep")[0].planned(MODEL, STATE).engine is GroupEngine.LOCKSTEP
