"""The smallest files of a finished VASP run that pymatgen and emmet parse; the numbers are given by the test."""

import numpy as np
from pymatgen.io.vasp import Incar, Poscar

OUTCAR = """\
   number of bands    NBANDS=     13
   total plane-waves  NPLWV = 110592
   IBRION =     -1    ionic relax
"""


def varray(name, rows):
    lines = "".join(f"<v> {' '.join(f'{x:.10f}' for x in row)} </v>" for row in rows)
    return f'<varray name="{name}" >{lines}</varray>'


def cell(structure):
    basis = varray("basis", structure.lattice.matrix)
    crystal = f'<crystal>{basis}<i name="volume"> {structure.volume} </i></crystal>'
    return crystal + varray("positions", structure.frac_coords)


def energy(value):
    names = ("e_fr_energy", "e_wo_entrp", "e_0_energy")
    return "<energy>" + "".join(f'<i name="{name}"> {value:.8f} </i>' for name in names) + "</energy>"


def tag(name, value):
    if isinstance(value, bool):
        return f'<i type="logical" name="{name}"> {"T" if value else "F"} </i>'
    if isinstance(value, int):
        return f'<i type="int" name="{name}"> {value}</i>'
    if isinstance(value, str):
        return f'<i type="string" name="{name}">{value}</i>'
    return f'<i name="{name}"> {value}</i>'


def atominfo(structure, titles):
    symbols = [site.specie.symbol for site in structure]
    kinds = list(dict.fromkeys(symbols))
    atoms = "".join(f"<rc><c>{s}</c><c>{kinds.index(s) + 1}</c></rc>" for s in symbols)
    types = "".join(
        f"<rc><c>{symbols.count(s)}</c><c>{s}</c><c>1.0</c><c>3.0</c><c>{titles[s]}</c></rc>" for s in kinds
    )
    return (
        f'<atominfo><array name="atoms" ><set>{atoms}</set></array>'
        f'<array name="atomtypes" ><set>{types}</set></array></atominfo>'
    )


def write_run(folder, structure, incar, *, scf_eV, forces, stress_kbar, titles, version="6.4.2"):
    """Files of one single point with one set of numbers."""
    parameters = {"NELM": 100, "NSW": 0, "IBRION": -1, "ISPIN": 1, "LORBIT": 0, "NELECT": 10.0}
    bands = '<set comment="spin 1"><set comment="kpoint 1"><r> -5.0 1.0 </r><r> 5.0 0.0 </r></set></set>'
    dos = '<set comment="spin 1"><r> -10.0 0.0 0.0 </r><r> 10.0 0.0 10.0 </r></set>'
    tags = "".join(tag(name, value) for name, value in incar.items() if value is not None)
    text = f"""<?xml version="1.0" encoding="ISO-8859-1"?>
<modeling>
<generator><i name="program" type="string">vasp </i><i name="version" type="string">{version}  </i></generator>
<incar>{tags}</incar>
<kpoints><generation param="Gamma"><v type="int" name="divisions"> 2 2 2 </v>
<v name="usershift"> 0 0 0 </v></generation>
{varray("kpointlist", [[0, 0, 0]])} <varray name="weights" ><v> 1.0 </v></varray></kpoints>
<parameters>{"".join(tag(name, value) for name, value in parameters.items())}</parameters>
{atominfo(structure, titles)}
<structure name="initialpos" >{cell(structure)}</structure>
<calculation>{"".join(f"<scstep>{energy(value)}</scstep>" for value in scf_eV)}
<structure>{cell(structure)}</structure>
{varray("forces", forces)}{varray("stress", stress_kbar)}{energy(scf_eV[-1])}
<eigenvalues><array><set>{bands}</set></array></eigenvalues>
<dos><i name="efermi"> 1.0 </i><total><array><set>{dos}</set></array></total></dos>
</calculation></modeling>"""
    (folder / "vasprun.xml").write_text(text)
    (folder / "OUTCAR").write_text(OUTCAR)
    Poscar(structure).write_file(folder / "CONTCAR")
    Incar({name: value for name, value in incar.items() if value is not None}).write_file(folder / "INCAR")


def random_forces(n, seed=3):
    forces = np.random.default_rng(seed).normal(0, 0.5, (n, 3))
    return forces - forces.mean(axis=0)
