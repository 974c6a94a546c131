"""What is run for each of the three systems, in cells that the teacher can afford."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from superionic.dynamics import MDSettings
from superionic.provenance import derived_seed
from superionic.spec import ElectrolyteSpec


@dataclass(frozen=True)
class LoopSystem:
    """One system of the closed-loop test.

    Attributes
    ----------
    name : str
        Name of its file in ``workflows/``, whose profile `laptop` is the campaign.
    labels : tuple of str
        Compositions whose MD is compared.
    supercell : tuple of int, (3,)
        Of the ordering's cell, for the MD.
    temperatures_K : tuple of float
        Of the MD, K.
    time_ps, discard_ps : float
        Length of each run, and what is dropped from its start, ps.
    """

    name: str
    labels: tuple[str, ...]
    supercell: tuple[int, int, int]
    temperatures_K: tuple[float, ...]
    time_ps: float
    discard_ps: float

    def runs(self) -> Sequence[tuple[str, float]]:
        """Composition and temperature of each run, in the order in which they are made."""
        return [(label, temperature) for label in self.labels for temperature in self.temperatures_K]

    def md(self, spec: ElectrolyteSpec, label: str, temperature_K: float) -> MDSettings:
        """Settings of a run: those of the campaign but for its length. All potentials get the same velocities."""
        transport = spec.transport
        return MDSettings(
            temperature_K=temperature_K,
            time_ps=self.time_ps,
            time_step_fs=transport.time_step_fs,
            thermostat=transport.thermostat,
            damping_fs=transport.damping_fs,
            stride_fs=transport.stride_fs,
            seed=derived_seed(spec.seed, "closed loop", label, temperature_K),
        )


SYSTEMS = {
    system.name: system
    for system in (
        LoopSystem("nasicon", ("x=2", "x=1"), (1, 1, 1), (1200.0, 1500.0), time_ps=12, discard_ps=1),
        LoopSystem("liybc", ("x=0.5,y=0.5", "x=1,y=0"), (1, 1, 2), (700.0, 600.0), time_ps=20, discard_ps=2),
        LoopSystem("lpgso", ("x=0.5", "x=0"), (1, 1, 1), (1000.0, 800.0), time_ps=12, discard_ps=2),
    )
}
