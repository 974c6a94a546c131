"""What a ground state looks like: site occupancies, lattice constants of the host cell, polyhedra around cations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Lattice, PeriodicSite, Structure
from pymatgen.util.coord import lattice_points_in_supercell, pbc_shortest_vectors
from scipy.optimize import linear_sum_assignment

from superionic.errors import InputError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

MAX_STRAIN = 0.15
FORBIDDEN_A2 = 1e8
FIRST_SHELL_A = 8.0
LEAST_COORDINATION, MOST_COORDINATION = 2, 12
PASSES = 2


@dataclass(frozen=True, eq=False)
class HostMapping:
    """An ordered, relaxed structure laid over the disordered host that it came from.

    Attributes
    ----------
    matrix : numpy.ndarray of int
        The cell in unit cells of the host, shape (3, 3).
    lattice_constants : tuple of float
        a, b, c in angstrom and alpha, beta, gamma in degrees of the host's cell after relaxation, averaged over the
        copies of the host cell.
    occupancies : dict
        Per label of the host's sites the share of them that each element occupies; vacancies are the rest.
    site_counts : dict
        Sites of each label in the cell.
    rms_displacement_A : float
        Root mean square distance of the atoms from their sites, without a common shift, in angstrom.
    max_displacement_A : float
        The largest of these distances, in angstrom.
    """

    matrix: IntArray
    lattice_constants: tuple[float, float, float, float, float, float]
    occupancies: dict[str, dict[str, float]]
    site_counts: dict[str, int]
    rms_displacement_A: float
    max_displacement_A: float


def map_to_host(structure: Structure, host: Structure) -> HostMapping:
    """Assign the atoms of a structure to the sites of its host.

    Every atom goes to a site that may hold its element, at most one per site, with the least sum of squared
    distances (Hungarian algorithm); a shift of the whole crystal is taken out.

    Parameters
    ----------
    structure : Structure
        Ordered structure whose cell is a supercell of the host's, up to strain and without rotation.
    host : Structure
        Disordered crystal; species with any occupancy say what may sit where, site labels name the orbits.

    Returns
    -------
    HostMapping
        Occupancies and lattice constants.

    Raises
    ------
    InputError
        If the cell is no supercell of the host's, or the host has no place for an atom.
    """
    matrix = _supercell_matrix(structure.lattice, host.lattice)
    points = lattice_points_in_supercell(matrix)
    copies = len(points)
    sites = ((host.frac_coords @ np.linalg.inv(matrix))[:, None, :] + points[None, :, :]).reshape(-1, 3)
    allowed = _allowed(structure, host, copies)
    chosen, vectors = _assign(structure.frac_coords, sites, structure.lattice, allowed)
    distances = np.linalg.norm(vectors - vectors.mean(axis=0), axis=1)
    unit = Lattice(np.linalg.inv(matrix) @ structure.lattice.matrix)
    counts = {label: number * copies for label, number in Counter(str(site.label) for site in host).items()}
    return HostMapping(
        matrix=matrix,
        lattice_constants=unit.parameters,
        occupancies=_occupancies(structure, host, chosen // copies, counts),
        site_counts=counts,
        rms_displacement_A=float(np.sqrt(np.mean(distances**2))),
        max_displacement_A=float(distances.max()),
    )


def _supercell_matrix(lattice: Lattice, unit: Lattice) -> IntArray:
    matrix = np.rint(lattice.matrix @ np.linalg.inv(unit.matrix)).astype(np.int64)
    if round(abs(np.linalg.det(matrix))) > 0:
        strain = np.abs(np.linalg.inv(matrix @ unit.matrix) @ lattice.matrix - np.eye(3)).max()
        if strain < MAX_STRAIN:
            return matrix
    raise InputError(
        f"the cell with edges {np.round(lattice.abc, 2).tolist()} A is no supercell of the host with edges "
        f"{np.round(unit.abc, 2).tolist()} A within a strain of {MAX_STRAIN:.0%}: give the host in the setting and "
        "orientation that the structure was built from"
    )


def _allowed(structure: Structure, host: Structure, copies: int) -> NDArray[np.bool_]:
    """Whether an atom may sit on a site, shape (n_atoms, n_sites)."""
    held = [{element.symbol for element in site.species.elements} for site in host]
    table = {symbol: np.repeat([symbol in species for species in held], copies) for symbol in set(_symbols(structure))}
    rows = np.array([table[symbol] for symbol in _symbols(structure)])
    homeless = sorted({s for s, row in zip(_symbols(structure), rows, strict=True) if not row.any()})
    if homeless:
        raise InputError(f"the host has no site for {', '.join(homeless)}: give the host that the structure came from")
    return rows


def _symbols(structure: Structure) -> list[str]:
    return [_symbol(site) for site in structure]


def _assign(
    atoms: FloatArray, sites: FloatArray, lattice: Lattice, allowed: NDArray[np.bool_]
) -> tuple[IntArray, FloatArray]:
    """Site of each atom, and the vectors from these sites to the atoms, in angstrom."""
    shift = np.zeros(3)
    for _ in range(PASSES):
        vectors = pbc_shortest_vectors(lattice, sites + shift, atoms).transpose(1, 0, 2)
        squares = np.where(allowed, np.sum(vectors**2, axis=2), FORBIDDEN_A2)
        rows, columns = linear_sum_assignment(squares)
        if len(rows) < len(atoms) or squares[rows, columns].max() >= FORBIDDEN_A2:
            raise InputError("the host has fewer sites than the structure has atoms of some element")
        offsets = np.asarray(vectors[rows, columns], dtype=np.float64)
        shift = shift + lattice.get_fractional_coords(offsets.mean(axis=0))
    return np.asarray(columns, dtype=np.int64), offsets


def _occupancies(
    structure: Structure, host: Structure, host_sites: IntArray, counts: dict[str, int]
) -> dict[str, dict[str, float]]:
    found = Counter(
        (str(host[int(site)].label), symbol) for site, symbol in zip(host_sites, _symbols(structure), strict=True)
    )
    return {
        label: {symbol: n / counts[label] for (place, symbol), n in sorted(found.items()) if place == label}
        for label in counts
    }


def coordination_motifs(structure: Structure, centres: Collection[str], anions: Collection[str]) -> dict[str, int]:
    """Numbers of coordination polyhedra by their formula, e.g. ``{"InBr6": 1, "YCl6": 1}``.

    The first shell of an atom ends at the largest ratio between the distances of an anion and the one before.

    Parameters
    ----------
    structure : Structure
        Ordered structure.
    centres : collection of str
        Elements in the middle.
    anions : collection of str
        Elements around them.

    Returns
    -------
    dict
        Motifs, most frequent first. A formula of one anion is a pure polyhedron.

    Raises
    ------
    InputError
        If there are no anions, or fewer than three near a centre.
    """
    ligands = [site for site in structure if _symbol(site) in anions]
    if not ligands:
        raise InputError(f"{structure.composition.reduced_formula} has no {', '.join(anions)}: name its anions")
    crystal = Structure.from_sites(ligands)
    motifs: Counter[str] = Counter()
    for site in structure:
        if _symbol(site) in centres:
            motifs[_symbol(site) + _formula(_first_shell(crystal, site))] += 1
    return dict(motifs.most_common())


def _symbol(site: PeriodicSite) -> str:
    return str(next(iter(site.species.elements)).symbol)


def _first_shell(ligands: Structure, centre: PeriodicSite) -> list[str]:
    """Elements of the ligands, periodic images included, up to the widest relative gap in distance."""
    found = sorted(ligands.get_sites_in_sphere(centre.coords, FIRST_SHELL_A), key=lambda near: near.nn_distance)
    distances = np.array([near.nn_distance for near in found[: MOST_COORDINATION + 1]])
    if len(distances) <= LEAST_COORDINATION:
        raise InputError(f"{_symbol(centre)} has fewer than three anions within {FIRST_SHELL_A} A")
    ratios = distances[LEAST_COORDINATION:] / distances[LEAST_COORDINATION - 1 : -1]
    return [_symbol(near) for near in found[: LEAST_COORDINATION + int(ratios.argmax())]]


def _formula(symbols: list[str]) -> str:
    numbers = sorted(Counter(symbols).items(), key=lambda item: (-item[1], item[0]))
    return "".join(f"{symbol}{number if number > 1 else ''}" for symbol, number in numbers)
