"""What tests of several folders share: a private MongoDB server, and a potential that costs next to nothing."""

import uuid

import numpy as np
import pytest
from ase.calculators.calculator import Calculator, all_changes

from superionic.database.local import lease
from superionic.database.stores import DatabaseChoice, mongo_database, resolve_database, server_home


@pytest.fixture(autouse=True)
def _no_configuration_of_this_machine(monkeypatch):
    """Tests neither use nor touch the user's own databases and settings."""
    for variable in ("SUPERIONIC_MONGO_URI", "FW_CONFIG_FILE", "JOBFLOW_CONFIG_FILE"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture(autouse=True, scope="session")
def _work_folders_of_this_session(tmp_path_factory):
    """Long work leaves its folders, which later work may go on with; no test may find those of an earlier session."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SUPERIONIC_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def server_project(tmp_path_factory):
    """Project folder whose private server runs while the tests run."""
    project = tmp_path_factory.mktemp("private server")
    with lease(server_home(project)):
        yield project


@pytest.fixture
def database(server_project) -> DatabaseChoice:
    """A fresh, empty database on the private server."""
    choice = resolve_database(server_project, "local", database=f"test_{uuid.uuid4().hex[:12]}")
    yield choice
    mongo_database(choice).client.drop_database(choice.database)


class Springs(Calculator):
    """Every atom bound by a spring to its site in a freely floating frame: mean energies are known exactly."""

    implemented_properties = ("energy", "free_energy", "forces")

    def __init__(self, sites, stiffness=2.0, repulsion=0.0, quartic=0.0):
        super().__init__()
        self.sites, self.stiffness, self.repulsion, self.quartic = np.array(sites), stiffness, repulsion, quartic
        self.calls = 0

    def check_state(self, atoms, tol=0.0):  # noqa: ARG002
        return [] if self.atoms is not None and np.array_equal(self.atoms.positions, atoms.positions) else all_changes

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        self.calls += 1
        moved = atoms.positions - self.sites
        moved = moved - moved.mean(axis=0)
        cubed = self.quartic * moved**3
        energy = 0.5 * self.stiffness * np.sum(moved**2) + 0.25 * np.sum(cubed * moved)
        self.results = {
            "energy": energy,
            "free_energy": energy,
            "forces": -(self.stiffness - self.repulsion) * moved - (cubed - cubed.mean(axis=0)),
        }


@pytest.fixture
def springs():
    return Springs


@pytest.fixture
def mini_model():
    """The document of a tuned model that is superionic-mini under another name."""
    from superionic.documents import Blob
    from superionic.potentials.registry import foundation_path, foundation_ref
    from superionic.training.schemas import ModelDoc

    potential = foundation_ref("superionic-mini")
    return ModelDoc(
        key="model",
        spec_key="spec",
        potential=potential,
        mode="naive",
        foundation=potential,
        n_train=0,
        command=[],
        requested={},
        effective={},
        epochs_run=0,
        best_epoch=0,
        stopped_early=False,
        history=[],
        errors=[],
        elements=["Li", "In", "Br"],
        label_level_of_theory=potential.level_of_theory,
        model_blob=Blob.from_bytes(foundation_path("superionic-mini").read_bytes(), "application/x-torch"),
    )
