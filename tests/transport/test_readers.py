import gzip
import shutil

import numpy as np
import pytest
from ase import Atoms, units
from ase.calculators.lj import LennardJones
from ase.io import write
from ase.io.vasp import write_vasp_xdatcar
from ase.md.verlet import VelocityVerlet
from monty.serialization import dumpfn
from pymatgen.core import Structure
from pymatgen.core.trajectory import Trajectory

from superionic.errors import TransportInputError
from superionic.transport import TrajectoryWriter, VariableCell, load_trajectory
from superionic.transport.readers import TrajectoryFormat, detect_format

FRAMES, ATOMS = 60, 12
OBLIQUE = np.array([[7.0, 0.0, 0.0], [-3.0, 8.0, 0.0], [0.5, 1.0, 9.0]])
SYMBOLS = ["Li"] * 5 + ["In"] * 2 + ["Cl"] * 5


@pytest.fixture
def walk():
    """Unwrapped random walks that leave the oblique cell, (60, 12, 3)."""
    rng = np.random.default_rng(0)
    return np.cumsum(rng.normal(scale=0.5, size=(FRAMES, ATOMS, 3)), axis=0) + rng.random((ATOMS, 3)) @ OBLIQUE


def images(positions, *, wrap=False, cells=None):
    cells = np.broadcast_to(OBLIQUE, (len(positions), 3, 3)) if cells is None else cells
    found = [Atoms(SYMBOLS, positions=x, cell=cell, pbc=True) for x, cell in zip(positions, cells, strict=True)]
    for atoms in found if wrap else ():
        atoms.wrap()
    return found


def lammps_dump(path, positions, columns="id element x y z", *, interval=50, shuffle=True):
    """LAMMPS dump of an orthogonal 20 A box."""
    rng = np.random.default_rng(1)
    with path.open("w") as file:
        for k, frame in enumerate(positions):
            file.write(f"ITEM: TIMESTEP\n{k * interval}\nITEM: NUMBER OF ATOMS\n{len(frame)}\n")
            file.write("ITEM: BOX BOUNDS pp pp pp\n" + "-1.0 19.0\n" * 3 + f"ITEM: ATOMS {columns}\n")
            order = rng.permutation(len(frame)) if shuffle else range(len(frame))
            for i in order:
                kind = SYMBOLS[i] if "element" in columns else ["Li", "In", "Cl"].index(SYMBOLS[i]) + 1
                name = f"{i + 1} " if columns.startswith("id") else ""
                file.write(f"{name}{kind} {frame[i, 0]:.8f} {frame[i, 1]:.8f} {frame[i, 2]:.8f}\n")


def write_as(kind, folder, positions):
    path = folder / f"run.{kind}"
    if kind == "hdf5":
        with TrajectoryWriter(path, OBLIQUE, SYMBOLS, 0.1, 800.0) as writer:
            for frame in positions:
                writer.append(frame)
    elif kind == "lammps-dump":
        lammps_dump(path, (positions + 1.0) % 20.0 - 1.0)
    elif kind == "xdatcar":
        write_vasp_xdatcar(path, images(positions, wrap=True))
    elif kind == "pymatgen-json":
        cells = [Structure(OBLIQUE, SYMBOLS, x, coords_are_cartesian=True, to_unit_cell=True) for x in positions]
        dumpfn(Trajectory.from_structures(cells, time_step=100.0), path, fmt="json")
    else:
        write(path, images(positions, wrap=kind == "extxyz"), format={"ase-traj": "traj"}.get(kind, kind))
    return path


@pytest.mark.parametrize("kind", ["hdf5", "ase-traj", "extxyz", "xdatcar", "pymatgen-json", "lammps-dump"])
def test_every_format_gives_the_same_displacements_wrapped_or_not(kind, tmp_path, walk):
    path = write_as(kind, tmp_path, walk)
    assert detect_format(path).value == kind
    run = load_trajectory(path, time_step_ps=0.1)
    assert run.species == tuple(SYMBOLS)
    assert run.time_step_ps == 0.1
    assert run.was_wrapped == (kind not in {"hdf5", "ase-traj"})
    assert run.positions_A.dtype == np.float32
    np.testing.assert_allclose(run.positions_A - run.positions_A[0], walk - walk[0], atol=2e-5)


