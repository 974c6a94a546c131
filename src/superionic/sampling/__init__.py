"""Sampling: choice of parents, MD at constant temperature, random frames and strain."""

from superionic.dynamics import MDFrame, MDGuard, MDResult, run_md
from superionic.sampling.frames import SampledFrames, sample_frames
from superionic.sampling.selection import choose, choose_parents, principal_components
from superionic.sampling.strain import StrainedFrame, apply_strain, random_strain, strained_frame

__all__ = [
    "MDFrame",
    "MDGuard",
    "MDResult",
    "SampledFrames",
    "StrainedFrame",
    "apply_strain",
    "choose",
    "choose_parents",
    "principal_components",
    "random_strain",
    "run_md",
    "sample_frames",
    "strained_frame",
]
