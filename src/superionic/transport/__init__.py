"""From trajectories to diffusivities, conductivities, activation energies and pathways."""

from superionic.transport.anisotropy import AXES, PLANES
from superionic.transport.arrhenius import Arrhenius, ErrorSource, Prediction, fit_arrhenius
from superionic.transport.arrhenius_curvature import Curvature
from superionic.transport.arrhenius_input import ExcludedPoint, FitMethod
from superionic.transport.conductivity import nernst_einstein, nernst_einstein_factor
from superionic.transport.curves import MsdCurves, mean_square_displacement
from superionic.transport.diffusion import DiffusionSettings, analyze_trajectory
from superionic.transport.estimator import Estimate
from superionic.transport.framework_state import FrameworkIntegrity, FrameworkState, HostSpecies, IntegritySettings
from superionic.transport.pathways import (
    IonDensity,
    Pathways,
    PathwaySettings,
    SiteOccupancy,
    analyze_pathways,
    free_energy,
    ion_density,
    site_occupancy,
)
from superionic.transport.readers import LoadedTrajectory, TrajectoryFormat, VariableCell, load_trajectory
from superionic.transport.replicas import CombinedDiffusion, LeftOut, combine_replicas
from superionic.transport.result import Cut, Diffusion, RunNumbers
from superionic.transport.trajectory import Trajectory, TrajectoryWriter, read_trajectory
from superionic.transport.verdicts import Verdict
from superionic.transport.window import WindowSettings

__all__ = [
    "AXES",
    "PLANES",
    "Arrhenius",
    "CombinedDiffusion",
    "Curvature",
    "Cut",
    "Diffusion",
    "DiffusionSettings",
    "ErrorSource",
    "Estimate",
    "ExcludedPoint",
    "FitMethod",
    "FrameworkIntegrity",
    "FrameworkState",
    "HostSpecies",
    "IntegritySettings",
    "IonDensity",
    "LeftOut",
    "LoadedTrajectory",
    "MsdCurves",
    "PathwaySettings",
    "Pathways",
    "Prediction",
    "RunNumbers",
    "SiteOccupancy",
    "Trajectory",
    "TrajectoryFormat",
    "TrajectoryWriter",
    "VariableCell",
    "Verdict",
    "WindowSettings",
    "analyze_pathways",
    "analyze_trajectory",
    "combine_replicas",
    "fit_arrhenius",
    "free_energy",
    "ion_density",
    "load_trajectory",
    "mean_square_displacement",
    "nernst_einstein",
    "nernst_einstein_factor",
    "read_trajectory",
    "site_occupancy",
]