def test_a_compressed_file_is_read_like_a_plain_one(tmp_path, walk):
    path = write_as("xdatcar", tmp_path, walk)
    packed = tmp_path / "XDATCAR.gz"
    with path.open("rb") as plain, gzip.open(packed, "wb") as file:
        shutil.copyfileobj(plain, file)
    np.testing.assert_array_equal(
        load_trajectory(packed, time_step_ps=0.1).positions_A, load_trajectory(path, time_step_ps=0.1).positions_A
    )


def test_potcar_names_in_an_xdatcar_are_read_as_elements(tmp_path, walk):
    path = write_as("xdatcar", tmp_path, walk)
    lines = path.read_text().splitlines()
    lines[5] = lines[5].replace("Li", "Li_sv/1a2b3c").replace("In", "In_d")
    path.write_text("\n".join(lines) + "\n")
    assert load_trajectory(path, time_step_ps=0.1).species == tuple(SYMBOLS)
    with pytest.raises(TransportInputError, match="file_format is 'xdat'"):
        load_trajectory(path, time_step_ps=0.1, file_format="xdat")


def test_ase_molecular_dynamics_tells_the_time_between_frames(tmp_path):
    atoms = Atoms("Ar8", positions=3.8 * np.argwhere(np.ones((2, 2, 2))), cell=7.6 * np.eye(3), pbc=True)
    atoms.calc = LennardJones(epsilon=0.01, sigma=3.4, rc=3.5)
    VelocityVerlet(atoms, 2.0 * units.fs, trajectory=str(tmp_path / "md.traj"), loginterval=5).run(60)
    run = load_trajectory(tmp_path / "md.traj")
    assert run.time_step_ps == pytest.approx(0.010)
    assert len(run.positions_A) == 13


@pytest.mark.parametrize("wrap", [False, True])
def test_segments_continue_each_other(tmp_path, walk, wrap):
    write(tmp_path / "1.xyz", images(walk[:25], wrap=wrap), format="extxyz")
    write(tmp_path / "2.xyz", images(walk[24:45], wrap=True), format="extxyz")
    write(tmp_path / "3.xyz", images(walk[45:], wrap=wrap), format="extxyz")
    run = load_trajectory([tmp_path / f"{k}.xyz" for k in (1, 2, 3)], time_step_ps=0.1)
    assert len(run.positions_A) == FRAMES
    np.testing.assert_allclose(run.positions_A - run.positions_A[0], walk - walk[0], atol=2e-5)
    assert sum("repeats" in note for note in run.notes) == 1


def test_replicas_are_not_taken_for_segments(tmp_path, walk):
    write(tmp_path / "1.xyz", images(walk), format="extxyz")
    with pytest.raises(TransportInputError, match=r"does not continue.*replicas"):
        load_trajectory([tmp_path / "1.xyz", tmp_path / "1.xyz"], time_step_ps=0.1)


def test_files_with_different_cells_are_no_segments(tmp_path, walk):
    write(tmp_path / "1.xyz", images(walk[:30]), format="extxyz")
    write(tmp_path / "2.xyz", images(walk[30:], cells=np.broadcast_to(1.02 * OBLIQUE, (30, 3, 3))), format="extxyz")
    with pytest.raises(TransportInputError, match=r"cells of the files differ by 2 %.*replicas"):
        load_trajectory([tmp_path / "1.xyz", tmp_path / "2.xyz"], time_step_ps=0.1)
    short = images(walk[30:])
    for atoms in short:
        del atoms[-1]
    write(tmp_path / "3.xyz", short, format="extxyz")
    with pytest.raises(TransportInputError, match=r"frame 0 of .*3.xyz has 11 atoms.*1.xyz has 12"):
        load_trajectory([tmp_path / "1.xyz", tmp_path / "3.xyz"], time_step_ps=0.1)


