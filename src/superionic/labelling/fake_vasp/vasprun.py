"""The vasprun.xml of the stand-in (NOT VASP), written while the run goes on."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from pathlib import Path
from typing import Final, Self
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray

from superionic.labelling.fake_vasp import PROGRAM, VERSION
from superionic.labelling.fake_vasp.faults import Fault
from superionic.labelling.fake_vasp.inputs import Inputs, is_true
from superionic.labelling.fake_vasp.outcar import KBAR_PER_EV_PER_A3
from superionic.labelling.fake_vasp.pair_model import ModelResult
from superionic.labelling.fake_vasp.scf import Energies
from superionic.labelling.fake_vasp.state import FERMI_EV, GAP_EV, n_bands

LOGICAL: Final = frozenset({"T", "F", ".TRUE.", ".FALSE.", "TRUE", "FALSE", ".T.", ".F."})
PARAMETERS: Final = {
    "PREC": "normal",
    "ENMAX": "400.0",
    "EDIFF": "1e-4",
    "NELM": "60",
    "NELMIN": "2",
    "ISMEAR": "1",
    "SIGMA": "0.2",
    "ISPIN": "1",
    "NSW": "0",
    "IBRION": "-1",
    "ISIF": "2",
    "LREAL": "F",
    "LASPH": "F",
    "ADDGRID": "F",
    "GGA": "--",
    "METAGGA": "--",
    "KSPACING": "0.5",
    "KGAMMA": "T",
    "LORBIT": "0",
    "LMAXMIX": "2",
    "LDAU": "F",
    "LHFCALC": "F",
    "AEXX": "0.0",
    "HFSCREEN": "0.0",
    "IVDW": "0",
    "LUSE_VDW": "F",
}
"""VASP's defaults of the tags that the stand-in reports among its parameters."""
ALIASES: Final = {"ENMAX": "ENCUT"}


class Vasprun:
    """One vasprun.xml, complete only after :meth:`close`.

    Parameters
    ----------
    folder : pathlib.Path
        Run folder.
    inputs : Inputs
        What the run was told.
    """

    def __init__(self, folder: Path, inputs: Inputs) -> None:
        self._inputs = inputs
        self.path = folder / "vasprun.xml"
        self._file = self.path.open("w", encoding="ascii")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def begin(self) -> None:
        """Write everything above the first step."""
        self._write(
            '<?xml version="1.0" encoding="ISO-8859-1"?>\n<modeling>\n <generator>'
            f'<i name="program" type="string">{PROGRAM} </i><i name="version" type="string">{VERSION}  </i>'
            '<i name="subversion" type="string">a stand-in of superionic, NOT VASP </i></generator>\n',
            _incar(self._inputs),
            _kpoints(self._inputs),
            _parameters(self._inputs),
            _atoms(self._inputs),
            f' <structure name="initialpos" >\n{_structure(self._inputs)} </structure>\n <calculation>\n',
        )

    def step(self, energies: Energies) -> None:
        """Write one electronic step."""
        self._write(f"  <scstep>{_energy(energies)}</scstep>\n")

    def finish(self, result: ModelResult, energies: Energies, fault: Fault) -> None:
        """Write the result; the fault may leave something out or spoil it."""
        forces = result.forces_eV_per_A
        if fault is Fault.NAN_FORCES:
            forces = np.full_like(forces, np.nan)
        self._write(f"  <structure>\n{_structure(self._inputs)}  </structure>\n")
        if fault is not Fault.NO_FORCES:
            self._write(_varray("forces", forces))
        if fault is not Fault.NO_STRESS:
            self._write(_varray("stress", -KBAR_PER_EV_PER_A3 * result.stress_eV_per_A3))
        gap = 0.0 if fault is Fault.METAL else GAP_EV
        self._write(
            f"  {_energy(energies)}\n", _eigenvalues(self._inputs, gap), _dos(self._inputs), " </calculation>\n"
        )
        self._write(f' <structure name="finalpos" >\n{_structure(self._inputs)} </structure>\n</modeling>\n')

    def _write(self, *texts: str) -> None:
        self._file.writelines(texts)
        self._file.flush()


def fermi_level(fault: Fault) -> float:
    """Fermi level, eV."""
    return 0.0 if fault is Fault.METAL else FERMI_EV


def _incar(inputs: Inputs) -> str:
    return " <incar>\n" + "".join(f"  {_tag(tag, value)}\n" for tag, value in inputs.incar.items()) + " </incar>\n"


def _parameters(inputs: Inputs) -> str:
    values = {tag: inputs.incar.get(ALIASES.get(tag, tag), default) for tag, default in PARAMETERS.items()}
    lines = [f"  {_tag(tag, value)}\n" for tag, value in values.items()]
    counts = f'  <i name="NELECT"> {inputs.n_electrons:.8f}</i><i type="int" name="NBANDS"> {n_bands(inputs)}</i>\n'
    return " <parameters>\n" + "".join(lines) + counts + " </parameters>\n"


