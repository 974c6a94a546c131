"""The host crystal behind a simulated cell: its sites, its framework, its symmetry."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pymatgen.core import Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from superionic.errors import TransportInputError
from superionic.transport.displacement import Array, HostFrame

MAX_STRAIN = 0.10
MAX_MISFIT_A = 1.0
SYMPREC_A = 0.05
TIE_A = 0.05
WHOLE = 1e-6
COORDINATES_PER_PASS = 1_000_000


@dataclass(frozen=True, eq=False)
class FrameworkAtom:
    """Mean position of a host atom, or of all host atoms on one site of the unit cell.

    Attributes
    ----------
    species : str
        Symbol, or symbols joined by a slash where several species share the site.
    fractional : numpy.ndarray, (3,)
        Mean position in the cell of the analysis.
    rms_A : float
        Root mean square distance from it, vibration and static displacement together, in angstrom.
    """

    species: str
    fractional: Array
    rms_A: float


@dataclass(frozen=True, eq=False)
class HostFit:
    """A host crystal laid over the framework of a trajectory.

    Attributes
    ----------
    matrix : numpy.ndarray of int, (3, 3)
        The simulated cell in unit cells of the host.
    sites_fractional : numpy.ndarray, (sites, 3)
        Sites of the mobile species in the unit cell, shifted to where the framework is.
    labels : tuple of str
        Their labels.
    rotations, translations : numpy.ndarray, (operations, 3, 3) and (operations, 3)
        Space group of the host, acting on fractional coordinates of the unit cell, shifted likewise.
    space_group : str
        Its symbol.
    shift_A : float
        Length of the shift, in angstrom.
    misfit_A : float
        Root mean square distance of the mean framework atoms from the sites of the host, in angstrom.
    """

    matrix: NDArray[np.int64]
    sites_fractional: Array
    labels: tuple[str, ...]
    rotations: Array
    translations: Array
    space_group: str
    shift_A: float
    misfit_A: float


def host_sites(host: Structure, lattice_A: ArrayLike, mobile: str) -> tuple[Array, list[str]]:
    """Fractional coordinates and labels of the host's sites of the mobile species in a simulated cell.

    Parameters
    ----------
    host : Structure
        Disordered host cell.
    lattice_A : array_like, (3, 3)
        Lattice of the MD cell in angstrom; a supercell of the host up to relaxation strain.
    mobile : str
        Mobile species.

    Returns
    -------
    sites : numpy.ndarray, (sites, 3)
        Fractional coordinates in the MD cell.
    labels : list of str
        A label per site.

    Raises
    ------
    TransportInputError
        If the MD cell is no supercell of the host, or the host has no site of the mobile species.
    """
    sites = _mobile_sites(host, mobile)
    # a site property: pymatgen makes labels unique when it repeats them
    sites.add_site_property("wyckoff", list(site_labels(host, mobile)))
    supercell = sites.make_supercell(supercell_matrix(host, lattice_A), in_place=False, to_unit_cell=True)
    return np.asarray(supercell.frac_coords), [str(label) for label in supercell.site_properties["wyckoff"]]


def _mobile_sites(host: Structure, mobile: str) -> Structure:
    sites = [site for site in host if mobile in _symbols(site)]
    if not sites:
        raise TransportInputError(
            f"the host {host.composition.reduced_formula} has no site of {mobile}: give the crystal with all sites "
            "that the mobile ions may take, partly occupied ones included."
        )
    return Structure.from_sites(sites)


def _symbols(site: object) -> set[str]:
    return {element.symbol for element in site.species.elements}  # type: ignore[attr-defined]


def site_labels(host: Structure, mobile: str) -> tuple[str, ...]:
    """Labels of the host's sites of the mobile species: their own, or Wyckoff symbols where these say nothing.

    Parameters
    ----------
    host : Structure
        Host cell.
    mobile : str
        Mobile species.

    Returns
    -------
    tuple of str
        One per site, in the order of the host.
    """
    members = [k for k, site in enumerate(host) if mobile in _symbols(site)]
    own = [str(host[k].label) for k in members]
    plain = {host[k].species_string for k in members}
    if any(label not in plain and label.rstrip("+-0123456789") != mobile for label in own):
        return tuple(own)
    symmetrized = SpacegroupAnalyzer(host, SYMPREC_A).get_symmetrized_structure()
    names: dict[int, str] = {}
    for group, symbol in zip(symmetrized.equivalent_indices, symmetrized.wyckoff_symbols, strict=True):
        if set(group) & set(members):
            repeats = len({name for name in names.values() if name.rstrip("'") == symbol})
            names |= dict.fromkeys(group, symbol + "'" * repeats)
    return tuple(names[k] for k in members)


def supercell_matrix(host: Structure, lattice_A: ArrayLike) -> NDArray[np.int64]:
    """The simulated cell in unit cells of the host; the two may be turned against each other.

    Parameters
    ----------
    host : Structure
        Host cell.
    lattice_A : array_like, (3, 3)
        Lattice of the MD cell in angstrom.

    Returns
    -------
    numpy.ndarray of int, (3, 3)
        M of lattice = M @ host lattice.

    Raises
    ------
    TransportInputError
        If the MD cell is no supercell of the host up to a strain of 10 %.
    """
    lattice, unit = np.asarray(lattice_A, dtype=np.float64), np.asarray(host.lattice.matrix)
    for cell, part in ((lattice, unit), (_turned(lattice), _turned(unit))):
        matrix = np.rint(cell @ np.linalg.inv(part)).astype(np.int64)
        if abs(np.linalg.det(matrix)) > 0.5 and _strain(cell, matrix @ part) < MAX_STRAIN:  # noqa: PLR2004 (whole numbers)
            return matrix
    raise TransportInputError(
        f"the simulated cell with edges {np.linalg.norm(lattice, axis=1).round(2).tolist()} A is no supercell of the "
        f"host with edges {np.round(host.lattice.abc, 2).tolist()} A, within a strain of {MAX_STRAIN:.0%}: give the "
        "host in the setting that the simulation was built from."
    )


def _turned(lattice: Array) -> Array:
    """The same cell with a along x and b in the xy plane, as simulation codes write it."""
    _, upper = np.linalg.qr(lattice.T)
    triangle = upper.T
    return np.asarray(triangle * np.sign(np.diag(triangle)))


def _strain(cell: Array, ideal: Array) -> float:
    return float(np.abs(np.linalg.inv(ideal) @ cell - np.eye(3)).max())


def mean_framework(frame: HostFrame) -> tuple[Array, Array]:
    """Mean position of each host atom in the frame of the host, and its root mean square distance from it.

    Parameters
    ----------
    frame : HostFrame
        The trajectory.

    Returns
    -------
    mean_A : numpy.ndarray, (host atoms, 3)
        Cartesian, in angstrom.
    rms_A : numpy.ndarray, (host atoms,)
        In angstrom.
    """
    means, spreads = [np.empty((0, 3))], [np.empty(0)]
    for block in frame.chunks(frame.host_index, max(1, COORDINATES_PER_PASS // frame.n_frames)):
        means.append(block.mean(axis=2))
        spreads.append(np.sqrt(block.var(axis=2).sum(axis=1)))
    return np.concatenate(means), np.concatenate(spreads)


def fit_host(host: Structure, frame: HostFrame, mobile: str, mean_A: Array) -> HostFit:
    """Lay a host crystal over the framework of a trajectory.

    The origin is searched: every shift that brings one framework atom onto a site of the host is tried, and the one
    that brings all of them nearest is refined by least squares.

    Parameters
    ----------
    host : Structure
        Host cell, with all sites of the mobile species.
    frame : HostFrame
        The trajectory.
    mobile : str
        Mobile species.
    mean_A : numpy.ndarray, (host atoms, 3)
        Mean positions of the host atoms.

    Returns
    -------
    HostFit
        Sites, labels and symmetry in the unit cell, where the trajectory has them.

    Raises
    ------
    TransportInputError
        If the cells do not match, or the framework does not sit on the sites of the host.
    """
    matrix = supercell_matrix(host, frame.lattice_A)
    unit = np.linalg.inv(matrix) @ frame.lattice_A
    shift, misfit = _shift(host, unit, mean_A @ np.linalg.inv(unit), frame.species[frame.host_index].tolist())
    sites = _mobile_sites(host, mobile)
    analyzer = SpacegroupAnalyzer(host, SYMPREC_A)
    operations = analyzer.get_symmetry_operations(cartesian=False)
    rotations = np.array([operation.rotation_matrix for operation in operations])
    translations = np.array([operation.translation_vector for operation in operations]) + shift - rotations @ shift
    return HostFit(
        matrix=matrix,
        sites_fractional=(np.asarray(sites.frac_coords) + shift) % 1.0,
        labels=site_labels(host, mobile),
        rotations=rotations,
        translations=translations,
        space_group=str(analyzer.get_space_group_symbol()),
        shift_A=float(np.linalg.norm(shift @ unit)),
        misfit_A=misfit,
    )


def _shift(host: Structure, unit: Array, atoms: Array, species: Sequence[str]) -> tuple[Array, float]:
    """Fractional shift of the host's origin, and the misfit in angstrom that is left."""
    if not len(atoms):
        return np.zeros(3), 0.0
    targets = {
        symbol: np.array([site.frac_coords for site in host if symbol in _symbols(site)]) for symbol in set(species)
    }
    missing = sorted(symbol for symbol, places in targets.items() if not len(places))
    if missing:
        raise TransportInputError(f"the host has no site of {missing}, which the trajectory holds: give its own host.")
    rarest = min(targets, key=lambda symbol: len(targets[symbol]))
    anchor = atoms[species.index(rarest)]
    candidates = [np.zeros(3), *(anchor - place for place in targets[rarest])]
    misfits = [_misfit(candidate, unit, atoms, species, targets) for candidate in candidates]
    # the given origin unless another is clearly better
    values = [value for value, _ in misfits]
    best = 0 if values[0] < min(values) + TIE_A else int(np.argmin(values))
    shift = candidates[best] + misfits[best][1]
    misfit, _ = _misfit(shift, unit, atoms, species, targets)
    if misfit > MAX_MISFIT_A:
        raise TransportInputError(
            f"the framework of the trajectory is {misfit:.2f} A (rms) away from the sites of the host: this is another "
            "crystal, another setting, or the framework has not survived; analyse without a host."
        )
    return shift - np.rint(shift), misfit