def test_atoms_a_little_outside_the_box_are_still_seen_as_wrapped(tmp_path, walk):
    """LAMMPS wraps only when it rebuilds its neighbour lists."""
    rng = np.random.default_rng(3)
    path = tmp_path / "loose.lammpstrj"
    slack = rng.uniform(-1.0, 1.0, (FRAMES, ATOMS, 3))
    wrapped = walk - 20.0 * np.floor((walk + slack) / 20.0)
    assert (wrapped < 0).any()
    lammps_dump(path, wrapped)
    run = load_trajectory(path, time_step_ps=0.1)
    assert run.was_wrapped
    np.testing.assert_allclose(run.positions_A - run.positions_A[0], walk - walk[0], atol=2e-5)


def test_a_changing_cell_is_refused_or_scaled_out(tmp_path, walk):
    breathing = 1.0 + 0.01 * np.sin(np.arange(FRAMES))
    cells = OBLIQUE * breathing[:, None, None]
    file = tmp_path / "npt.xyz"
    write(file, images(walk * breathing[:, None, None], wrap=True, cells=cells), format="extxyz")
    with pytest.raises(TransportInputError, match=r"cell changes.*volume.*affine-mean"):
        load_trajectory(file, time_step_ps=0.1)
    run = load_trajectory(file, time_step_ps=0.1, variable_cell="affine-mean")
    assert run.variable_cell is VariableCell.AFFINE_MEAN
    assert any("mean cell" in note for note in run.notes)
    np.testing.assert_allclose(run.lattice_A, OBLIQUE * breathing.mean(), rtol=1e-6)
    np.testing.assert_allclose(run.positions_A - run.positions_A[0], (walk - walk[0]) * breathing.mean(), atol=1e-4)


def test_frames_can_be_skipped(tmp_path, walk):
    path = write_as("lammps-dump", tmp_path, walk)
    run = load_trajectory(path, md_step_fs=2.0, every=3)
    assert run.time_step_ps == pytest.approx(3 * 50 * 2e-3)
    np.testing.assert_allclose(run.positions_A - run.positions_A[0], walk[::3] - walk[0], atol=2e-5)


def test_lammps_types_need_symbols(tmp_path, walk):
    path = tmp_path / "run.dump"
    lammps_dump(path, walk % 20.0, "id type x y z")
    with pytest.raises(TransportInputError, match=r"type only.*--types"):
        load_trajectory(path, time_step_ps=0.1)
    assert load_trajectory(path, time_step_ps=0.1, type_symbols=["Li", "In", "Cl"]).species == tuple(SYMBOLS)
    lammps_dump(path, walk % 20.0, "element x y z", shuffle=False)
    with pytest.raises(TransportInputError, match="no column 'id'"):
        load_trajectory(path, time_step_ps=0.1)


def test_a_dump_cut_off_in_its_last_frame_loses_only_that(tmp_path, walk):
    path = write_as("lammps-dump", tmp_path, walk)
    path.write_text(path.read_text()[:-100])
    run = load_trajectory(path, time_step_ps=0.1)
    assert len(run.positions_A) == FRAMES - 1
    assert any("incomplete" in note for note in run.notes)


def faulty(walk, what):
    """Images with one fault."""
    frames = images(walk)
    if what == "nan":
        frames[7].positions[3, 1] = np.nan
    elif what == "lost":
        del frames[9][2]
    elif what == "swapped":
        frames[9].symbols[0] = "In"
    elif what == "cell":
        for frame in frames:
            frame.cell = None
            frame.pbc = False
    return frames[:2] if what == "two" else frames


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("nan", "frame 7 of .*not finite"),
        ("lost", "frame 9 of .*11 atoms.*12.*lost"),
        ("swapped", "frame 9 of .*other species"),
        ("cell", "no cell"),
        ("two", "2 frames; 10 are the least"),
    ],
)
def test_bad_files_are_refused_with_what_and_where(tmp_path, walk, what, words):
    file = tmp_path / "bad.traj"
    write(file, faulty(walk, what))
    with pytest.raises(TransportInputError, match=words):
        load_trajectory(file, time_step_ps=0.1)


