"""Labelled structures from a known pair potential, and the smallest possible MACE foundation."""

import json

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.morse import MorsePotential

from superionic.documents import Blob
from superionic.potentials.schemas import PotentialRef
from superionic.training.dataset import LabelledFrame
from superionic.training.schemas import ErrorRow, ModelDoc

OFFSETS_eV = {"Li": -3.0, "Cl": -7.0, "Br": -5.0}
SYMBOLS = {
    "chloride": ["Li", "Cl", "Cl", "Li", "Cl", "Li", "Li", "Cl"],
    "mixed": ["Li", "Cl", "Br", "Li", "Cl", "Li", "Br", "Cl"],
}


def morse_frame(number, composition="chloride", parent=None, seed=0):
    """A distorted rock-salt cell, labelled with a Morse potential plus an energy per element."""
    rng = np.random.default_rng([seed, number])
    corners = 2.6 * np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])
    atoms = Atoms(SYMBOLS[composition], positions=corners + rng.normal(0, 0.12, (8, 3)), cell=[5.2] * 3, pbc=True)
    atoms.calc = MorsePotential(epsilon=0.3, r0=2.6, rho0=4.0, rcut1=3.2, rcut2=3.9)
    return LabelledFrame(
        key=f"label-{composition}-{number}",
        parent_id=parent or f"{composition}-{number // 3}",
        composition=composition,
        atoms=Atoms(SYMBOLS[composition], positions=atoms.positions, cell=atoms.cell, pbc=True),
        energy_eV=float(atoms.get_potential_energy()) + sum(OFFSETS_eV[s] for s in SYMBOLS[composition]),
        forces_eV_per_A=atoms.get_forces(),
        stress_eV_per_A3=atoms.get_stress(voigt=False),
    )


LEVEL = "teacher: Morse"


def _error_row(model, energy, stress=1.5, **changes):
    row = {
        "model": model,
        "split": "test",
        "n_structures": 4,
        "energy_rmse_meV_per_atom": energy,
        "energy_mae_meV_per_atom": energy,
        "force_rmse_meV_per_A": 10 * energy,
        "force_mae_meV_per_A": 10 * energy,
        "stress_rmse_meV_per_A3": stress,
        "energy_shifted": model == "foundation",
    }
    return ErrorRow(**row | changes)


def _make_model(key="m" * 32, content=b"weights", **changes):
    blob = Blob.from_bytes(content, "application/x-mace-model")
    fields = {
        "key": key,
        "potential": PotentialRef(name=key, sha256=blob.sha256, dtype="float32", level_of_theory=LEVEL),
        "mode": "multihead",
        "foundation": PotentialRef(name="superionic-mini", sha256="a" * 64, level_of_theory="PBE"),
        "n_train": 18,
        "command": ["--lr=0.01"],
        "requested": {"learning_rate": 0.01, "weights": {"energy": 20.0}, "heads": ["pt_head", "target"]},
        "effective": {"learning_rate": 0.01, "e0s_source": "estimated", "replay_source": "replay.xyz"},
        "epochs_run": 3,
        "best_epoch": 2,
        "stopped_early": False,
        "history": [],
        "errors": [
            _error_row("foundation", 2345.678),
            _error_row("tuned", 6.5, stress=None, force_slope=0.9123),
            _error_row("tuned", 1.25, split="replay"),
        ],
        "elements": ["Cl", "Li"],
        "label_level_of_theory": LEVEL,
        "model_blob": blob,
        "warnings": ["something to know"],
    }
    return ModelDoc(**fields | changes)


@pytest.fixture
def make_model():
    """Function that makes the document of a trained model, with changes."""
    return _make_model


@pytest.fixture(scope="session")
def _frames():
    return [morse_frame(number, name) for name in ("chloride", "mixed") for number in range(12)]


@pytest.fixture
def frames(_frames):
    """Two compositions with four parents of three frames each."""
    return list(_frames)


@pytest.fixture
def free_atoms():
    """Energies of free atoms that suit the labels of the frames and the tiny foundation, eV."""
    return {symbol: energy - 1.4 for symbol, energy in OFFSETS_eV.items()}


