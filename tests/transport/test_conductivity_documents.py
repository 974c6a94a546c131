"""Documents of transport: they lose nothing that a combination or a fit needs, and never hide a bad run."""

import json
from pathlib import Path

import numpy as np
import pytest

from superionic.documents import Blob
from superionic.potentials.schemas import PotentialRef
from superionic.stages import FrameworkFailure
from superionic.transport import analyze_trajectory
from superionic.transport.arrhenius_assemble import conductivity_fields, run_groups
from superionic.transport.assemble import diffusion_document
from superionic.transport.jobs import DiffusionMaker
from superionic.transport.schemas import ConductivityDoc, TrajectoryDoc
from superionic.transport.study import AnalysedRun, build_study
from superionic.transport.trajectory import TrajectoryWriter
from superionic.units import BOLTZMANN_EV_PER_K

REF = PotentialRef(name="m", sha256="0" * 64, level_of_theory="nothing")
ENERGY_EV = 0.3


def trajectory_doc(temperature_K=800.0, ordering=0, replica=0, blob=b"", **changes):
    fields = {
        "key": f"t{temperature_K:g}-{ordering}-{replica}",
        "potential": REF,
        "model_key": "m",
        "temperature_K": temperature_K,
        "mean_temperature_K": temperature_K,
        "replica": replica,
        "ordering": ordering,
        "seed": 1,
        "thermostat": "berendsen",
        "n_atoms": 51,
        "time_ps": 100.0,
        "requested_time_ps": 100.0,
        "discard_ps": 0.0,
        "frame_step_ps": 0.2,
        "n_frames": 500,
        "trajectory_blob": Blob.from_bytes(blob, "none"),
    }
    return TrajectoryDoc(**fields | changes)


def stored(doc):
    """The document as a database returns it."""
    return type(doc)(**json.loads(doc.model_dump_json()))


