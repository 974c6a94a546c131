"""Random MACE models of a few hundred weights, and small crystals."""

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

NUMBERS = [3, 17, 35, 49]


def random_mace(folder, heads=None, hidden="8x0e + 8x1o", correlation=2):
    """File of a MACE over Li, Cl, Br, In with random weights: physically meaningless but reproducible."""
    pytest.importorskip("mace")
    import torch
    from e3nn import o3
    from mace import modules

    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    block = modules.interaction_classes["RealAgnosticResidualInteractionBlock"]
    count = len(heads or ["Default"])
    model = modules.ScaleShiftMACE(
        r_max=4.5,
        num_bessel=4,
        num_polynomial_cutoff=5,
        max_ell=2,
        interaction_cls=block,
        interaction_cls_first=block,
        num_interactions=2,
        num_elements=len(NUMBERS),
        hidden_irreps=o3.Irreps(hidden),
        MLP_irreps=o3.Irreps("4x0e"),
        atomic_energies=np.tile([-1.0, -2.0, -3.0, -4.0], (count, 1)),
        avg_num_neighbors=20.0,
        atomic_numbers=NUMBERS,
        correlation=correlation,
        gate=torch.nn.functional.silu,
        radial_MLP=[8],
        atomic_inter_scale=[1.0 + index for index in range(count)],
        atomic_inter_shift=[0.1 * index for index in range(count)],
        heads=heads,
    )
    torch.set_default_dtype(before)
    path = folder / f"random-{count}-{hidden.replace(' ', '')}.model"
    torch.save(model, path)
    return path


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="session")
def scalar_model_file(model_folder):
    """Scalars only, as in superionic-mini."""
    return random_mace(model_folder, hidden="8x0e")


@pytest.fixture(scope="session")
def vector_model_file(model_folder):
    """Scalars and vectors, products of three features, as in MACE-MP-0a medium."""
    return random_mace(model_folder, correlation=3)


@pytest.fixture(scope="session")
def two_head_model_file(model_folder):
    return random_mace(model_folder, heads=["pt_head", "scan"], hidden="8x0e")


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """An empty list of trusted files, apart from the user's."""
    monkeypatch.setenv("SUPERIONIC_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("SUPERIONIC_CONFIG_FILE", str(tmp_path / "none.yaml"))
    return tmp_path / "cache"


@pytest.fixture
def halide():
    """A distorted ordered Li3InCl3Br3 cell in the C2/m host, 20 atoms."""
    host = Structure.from_spacegroup(
        "C2/m",
        Lattice.monoclinic(6.43, 11.09, 6.40, 109.8),
        ["In", "Li", "Li", "Cl", "Br"],
        [[0, 0, 0], [0, 1 / 3, 0], [0, 1 / 6, 0.5], [0.25, 0.16, 0.24], [0.25, 0, 0.76]],
    )
    lithium = [index for index, site in enumerate(host) if site.specie.symbol == "Li"]
    host.remove_sites(lithium[:2])
    shifts = np.random.default_rng(1).normal(0, 0.05, (len(host), 3))
    return Structure(host.lattice, host.species, host.cart_coords + shifts, coords_are_cartesian=True)