def _misfit(
    shift: Array, unit: Array, atoms: Array, species: Sequence[str], targets: dict[str, Array]
) -> tuple[float, Array]:
    """Root mean square distance in angstrom to the nearest site of the same species, and the mean fractional offset."""
    symbols = np.array(species)
    offsets = np.empty_like(atoms)
    for symbol, places in targets.items():
        member = np.flatnonzero(symbols == symbol)
        apart = (atoms[member, None] - places - shift + 0.5) % 1.0 - 0.5
        nearest = np.argmin(((apart @ unit) ** 2).sum(axis=-1), axis=1)
        offsets[member] = apart[np.arange(len(member)), nearest]
    distance = np.sqrt(((offsets @ unit) ** 2).sum(axis=-1).mean())
    return float(distance), offsets.mean(axis=0)


def framework_atoms(frame: HostFrame, mean_A: Array, rms_A: Array, fit: HostFit | None) -> tuple[FrameworkAtom, ...]:
    """Framework for drawing: one entry per host atom, or per site of the unit cell when the trajectory is folded.

    Parameters
    ----------
    frame : HostFrame
        The trajectory.
    mean_A, rms_A : numpy.ndarray
        As from `mean_framework`.
    fit : HostFit, optional
        The host; None leaves the atoms as they are.

    Returns
    -------
    tuple of FrameworkAtom
        In the cell of the analysis.
    """
    unit = frame.lattice_A if fit is None else np.linalg.inv(fit.matrix) @ frame.lattice_A
    fractional = mean_A @ np.linalg.inv(unit)
    symbols = frame.species[frame.host_index]
    groups = [[k] for k in range(len(fractional))] if fit is None else _folded_groups(fractional, unit)
    atoms = []
    for group in groups:
        apart = (fractional[group] - fractional[group[0]] + 0.5) % 1.0 - 0.5
        middle = apart.mean(axis=0)
        spread = (rms_A[group] ** 2).mean() + (((apart - middle) @ unit) ** 2).sum(axis=1).mean()
        names = "/".join(sorted(set(symbols[group].tolist())))
        atoms.append(FrameworkAtom(names, (fractional[group[0]] + middle) % 1.0, float(np.sqrt(spread))))
    return tuple(atoms)


