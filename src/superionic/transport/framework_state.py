"""What the framework check says, and its thresholds."""

from dataclasses import dataclass
from enum import StrEnum

from superionic.transport.displacement import Array


class FrameworkState(StrEnum):
    """What became of a host species.

    Attributes
    ----------
    INTACT
        Its atoms stay on their sites.
    HOST_DEFECTS
        Some atoms left their sites, but no more than a sound host may show by chance. Counts as stable, with a warning.
    ROTATING_GROUPS
        Atoms leave their sites but stay bonded to centres that stay: molecular groups rotate. Counts as stable.
    SITE_EXCHANGE
        Atoms leave their sites while the order of the crystal stays: host atoms hop from site to site.
    MELTED
        The order is lost and the atoms keep moving.
    AMORPHISED
        The order is lost and the atoms come to rest on other places: amorphous, or another crystal.
    DISORDERED
        The order is lost; what is left of the run is too short to tell a melt from a glass.
    UNCLEAR
        Atoms leave their sites; there are too few of them to judge the order, or there was none at the start.
    """

    INTACT = "intact"
    HOST_DEFECTS = "host_defects"
    ROTATING_GROUPS = "rotating_groups"
    SITE_EXCHANGE = "site_exchange"
    MELTED = "melted"
    AMORPHISED = "amorphised"
    DISORDERED = "disordered"
    UNCLEAR = "unclear"


STATE_WORDS = {
    FrameworkState.INTACT: "on its sites",
    FrameworkState.HOST_DEFECTS: "isolated atoms left their sites",
    FrameworkState.ROTATING_GROUPS: "groups rotate about centres that stay",
    FrameworkState.SITE_EXCHANGE: "atoms hop between sites of an ordered crystal",
    FrameworkState.MELTED: "melted",
    FrameworkState.AMORPHISED: "amorphised or transformed, then at rest",
    FrameworkState.DISORDERED: "order lost (melted or amorphised)",
    FrameworkState.UNCLEAR: "atoms leave their sites",
}
SEVERITY = tuple(FrameworkState)
STABLE = frozenset({FrameworkState.INTACT, FrameworkState.HOST_DEFECTS, FrameworkState.ROTATING_GROUPS})


@dataclass(frozen=True)
class IntegritySettings:
    """Thresholds of the framework check.

    Attributes
    ----------
    max_late_exponent : float
        Largest log-log slope at long times of the MSD of the atoms that are still on their sites; a crystal has 0.
    significant_rms : float
        The exponent only counts when the root mean square displacement of these atoms exceeds this fraction of the
        nearest-neighbour distance: the slope of a small MSD is noise.
    max_fraction_displaced : float
        Largest fraction of the atoms of a host species that a sound crystal has further than half the
        distance between neighbours of that species from where they started.
    chance : float
        So many atoms must have left that a host which loses `max_fraction_displaced` shows as many with at most this
        probability (binomial): 3 of 8, 4 of 27, 6 of 48, 12 of 128. Fewer are reported as defects.
    n_blocks : int
        Time blocks over which positions are averaged, at least 2; the resolution of the time of onset.
    min_neighbour_A, max_neighbour_A : float
        Bounds of the distance to the nearest atom of the same species, in angstrom: very short bonds, sparse species.
        It is never taken shorter than that to the nearest host atom.
    min_order : float
        The order counts as lost when the structure factor at the strongest reflections of the start falls below this
        fraction of what it was.
    flowing_fraction, resting_fraction : float
        A disordered host is a melt when at least the first fraction of its atoms moved on in the second half of the
        time since the onset, and amorphous when less than the second fraction did.
    judged_species : tuple of str, optional
        Host species that decide; by default all. Leave out anions known to rotate.
    """

    max_late_exponent: float = 0.3
    significant_rms: float = 0.3
    max_fraction_displaced: float = 0.05
    chance: float = 0.05
    n_blocks: int = 20
    min_neighbour_A: float = 1.0
    max_neighbour_A: float = 3.0
    min_order: float = 0.5
    flowing_fraction: float = 0.25
    resting_fraction: float = 0.05
    judged_species: tuple[str, ...] | None = None


@dataclass(frozen=True)
class HostSpecies:
    """State of one species of the host.

    Attributes
    ----------
    species : str
        Chemical symbol.
    count : int
        Number of atoms.
    late_exponent : float
        Log-log slope of the MSD for lags of a tenth to half of the run; NaN when nothing moves.
    rms_displacement_A : float
        Root of the MSD at half of the run, vibration included, in angstrom. Both are over all its atoms.
    nearest_neighbour_A : float
        Mean distance to the nearest atom of the same species at the start, at most 3 A; half of it is where another
        site begins.
    n_displaced : int
        Atoms that end further than half that distance from their start, in the last two time blocks.
    fraction_displaced : float
        The same as a fraction.
    onset_ps : float or None
        Time from which more atoms are displaced than chance allows; of defects, the time from which the first is.
    judged : bool
        Whether this species counts in the verdict.
    stable : bool
        Whether it passes.
    state : FrameworkState
        What became of it.
    order : float
        Structure factor at the strongest reflections of the first frame, at the end over at the start; NaN below 8
        atoms, and where the first frame shows no order.
    time_ps : tuple of float
        Middles of the time blocks of the next two, in ps after the first frame analysed.
    displaced_by_time, order_by_time : tuple of float
        Fraction displaced, and order, in each time block.
    """

    species: str
    count: int
    late_exponent: float
    rms_displacement_A: float
    nearest_neighbour_A: float
    n_displaced: int
    fraction_displaced: float
    onset_ps: float | None
    judged: bool
    stable: bool
    state: FrameworkState
    order: float
    time_ps: tuple[float, ...]
    displaced_by_time: tuple[float, ...]
    order_by_time: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class FrameworkIntegrity:
    """State of the host lattice over a run.

    Attributes
    ----------
    checked : bool
        False when the trajectory holds no host atoms, so that nothing could be checked.
    stable : bool
        Whether all judged host species pass (True when nothing was checked).
    species : tuple of HostSpecies
        One entry per host species.
    fraction_displaced : float
        Over all host atoms; NaN when not checked.
    state : FrameworkState
        The gravest state among the judged species.
    onset_ps : float or None
        Earliest onset among the judged species, in ps after the first frame analysed.
    reason : str
        What was found, in words.
    warnings : tuple of str
        What a stable host shows all the same: defects.
    msd_A2 : numpy.ndarray, (lags,)
        All-origin MSD of the host in A^2 at lags 0, 1, ... frames, mean over its atoms.
    """

    checked: bool
    stable: bool
    species: tuple[HostSpecies, ...]
    fraction_displaced: float
    state: FrameworkState
    onset_ps: float | None
    reason: str
    warnings: tuple[str, ...]
    msd_A2: Array