def test_what_a_file_does_not_tell_must_be_given(tmp_path, walk):
    path = write_as("extxyz", tmp_path, walk)
    with pytest.raises(TransportInputError, match=r"time between its frames.*--frame-interval-fs"):
        load_trajectory(path)
    with pytest.raises(TransportInputError, match=r"50 MD steps.*--md-step-fs"):
        load_trajectory(write_as("lammps-dump", tmp_path, walk))
    unknown = tmp_path / "notes.txt"
    unknown.write_text("no trajectory\n")
    with pytest.raises(TransportInputError, match=r"no known trajectory format.*hdf5"):
        load_trajectory(unknown, time_step_ps=0.1)
    with pytest.raises(TransportInputError, match="no file"):
        load_trajectory(tmp_path / "missing.h5")


def test_positions_too_far_apart_to_unwrap_are_refused(tmp_path):
    rng = np.random.default_rng(2)
    far = rng.random((FRAMES, ATOMS, 3)) @ OBLIQUE
    write(tmp_path / "far.xyz", images(far), format="extxyz")
    with pytest.raises(TransportInputError, match="cannot be unwrapped with certainty"):
        load_trajectory(tmp_path / "far.xyz", time_step_ps=0.1)


def test_uneven_steps_are_refused(tmp_path, walk):
    path = write_as("lammps-dump", tmp_path, walk)
    path.write_text(path.read_text().replace("TIMESTEP\n500\n", "TIMESTEP\n510\n"))
    with pytest.raises(TransportInputError, match=r"MD step 510.*equally spaced"):
        load_trajectory(path, time_step_ps=0.1)


def test_a_damaged_file_is_an_error_with_the_frame(tmp_path, walk):
    path = write_as("extxyz", tmp_path, walk)
    lines = path.read_text().splitlines()
    lines[30 * (ATOMS + 2) + 5] = "Li not a number"
    path.write_text("\n".join(lines))
    with pytest.raises(TransportInputError, match=r"frame 30 of .*damaged"):
        load_trajectory(path, time_step_ps=0.1, file_format=TrajectoryFormat.EXTXYZ)


def vasprun(path, positions):
    """A vasprun.xml of molecular dynamics with what ASE needs of it."""

    def rows(values):
        return "".join("<v> {:.8f} {:.8f} {:.8f} </v>".format(*row) for row in values)

    def cell(x):
        inside = (x @ np.linalg.inv(OBLIQUE)) % 1.0
        basis = f'<crystal><varray name="basis">{rows(OBLIQUE)}</varray></crystal>'
        return f'{basis}<varray name="positions">{rows(inside)}</varray>'

    energy = '<energy><i name="e_fr_energy">-1.0</i><i name="e_0_energy">-1.0</i></energy>'
    steps = "".join(
        f"<calculation><scstep>{energy}</scstep><structure>{cell(x)}</structure>{energy}</calculation>"
        for x in positions
    )
    atoms = "".join(f"<rc><c>{symbol}</c><c>1</c></rc>" for symbol in SYMBOLS)
    kpoints = '<varray name="kpointlist"><v> 0 0 0 </v></varray><varray name="weights"><v> 1 </v></varray>'
    settings = (
        '<i type="int" name="IBRION">0</i><i name="POTIM">2.0</i><i name="TEBEG">900.0</i><i name="TEEND">900.0</i>'
    )
    path.write_text(
        f'<?xml version="1.0"?><modeling><kpoints>{kpoints}</kpoints><parameters>{settings}</parameters>'
        f'<atominfo><array name="atoms"><set>{atoms}</set></array></atominfo>'
        f'<structure name="initialpos">{cell(positions[0])}</structure>{steps}</modeling>'
    )


def test_vasprun_tells_time_and_temperature(tmp_path, walk):
    vasprun(tmp_path / "vasprun.xml", walk)
    run = load_trajectory(tmp_path / "vasprun.xml")
    assert (run.time_step_ps, run.temperature_K) == (0.002, 900.0)
    assert run.was_wrapped
    assert run.species == tuple(SYMBOLS)
    np.testing.assert_allclose(run.positions_A - run.positions_A[0], walk - walk[0], atol=2e-5)
