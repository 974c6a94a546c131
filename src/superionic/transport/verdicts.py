"""The verdicts that go with every transport number."""

from enum import StrEnum


class Verdict(StrEnum):
    """Whether a diffusivity or conductivity may be used, and if not, why.

    Attributes
    ----------
    OK
        Diffusive regime found, enough hops, framework intact: value and error may be used. Isolated defects of the host
        are named in the reason.
    NOT_DIFFUSIVE
        The mean square displacement never grows linearly with time inside the run: only a bound, if any, is usable.
    FRAMEWORK_UNSTABLE
        More host atoms leave their sites than chance explains: melting, amorphisation or host hopping. The number is
        not that of the crystal that was meant.
    TOO_FEW_HOPS
        Too few jumps were seen to know a rate: only the upper bound is usable.
    EXTRAPOLATED
        The number was not simulated: it lies outside the temperatures of an Arrhenius fit.
    """

    OK = "ok"
    NOT_DIFFUSIVE = "not_diffusive"
    FRAMEWORK_UNSTABLE = "framework_unstable"
    TOO_FEW_HOPS = "too_few_hops"
    EXTRAPOLATED = "extrapolated"
