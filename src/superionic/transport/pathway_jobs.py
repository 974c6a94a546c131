"""Maker of the pathway analysis."""

from __future__ import annotations

from dataclasses import dataclass

from jobflow import Maker
from pymatgen.core import Structure

from superionic.database.jobs import stage_job
from superionic.database.reuse import produce
from superionic.transport.assemble import host_sites
from superionic.transport.pathways import ion_density, site_occupancy
from superionic.transport.schemas import PathwayDoc, SiteOccupancy, TrajectoryDoc
from superionic.transport.trajectory import read_trajectory

PATHWAY_RESOLUTION_A = 0.4


@dataclass
class PathwayMaker(Maker):
    """Ion density, site occupancies and jumps of one trajectory.

    Parameters
    ----------
    name : str
        Name of the job.
    mobile : str
        Mobile species.
    """

    name: str = "pathways"
    mobile: str = "Li"

    @stage_job(data=["density_ions_per_A3"], output_schema=PathwayDoc)
    def make(self, run: TrajectoryDoc, host: Structure) -> PathwayDoc:
        """Analyse one run.

        Parameters
        ----------
        run : TrajectoryDoc
            The run.
        host : Structure
            Disordered host cell whose site labels name the sites of the mobile species.
        """
        return produce(
            PathwayDoc,
            lambda: self._analyse(run, host),
            parents=[run],
            settings={"mobile": self.mobile, "resolution_A": PATHWAY_RESOLUTION_A, "sites": host.frac_coords},
            spec_key=run.spec_key,
            composition=run.composition,
        )

    def _analyse(self, run: TrajectoryDoc, host: Structure) -> PathwayDoc:
        trajectory = read_trajectory(run.trajectory_blob.to_bytes())
        start = round(run.discard_ps / trajectory.time_step_ps)
        data = (trajectory.positions_A[start:], trajectory.lattice_A, trajectory.species, self.mobile)
        density = ion_density(*data, resolution_A=PATHWAY_RESOLUTION_A)
        sites, labels = host_sites(host, trajectory.lattice_A, self.mobile)
        found = site_occupancy(*data, sites, labels)
        shape = density.number_density_per_A3.shape
        return PathwayDoc(
            model_key=run.model_key,
            temperature_K=run.temperature_K,
            mobile=self.mobile,
            grid_shape=(shape[0], shape[1], shape[2]),
            lattice_A=density.lattice_A.tolist(),
            density_ions_per_A3=density.number_density_per_A3.ravel().tolist(),
            n_mobile=density.mobile_count,
            sites=[
                SiteOccupancy(label=label, n_sites=labels.count(label), occupancy=float(value))
                for label, value in found.occupancy_by_label.items()
            ],
            jumps={f"{a}->{b}": int(n) for (a, b), n in found.jumps_by_label.items() if n > 0},
        )
