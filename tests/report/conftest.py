"""A synthetic campaign: every number is made up, so that figures can be developed without running anything."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from superionic.documents import Blob, CompositionInfo, Resources
from superionic.flows.property_schemas import PropertyConductivity, PropertyCurveDoc, PropertyPhase, PropertyPoint
from superionic.labelling.schemas import LabelSetDoc, RefusedLabel
from superionic.ordering.schemas import OrderingRecord, OrderingSetDoc
from superionic.potentials.schemas import Failure, PotentialRef, ScreeningDoc
from superionic.report.data import CampaignData, listed_failures
from superionic.report.records import DocumentRecord, FailureRecord, JobRecord
from superionic.sampling.schemas import SamplingSetDoc
from superionic.spec import ElectrolyteSpec
from superionic.stability.schemas import GroundStateDoc, PhaseDiagramDoc, PhaseEntry
from superionic.training.active_schemas import ActiveLearningDoc, ActiveRoundDoc
from superionic.training.curve_assemble import curve_fits
from superionic.training.curve_schemas import ComparisonRow, LearningCurveDoc, LearningPoint
from superionic.training.schemas import (
    CalibrationRecord,
    DatasetDoc,
    ElementErrorRow,
    EpochRecord,
    ErrorRow,
    ModelDoc,
    Parity,
)
from superionic.transport.schemas import (
    ArrheniusPoint,
    ConductivityDoc,
    DiffusionDoc,
    Interval,
    PathwayDoc,
    SiteOccupancy,
)

QUICKSTART = Path(__file__).parents[2] / "workflows" / "quickstart.yaml"
START = datetime(2030, 1, 1, 8, 0, tzinfo=UTC)
TEACHER = "teacher: synthetic numbers"
BOLTZMANN = 8.617333262e-5
PLACES = [
    CompositionInfo(axes={"x": 1.0, "y": 0.0}, label="x=1,y=0", formula="Li3InCl6"),
    CompositionInfo(axes={"x": 1.0, "y": 1.0}, label="x=1,y=1", formula="Li3InBr6"),
    CompositionInfo(axes={"x": 0.0, "y": 1.0}, label="x=0,y=1", formula="Li3YBr6"),
    CompositionInfo(axes={"x": 0.5, "y": 1.0}, label="x=0.5,y=1", formula="Li3In0.5Y0.5Br6"),
    CompositionInfo(axes={"x": 0.5, "y": 0.5}, label="x=0.5,y=0.5", formula="Li3In0.5Y0.5Br3Cl3"),
]
FOUNDATION = PotentialRef(name="superionic-mini", sha256="0" * 64, level_of_theory="synthetic PBE surrogate")
TUNED = PotentialRef(name="tuned", head="teacher", sha256="1" * 64, level_of_theory=TEACHER)


def key(kind, index=0):
    return f"{kind}{index}".ljust(32, "0")


def make_orderings():
    record = OrderingRecord(energy_eV=-100.0, charge_pattern_id=0, multiplicity=4, supercell=[[1, 0, 0]])
    return tuple(
        OrderingSetDoc(
            key=key("a", i),
            composition=place,
            structures=[],
            records=[record] * 12,
            exact=True,
            count_distinct=16 * 10**i,
            mode="exhaustive",
            tie_rule="uniform",
        )
        for i, place in enumerate(PLACES)
    )


def make_screenings():
    return tuple(
        ScreeningDoc(
            key=key("b", i),
            composition=place,
            parents=[key("a", i)],
            potential=FOUNDATION,
            relaxed=[],
            descriptors=[],
            energies_eV_per_atom=[-3.9] * 6,
            failures=[Failure(item="ordering 7", cause="relaxation exploded")] if i == 1 else [],
        )
        for i, place in enumerate(PLACES)
    )


def make_label_sets():
    return tuple(
        LabelSetDoc(
            key=key("d", i),
            composition=place,
            parents=[key("c", i)],
            labels=[],
            label_keys=[f"label-{i}-{n}" for n in range(15)],
            requested=16,
            level_of_theory=TEACHER,
            refused=[RefusedLabel(item="run 1 frame 3", cause="force_too_large")],
        )
        for i, place in enumerate(PLACES)
    )


def make_parity(rng, energy_noise, force_noise):
    energies = np.concatenate([rng.normal(level, 0.01, 4) for level in (-3.3, -3.6, -3.9, -4.1)])
    forces = rng.normal(0, 0.9, 1200)
    stress = rng.normal(0, 0.01, 40)
    return Parity(
        energy_reference_eV_per_atom=energies.tolist(),
        energy_predicted_eV_per_atom=(energies + rng.normal(0, energy_noise, energies.size)).tolist(),
        force_reference_eV_per_A=forces.tolist(),
        force_predicted_eV_per_A=(forces + rng.normal(0, force_noise, forces.size)).tolist(),
        stress_reference_eV_per_A3=stress.tolist(),
        stress_predicted_eV_per_A3=stress.tolist(),
    )


def make_errors():
    rows = []
    for model, energy, force in (("foundation", 31.3, 158.1), ("tuned", 6.47, 71.9)):
        for split, n in (("train", 60), ("valid", 8), ("test", 16)):
            rows.append(_error_row(model, split, "all", n, energy, force))
        rows += [_error_row(model, "test", place.label, 4, energy * 1.1, force * 0.9) for place in PLACES[:4]]
    return rows


def _error_row(model, split, group, n, energy, force):
    return ErrorRow(
        model=model,
        split=split,
        group=group,
        n_structures=n,
        energy_rmse_meV_per_atom=energy,
        energy_mae_meV_per_atom=0.8 * energy,
        force_rmse_meV_per_A=force,
        force_mae_meV_per_A=0.7 * force,
        stress_rmse_meV_per_A3=force / 60,
        energy_shifted=model == "foundation",
        energy_max_meV_per_atom=3 * energy,
        energy_r2=0.5,
        force_max_meV_per_A=12 * force,
        force_r2=0.9,
        stress_mae_meV_per_A3=force / 80,
        stress_max_meV_per_A3=force / 10,
        stress_r2=-0.2,
    )


def make_model():
    rng = np.random.default_rng(1)
    history = [
        EpochRecord(
            epoch=epoch,
            head=head,
            loss=0.9 * np.exp(-epoch / 8) * size + 0.05,
            energy_rmse_meV_per_atom=40 * np.exp(-epoch / 7) * size + 6,
            force_rmse_meV_per_A=170 * np.exp(-epoch / 9) * size + 70,
        )
        for head, size in (("teacher", 1.0), ("pt_head", 0.3))
        for epoch in range(-1, 33)
    ]
    requested = {"learning_rate": 0.01, "batch_size": 10, "max_epochs": 40, "weights": {"energy": 20.0, "forces": 10.0}}
    effective = {"learning_rates": [0.01], "batch_size": 10, "max_epochs": 41, "optimizer": "Adam", "n_train": 60}
    return ModelDoc(
        key=key("f"),
        parents=[key("e")],
        potential=TUNED,
        mode="multihead",
        foundation=FOUNDATION,
        n_train=60,
        command=["mace_run_train"],
        requested=requested,
        effective=effective,
        epochs_run=33,
        best_epoch=22,
        stopped_early=True,
        history=history,
        errors=make_errors(),
        element_errors=make_element_errors(),
        parity_foundation=make_parity(rng, 0.03, 0.158),
        parity_tuned=make_parity(rng, 0.0065, 0.072),
        elements=["Li", "In", "Y", "Br", "Cl"],
        label_level_of_theory=TEACHER,
        model_blob=Blob.from_bytes(b"", "not loaded"),
    )


def make_learning_curve():
    """Three modes, five sizes, three seeds; naive training reaches a floor."""
    rng = np.random.default_rng(3)
    laws = {"multihead": (500, 0.5, 20), "naive": (600, 0.45, 45), "scratch": (3000, 0.7, 0)}
    points = []
    for n in (60, 120, 250, 500, 1000):
        for mode, (amplitude, exponent, floor) in laws.items():
            for seed in range(3):
                force = (amplitude * n**-exponent + floor) * np.exp(0.04 * rng.normal())
                point = LearningPoint(
                    model_key=key("f") if (n, mode, seed) == (1000, "multihead", 0) else f"{mode}-{n}-{seed}",
                    mode=mode,
                    n_train=n,
                    seed=seed,
                    energy_rmse_meV_per_atom=force / 12,
                    force_rmse_meV_per_A=force,
                    stress_rmse_meV_per_A3=force / 40,
                    energy_slope=0.97,
                    force_slope=0.95,
                )
                points.append(point)
    return LearningCurveDoc(
        key=key("1"),
        points=points,
        n_test=16,
        model_key=key("f"),
        fits=curve_fits(points),
        comparison=[
            make_comparison(*row)
            for row in (
                ("foundation", None, 31.3, 158.1, 0.78, None),
                ("multihead", 1000, 6.4, 71.9, 0.97, 14.0),
                ("naive", 1000, 7.1, 88.0, 0.93, 190.0),
                ("scratch", 1000, 9.0, 121.0, 0.88, None),
            )
        ],
        left_out=["2500 structures are more than the 1000 of the training set"],
    )


def make_comparison(model, n_train, energy, force, slope, drift):
    return ComparisonRow(
        model=model,
        n_train=n_train,
        n_models=3 if n_train else 1,
        energy_rmse_meV_per_atom=energy,
        energy_rmse_std_meV_per_atom=0.1 * energy if n_train else None,
        force_rmse_meV_per_A=force,
        force_rmse_std_meV_per_A=0.05 * force if n_train else None,
        stress_rmse_meV_per_A3=force / 60,
        energy_slope=slope - 0.05,
        energy_slope_std=0.02,
        force_slope=slope,
        force_slope_std=0.01,
        energy_shifted=model == "foundation",
        drift_energy_meV_per_atom=drift and drift / 10,
        drift_force_meV_per_A=drift,
        drift_structures=40 if drift else None,
        drift_left_out=12 if drift else None,
        replay_head_force_meV_per_A=11.0 if model == "multihead" else None,
    )


def make_property_curve():
    """The crystal of the second composition melts with the model on 60 structures, whose test error is not large."""
    points = []
    for n in (60, 250, 1000):
        verdicts = ["ok", "framework_unstable"] if n == 60 else ["too_few_hops", "ok"]
        points.append(
            PropertyPoint(
                model_key=f"multihead-{n}-0",
                mode="multihead",
                n_train=n,
                energy_rmse_meV_per_atom=4 + 200 / n,
                force_rmse_meV_per_A=20 + 500 * n**-0.5,
                phases=[
                    PropertyPhase(
                        composition=place,
                        formation_energy_eV_per_atom=0.001 * (i - 2) * (1 + 30 / n),
                        e_above_hull_eV_per_atom=0.0,
                        stable=True,
                    )
                    for i, place in enumerate(PLACES)
                ],
                conductivities=[
                    PropertyConductivity(
                        composition=PLACES[i],
                        activation_energy_eV=None if i and n == 60 else 0.3 + 2 / n + 0.05 * i,
                        activation_energy_std_eV=None if i and n == 60 else 0.04,
                        reference_temperature_K=300.0,
                        conductivity_at_reference_S_per_cm=None,
                        conductivity_at_reference_95_S_per_cm=None,
                        verdict="extrapolated",
                        verdict_reason="made up",
                        temperatures_K=[800.0, 1000.0],
                        conductivities_S_per_cm=[0.05, (0.2 + 8 / n) / (1 + i)],
                        conductivities_std_S_per_cm=[0.01, 0.02],
                        run_verdicts=verdicts if i else ["ok", "ok"],
                    )
                    for i in (0, 2)
                ],
            )
        )
    return PropertyCurveDoc(key=key("2"), points=points, missing=["model on 120 structures: no phase diagram"])


def make_element_errors():
    return [
        ElementErrorRow(
            model=model,
            split="test",
            element=element,
            n_atoms=96,
            force_rmse_meV_per_A=scale * force,
            force_mae_meV_per_A=0.7 * scale * force,
            force_max_meV_per_A=5 * scale * force,
            force_r2=0.93,
            force_slope=0.9,
            force_slope_std=0.02,
        )
        for model, scale in (("foundation", 2.0), ("tuned", 1.0))
        for element, force in (("Li", 60.0), ("In", 90.0), ("Y", 95.0), ("Br", 70.0), ("Cl", 80.0))
    ]


def make_phase_diagram(places=PLACES, members=PLACES[:3]):
    formation = {"Li3In0.5Y0.5Br6": (0.0021, 0.0013), "Li3In0.5Y0.5Br3Cl3": (-0.0083, -0.0061)}
    entries = []
    for i, place in enumerate(places):
        tuned, labels = formation.get(place.formula, (0.0, 0.0))
        for rank in range(4):
            above = max(tuned, 0.0) + 0.002 * rank
            entries.append(
                PhaseEntry(
                    composition=place,
                    source_key=key("9", i),
                    source_index=rank,
                    n_atoms=20,
                    energy_eV=-78.0,
                    formation_energy_eV_per_atom=tuned + 0.002 * rank,
                    e_above_hull_eV_per_atom=above,
                    stable=above == 0.0,
                    lowest=rank == 0,
                    reference_formation_energy_eV_per_atom=labels,
                    reference_e_above_hull_eV_per_atom=max(labels, 0.0),
                    reference_stable=labels <= 0.0,
                )
            )
    return PhaseDiagramDoc(
        key=key("8"),
        parents=[key("f"), *(key("9", i) for i in range(5))],
        model_key=key("f"),
        potential=TUNED,
        reference_level_of_theory=TEACHER,
        end_members=list(members),
        entries=entries,
        formation_energy_std_eV_per_atom=0.00647,
    )


def _sigma(temperature, energy, prefactor):
    return prefactor / temperature * np.exp(-energy / (BOLTZMANN * temperature))


def make_diffusions():
    rng = np.random.default_rng(2)
    found = []
    for place, energy, prefactor in ((PLACES[0], 0.31, 5200.0), (PLACES[2], 0.36, 4300.0)):
        for temperature in (800, 900, 1000):
            sigma = _sigma(temperature, energy, prefactor)
            slow = place is PLACES[2] and temperature == 800
            lag = np.geomspace(0.02, 4.5, 30)
            found.append(
                DiffusionDoc(
                    key=key(f"7{len(found)}"),
                    parents=[key(f"6{len(found)}")],
                    composition=place,
                    model_key=key("f"),
                    mobile="Li",
                    temperature_K=float(temperature),
                    replica=0,
                    analysed_ps=9.0,
                    diffusivity_cm2_per_s=sigma * 1e-4,
                    diffusivity_std_cm2_per_s=sigma * 2.1e-5,
                    diffusivity_95_cm2_per_s=Interval(low=sigma * 5e-5, high=sigma * 1.5e-4),
                    conductivity_S_per_cm=sigma,
                    conductivity_std_S_per_cm=sigma * (0.9 if slow else 0.21),
                    diffusivity_axes_cm2_per_s=[1e-5] * 3,
                    diffusivity_planes_cm2_per_s={"ab": 1e-5},
                    haven_ratio=0.71,
                    haven_ratio_std=0.3,
                    n_hops=3.0 if slow else 61.0,
                    verdict="too_few_hops" if slow else "ok",
                    verdict_reason="3 hops were seen, 10 are needed" if slow else "diffusive from 1 ps on",
                    upper_bound_cm2_per_s=sigma * 2.3e-4 if slow else None,
                    msd_time_ps=lag.tolist(),
                    msd_tracer_A2=(0.4 * np.tanh(lag * 4) + 6 * sigma * lag + 0.01 * rng.random(30)).tolist(),
                    msd_host_A2=(0.25 * np.tanh(lag * 5)).tolist(),
                    fit_window_ps=None if slow else (1.0, 3.0),
                )
            )
    return tuple(found)


def make_conductivities(diffusions):
    found = []
    for index, (place, energy) in enumerate(((PLACES[0], 0.31), (PLACES[2], 0.36))):
        runs = [doc for doc in diffusions if doc.composition is place]
        points = [
            ArrheniusPoint(
                temperature_K=doc.temperature_K,
                diffusion_key=doc.key,
                diffusivity_cm2_per_s=doc.diffusivity_cm2_per_s,
                diffusivity_std_cm2_per_s=doc.diffusivity_std_cm2_per_s,
                conductivity_S_per_cm=doc.conductivity_S_per_cm,
                conductivity_std_S_per_cm=doc.conductivity_std_S_per_cm,
                verdict=doc.verdict,
                used=doc.verdict == "ok",
                reason="" if doc.verdict == "ok" else doc.verdict_reason,
            )
            for doc in runs
        ]
        grid = np.linspace(min(p.temperature_K for p in points if p.used), 1000, 25)
        line = _sigma(grid, energy, 5200.0 if index == 0 else 4300.0)
        at_300 = float(_sigma(300.0, energy, 5200.0 if index == 0 else 4300.0))
        found.append(
            ConductivityDoc(
                key=key("5", index),
                parents=[key("f"), *(doc.key for doc in runs)],
                composition=place,
                model_key=key("f"),
                level_of_theory=TEACHER,
                mobile="Li",
                points=points,
                activation_energy_eV=energy,
                activation_energy_std_eV=0.083 if index else 0.042,
                activation_energy_95_eV=Interval(low=energy - 0.1, high=energy + 0.1),
                reference_temperature_K=300.0,
                conductivity_at_reference_S_per_cm=at_300,
                conductivity_at_reference_95_S_per_cm=Interval(low=at_300 / 30, high=at_300 * 30),
                fit_temperatures_K=grid.tolist(),
                fit_conductivity_S_per_cm=line.tolist(),
                fit_low_S_per_cm=(line * 0.8).tolist(),
                fit_high_S_per_cm=(line * 1.25).tolist(),
                verdict="extrapolated",
                verdict_reason="fitted over 3 temperatures; no remarks",
                missing=["1 MD runs did not finish: see the failures of the transport stage"] if index else [],
            )
        )
    return tuple(found)


def make_pathway():
    shape = (26, 22, 26)
    a, b, c = np.meshgrid(*((np.arange(n) + 0.5) / n for n in shape), indexing="ij")
    density = np.exp(3 * np.cos(4 * np.pi * a) + 3 * np.cos(4 * np.pi * b) + 1.5 * np.cos(4 * np.pi * c))
    lattice = np.array([[12.9, 0, 0], [0, 11.1, 0], [-4.3, 0, 12.0]])
    density *= 24 / (density.mean() * abs(np.linalg.det(lattice)))
    return PathwayDoc(
        key=key("4"),
        parents=[key("60")],
        composition=PLACES[0],
        model_key=key("f"),
        temperature_K=800.0,
        mobile="Li",
        grid_shape=shape,
        lattice_A=lattice.tolist(),
        density_ions_per_A3=density.ravel().tolist(),
        n_mobile=24,
        sites=[
            SiteOccupancy(label="4g", n_sites=16, occupancy=0.71),
            SiteOccupancy(label="4h", n_sites=16, occupancy=0.79),
        ],
        jumps={"4g->4h": 31, "4h->4g": 29},
    )


def make_jobs():
    jobs = []
    free = [0.0, 0.0]
    plan = (("ordering", 5, 4), ("screening", 5, 14), ("sampling", 10, 9), ("labelling", 40, 2), ("training", 1, 130))
    for stage, count, seconds in (*plan, ("stability", 5, 18), ("transport", 6, 75)):
        barrier = max(free) if stage in {"training", "stability", "transport"} else min(free)
        free = [max(moment, barrier) for moment in free]
        for n in range(count):
            worker = int(np.argmin(free))
            begin, free[worker] = free[worker], free[worker] + seconds
            state = "failed" if (stage, n) == ("sampling", 3) else "completed"
            started = START + timedelta(seconds=begin)
            ended = started + timedelta(seconds=seconds)
            jobs.append(JobRecord(stage, f"{stage}: job {n}", state, started, ended, float(seconds), 0.9 * seconds))
    return (*jobs, JobRecord("ordering", "ordering: old", "reused"))


def make_documents(data):
    versions = (("ase", "3.26"), ("superionic", "0.1.0"))
    found = {}
    groups = (data.orderings, data.screenings, data.samplings, data.label_sets, data.ground_states, data.diffusions)
    singles = (
        data.dataset,
        data.model,
        data.phase_diagram,
        data.learning_curve,
        data.property_curve,
        *data.conductivities,
        *data.pathways,
    )
    for doc in (*(doc for group in groups for doc in group), *(doc for doc in singles if doc)):
        place = doc.composition.label if doc.composition else ""
        found[doc.key] = DocumentRecord(
            doc.key, type(doc).__name__, "synthetic job", place, tuple(doc.parents), versions, START, 12.0, 11.0
        )
    return found


def active_round(number, pool_95):
    calibration = CalibrationRecord(
        measure="committee",
        n_structures=20,
        scale=2.5,
        element_scales={"Li": 2.5},
        verdict="calibrated",
        raw_verdict="over-confident",
        coverage_68=0.7,
        coverage_95=0.94,
        raw_coverage_68=0.3,
        raw_coverage_95=0.55,
        reliability=[(0.5, 0.52), (0.9, 0.88)],
        expected_calibration_error=0.02,
        spearman=0.61,
    )
    values = {name: 10.0 for name, field in ErrorRow.model_fields.items() if "float" in str(field.annotation)}
    errors = [
        ErrorRow(model=model, split="test", n_structures=12, **values | {"force_rmse_meV_per_A": force - number})
        for model, force in (("tuned", 90.0), ("committee", 80.0))
    ]
    return ActiveRoundDoc(
        number=number,
        dataset_key="d",
        model_keys=["m"],
        counts={"train": 40 + 10 * number, "valid": 20, "test": 12},
        measure="committee",
        errors=errors,
        calibration=calibration,
        n_pool=60 - 10 * number,
        pool_median_meV_per_A=pool_95 and pool_95 / 2,
        pool_95_meV_per_A=pool_95,
        pool_largest_meV_per_A=pool_95 and 2 * pool_95,
    )


def make_active():
    rounds = [active_round(0, 88.0), active_round(1, 44.0), active_round(2, None)]
    return ActiveLearningDoc(
        rounds=rounds, stop_reason="no frame left in the pool", model_key="m", dataset_key="d", label_set_keys=["l"]
    )


@pytest.fixture
def active():
    """Three rounds of labels."""
    return make_active()


def make_campaign():
    """A complete synthetic campaign."""
    diffusions = make_diffusions()
    label_sets = make_label_sets()
    parts = {
        "orderings": make_orderings(),
        "screenings": make_screenings(),
        "samplings": tuple(
            SamplingSetDoc(key=key("c", i), composition=place, parents=[key("b", i)], runs=[], requested=2)
            for i, place in enumerate(PLACES)
        ),
        "label_sets": label_sets,
        "dataset": DatasetDoc(
            key=key("e"),
            parents=[doc.key for doc in label_sets],
            level_of_theory=TEACHER,
            content_hash="h",
            counts={"train": 60, "valid": 8, "test": 16},
            counts_by_composition={place.label: {"train": 12, "valid": 2, "test": 2} for place in PLACES},
            parents_by_split={},
            label_keys=[],
            requested_labels=80,
            refused_by_cause={"force_too_large": 5},
            train_extxyz="",
            valid_extxyz="",
            test_extxyz="",
        ),
        "model": make_model(),
        "learning_curve": make_learning_curve(),
        "property_curve": make_property_curve(),
        "ground_states": tuple(
            GroundStateDoc(
                key=key("9", i),
                composition=place,
                parents=[key("f"), key("b", i)],
                potential=TUNED,
                model_key=key("f"),
                relaxed=[],
                energies_eV_per_atom=[-3.9],
                n_candidates=4,
            )
            for i, place in enumerate(PLACES)
        ),
        "phase_diagram": make_phase_diagram(),
        "diffusions": diffusions,
        "conductivities": make_conductivities(diffusions),
        "pathways": (make_pathway(),),
    }
    failures = (*listed_failures(parts), FailureRecord("sampling", "x=1,y=0 run 1", "MD exploded at 0.3 ps"))
    data = CampaignData(
        spec_key="synthetic0000",
        spec=ElectrolyteSpec.from_file(QUICKSTART).model_copy(update={"name": "Synthetic campaign (test data)"}),
        jobs=make_jobs(),
        failures=failures,
        created=START,
        **parts,
    )
    return replace(data, documents=make_documents(data))


@pytest.fixture(scope="session")
def campaign():
    """A complete synthetic campaign; no number in it is real."""
    return make_campaign()


@pytest.fixture(scope="session")
def synthetic():
    """Functions that make single synthetic documents."""
    return {
        "phase_diagram": make_phase_diagram,
        "places": PLACES,
        "conductivities": make_conductivities,
        "diffusions": make_diffusions,
        "resources": Resources(wall_time_s=1.0, cpu_time_s=1.0),
    }
