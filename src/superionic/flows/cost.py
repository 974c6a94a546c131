"""Rough cost of the work that a campaign plans: evaluations of potentials, and labels."""

from __future__ import annotations

from collections.abc import Iterable

from superionic.stages import LabelEngine

SECONDS_PER_HOUR = 3600.0
CPU_S_PER_ATOM_STEP = {"superionic-mini": 0.00012, "mace-mp-0a-medium": 0.014}
"""CPU seconds per atom and MD step on one x86-64 core, measured with LiCl of 16 to 256 atoms. The figure of MACE-MP-0a
medium is that of its architecture with 20- to 80-atom halide cells."""
CPU_S_PER_STEP = {"superionic-mini": 0.006}
"""CPU seconds per MD step besides, measured likewise; of no account for large models."""
CORES_PER_GPU = {"mace-mp-0a-medium": 50.0}
"""How many such cores one data-centre GPU replaces. Assumed, not measured: published speeds of MACE are between ten
and a hundred times that of a core, and cells of few atoms do not fill a GPU. Small models gain too little to say."""
CPU_S_PER_ATOM_TEACHER = 0.006
"""CPU seconds per atom of a CHGNet single point, measured likewise."""
VASP_CORE_HOURS = 8.0
"""Core hours of one SCAN single point of ``VASP_ATOMS`` atoms with our settings (680 eV, k-points 0.22 1/A apart, no
symmetry). Assumed, not measured; right to a factor of three at best."""
VASP_ATOMS = 40.0
VASP_EXPONENT = 2.0
"""Cubic in the number of bands, and the number of k-points falls with the volume."""


def potential_hours(foundation: str, cells: Iterable[tuple[float, float]]) -> float | None:
    """CPU core hours of forces by a potential.

    Parameters
    ----------
    foundation : str
        The potential.
    cells : iterable of (float, float)
        Number of evaluations and atoms of each.

    Returns
    -------
    float or None
        None for an unknown potential.
    """
    if foundation not in CPU_S_PER_ATOM_STEP:
        return None
    fixed, per_atom = CPU_S_PER_STEP.get(foundation, 0.0), CPU_S_PER_ATOM_STEP[foundation]
    return sum(number * (fixed + per_atom * atoms) for number, atoms in cells) / SECONDS_PER_HOUR


def gpu_hours(foundation: str, cpu_hours: float | None) -> float | None:
    """GPU hours that replace these CPU core hours of a potential; None where nothing is known."""
    cores = CORES_PER_GPU.get(foundation)
    return None if cores is None or cpu_hours is None else cpu_hours / cores


def label_hours(engine: LabelEngine, cells: Iterable[tuple[float, float]]) -> float | None:
    """CPU core hours of labels.

    Parameters
    ----------
    engine : LabelEngine
        What computes them.
    cells : iterable of (float, float)
        Number of labels and atoms of each.

    Returns
    -------
    float or None
        None for an engine of which nothing is known (CP2K: it depends on basis set and cutoff).
    """
    if engine is LabelEngine.TEACHER_CHGNET_R2SCAN:
        return sum(number * atoms for number, atoms in cells) * CPU_S_PER_ATOM_TEACHER / SECONDS_PER_HOUR
    if engine is LabelEngine.VASP_SCAN:
        return VASP_CORE_HOURS * sum(number * float((atoms / VASP_ATOMS) ** VASP_EXPONENT) for number, atoms in cells)
    return None