def _folded_groups(fractional: Array, unit: Array) -> list[list[int]]:
    """Atoms that fall onto each other in the unit cell, within half the distance that separates other atoms."""
    groups: list[list[int]] = []
    for k, place in enumerate(fractional):
        apart = [np.linalg.norm(((place - fractional[group[0]] + 0.5) % 1.0 - 0.5) @ unit) for group in groups]
        if apart and min(apart) < MAX_MISFIT_A:
            groups[int(np.argmin(apart))].append(k)
        else:
            groups.append([k])
    return groups


def spread_sites(fit: HostFit) -> tuple[Array, tuple[str, ...]]:
    """Sites of the host in the simulated cell: fractional coordinates there, and labels."""
    shifts = cell_translations(fit.matrix)
    places = (fit.sites_fractional + shifts[:, None]).reshape(-1, 3) @ np.linalg.inv(fit.matrix)
    return places % 1.0, fit.labels * len(shifts)


def spread_operations(fit: HostFit) -> tuple[Array, Array]:
    """Space group of the host on fractional coordinates of the simulated cell, translations of the unit cell included.

    Operations that do not map the simulated cell onto itself are left out.
    """
    inverse = np.linalg.inv(fit.matrix)
    rotations, translations = [], []
    for rotation, translation in zip(fit.rotations, fit.translations, strict=True):
        # fractional rows: x_unit = x_cell @ M
        turned = (fit.matrix @ rotation.T @ inverse).T
        if np.abs(turned - np.rint(turned)).max() < WHOLE:
            for shift in cell_translations(fit.matrix):
                rotations.append(np.rint(turned))
                translations.append((translation + shift) @ inverse)
    return np.array(rotations), np.array(translations)


def cell_translations(matrix: NDArray[np.int64]) -> Array:
    """Lattice vectors of the unit cell that lie in the supercell, (cells, 3)."""
    corners = np.array(np.meshgrid(*3 * [[0, 1]])).reshape(3, -1).T @ matrix
    ranges = [np.arange(low, high + 1) for low, high in zip(corners.min(axis=0), corners.max(axis=0), strict=True)]
    vectors = np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).reshape(-1, 3)
    inside = vectors @ np.linalg.inv(matrix)
    return vectors[np.all((inside > -WHOLE) & (inside < 1.0 - WHOLE), axis=1)].astype(np.float64)
