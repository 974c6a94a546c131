"""An ASE calculator around a MACE model that does no more work per step than it has to.

MACE's own calculator rebuilds a graph object in every step, which for small models and cells costs
as much as the model itself, and computes the stress whether it is wanted or not. Here the tensors
that do not change are built once per set of atoms, the stress is computed when it is asked for, and
models with scalar features use a faster convolution. Energies, forces and stresses are those of
MACE's calculator.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.stress import full_3x3_to_voigt_6_stress
from numpy.typing import NDArray

from superionic.errors import CalculationError, InputError
from superionic.potentials.neighbours import find_edges

FloatArray = NDArray[np.float64]
DEFAULT_HEAD = "Default"


class LightMACECalculator(Calculator):
    """ASE calculator for one head of one MACE model.

    Parameters
    ----------
    model : torch.nn.Module
        The model; it is changed in place: moved to `device` and `dtype`, frozen, and given the faster convolution. Load
        the file again for any other use.
    head : str, optional
        Head of a multi-head model; may be left out where there is no choice.
    device : str
        Torch device, e.g. ``cpu`` or ``cuda``.
    dtype : str
        ``float32`` or ``float64``.

    Raises
    ------
    InputError
        If the head does not exist, or is not given although there is a choice.
    """

    implemented_properties = ["energy", "free_energy", "forces", "stress"]  # noqa: RUF012 (ASE declares it so)

    def __init__(self, model: Any, head: str | None = None, device: str = "cpu", dtype: str = "float64") -> None:  # noqa: ANN401
        import torch

        from superionic.potentials import _padded_convolution

        super().__init__()  # type: ignore[no-untyped-call]
        self.head = choose_head(model, head)
        self.device = device
        self.dtype = dtype
        self.r_max_A = float(model.r_max)
        self.atomic_numbers = [int(number) for number in model.atomic_numbers]
        self._torch_dtype = getattr(torch, dtype)
        self._model = model.to(device=device, dtype=self._torch_dtype).eval().requires_grad_(False)
        self._padded = _padded_convolution.install(self._model)
        self._head_index = heads_of(model).index(self.head)
        self._constant: dict[str, Any] = {}
        self._numbers: NDArray[np.int64] = np.empty(0, dtype=np.int64)

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """Compute energy and forces, and the stress if it is among `properties`.

        Raises
        ------
        CalculationError
            If a position or a result is not finite.
        InputError
            If the model does not know an element.
        """
        super().calculate(atoms, properties, system_changes)  # type: ignore[no-untyped-call]
        present: Any = self.atoms  # the copy that the base class keeps to notice changes
        out = self._evaluate(present, compute_stress="stress" in properties)
        energy = float(out["energy"].item())
        forces = _to_numpy(out["forces"])
        if not (np.isfinite(energy) and np.isfinite(forces).all()):
            raise CalculationError(
                f"the potential gives no finite energy and forces for {present.get_chemical_formula()}"
            )
        self.results = {"energy": energy, "free_energy": energy, "forces": forces}
        if out["stress"] is not None:
            self.results["stress"] = full_3x3_to_voigt_6_stress(_to_numpy(out["stress"]).reshape(3, 3))

    def check_state(self, atoms: Atoms, tol: float = 0.0) -> list[str]:  # noqa: ARG002 (ASE's signature)
        """What has changed since the last calculation: exactly, and faster than ASE's comparison of everything."""
        last: Any = self.atoms
        if last is None:
            return list(all_changes)
        pairs = {
            "positions": (last.positions, atoms.positions),
            "numbers": (last.numbers, atoms.numbers),
            "cell": (last.cell.array, atoms.cell.array),
            "pbc": (last.pbc, atoms.pbc),
        }
        return [name for name, (before, now) in pairs.items() if not np.array_equal(before, now)]

    def invariant_features(self, atoms: Atoms) -> FloatArray:
        """Rotation-invariant features of every atom.

        Parameters
        ----------
        atoms : ase.Atoms
            The structure.

        Returns
        -------
        numpy.ndarray, (n_atoms, n_features)
            Scalar channels of all layers, as in MACE's ``get_descriptors(invariants_only=True)``.
        """
        import torch
        from e3nn import o3
        from mace.modules.utils import extract_invariant

        with torch.no_grad():
            features = self._evaluate(atoms, compute_force=False)["node_feats"]
        irreps = o3.Irreps(str(self._model.products[0].linear.irreps_out))
        channels = irreps.dim // (irreps.lmax + 1) ** 2
        layers = len(self._model.products)
        return _to_numpy(extract_invariant(features, num_layers=layers, num_features=channels, l_max=irreps.lmax))

    def _evaluate(self, atoms: Atoms, **what: bool) -> dict[str, Any]:
        if not np.isfinite(atoms.positions).all():
            raise CalculationError(f"atoms of {atoms.get_chemical_formula()} are at positions that are not finite")
        out: dict[str, Any] = self._model(self._graph(atoms), **what)
        return out

    def _graph(self, atoms: Atoms) -> dict[str, Any]:
        """Input of the model: all pairs closer than the cutoff, as plain tensors."""
        import torch

        if not np.array_equal(self._numbers, atoms.numbers):
            self._constant = self._constant_tensors(atoms)
            self._numbers = atoms.numbers.copy()
        edges = find_edges(atoms, self.r_max_A, padded=self._padded)
        return self._constant | {
            "positions": self._tensor(atoms.positions),
            "cell": self._tensor(edges.cell_A),
            "shifts": self._tensor(edges.shifts_A),
            "unit_shifts": self._tensor(edges.unit_shifts),
            "edge_index": torch.as_tensor(edges.index, device=self.device),
        }

    def _constant_tensors(self, atoms: Atoms) -> dict[str, Any]:
        import torch

        check_elements(self, atoms.get_chemical_symbols())
        one_hot = np.equal.outer(atoms.numbers, self.atomic_numbers)
        n_atoms = len(atoms)
        return {
            "node_attrs": self._tensor(one_hot),
            "batch": torch.zeros(n_atoms, dtype=torch.long, device=self.device),
            "ptr": torch.tensor([0, n_atoms], dtype=torch.long, device=self.device),
            "head": torch.tensor([self._head_index], dtype=torch.long, device=self.device),
        }

    def _tensor(self, values: NDArray[Any]) -> Any:  # noqa: ANN401 (torch.Tensor)
        import torch

        # a copy: as_tensor would share memory with the positions that the integrator moves
        return torch.tensor(values, dtype=self._torch_dtype, device=self.device)