def _tag(name: str, value: str) -> str:
    """One tag, with the type that its text suggests."""
    words = value.split()
    if value.upper() in LOGICAL:
        return f'<i type="logical" name="{name}"> {"T" if is_true(value) else "F"}  </i>'
    if len(words) == 1 and _is_integer(value):
        return f'<i type="int" name="{name}"> {value}</i>'
    if words and all(_is_number(word) for word in words):
        return f'<i name="{name}"> {value}</i>' if len(words) == 1 else f'<v name="{name}"> {value}</v>'
    if name == "MAGMOM":
        return f'<v name="{name}"> {" ".join(_expanded(words))}</v>'
    return f'<i type="string" name="{name}">{escape(value)}</i>'


def _expanded(words: Iterable[str]) -> Iterable[str]:
    for word in words:
        count, _, value = word.rpartition("*")
        yield from [value] * int(count or 1)


def _is_integer(word: str) -> bool:
    return word.lstrip("+-").isdigit()


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def k_points(mesh: tuple[int, int, int]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points of a Gamma-centred mesh up to inversion, and their weights."""
    weights: dict[tuple[int, ...], int] = {}
    for point in product(*map(range, mesh)):
        opposite = tuple(-n % size for n, size in zip(point, mesh, strict=True))
        kept = min(point, opposite)
        weights[kept] = weights.get(kept, 0) + 1
    total = float(np.prod(mesh))
    return np.array(list(weights), dtype=float) / mesh, np.array(list(weights.values())) / total


def _kpoints(inputs: Inputs) -> str:
    points, weights = k_points(inputs.mesh)
    divisions = " ".join(map(str, inputs.mesh))
    return (
        f' <kpoints>\n  <generation param="Gamma"><v type="int" name="divisions"> {divisions} </v>'
        '<v name="usershift"> 0.0 0.0 0.0 </v></generation>\n'
        f"{_varray('kpointlist', points)}{_varray('weights', weights[:, None])} </kpoints>\n"
    )


def _atoms(inputs: Inputs) -> str:
    atoms, types = [], []
    for number, ((symbol, count), entry) in enumerate(zip(inputs.poscar.runs, inputs.potcar, strict=True), start=1):
        atoms += [f"<rc><c>{symbol:2}</c><c>{number:4d}</c></rc>\n"] * count
        types.append(
            f"<rc><c>{count:4d}</c><c>{symbol:2}</c><c>{entry.mass_u:16.8f}</c><c>{entry.zval:16.8f}</c>"
            f"<c>{escape(entry.header)}</c></rc>\n"
        )
    return (
        f" <atominfo>\n  <atoms> {len(atoms)} </atoms>\n  <types> {len(types)} </types>\n"
        f'  <array name="atoms" ><set>\n{"".join(atoms)}</set></array>\n'
        f'  <array name="atomtypes" ><set>\n{"".join(types)}</set></array>\n </atominfo>\n'
    )


def _structure(inputs: Inputs) -> str:
    cell = inputs.poscar.cell_A
    volume = abs(float(np.linalg.det(cell)))
    return (
        f'<crystal>\n{_varray("basis", cell, 14)}<i name="volume"> {volume:.8f} </i></crystal>\n'
        f"{_varray('positions', inputs.poscar.fractions, 14)}"
    )


def _varray(name: str, rows: NDArray[np.float64], decimals: int = 8) -> str:
    lines = ["<v> " + " ".join(f"{value:.{decimals}f}" for value in row) + " </v>\n" for row in rows]
    return f'<varray name="{name}" >\n{"".join(lines)}</varray>\n'


def _energy(energies: Energies) -> str:
    return (
        f'<energy><i name="e_fr_energy"> {energies.free_eV:.8f} </i>'
        f'<i name="e_wo_entrp"> {energies.without_entropy_eV:.8f} </i>'
        f'<i name="e_0_energy"> {energies.zero_sigma_eV:.8f} </i></energy>'
    )


def _eigenvalues(inputs: Inputs, gap_eV: float) -> str:
    """Two occupied and two empty bands at each k-point: enough for a gap, little to parse."""
    bands = ((-3.0, 1), (0.0, 1), (gap_eV, 0), (gap_eV + 3.0, 0))
    rows = "".join(f"<r> {energy:.4f} {occupation:.4f} </r>\n" for energy, occupation in bands)
    n_points = len(k_points(inputs.mesh)[0])
    points = "".join(f'<set comment="kpoint {index + 1}">\n{rows}</set>\n' for index in range(n_points))
    return f"  <eigenvalues><array><set>\n{_spins(inputs, points)}</set></array></eigenvalues>\n"


def _dos(inputs: Inputs) -> str:
    rows = "<r> -10.0 0.0 0.0 </r>\n<r> 10.0 0.0 10.0 </r>\n"
    total = f"<total><array><set>\n{_spins(inputs, rows)}</set></array></total>"
    return f'  <dos><i name="efermi"> {FERMI_EV:.4f} </i>{total}</dos>\n'


def _spins(inputs: Inputs, content: str) -> str:
    n_spins = int(inputs.number("ISPIN", 1))
    return "".join(f'<set comment="spin {spin + 1}">\n{content}</set>\n' for spin in range(n_spins))
