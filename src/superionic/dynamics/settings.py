"""What defines a run: two runs with equal settings, atoms and potential are the same run."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from superionic.dynamics.guard import MDGuard
from superionic.errors import InputError
from superionic.stages import Thermostat
from superionic.units import FS_PER_PS

INTEGER_TOLERANCE = 1e-6


@dataclass(frozen=True)
class MDSettings:
    """Settings of one run in the NVT ensemble.

    Attributes
    ----------
    temperature_K : float
        Set temperature, K.
    time_ps : float
        Length of the run, ps.
    time_step_fs : float
        Time step, fs.
    thermostat : Thermostat
        Berendsen (J. Chem. Phys. 1984, 81, 3684; its fluctuations are not canonical), Langevin (Vanden-Eijnden and
        Ciccotti, Chem. Phys. Lett. 2006, 429, 310), Nose-Hoover chain (Martyna et al., J. Chem. Phys. 1992, 97, 2635)
        or CSVR (Bussi et al., J. Chem. Phys. 2007, 126, 014101).
    damping_fs : float
        Time constant of the thermostat, fs.
    stride_fs : float
        Time between frames, a multiple of the time step, fs.
    seed : int
        Seed of velocities and thermostat: equal seeds give equal runs on one machine.
    guard : MDGuard
        Bounds of a sane run.
    rest_steps : int
        Steps between the points where the calculator forgets what it keeps, and where alone the run may be left and
        taken up. Fewer let large cells stop in time.

    Raises
    ------
    InputError
        If a value is not above zero, or lengths, steps and strides do not fit together.
    """

    temperature_K: float
    time_ps: float
    time_step_fs: float = 1.0
    thermostat: Thermostat = Thermostat.BERENDSEN
    damping_fs: float = 100.0
    stride_fs: float = 100.0
    seed: int = 0
    guard: MDGuard = field(default_factory=MDGuard)
    rest_steps: int = 50

    def __post_init__(self) -> None:
        lengths = {name: getattr(self, name) for name in ("time_ps", "time_step_fs", "stride_fs", "damping_fs")}
        if not all(0 < value < float("inf") for value in [*lengths.values(), self.temperature_K]):
            given = ", ".join(f"{name} {value:g}" for name, value in lengths.items())
            raise InputError(f"temperature_K {self.temperature_K:g}, {given} must all be finite and above zero")
        if self.rest_steps < 1:
            raise InputError(f"rest_steps is {self.rest_steps}, at least 1 is needed")
        ratio = self.stride_fs / self.time_step_fs
        if round(ratio) < 1 or abs(round(ratio) - ratio) > INTEGER_TOLERANCE * ratio:
            raise InputError(
                f"stride_fs {self.stride_fs:g} is no multiple of time_step_fs {self.time_step_fs:g}: change one of them"
            )

    @cached_property
    def n_steps(self) -> int:
        """Number of steps, at least 1."""
        return max(1, round(self.time_ps * FS_PER_PS / self.time_step_fs))

    @cached_property
    def stride(self) -> int:
        """Steps between frames."""
        return round(self.stride_fs / self.time_step_fs)

    def frames_until(self, step: int) -> int:
        """Number of frames of the first `step` steps, the start included."""
        return step // self.stride + 1

    def time_at_ps(self, step: int) -> float:
        """Time of a step, ps."""
        return step * self.time_step_fs / FS_PER_PS