def analysed(make_run, temperature_K, number):
    rate = 0.1 * np.exp(-ENERGY_EV / BOLTZMANN_EV_PER_K * (1 / temperature_K - 1 / 900))
    run = make_run(100 * number + int(temperature_K), diffusivity_A2_per_ps=rate)
    found = analyze_trajectory(*run.arguments[:-1], temperature_K)
    doc = diffusion_document(trajectory_doc(temperature_K, number // 2, number % 2), found)
    return found, doc.model_copy(update={"key": f"d{temperature_K:g}-{number}"})


@pytest.fixture
def campaign_runs(make_run):
    return [[analysed(make_run, temperature, number) for number in range(3)] for temperature in (1000.0, 800.0, 900.0)]


def test_documents_give_the_same_numbers_as_analyze_does_on_the_runs_themselves(campaign_runs):
    study = build_study([[AnalysedRun((Path("x"),), "f", (), found) for found, _ in group] for group in campaign_runs])
    docs = [stored(doc) for group in campaign_runs for _, doc in group]
    fields = conductivity_fields(run_groups(docs), 300.0)
    fit = study.fit
    assert fields["activation_energy_eV"] == fit.activation_energy_eV
    directional = {item.where: item for item in fields["directional_energies"]}
    assert directional["3D"].activation_energy_eV == pytest.approx(fit.activation_energy_eV)
    assert all(
        abs(item.activation_energy_eV - ENERGY_EV) < 4 * item.activation_energy_std_eV for item in directional.values()
    )
    assert fields["conductivity_at_reference_S_per_cm"] == study.prediction.value
    assert fields["conductivity_at_reference_95_S_per_cm"].high == study.prediction.high
    assert fields["unweighted_fit"].activation_energy_eV == pytest.approx(study.unweighted.activation_energy_eV)
    for point, expected in zip(fields["points"], study.points, strict=True):
        combined = expected.combined
        assert point.temperature_K == combined.temperature_K
        assert point.diffusivity_cm2_per_s == pytest.approx(combined.diffusivity_cm2_per_s, rel=1e-7)
        assert point.diffusivity_between_std_cm2_per_s == pytest.approx(
            combined.diffusivity_between_std_cm2_per_s, rel=1e-7
        )
        assert (point.n_runs, point.n_used) == (3, 3)
        assert list(point.diffusivity_planes_cm2_per_s) == ["ab", "ac", "bc"]
    # the answer is known
    assert abs(fit.activation_energy_eV - ENERGY_EV) < 3 * fit.activation_energy_std_eV
    assert [(run.ordering, run.replica) for run in fields["runs"][:3]] == [(0, 0), (0, 1), (1, 0)]


def test_a_long_run_has_a_small_document_that_says_what_became_of_each_host_species(make_run):
    run = make_run(3, duration_ps=1000.0)
    doc = diffusion_document(trajectory_doc(), analyze_trajectory(*run.arguments))
    assert len(doc.model_dump_json()) < 30_000
    (chlorine,) = doc.framework.species
    assert (chlorine.species, chlorine.count, chlorine.state, chlorine.onset_ps) == ("Cl", 27, "intact", None)
    assert doc.framework.stable
    assert doc.mobile_count == 24
    assert doc.diffusivity_collective_std_cm2_per_s > 0


def melting(make_run, frames_before=300):
    """A host that starts to flow after some frames, while the mobile ions go on hopping."""
    run = make_run(5)
    rng = np.random.default_rng(0)
    flow = np.cumsum(0.3 * rng.normal(size=(len(run.positions_A) - frames_before, 27, 3)), axis=0)
    run.positions_A[frames_before:, 24:] += flow
    return run


def blob_of(run, tmp_path, n_frames=None):
    with TrajectoryWriter(tmp_path / "t.h5", run.lattice_A, run.species, run.time_step_ps, 800.0) as writer:
        for positions in run.positions_A[:n_frames]:
            writer.append(positions)
    return (tmp_path / "t.h5").read_bytes()


def test_a_run_whose_framework_breaks_is_left_out_or_cut_as_asked_and_the_document_says_so(make_run, tmp_path):
    blob = blob_of(melting(make_run), tmp_path)
    run = trajectory_doc(blob=blob)
    whole, cut = (DiffusionMaker(framework_failure=choice)._analyse(run) for choice in FrameworkFailure)
    assert whole.verdict == "framework_unstable"
    assert (whole.cut_at_ps, cut.verdict) == (None, "ok")
    assert 30 < cut.cut_at_ps < 60
    assert cut.analysed_ps == pytest.approx(cut.cut_at_ps, abs=1)
    assert "cut at" in cut.verdict_reason
    assert not cut.framework.stable, "the state is that of the whole run"
    assert cut.framework.onset_ps == whole.framework.onset_ps
    (point,) = conductivity_fields(run_groups([cut]), 300.0)["points"]
    assert "cut at" in point.reason


@pytest.mark.parametrize("n_frames", [3, 400])
def test_an_exploded_run_never_counts_and_its_reason_reaches_the_conductivity(make_run, tmp_path, n_frames):
    sound = make_run(7)
    exploded = trajectory_doc(
        blob=blob_of(sound, tmp_path, n_frames),
        replica=1,
        ended_early="exploded at 80 ps: the largest force is 4e5 eV/A",
        time_ps=80.0,
    )
    doc = DiffusionMaker(framework_failure=FrameworkFailure.CUT)._analyse(exploded)
    assert doc.verdict == "framework_unstable"
    assert "4e5 eV/A" in doc.verdict_reason
    assert (doc.diffusivity_cm2_per_s is None) == (n_frames == 3)
    good = diffusion_document(trajectory_doc(), analyze_trajectory(*sound.arguments))
    fields = conductivity_fields(run_groups([stored(good), stored(doc)]), 300.0)
    (point,) = fields["points"]
    assert (point.n_runs, point.n_used, point.verdict) == (2, 1, "ok")
    assert point.diffusivity_cm2_per_s == pytest.approx(good.diffusivity_cm2_per_s)
    assert [run.used for run in fields["runs"]] == [True, False]
    assert "4e5 eV/A" in fields["runs"][1].reason
    (alone,) = conductivity_fields(run_groups([stored(doc), stored(doc)]), 300.0)["points"]
    assert (alone.diffusivity_cm2_per_s, alone.verdict, alone.used) == (None, "framework_unstable", False)
    assert ConductivityDoc(model_key="m", level_of_theory="", mobile="Li", **fields).model_dump_json()


def test_without_a_reason_a_run_too_short_to_analyse_is_an_error(make_run, tmp_path):
    from superionic.errors import TransportInputError

    run = trajectory_doc(blob=blob_of(make_run(7), tmp_path, 3))
    with pytest.raises(TransportInputError, match="frames"):
        DiffusionMaker()._analyse(run)


def test_a_bent_arrhenius_plot_is_tested_and_a_bad_point_listed(make_run):
    _, template = analysed(make_run, 900.0, 0)
    docs = []
    for temperature, value in ((700.0, 1e-6), (800.0, 4e-6), (900.0, 7e-6), (1000.0, 8e-6)):
        numbers = {"diffusivity_cm2_per_s": value, "diffusivity_std_cm2_per_s": 0.02 * value}
        docs.append(template.model_copy(update=numbers | {"temperature_K": temperature}))
    docs[3] = docs[3].model_copy(update={"verdict": "not_diffusive", "verdict_reason": "too short"})
    fit = conductivity_fields(run_groups(docs), 300.0)["weighted_fit"]
    assert fit.curvature.significant
    assert any("curved" in warning for warning in fit.warnings)
    assert [(point.temperature_K, point.reason) for point in fit.excluded] == [(1000.0, "not_diffusive: too short")]
