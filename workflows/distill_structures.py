"""Starting structures for the distillation of `superionic-mini`.

Each system has a host with partially occupied sites; a *parent* is one random decoration of that
host. A fourth family, `glue`, holds simple binaries and the pure end members of the hosts, so that
the potential also knows the elements in other surroundings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from distill_binaries import BINARIES, binary_structure
from pymatgen.core import Lattice, Structure
from pymatgen.io.ase import AseAtomsAdaptor

ELEMENTS = ("Li", "O", "Na", "Si", "P", "S", "Cl", "Ge", "Br", "Y", "Zr", "In")
SYSTEMS = ("halide", "lpgso", "nasicon", "glue")

SEGREGATED = 0.5  # share of Pnma cells with every O on Ge
GAMMA_SULFIDE = 0.6
CMCM_SULFIDE = 0.25
CMCM_PHOSPHATE = 0.3
LPGSO_SHARES = (0.64, 0.80)  # cumulated: Pnma, Pmn2_1, the rest Cmcm
SMALLEST_GLUE = 4
PNMA_ATOMS, PNMA_ELEMENTS = 32, 5


@dataclass(frozen=True)
class Parent:
    """One decorated starting structure.

    Attributes
    ----------
    system
        One of `SYSTEMS`.
    key
        Unique name, for example ``halide-0007``.
    atoms
        The structure, not relaxed.
    """

    system: str
    key: str
    atoms: Atoms


def to_atoms(structure: Structure) -> Atoms:
    """Convert to ASE without constraints, tags or site properties."""
    atoms = AseAtomsAdaptor.get_atoms(structure)
    return Atoms(atoms.symbols, positions=atoms.positions, cell=np.array(atoms.cell), pbc=True)


def decorate(host: Structure, pools: Mapping[str, Sequence[str | None]], rng: np.random.Generator) -> Structure:
    """Fill the placeholder sites of a host.

    Parameters
    ----------
    host
        Structure whose sites carry the property ``pool``.
    pools
        For each pool the species of its sites in any order; None is a vacancy.
    rng
        Source of the random assignment.
    """
    species: list[str | None] = [None] * len(host)
    for pool, fill in pools.items():
        sites = [i for i, site in enumerate(host) if site.properties["pool"] == pool]
        if len(sites) != len(fill):
            raise ValueError(f"pool {pool} has {len(sites)} sites, {len(fill)} species given")
        for i, j in zip(sites, rng.permutation(len(fill)), strict=True):
            species[i] = fill[j]
    kept = [i for i, name in enumerate(species) if name is not None]
    coords = [host[i].frac_coords for i in kept]
    return Structure(host.lattice, [species[i] for i in kept], coords)


def _host(group: str, lattice: Lattice, sites: list[tuple[str, str, tuple[float, float, float]]]) -> Structure:
    """Make a host from (pool, placeholder element, coordinates) triples."""
    elements = [element for _, element, _ in sites]
    pools = [pool for pool, _, _ in sites]
    coords = [xyz for _, _, xyz in sites]
    return Structure.from_spacegroup(group, lattice, elements, coords, site_properties={"pool": pools}, tol=1e-3)


def halide_host(indium: float, bromine: float) -> Structure:
    """Give the common C2/m host of Li3MX6 with Vegard-scaled cell."""
    low = np.array([6.432, 11.093, 6.398])
    high = np.array([6.919, 11.974, 6.864])
    mix = min(1.0, 0.85 * bromine + 0.15 * (1 - indium))
    a, b, c = low + mix * (high - low)
    return _host(
        "C2/m",
        Lattice.monoclinic(a, b, c, 109.79),
        [
            ("M", "In", (0, 0, 0)),
            ("Li", "Li", (0, 1 / 3, 0)),
            ("Li", "Li", (0, 1 / 6, 0.5)),
            ("X", "Cl", (0.25, 0.16, 0.24)),
            ("X", "Cl", (0.25, 0, 0.76)),
        ],
    )


def halide(rng: np.random.Generator) -> Atoms:
    """Decorate Li3(In,Y)(Br,Cl)6 at random, 20 atoms."""
    n_in = int(rng.integers(0, 3))
    n_br = int(rng.choice([0, 12, int(rng.integers(1, 12))], p=[0.25, 0.25, 0.5]))
    host = halide_host(n_in / 2, n_br / 12)
    return to_atoms(
        decorate(
            host,
            {
                "M": ["In"] * n_in + ["Y"] * (2 - n_in),
                "Li": ["Li"] * 6 + [None] * 2,
                "X": ["Br"] * n_br + ["Cl"] * (12 - n_br),
            },
            rng,
        )
    )


def nasicon(rng: np.random.Generator) -> Atoms:
    """Decorate the R-3c primitive cell of Na1+xZr2SixP3-xO12 at random, 36 to 42 atoms."""
    host = _host(
        "R-3c",
        Lattice.hexagonal(9.1863, 22.181),
        [
            ("Na", "Na", (0, 0, 0)),
            ("Na", "Na", (-0.36033, 0, 0.25)),
            ("Zr", "Zr", (0, 0, 0.14719)),
            ("T", "Si", (0.29544, 0, 0.25)),
            ("O", "O", (0.18534, 0.16651, 0.08652)),
            ("O", "O", (0.18214, 0.02102, 0.19199)),
        ],
    ).get_primitive_structure(use_site_props=True)
    n_si = int(rng.integers(0, 7))
    n_na = 2 + n_si
    pools: dict[str, Sequence[str | None]] = {
        "Na": ["Na"] * n_na + [None] * (8 - n_na),
        "Zr": ["Zr"] * 4,
        "T": ["Si"] * n_si + ["P"] * (6 - n_si),
        "O": ["O"] * 24,
    }
    return to_atoms(decorate(host, pools, rng))


def _tetrahedra(host: Structure) -> list[list[int]]:
    """List for each T site the four nearest anion sites."""
    anions = [i for i, s in enumerate(host) if s.properties["pool"] == "X"]
    centres = [i for i, s in enumerate(host) if s.properties["pool"] == "T"]
    distances = host.distance_matrix
    return [sorted(anions, key=lambda j: distances[i, j])[:4] for i in centres]


def _pnma_host(scale: float) -> Structure:
    """Give the beta-Li3PS4 host with its cell lengths multiplied by `scale`."""
    return _host(
        "Pnma",
        Lattice.orthorhombic(12.819 * scale, 8.2195 * scale, 6.1236 * scale),
        [
            ("Li", "Li", (0.152, 0.514, 0.936)),
            ("Lx", "Li", (0, 0, 0.5)),
            ("Lx", "Li", (0.010, 0.75, 0.115)),
            ("T", "P", (0.094, 0.25, 0.162)),
            ("X", "S", (0.151, 0.054, 0.281)),
            ("X", "S", (0.074, 0.75, 0.737)),
            ("X", "S", (0.104, 0.25, 0.838)),
        ],
    )


def _pull_oxygen(structure: Structure, lengths: dict[str, float]) -> Structure:
    """Move each O or S to a sensible distance from its nearest P or Ge."""
    out = structure.copy()
    centres = [i for i, s in enumerate(structure) if s.specie.symbol in ("P", "Ge")]
    for i, site in enumerate(structure):
        name = site.specie.symbol
        if name not in ("O", "S"):
            continue
        centre = min(centres, key=lambda j: structure.get_distance(i, j))
        length = lengths[f"{structure[centre].specie.symbol}{name}"]
        distance, image = structure[centre].distance_and_image(site)
        vector = site.frac_coords + image - structure[centre].frac_coords
        out.translate_sites([i], vector * (length / distance - 1), frac_coords=True)
    return out


BOND_LENGTHS = {"PS": 2.05, "PO": 1.56, "GeS": 2.22, "GeO": 1.77}


def pnma_mixed(rng: np.random.Generator) -> Atoms:
    """Decorate the Pnma host of Li3+xP1-xGexS4-4xO4x, 32 to 36 atoms, mixed or segregated anions."""
    n_ge = int(rng.integers(0, 5))
    n_o = 4 * n_ge
    host = _pnma_host(float((1 - 0.40 * n_o / 16) ** (1 / 3)))
    n_lx = 4 + n_ge
    pools: dict[str, Sequence[str | None]] = {
        "Li": ["Li"] * 8,
        "Lx": ["Li"] * n_lx + [None] * (8 - n_lx),
        "T": ["Ge"] * n_ge + ["P"] * (4 - n_ge),
        "X": ["O"] * n_o + ["S"] * (16 - n_o),
    }
    structure = decorate(host, pools, rng)
    if rng.random() < SEGREGATED:
        structure = _segregate(host, structure)
    return to_atoms(_pull_oxygen(structure, BOND_LENGTHS))


def _segregate(host: Structure, structure: Structure) -> Structure:
    """Put every O on Ge tetrahedra and every S on P tetrahedra."""
    out = structure.copy()
    for centre, members in zip([s for s in host if s.properties["pool"] == "T"], _tetrahedra(host), strict=True):
        element = _site_at(out, centre.frac_coords)[1]
        for j in members:
            index, _ = _site_at(out, host[j].frac_coords)
            out.replace(index, "O" if element == "Ge" else "S")
    return out


def _site_at(structure: Structure, frac: np.ndarray) -> tuple[int, str]:
    """Find the site of `structure` at fractional coordinates `frac`."""
    delta = structure.frac_coords - frac
    delta -= np.round(delta)
    index = int(np.argmin(np.linalg.norm(delta, axis=1)))
    return index, structure[index].specie.symbol


def gamma_phase(rng: np.random.Generator) -> Atoms:
    """Give Pmn2_1 Li3PS4 or Li3PO4, 16 atoms."""
    if rng.random() < GAMMA_SULFIDE:
        sites = [
            ("Li", (0.227, 0.658, 0.518)),
            ("Li", (0, 0.127, 0.463)),
            ("P", (0, 0.811, 0.985)),
            ("S", (0.210, 0.676, 0.884)),
            ("S", (0, 0.119, 0.888)),
            ("S", (0, 0.797, 0.320)),
        ]
        lattice = Lattice.orthorhombic(7.70829, 6.53521, 6.1365)
    else:
        sites = [
            ("Li", (0.24810, 0.32770, 0.98600)),
            ("Li", (0.5, 0.84280, 0.98930)),
            ("P", (0, 0.82430, 0)),
            ("O", (0.20777, 0.68676, 0.89610)),
            ("O", (0, 0.10520, 0.90040)),
            ("O", (0.5, 0.18140, 0.81720)),
        ]
        lattice = Lattice.orthorhombic(6.1150, 5.2394, 4.8554)
    names, coords = [s[0] for s in sites], [s[1] for s in sites]
    return to_atoms(Structure.from_spacegroup("Pmn2_1", lattice, names, coords))


def cmcm_phase(rng: np.random.Generator) -> Atoms:
    """Give Cmcm Li4GeO4 or its Li4GeS4 and Li3PO4-like substitutions, primitive cell."""
    sulfide = bool(rng.random() < CMCM_SULFIDE)
    scale = 1.22 if sulfide else 1.0
    structure = Structure.from_spacegroup(
        "Cmcm",
        Lattice.orthorhombic(7.766 * scale, 7.357 * scale, 6.049 * scale),
        ["Li", "Li", "Ge", "S" if sulfide else "O", "S" if sulfide else "O"],
        [(0.15, 0.281, 0.75), (0.157, 0, 0), (0, 0.336, 0.25), (0, 0.201, 0.007), (0.185, 0.472, 0.25)],
    ).get_primitive_structure()
    if rng.random() < CMCM_PHOSPHATE:
        structure.replace(next(i for i, s in enumerate(structure) if s.specie.symbol == "Ge"), "P")
        lithium = [i for i, s in enumerate(structure) if s.specie.symbol == "Li"]
        structure.remove_sites([int(rng.choice(lithium))])
    return to_atoms(structure)


def lpgso(rng: np.random.Generator) -> Atoms:
    """Draw one structure of the Li3PS4-Li4GeO4 system."""
    kinds = (pnma_mixed, gamma_phase, cmcm_phase)
    return kinds[int(np.searchsorted(LPGSO_SHARES, rng.random(), side="right"))](rng)


def glue(rng: np.random.Generator) -> Atoms:
    """Draw one binary, at most 32 atoms, volume scaled by up to 8 %."""
    formula = str(rng.choice(list(BINARIES)))
    prototype, a = BINARIES[formula]
    structure = binary_structure(formula, prototype, a)
    structure.scale_lattice(structure.volume * float(rng.uniform(0.92, 1.08)))
    atoms = to_atoms(structure)
    return atoms if len(atoms) >= SMALLEST_GLUE else atoms * (2, 1, 1)


DRAW: dict[str, Callable[[np.random.Generator], Atoms]] = {
    "halide": halide,
    "lpgso": lpgso,
    "nasicon": nasicon,
    "glue": glue,
}


def make_parent(system: str, index: int, seed: int) -> Parent:
    """Make parent number `index` of a system; the same arguments give the same structure."""
    rng = np.random.default_rng([seed, SYSTEMS.index(system), index])
    return Parent(system, f"{system}-{index:04d}", DRAW[system](rng))


def strain_cell(atoms: Atoms, limit: float, rng: np.random.Generator) -> Atoms:
    """Apply a random symmetric strain with components up to `limit`."""
    raw = rng.uniform(-limit, limit, size=(3, 3))
    strain = np.eye(3) + 0.5 * (raw + raw.T)
    out = atoms.copy()
    out.set_cell(np.array(atoms.cell) @ strain, scale_atoms=True)
    return out


def rattle(atoms: Atoms, stdev: float, rng: np.random.Generator) -> Atoms:
    """Displace every atom by normal noise of width `stdev` (angstrom)."""
    out = atoms.copy()
    out.positions += rng.normal(0, stdev, size=out.positions.shape)
    return out


def shortest_ratio(atoms: Atoms) -> float:
    """Give the smallest distance divided by the sum of covalent radii."""
    from ase.data import covalent_radii
    from ase.neighborlist import neighbor_list

    i, j, d = neighbor_list("ijd", atoms, 3.5)
    if len(d) == 0:
        return np.inf
    radii = covalent_radii[atoms.numbers]
    return float(np.min(d / (radii[i] + radii[j])))


def separate(atoms: Atoms, ratio: float = 0.85, rounds: int = 30) -> Atoms:
    """Push apart pairs that are closer than `ratio` times the sum of their covalent radii."""
    from ase.data import covalent_radii
    from ase.neighborlist import neighbor_list

    out = atoms.copy()
    radii = covalent_radii[out.numbers]
    for _ in range(rounds):
        i, j, d, vectors = neighbor_list("ijdD", out, 3.5)
        wanted = ratio * (radii[i] + radii[j])
        close = d < wanted
        if not close.any():
            break
        push = -0.25 * (wanted - d)[close, None] * vectors[close] / d[close, None]
        np.add.at(out.positions, i[close], push)
    return out


def held_out_parent(system: str, index: int, seed: int) -> Parent:
    """Make a parent reserved for the test: mixed Pnma cells and NaSICON with both Si and P."""
    for attempt in range(200):
        rng = np.random.default_rng([seed, 77, SYSTEMS.index(system), index, attempt])
        atoms = DRAW[system](rng)
        symbols = atoms.get_chemical_symbols()
        if system == "lpgso" and (len(atoms) < PNMA_ATOMS or len(set(symbols)) < PNMA_ELEMENTS):
            continue
        if system == "nasicon" and not {"Si", "P"} <= set(symbols):
            continue
        return Parent(system, f"{system}-test-{index:04d}", atoms)
    raise RuntimeError(f"no test parent found for {system}")


def same_ordering(one: Atoms, other: Atoms) -> bool:
    """Tell whether two decorations are equal by symmetry."""
    from pymatgen.analysis.structure_matcher import StructureMatcher

    if sorted(one.symbols) != sorted(other.symbols):
        return False
    pair = [AseAtomsAdaptor.get_structure(a) for a in (one, other)]
    return bool(StructureMatcher(ltol=0.05, stol=0.1, scale=True).fit(*pair))
