"""Conductivity of every composition at one temperature, from a run there or from the Arrhenius fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from superionic.documents import CompositionInfo
from superionic.errors import TransportInputError
from superionic.report.theme import verdict_words
from superionic.transport.arrhenius import Arrhenius, fit_arrhenius
from superionic.transport.schemas import ArrheniusPoint, ConductivityDoc

SAME_TEMPERATURE_K = 1.0
USUAL_TEMPERATURE_K = 800.0
"""Temperature of the paper's map; decides between temperatures that are simulated equally often."""
ONE_SIGMA = 0.6827


class Origin(StrEnum):
    """Where a conductivity comes from."""

    RUN = "simulated"
    FIT = "from the fit"
    EXTRAPOLATED = "extrapolated"
    DOUBTFUL = "doubtful"


@dataclass(frozen=True)
class SigmaAt:
    """Conductivity of one composition at one temperature.

    Attributes
    ----------
    composition : CompositionInfo
        The composition.
    value, low, high : float
        Conductivity and the ends of its 68 % interval, S/cm.
    origin : Origin
        Run, fit inside of the simulated temperatures, extrapolated, or a run whose verdict is not ok.
    remark : str
        What to know about it.
    activation_energy_eV, activation_energy_std_eV : float or None
        Of the Arrhenius fit.
    """

    composition: CompositionInfo
    value: float
    low: float
    high: float
    origin: Origin
    remark: str
    activation_energy_eV: float | None
    activation_energy_std_eV: float | None

    @property
    def usable(self) -> bool:
        """Whether the number may be compared with others."""
        return self.origin is not Origin.DOUBTFUL

    @property
    def variant(self) -> str:
        """What sets it apart from the ground state of the host at the same composition: a polymorph, Monte Carlo."""
        return self.composition.polymorph or self.composition.label.partition(" (")[2].removesuffix(")")


def common_temperature(docs: Sequence[ConductivityDoc]) -> float | None:
    """The temperature with usable runs of most compositions, of equals the one nearest to 800 K; None without any."""
    counts = Counter(point.temperature_K for doc in docs for point in doc.points if point.used)
    return max(counts, key=lambda t: (counts[t], -abs(t - USUAL_TEMPERATURE_K)), default=None)


def sigma_at(doc: ConductivityDoc, temperature_K: float) -> SigmaAt | None:
    """Conductivity of a composition at a temperature.

    A run there counts; without one the weighted Arrhenius fit does. A run whose verdict is not ok gives a
    doubtful number unless the fit of the others reaches the temperature.

    Parameters
    ----------
    doc : ConductivityDoc
        Runs of one composition.
    temperature_K : float
        Temperature, K.

    Returns
    -------
    SigmaAt or None
        None if the composition is unknown, or nothing is known at that temperature.
    """
    here = [point for point in doc.points if abs(point.temperature_K - temperature_K) <= SAME_TEMPERATURE_K]
    runs = [point for point in here if (point.conductivity_S_per_cm or 0.0) > 0]
    used = next((point for point in runs if point.used), None)
    if used is not None:
        return _of_run(doc, used, Origin.RUN, used.reason)
    fit = refit(doc)
    if fit is not None:
        return _of_fit(doc, fit, temperature_K)
    doubtful = next(iter(runs), None)
    if doubtful is None:
        return None
    return _of_run(doc, doubtful, Origin.DOUBTFUL, f"{verdict_words(doubtful.verdict)}: {doubtful.reason}")


def refit(doc: ConductivityDoc) -> Arrhenius | None:
    """The weighted fit of a document with its covariance, for predictions at any temperature; None without one."""
    used = [point for point in doc.points if point.used]
    try:
        return fit_arrhenius(
            [point.temperature_K for point in used],
            [point.diffusivity_cm2_per_s or 0.0 for point in used],
            [point.diffusivity_std_cm2_per_s or 0.0 for point in used],
            conductivities_S_per_cm=[point.conductivity_S_per_cm or 0.0 for point in used],
        )
    except TransportInputError:
        return None


def _of_run(doc: ConductivityDoc, point: ArrheniusPoint, origin: Origin, remark: str) -> SigmaAt | None:
    value, std = point.conductivity_S_per_cm or 0.0, point.conductivity_std_S_per_cm or 0.0
    return _made(doc, (value, value - std, value + std), origin, remark)


def _of_fit(doc: ConductivityDoc, fit: Arrhenius, temperature_K: float) -> SigmaAt | None:
    found = fit.conductivity_at(temperature_K, level=ONE_SIGMA)
    origin = Origin.EXTRAPOLATED if found.extrapolated else Origin.FIT
    remark = f"{origin.value}, fitted over {len(fit.temperatures_K)} temperatures"
    return _made(doc, (found.value, found.low, found.high), origin, remark)


def _made(doc: ConductivityDoc, numbers: tuple[float, float, float], origin: Origin, remark: str) -> SigmaAt | None:
    if doc.composition is None:
        return None
    energies = doc.activation_energy_eV, doc.activation_energy_std_eV
    return SigmaAt(doc.composition, *numbers, origin, remark, *energies)
