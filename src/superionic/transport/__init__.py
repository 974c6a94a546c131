"""From trajectories to diffusivities, conductivities, activation energies and pathways."""

from superionic.transport.anisotropy import AXES, PLANES
from superionic.transport.arrhenius import Arrhenius, ErrorSource, Prediction, fit_arrhenius
from superionic.transport.arrhenius_input import ExcludedPoint, FitMethod
from superionic.transport.conductivity import nernst_einstein, nernst_einstein_factor
from superionic.transport.diffusion import Diffusion, DiffusionSettings, analyze_trajectory
from superionic.transport.estimator import WindowSettings
from superionic.transport.integrity import FrameworkIntegrity, HostSpecies, IntegritySettings
from superionic.transport.pathways import IonDensity, SiteOccupancy, ion_density, site_occupancy
from superionic.transport.trajectory import Trajectory, TrajectoryWriter, read_trajectory
from superionic.transport.verdicts import Verdict

__all__ = [
    "AXES",
    "PLANES",
    "Arrhenius",
    "Diffusion",
    "DiffusionSettings",
    "ErrorSource",
    "ExcludedPoint",
    "FitMethod",
    "FrameworkIntegrity",
    "HostSpecies",
    "IntegritySettings",
    "IonDensity",
    "Prediction",
    "SiteOccupancy",
    "Trajectory",
    "TrajectoryWriter",
    "Verdict",
    "WindowSettings",
    "analyze_trajectory",
    "fit_arrhenius",
    "ion_density",
    "nernst_einstein",
    "nernst_einstein_factor",
    "read_trajectory",
    "site_occupancy",
]
