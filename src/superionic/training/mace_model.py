"""MACE model files inside the training process: load, evaluate, read back, reduce to one head.

Everything that imports torch does so inside a function; only :mod:`superionic.training.mace_main` calls them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from superionic.errors import InputError, NotFiniteError
from superionic.potentials.batch import PointResult, evaluate_many
from superionic.potentials.mace_calculator import LightMACECalculator
from superionic.training.mace_evidence import ModelFacts
from superionic.training.metrics import Evaluation

DEFAULT_HEAD = "Default"


@contextmanager
def precision(dtype: str) -> Iterator[None]:
    """Make ``float32`` or ``float64`` torch's default inside the block."""
    import torch

    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, dtype))
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def load_model(path: Path, dtype: str, device: str) -> Any:  # noqa: ANN401 (torch modules are untyped here)
    """Load a model file, which is a pickle: the caller has checked where it comes from."""
    import mace  # noqa: F401 (before anything that imports e3nn)
    import torch

    model = torch.load(path, map_location=device, weights_only=False)
    return model.to(getattr(torch, dtype)).eval()


def heads_of(model: Any) -> list[str]:  # noqa: ANN401
    """Heads of a model; old files without any have one called ``Default``."""
    return list(getattr(model, "heads", None) or [DEFAULT_HEAD])


def foundation_head(model: Any, wanted: str | None) -> str:  # noqa: ANN401
    """The head of the foundation that is tuned and that labels the replay structures.

    Raises
    ------
    InputError
        If the wanted head does not exist, or there are several and none is named.
    """
    heads = heads_of(model)
    if wanted is None and len(heads) == 1:
        return heads[0]
    if wanted not in heads:
        raise InputError(f"the foundation has the heads {heads}, and {wanted!r} is none of them; name one of them")
    return wanted


def evaluate(model: Any, structures: Sequence[Atoms], head: str, dtype: str) -> Evaluation:  # noqa: ANN401
    """Energies, forces and stresses of structures from one head of a model, in batches.

    The model is as it was afterwards, so that it can be saved.

    Returns
    -------
    Evaluation
        Not-a-number for a structure where the model gives no finite numbers.

    Raises
    ------
    InputError
        If a structure holds an element that the model does not know.
    CalculationError
        If a structure does not fit into the memory.
    """
    from superionic.potentials import _padded_convolution, _polynomial_product

    _refuse_unknown_elements(model, structures)
    with _frozen(model), _padded_convolution.restored(model), _polynomial_product.restored(model):
        calculator = LightMACECalculator(model, head, str(next(model.parameters()).device), dtype)
        found = evaluate_many(structures, calculator)
    points = [_point(outcome, len(atoms)) for outcome, atoms in zip(found, structures, strict=True)]
    stresses = [point.stress_eV_per_A3 for point in points if point.stress_eV_per_A3 is not None]
    return Evaluation(
        energies_eV=np.array([point.energy_eV for point in points]),
        forces_eV_per_A=np.concatenate([np.zeros((0, 3)), *(point.forces_eV_per_A for point in points)]),
        stresses_eV_per_A3=np.reshape(stresses, (-1, 3, 3)),
        n_atoms=np.array([len(atoms) for atoms in structures], dtype=np.int64),
    )


def _refuse_unknown_elements(model: Any, structures: Sequence[Atoms]) -> None:  # noqa: ANN401
    unknown = {int(z) for atoms in structures for z in atoms.numbers} - {int(z) for z in model.atomic_numbers}
    if unknown:
        raise InputError(
            f"the model does not know the elements with atomic numbers {sorted(unknown)}, which occur in the "
            "structures; choose a foundation or a replay set that fits the system"
        )


def _point(outcome: PointResult | Exception, n_atoms: int) -> PointResult:
    if isinstance(outcome, NotFiniteError):
        return PointResult(np.nan, np.full((n_atoms, 3), np.nan), np.full((3, 3), np.nan))
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


@contextmanager
def _frozen(model: Any) -> Iterator[None]:  # noqa: ANN401
    # gradients with respect to the weights are not needed and cost time
    before = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    for parameter, _ in before:
        parameter.requires_grad_(requires_grad=False)
    try:
        yield
    finally:
        for parameter, state in before:
            parameter.requires_grad_(requires_grad=state)


def read_facts(path: Path) -> ModelFacts:
    """Read back from a saved model file what the checks need to know."""
    import mace  # noqa: F401 (before anything that imports e3nn)
    import torch

    model = torch.load(path, map_location="cpu", weights_only=False)
    heads, numbers = heads_of(model), [int(z) for z in model.atomic_numbers]
    e0s = model.atomic_energies_fn.atomic_energies.detach().double().reshape(len(heads), -1).tolist()
    parameters = list(model.parameters())
    return ModelFacts(
        heads=heads,
        atomic_numbers=numbers,
        e0s_eV={head: dict(zip(numbers, row, strict=True)) for head, row in zip(heads, e0s, strict=True)},
        r_max_A=float(model.r_max),
        dtype=str(parameters[0].dtype).removeprefix("torch."),
        n_parameters=sum(int(parameter.numel()) for parameter in parameters),
        finite=all(bool(torch.isfinite(parameter).all()) for parameter in parameters),
        architecture=_architecture(model),
    )


def _architecture(model: Any) -> dict[str, Any]:  # noqa: ANN401
    """Size of a MACE, from its modules; multi-head and old files say the same about themselves."""
    from e3nn import o3

    hidden = o3.Irreps(str(model.products[0].linear.irreps_out))
    contraction = model.products[0].symmetric_contractions.contractions[0]
    return {
        "channels": int(hidden.count(o3.Irrep("0e"))),
        "layers": int(model.num_interactions),
        "max_L": int(hidden.lmax),
        "max_ell": int(model.spherical_harmonics._lmax),  # noqa: SLF001 (as MACE itself reads it)
        "correlation": len(contraction.weights) + 1,
        "hidden_irreps": str(hidden),
    }


def write_single_head(model: Any, head: str, path: Path, dtype: str) -> None:  # noqa: ANN401
    """Write a model that has this head only, for production and for tools that know no heads."""
    import torch
    from mace.tools.scripts_utils import remove_pt_head

    with precision(dtype):
        single = remove_pt_head(model, head) if len(heads_of(model)) > 1 else model
    torch.save(single.to("cpu"), path)