@pytest.fixture(scope="session")
def tiny_foundation(tmp_path_factory):
    """A random MACE of a few hundred weights; every number about it is meaningless but reproducible."""
    pytest.importorskip("mace")
    import torch
    from e3nn import o3
    from mace import modules

    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    block = modules.interaction_classes["RealAgnosticResidualInteractionBlock"]
    model = modules.ScaleShiftMACE(
        r_max=4.0,
        num_bessel=4,
        num_polynomial_cutoff=5,
        max_ell=1,
        interaction_cls=block,
        interaction_cls_first=block,
        num_interactions=2,
        num_elements=4,
        hidden_irreps=o3.Irreps("4x0e"),
        MLP_irreps=o3.Irreps("4x0e"),
        atomic_energies=np.array([-1.0, -2.0, -3.0, -4.0]),
        avg_num_neighbors=10.0,
        atomic_numbers=[3, 17, 35, 39],
        correlation=1,
        gate=torch.nn.functional.silu,
        radial_MLP=[8],
        atomic_inter_scale=1.0,
        atomic_inter_shift=0.0,
    )
    torch.set_default_dtype(before)
    path = tmp_path_factory.mktemp("foundation") / "tiny.model"
    torch.save(model, path)
    return path


@pytest.fixture
def mace_log_text():
    """The lines of a log that the checks read, of a multi-head run with 12 + 9 structures."""
    return MACE_LOG


@pytest.fixture
def mace_results_text():
    """Results that belong to the log: epoch 1 is the best of four, so a patience of 2 ends the run."""
    rows = []
    losses = {None: (0.0, 2.0), 0: (0.1, 1.0), 1: (0.1, 0.5), 2: (0.1, 0.7), 3: (0.1, 0.6)}
    for epoch, values in losses.items():
        for head, loss in zip(("pt_head", "target"), values, strict=True):
            errors = {"rmse_e_per_atom": loss / 100, "rmse_f": loss / 10, "rmse_stress": loss / 1000}
            rows.append({"mode": "eval", "epoch": epoch, "head": head, "loss": loss} | errors)
        rows.append({"mode": "opt", "epoch": epoch, "loss": 1.0, "time": 0.1})
    return "\n".join(map(json.dumps, rows)) + "\n"


MACE_LOG = """\
2026-01-02 10:00:00.000 INFO: ===========VERIFYING SETTINGS===========
2026-01-02 10:00:00.000 INFO: MACE version: 0.3.16
2026-01-02 10:00:00.100 INFO: Using multiheads finetuning mode, setting learning rate to 0.0001 and EMA to True
2026-01-02 10:00:00.200 INFO: Using heads: ['target', 'pt_head']
2026-01-02 10:00:00.300 INFO: =============    Processing head target     ===========
2026-01-02 10:00:00.310 INFO: Training set 1/1 [energy: 12, stress: 12, virials: 0, forces: 12, charges: 0]
2026-01-02 10:00:00.320 INFO: Total Training set [energy: 12, stress: 12, virials: 0, dipole components: 0, forces: 12]
2026-01-02 10:00:00.330 INFO: Total Validation set [energy: 4, stress: 4, virials: 0, dipole components: 0, forces: 4]
2026-01-02 10:00:00.340 INFO: =============    Processing head pt_head     ===========
2026-01-02 10:00:00.350 INFO: Total Training set [energy: 9, stress: 9, virials: 0, dipole components: 0, forces: 9]
2026-01-02 10:00:00.360 INFO: Total Validation set [energy: 1, stress: 1, virials: 0, dipole components: 0, forces: 1]
2026-01-02 10:00:00.400 WARNING: Validation batch size (32) is larger than the number of validation data (5)
2026-01-02 10:00:00.500 INFO: ==================Using multiheads finetuning mode==================
2026-01-02 10:00:00.600 INFO: Atomic Energies used (z: eV) for head target: {3: -3.5, 17: -7.25}
2026-01-02 10:00:00.610 INFO: Atomic Energies used (z: eV) for head pt_head: {3: -1.0, 17: -2.0}
2026-01-02 10:00:00.700 INFO: Head 'target' training dataset size: 12
2026-01-02 10:00:00.710 INFO: Head 'pt_head' training dataset size: 9
2026-01-02 10:00:00.800 INFO: Batch size: 4
2026-01-02 10:00:00.810 INFO: Using Exponential Moving Average with decay: 0.99
2026-01-02 10:00:00.820 INFO: Learning rate: 0.01, weight decay: 5e-07
2026-01-02 10:00:00.830 INFO: UniversalLoss(energy_weight=20.000, forces_weight=10.000, stress_weight=100.000)
2026-01-02 10:00:00.840 INFO: Param group 0: lr = 0.01
2026-01-02 10:00:00.841 INFO: Param group 1: lr = 0.01
2026-01-02 10:00:09.000 INFO: Loaded Stage one model from epoch 1 for evaluation
2026-01-02 10:00:09.100 INFO: Done
"""
