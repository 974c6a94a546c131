"""A synthetic campaign: every number is made up, so that figures can be developed without running anything."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from superionic.documents import Blob, Resources
from superionic.labelling.schemas import LabelSetDoc, RefusedLabel
from superionic.ordering.schemas import OrderingRecord, OrderingSetDoc
from superionic.potentials.schemas import Failure, ScreeningDoc
from superionic.report.data import CampaignData, listed_failures
from superionic.report.records import FailureRecord
from superionic.sampling.schemas import SamplingSetDoc
from superionic.spec import ElectrolyteSpec
from superionic.stability.schemas import GroundStateDoc, PhaseDiagramDoc, PhaseEntry
from superionic.training.schemas import (
    DatasetDoc,
)
from superionic.transport.arrhenius_assemble import conductivity_fields, point_document, run_documents, run_groups
from superionic.transport.conductivity import nernst_einstein_factor
from superionic.transport.schemas import (
    ConductivityDoc,
    DiffusionDoc,
    Interval,
    TrajectoryDoc,
)

HERE = str(Path(__file__).parent)
if HERE not in sys.path:  # conftest and tests share the documents
    sys.path.insert(0, HERE)

from pathway_documents import make_pathway  # noqa: E402
from run_records import START, make_documents, make_jobs  # noqa: E402
from training_documents import (  # noqa: E402
    FOUNDATION,
    PLACES,
    TEACHER,
    TUNED,
    key,
    make_active,
    make_learning_curve,
    make_model,
    make_property_curve,
)

QUICKSTART = Path(__file__).parents[2] / "workflows" / "quickstart.yaml"
BOLTZMANN = 8.617333262e-5
DENSITY = 0.0145


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
            d = sigma / nernst_einstein_factor(DENSITY, 1.0, temperature)
            slow = place is PLACES[2] and temperature == 800
            lag = np.geomspace(0.02, 4.5, 30)
            found.append(
                DiffusionDoc(
                    key=key(f"7{len(found)}"),
                    parents=[key(f"6{len(found)}")],
                    composition=place,
                    model_key=key("f"),
                    mobile="Li",
                    mobile_count=24,
                    charge_e=1.0,
                    number_density_per_A3=DENSITY,
                    temperature_K=float(temperature),
                    replica=0,
                    analysed_ps=9.0,
                    diffusivity_cm2_per_s=d,
                    diffusivity_std_cm2_per_s=0.21 * d,
                    diffusivity_95_cm2_per_s=Interval(low=0.5 * d, high=1.5 * d),
                    conductivity_S_per_cm=sigma,
                    conductivity_std_S_per_cm=sigma * (0.9 if slow else 0.21),
                    diffusivity_axes_cm2_per_s=[1.2 * d, d, 0.8 * d],
                    diffusivity_axes_std_cm2_per_s=[0.3 * d] * 3,
                    diffusivity_planes_cm2_per_s={"ab": 1.1 * d, "ac": d, "bc": 0.9 * d},
                    diffusivity_planes_std_cm2_per_s=dict.fromkeys(("ab", "ac", "bc"), 0.25 * d),
                    diffusivity_collective_cm2_per_s=1.4 * d,
                    diffusivity_collective_std_cm2_per_s=0.6 * d,
                    haven_ratio=0.71,
                    haven_ratio_std=0.3,
                    n_hops=3 if slow else 61,
                    verdict="too_few_hops" if slow else "ok",
                    verdict_reason="3 hops were seen, 10 are needed" if slow else "diffusive from 1 ps on",
                    upper_bound_cm2_per_s=2.3 * d if slow else None,
                    msd_time_ps=lag.tolist(),
                    msd_tracer_A2=(0.4 * np.tanh(lag * 4) + 6 * sigma * lag + 0.01 * rng.random(30)).tolist(),
                    msd_host_A2=(0.25 * np.tanh(lag * 5)).tolist(),
                    fit_window_ps=None if slow else (1.0, 3.0),
                )
            )
    return tuple(found)


def make_trajectories(diffusions):
    return tuple(
        TrajectoryDoc(
            key=doc.parents[0],
            parents=[key("f"), key("9")],
            composition=doc.composition,
            potential=TUNED,
            model_key=key("f"),
            temperature_K=doc.temperature_K,
            mean_temperature_K=doc.temperature_K + 3.0,
            replica=doc.replica,
            ordering=doc.ordering,
            seed=7,
            thermostat="langevin",
            n_atoms=80,
            time_ps=4.2 if number == 5 else 17.0,
            requested_time_ps=17.0,
            discard_ps=1.0,
            frame_step_ps=0.04,
            n_frames=426,
            ended_early="exploded at 4.21 ps: the largest force is 143 eV/A" if number == 5 else None,
            ns_per_day=2.31 + 0.1 * number,
            segments=3 if number == 1 else 1,
            together=3 if number > 2 else 1,
            engine="torch-sim" if number == 4 else "ase",
            resumed_at_ps=[4.0, 11.2] if number == 1 else [],
            trajectory_blob=Blob.from_bytes(b"", "none"),
            resources=Resources(wall_time_s=640.0, cpu_time_s=610.0, hostname="node7"),
            warnings=["the run ended early: exploded at 4.21 ps"] if number == 5 else [],
        )
        for number, doc in enumerate(diffusions)
    )


def make_conductivities(diffusions):
    found = []
    for index, (place, energy) in enumerate(((PLACES[0], 0.31), (PLACES[2], 0.36))):
        runs = [doc for doc in diffusions if doc.composition is place]
        groups = run_groups(runs)
        points = [point_document(group.result, group.keys) for group in groups]
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
                runs=[run for group in groups for run in run_documents(group)],
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


def make_replicated(diffusions, n=4):
    """Several orderings and replicas per temperature, combined and fitted as the campaign does it; one run melts."""
    rng = np.random.default_rng(5)
    found = []
    for index, place in enumerate((PLACES[0], PLACES[2])):
        runs = []
        for doc in (doc for doc in diffusions if doc.composition is place):
            for number in range(n):
                melts = (doc.temperature_K, number) == (1000.0, 3)
                factor = 6.0 if melts else float(np.exp(0.25 * rng.normal()))
                scaled = {
                    name: factor * getattr(doc, name)
                    for name in (
                        "diffusivity_cm2_per_s",
                        "diffusivity_std_cm2_per_s",
                        "conductivity_S_per_cm",
                        "conductivity_std_S_per_cm",
                    )
                }
                state = {"verdict": "framework_unstable", "verdict_reason": "Br melted from 12 ps on"} if melts else {}
                place_of = {"ordering": number // 2, "replica": number % 2, "key": f"{doc.key}{number}"}
                runs.append(doc.model_copy(update=scaled | state | place_of))
        found.append(
            ConductivityDoc(
                key=key("5r", index),
                composition=place,
                model_key=key("f"),
                level_of_theory=TEACHER,
                mobile="Li",
                **conductivity_fields(run_groups(runs), 300.0),
            )
        )
    return tuple(found)


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
        "trajectories": make_trajectories(diffusions),
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
        "replicated": make_replicated,
        "trajectories": make_trajectories,
        "resources": Resources(wall_time_s=1.0, cpu_time_s=1.0),
    }
