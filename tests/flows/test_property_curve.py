"""Predictions against training structures: the fan-out over models, and what is collected."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from jobflow import Flow, JobStore, run_locally
from maggma.stores import MemoryStore
from pymatgen.core import Structure

from superionic.documents import Blob
from superionic.flows import CampaignMaker
from superionic.flows.property_curve import PropertyCurveMaker
from superionic.flows.property_schemas import PropertyCurveDoc
from superionic.flows.stages import Category, Stage, mark_alone
from superionic.ordering.composition import grid_cells
from superionic.potentials.schemas import PotentialRef, RelaxedStructure, ScreeningDoc
from superionic.spec import ElectrolyteSpec
from superionic.stability.jobs import GroundStateMaker
from superionic.stability.schemas import GroundStateDoc
from superionic.training.curve_schemas import LearningCurveDoc, LearningPoint
from superionic.training.schemas import ModelDoc
from superionic.transport.jobs import DiffusionMaker, ProductionMDMaker
from superionic.transport.schemas import DiffusionDoc, Interval, TrajectoryDoc

QUICKSTART = Path(__file__).parents[2] / "workflows" / "quickstart.yaml"
REF = PotentialRef(name="m", sha256="0" * 64, level_of_theory="nothing")
SIZES = (16, 32)


@pytest.fixture(scope="module")
def spec():
    spec = ElectrolyteSpec.from_file(QUICKSTART)
    data = spec.model_dump(mode="json")
    data["training"] |= {"learning_curve": [0.5], "property_curve": True}
    return ElectrolyteSpec.from_data(data)


def model(size):
    return ModelDoc(
        key=f"m{size}",
        potential=REF,
        mode="multihead",
        foundation=REF,
        n_train=size,
        command=[],
        requested={},
        effective={},
        epochs_run=1,
        best_epoch=0,
        stopped_early=False,
        history=[],
        errors=[],
        elements=[],
        label_level_of_theory="nothing",
        model_blob=Blob.from_bytes(b"", "none"),
    )


def curve(spec):
    points = [
        LearningPoint(
            model_key=f"m{size}",
            mode="multihead",
            n_train=size,
            seed=seed,
            energy_rmse_meV_per_atom=5.0,
            force_rmse_meV_per_A=90.0,
            stress_rmse_meV_per_A3=1.0,
        )
        for size in SIZES
        for seed in (0, 1)
    ]
    return LearningCurveDoc(key="curve", spec_key=spec.key, points=points, n_test=9)


def screenings(spec):
    return [
        ScreeningDoc(
            key=f"screening-{cell.info.label}",
            spec_key=spec.key,
            composition=cell.info,
            potential=REF,
            relaxed=[],
            descriptors=[],
            energies_eV_per_atom=[],
        )
        for cell in grid_cells(spec)
    ]


def choice(_maker, _model, screening, _orderings):
    return SimpleNamespace(changed=False, formula=screening.composition.formula)


def ground_state(_maker, model, chosen):
    formula = chosen.formula
    structure = Structure(12 * np.eye(3), *_atoms(formula))
    item = RelaxedStructure(
        source_index=0,
        structure=structure,
        energy_eV=-4.0 * len(structure) - 0.1 * ("0.5" in formula),
        energy_eV_per_atom=-4.0,
        max_force_eV_per_A=0.0,
        n_steps=1,
        converged=True,
    )
    return GroundStateDoc(
        potential=REF, model_key=model.key, relaxed=[item], energies_eV_per_atom=[-4.0], n_candidates=1
    )


def _atoms(formula):
    from pymatgen.core import Composition

    counts = (2 * Composition(formula)).as_dict()
    symbols = [symbol for symbol, count in counts.items() for _ in range(round(count))]
    return symbols, np.random.default_rng(0).random((len(symbols), 3))


def trajectory(maker, model, _ground_state):
    return TrajectoryDoc(
        potential=REF,
        model_key=model.key,
        temperature_K=maker.temperature_K,
        mean_temperature_K=maker.temperature_K,
        replica=0,
        seed=maker.seed,
        thermostat="langevin",
        n_atoms=20,
        time_ps=1.0,
        requested_time_ps=1.0,
        discard_ps=0.1,
        frame_step_ps=0.1,
        n_frames=10,
        trajectory_blob=Blob.from_bytes(b"", "none"),
    )


def diffusion(_maker, run):
    """The crystal of the smaller model melts at every temperature."""
    melted = run.model_key == f"m{SIZES[0]}"
    value = 1e-5 * np.exp(-0.3 / 8.617e-5 * (1 / run.temperature_K - 1 / 800))
    return DiffusionDoc(
        model_key=run.model_key,
        mobile="Li",
        mobile_count=24,
        charge_e=1.0,
        number_density_per_A3=0.0145,
        temperature_K=run.temperature_K,
        replica=0,
        analysed_ps=0.9,
        diffusivity_cm2_per_s=value,
        diffusivity_std_cm2_per_s=0.1 * value,
        diffusivity_95_cm2_per_s=Interval(low=0.8 * value, high=1.2 * value),
        conductivity_S_per_cm=8e6 * value / run.temperature_K,
        conductivity_std_S_per_cm=8e5 * value / run.temperature_K,
        diffusivity_axes_cm2_per_s=[value] * 3,
        diffusivity_axes_std_cm2_per_s=[0.1 * value] * 3,
        diffusivity_planes_cm2_per_s=dict.fromkeys(("ab", "ac", "bc"), value),
        diffusivity_planes_std_cm2_per_s=dict.fromkeys(("ab", "ac", "bc"), 0.1 * value),
        diffusivity_collective_cm2_per_s=None,
        diffusivity_collective_std_cm2_per_s=None,
        haven_ratio=None,
        haven_ratio_std=None,
        n_hops=100,
        verdict="framework_unstable" if melted else "ok",
        verdict_reason="made up",
        msd_time_ps=[],
        msd_tracer_A2=[],
        msd_host_A2=[],
        fit_window_ps=None,
    )


def test_every_model_of_the_first_seed_predicts_and_a_melting_crystal_shows(spec, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(GroundStateMaker, "_choose", choice)
    monkeypatch.setattr(GroundStateMaker, "_relax", ground_state)
    monkeypatch.setattr(ProductionMDMaker, "_run", trajectory)
    monkeypatch.setattr(DiffusionMaker, "_analyse", diffusion)
    store = JobStore(MemoryStore(), additional_stores={n: MemoryStore() for n in ("data", "models", "trajectories")})
    store.connect()
    for number, doc in enumerate([*(model(size) for size in SIZES), *screenings(spec)]):
        output = {**doc.model_dump(mode="json"), "@module": type(doc).__module__, "@class": type(doc).__name__}
        store.docs_store.update(
            {"uuid": f"u{number}", "index": 1, "output": output, "completed_at": "2030"}, key="uuid"
        )
    job = PropertyCurveMaker.of(spec).make(curve(spec), [*screenings(spec)[:-1], None], [])
    mark_alone(job, Stage.TRANSPORT, Category.CPU, spec.key)
    run_locally(Flow([job]), store=store, ensure_success=True)
    output = store.get_output(job.uuid)
    doc = PropertyCurveDoc(**{name: value for name, value in output.items() if name[0] != "@"})
    assert [(point.model_key, point.n_train) for point in doc.points] == [("m16", 16), ("m32", 32)]
    assert doc.missing == []
    assert doc.spec_key == spec.key
    small, large = doc.points
    assert [len(point.phases) for point in doc.points] == [4, 4]
    assert {verdict for item in small.conductivities for verdict in item.run_verdicts} == {"framework_unstable"}
    assert all(item.activation_energy_eV is None for item in small.conductivities)
    assert [item.activation_energy_eV for item in large.conductivities] == pytest.approx([0.3, 0.3], abs=1e-3)
    for name, stage in (("PhaseDiagramDoc", "stability"), ("TrajectoryDoc", "transport")):
        assert store.docs_store.distinct("metadata.stage", {"output.@class": name}) == [stage]
    # the results stay apart from those of the campaign
    kept = store.docs_store.distinct(
        "output.spec_key", {"output.@class": {"$in": ["TrajectoryDoc", "PhaseDiagramDoc"]}}
    )
    assert kept == [f"{spec.key} (property curve)"]


def test_campaign_has_a_property_curve_only_if_it_is_asked_for(spec):
    def names(found):
        return [job.name for job, _ in CampaignMaker().make(found).iterflow()]

    assert names(spec).count("property curve") == 1
    job = next(job for job, _ in CampaignMaker().make(spec).iterflow() if job.name == "property curve")
    assert not job.config.pass_manager_config, "its MD would go to workers without a GPU"
    assert "property curve" not in names(ElectrolyteSpec.from_file(QUICKSTART))
