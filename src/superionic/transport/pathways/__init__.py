"""Where the mobile ions are, how they get on, and where they are held up."""

from superionic.transport.pathways.analysis import analyze_pathways
from superionic.transport.pathways.barriers import Bottleneck
from superionic.transport.pathways.density import IonDensity, free_energy, ion_density, symmetry_averaged
from superionic.transport.pathways.host import FrameworkAtom, HostFit, host_sites
from superionic.transport.pathways.jumps import JumpRate, JumpStatistics, KindOfSite, Link
from superionic.transport.pathways.occupancy import SiteOccupancy, site_occupancy
from superionic.transport.pathways.paths import Connection, DensityPath
from superionic.transport.pathways.percolation import Loop, Percolation, percolate
from superionic.transport.pathways.result import Pathways, PathwaySettings
from superionic.transport.pathways.sites import DensitySite, sites_from_density

__all__ = [
    "Bottleneck",
    "Connection",
    "DensityPath",
    "DensitySite",
    "FrameworkAtom",
    "HostFit",
    "IonDensity",
    "JumpRate",
    "JumpStatistics",
    "KindOfSite",
    "Link",
    "Loop",
    "PathwaySettings",
    "Pathways",
    "Percolation",
    "SiteOccupancy",
    "analyze_pathways",
    "free_energy",
    "host_sites",
    "ion_density",
    "percolate",
    "site_occupancy",
    "sites_from_density",
    "symmetry_averaged",
]
