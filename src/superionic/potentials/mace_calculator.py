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

from superionic.errors import InputError, NotFiniteError
from superionic.potentials.atoms import changes
from superionic.potentials.neighbours import Edges, find_edges, join_edges

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

        from superionic.potentials import _padded_convolution, _polynomial_product

        super().__init__()  # type: ignore[no-untyped-call]
        self.head = choose_head(model, head)
        self.device = device
        self.dtype = dtype
        self.r_max_A = float(model.r_max)
        self.atomic_numbers = [int(number) for number in model.atomic_numbers]
        self._torch_dtype = getattr(torch, dtype)
        self._model = model.to(device=device, dtype=self._torch_dtype).eval().requires_grad_(False)
        self._padded = _padded_convolution.install(self._model)
        _polynomial_product.install(self._model)
        self.bytes_per_edge = self._torch_dtype.itemsize * sum(
            _values_per_edge(block, self._padded) for block in self._model.interactions
        )
        self._head_index = heads_of(model).index(self.head)
        self._constant: dict[str, Any] = {}
        self._numbers: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._sizes: NDArray[np.int64] = np.empty(0, dtype=np.int64)

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """Compute energy and forces, and the stress if it is among `properties`.

        Raises
        ------
        NotFiniteError
            If a position or a result is not finite.
        InputError
            If the model does not know an element.
        """
        super().calculate(atoms, properties, system_changes)  # type: ignore[no-untyped-call]
        present: Any = self.atoms  # the copy that the base class keeps to notice changes
        out = self.evaluate([present], [self.edges_of(present)], compute_stress="stress" in properties)
        energy = float(out["energy"].item())
        forces = to_numpy(out["forces"])
        if not (np.isfinite(energy) and np.isfinite(forces).all()):
            raise NotFiniteError(
                f"the potential gives no finite energy and forces for {present.get_chemical_formula()}"
            )
        self.results = {"energy": energy, "free_energy": energy, "forces": forces}
        if out["stress"] is not None:
            self.results["stress"] = full_3x3_to_voigt_6_stress(to_numpy(out["stress"]).reshape(3, 3))

    def check_state(self, atoms: Atoms, tol: float = 0.0) -> list[str]:  # noqa: ARG002 (ASE's signature)
        """What has changed since the last calculation: exactly, and faster than ASE's comparison of everything."""
        return changes(self.atoms, atoms)

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
        return self.features_of([atoms], [self.edges_of(atoms)])

    def energies_of(self, structures: Sequence[Atoms], edges: Sequence[Edges]) -> FloatArray:
        """Energies of several structures, without forces.

        Parameters
        ----------
        structures, edges
            As for :meth:`features_of`.

        Returns
        -------
        numpy.ndarray, (n_structures,)
            Energies of the cells, eV.
        """
        import torch

        with torch.no_grad():
            return to_numpy(self.evaluate(structures, edges, compute_force=False)["energy"])

    def features_of(self, structures: Sequence[Atoms], edges: Sequence[Edges]) -> FloatArray:
        """Rotation-invariant features of the atoms of several structures.

        Parameters
        ----------
        structures : sequence of ase.Atoms
            The structures.
        edges : sequence of Edges
            Their edges, from :meth:`edges_of`.

        Returns
        -------
        numpy.ndarray, (n_atoms_in_all, n_features)
            As :meth:`invariant_features`, one structure after the other.
        """
        import torch
        from e3nn import o3
        from mace.modules.utils import extract_invariant

        with torch.no_grad():
            features = self.evaluate(structures, edges, compute_force=False)["node_feats"]
        irreps = o3.Irreps(str(self._model.products[0].linear.irreps_out))
        channels = irreps.dim // (irreps.lmax + 1) ** 2
        layers = len(self._model.products)
        return to_numpy(extract_invariant(features, num_layers=layers, num_features=channels, l_max=irreps.lmax))

    def edges_of(self, atoms: Atoms) -> Edges:
        """All pairs of atoms that the model takes into account.

        Raises
        ------
        NotFiniteError
            If a position or the cell is not finite.
        InputError
            If the model does not know an element.
        """
        if not (np.isfinite(atoms.positions).all() and np.isfinite(atoms.cell.array).all()):
            raise NotFiniteError(f"the positions or the cell of {atoms.get_chemical_formula()} are not finite")
        check_elements(self, atoms.get_chemical_symbols())
        return find_edges(atoms, self.r_max_A)

    def edges_together(self, n_atoms: int, n_edges: int, widest: int) -> int:
        """Number of edges that the model sees if several structures are evaluated together.

        Parameters
        ----------
        n_atoms, n_edges : int
            Atoms and edges of all structures.
        widest : int
            Largest number of edges of one atom.
        """
        return n_atoms * widest if self._padded else n_edges

    def evaluate(self, structures: Sequence[Atoms], edges: Sequence[Edges], **what: bool) -> dict[str, Any]:
        """Call the model once for several structures.

        Parameters
        ----------
        structures : sequence of ase.Atoms
            The structures.
        edges : sequence of Edges
            Their edges, from :meth:`edges_of`.
        **what : bool
            ``compute_force``, ``compute_stress``.

        Returns
        -------
        dict of torch.Tensor
            The model's output: one row per structure, or per atom, the atoms counted through.
        """
        out: dict[str, Any] = self._model(self._graph(structures, edges), **what)
        return out

    def _graph(self, structures: Sequence[Atoms], edges: Sequence[Edges]) -> dict[str, Any]:
        """Input of the model as plain tensors."""
        import torch

        sizes = np.array([len(atoms) for atoms in structures])
        numbers = np.concatenate([atoms.numbers for atoms in structures])
        if not (np.array_equal(self._numbers, numbers) and np.array_equal(self._sizes, sizes)):
            self._constant = self._constant_tensors(numbers, sizes)
            self._numbers, self._sizes = numbers, sizes
        joined = join_edges(edges, sizes, self.r_max_A, padded=self._padded)
        return self._constant | {
            "positions": self._tensor(np.concatenate([atoms.positions for atoms in structures])),
            "cell": self._tensor(joined.cells_A.reshape(-1, 3)),
            "shifts": self._tensor(joined.shifts_A),
            "unit_shifts": self._tensor(joined.unit_shifts),
            "edge_index": torch.as_tensor(joined.index, device=self.device),
        }

    def _constant_tensors(self, numbers: NDArray[np.int64], sizes: NDArray[np.int64]) -> dict[str, Any]:
        import torch

        one_hot = np.equal.outer(numbers, self.atomic_numbers)
        integers = {
            "batch": np.repeat(np.arange(len(sizes)), sizes),
            "ptr": np.concatenate([[0], np.cumsum(sizes)]),
            "head": np.full(len(sizes), self._head_index),
        }
        tensors = {name: torch.as_tensor(values, device=self.device) for name, values in integers.items()}
        return tensors | {"node_attrs": self._tensor(one_hot)}

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


def _values_per_edge(block: Any, padded: bool) -> int:  # noqa: ANN401 (torch module)
    """About how many numbers an interaction holds for each edge: weights, messages, and the gradients of both."""
    if padded:
        return 4 * int(block.target_irreps.num_irreps)  # messages are never made
    return 4 * int(block.target_irreps.dim) * len(block.node_feats_irreps)


def to_numpy(tensor: Any) -> FloatArray:  # noqa: ANN401 (torch.Tensor)
    """Values of a tensor in double precision, on the CPU and without its history."""
    return np.asarray(tensor.detach().cpu().numpy(), dtype=np.float64)
