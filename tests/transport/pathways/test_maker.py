import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from superionic.documents import Blob
from superionic.errors import InsufficientDataError, TransportInputError
from superionic.potentials.schemas import PotentialRef
from superionic.transport import TrajectoryWriter
from superionic.transport.pathway_jobs import PathwayMaker
from superionic.transport.pathways import PathwaySettings
from superionic.transport.schemas import TrajectoryDoc

CELL = np.array([[4.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 5.0]])
SITES = [[0.0, 0.0, 0.0], [0.5, 0.5, 0.0]]
MOVES = [(0, 1, (i, j, 0), 0.1) for i in (0, -1) for j in (0, -1)]
MOVES += [(1, 0, (i, j, 0), 0.1) for i in (0, 1) for j in (0, 1)]
HOST = Structure(Lattice(CELL), [{"Li": 0.5}, {"Li": 0.5}, "Cl"], [*SITES, (0.5, 0.0, 0.5)], labels=["4g", "4h", "Cl"])
QUICK = PathwaySettings(resolution_A=0.4, n_blocks=2)


@pytest.fixture
def run(make_walk, tmp_path):
    walk = make_walk(
        1, SITES, MOVES, CELL, supercell=(3, 3, 2), n_ions=20, duration_ps=60.0, framework=((0.5, 0.0, 0.5),)
    )
    with TrajectoryWriter(tmp_path / "run.h5", walk.lattice_A, walk.species, 0.1, 800.0) as writer:
        for frame in walk.positions_A:
            writer.append(frame)
    return TrajectoryDoc(
        potential=PotentialRef(name="a" * 32, sha256="a" * 64, level_of_theory="test"),
        model_key="a" * 32,
        temperature_K=800.0,
        mean_temperature_K=800.0,
        replica=0,
        seed=0,
        thermostat="langevin",
        n_atoms=len(walk.species),
        time_ps=60.0,
        requested_time_ps=60.0,
        discard_ps=5.0,
        frame_step_ps=0.1,
        n_frames=len(walk.positions_A),
        trajectory_blob=Blob.from_bytes((tmp_path / "run.h5").read_bytes(), "application/x-hdf5"),
    )


def test_a_run_is_folded_into_its_host_and_named(run):
    doc = PathwayMaker(settings=QUICK)._analyse(run, HOST)
    assert doc.model_key == run.model_key
    assert doc.duration_ps == pytest.approx(54.9)
    assert {site.label for site in doc.sites} == {"4g", "4h"}
    assert doc.n_cells == 18
    assert doc.percolation_dimension == 2
    assert doc.space_group is not None


def test_a_run_that_does_not_fit_its_host_is_analysed_alone_and_says_so(run):
    other = Structure(Lattice(1.3 * CELL), HOST.species_and_occu, HOST.frac_coords, labels=HOST.labels)
    doc = PathwayMaker(settings=QUICK)._analyse(run, other)
    assert "without its host" in doc.warnings[0]
    assert {site.label for site in doc.sites} <= {"s1", "s2"}
    assert doc.space_group is None


def test_a_run_that_exploded_at_once_is_called_so(run):
    exploded = run.model_copy(update={"discard_ps": 60.0, "ended_early": "exploded at 0.6 ps: two atoms are at 0.3"})
    with pytest.raises(InsufficientDataError, match=r"no pathways at 800 K: the run exploded at 0.6 ps"):
        PathwayMaker(settings=QUICK)._analyse(exploded, HOST)
    with pytest.raises(TransportInputError, match="discard"):
        PathwayMaker(settings=QUICK)._analyse(run.model_copy(update={"discard_ps": 60.0}), HOST)