def heads_of(model: Any) -> list[str]:  # noqa: ANN401 (torch module)
    """Names of the heads of a model; files from before multi-head training have none and get ``Default``."""
    return list(getattr(model, "heads", None) or [DEFAULT_HEAD])


def choose_head(model: Any, head: str | None) -> str:  # noqa: ANN401 (torch module)
    """The head to evaluate.

    MACE itself silently takes the last head if it does not know a name.

    Raises
    ------
    InputError
        If `head` does not exist, or is None although the model has several and none is called default.
    """
    heads = heads_of(model)
    if head is None:
        fallback = heads if len(heads) == 1 else [name for name in heads if name.lower() == DEFAULT_HEAD.lower()]
        if not fallback:
            raise InputError(f"the model has the heads {', '.join(heads)}: say which one to use")
        return fallback[0]
    if head not in heads:
        raise InputError(f"the model has no head {head!r}; its heads are {', '.join(heads)}")
    return head


def check_elements(calculator: Any, symbols: Sequence[str]) -> None:  # noqa: ANN401 (any ASE calculator)
    """Refuse elements that a potential does not know.

    Parameters
    ----------
    calculator : ase.calculators.calculator.Calculator
        One with `atomic_numbers` is checked; others are taken to know everything.
    symbols : sequence of str
        Chemical symbols of the structure.

    Raises
    ------
    InputError
        If there is an element that the potential was not made for.
    """
    from ase.data import atomic_numbers, chemical_symbols

    known = getattr(calculator, "atomic_numbers", None)
    if known is None:
        return
    missing = sorted({symbol for symbol in symbols if atomic_numbers[symbol] not in known})
    if missing:
        raise InputError(
            f"the potential does not know {', '.join(missing)}; it covers "
            f"{', '.join(chemical_symbols[number] for number in sorted(known))}. Choose another `foundation`"
        )


def _to_numpy(tensor: Any) -> FloatArray:  # noqa: ANN401 (torch.Tensor)
    return np.asarray(tensor.detach().cpu().numpy(), dtype=np.float64)
