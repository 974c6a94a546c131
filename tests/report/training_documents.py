"""What the documents of the synthetic campaign share, and those of its trainings; every number is made up."""

import numpy as np

from superionic.documents import Blob, CompositionInfo
from superionic.flows.property_schemas import PropertyConductivity, PropertyCurveDoc, PropertyPhase, PropertyPoint
from superionic.potentials.schemas import PotentialRef
from superionic.training.active_schemas import ActiveLearningDoc, ActiveRoundDoc
from superionic.training.curve_assemble import curve_fits
from superionic.training.curve_schemas import ComparisonRow, LearningCurveDoc, LearningPoint
from superionic.training.schemas import (
    CalibrationRecord,
    ElementErrorRow,
    EpochRecord,
    ErrorRow,
    ModelDoc,
    Parity,
)

TEACHER = "teacher: synthetic numbers"
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
