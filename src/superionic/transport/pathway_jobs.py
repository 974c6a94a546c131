"""Maker of the pathway analysis."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from jobflow import Maker
from pymatgen.core import Structure

from superionic.database.jobs import stage_job
from superionic.database.reuse import produce
from superionic.errors import InsufficientDataError, TransportInputError
from superionic.transport.diffusion import analyze_trajectory
from superionic.transport.pathway_documents import pathway_document
from superionic.transport.pathway_schemas import PathwayDoc
from superionic.transport.pathways import PathwaySettings, analyze_pathways
from superionic.transport.schemas import TrajectoryDoc
from superionic.transport.trajectory import read_trajectory

# the simulated cell has many more voxels than the unit cell of the host
UNFOLDED_RESOLUTION_A = 0.4


@dataclass
class PathwayMaker(Maker):
    """Ion density, sites, jumps and bottlenecks of one trajectory.

    Parameters
    ----------
    name : str
        Name of the job.
    mobile : str
        Mobile species.
    settings : PathwaySettings
        Resolution and criteria.
    """

    name: str = "pathways"
    mobile: str = "Li"
    settings: PathwaySettings = field(default_factory=PathwaySettings)

    @stage_job(data=["density_ions_per_A3"], output_schema=PathwayDoc)
    def make(self, run: TrajectoryDoc, host: Structure) -> PathwayDoc:
        """Analyse one run.

        Parameters
        ----------
        run : TrajectoryDoc
            The run.
        host : Structure
            Disordered host cell whose site labels name the sites of the mobile species.

        Raises
        ------
        InsufficientDataError
            If the run exploded before there was anything to analyse.
        """
        return produce(
            PathwayDoc,
            lambda: self._analyse(run, host),
            parents=[run],
            settings={"mobile": self.mobile, "sites": host.frac_coords, **asdict(self.settings)},
            spec_key=run.spec_key,
            composition=run.composition,
        )

    def _analyse(self, run: TrajectoryDoc, host: Structure) -> PathwayDoc:
        trajectory = read_trajectory(run.trajectory_blob.to_bytes())
        data = (
            trajectory.positions_A,
            trajectory.lattice_A,
            trajectory.species,
            self.mobile,
            trajectory.time_step_ps,
            run.temperature_K,
        )
        options: dict[str, Any] = {"discard_ps": run.discard_ps}
        try:
            known = options | {"diffusion": analyze_trajectory(*data, **options)}
        except TransportInputError as error:
            if run.ended_early is None:
                raise
            raise InsufficientDataError(
                f"no pathways at {run.temperature_K:g} K: the run {run.ended_early}, too early for any density. Mend "
                "the model (docs/howto/production-md.md) or choose another transport.pathway_temperature_K"
            ) from error
        try:
            found = analyze_pathways(*data, host=host, settings=self.settings, **known)
        except TransportInputError as error:
            # molten, or not of this host: what there is to see is in the simulated cell
            coarse = replace(self.settings, resolution_A=max(self.settings.resolution_A, UNFOLDED_RESOLUTION_A))
            found = analyze_pathways(*data, settings=coarse, **known)
            found = replace(found, warnings=(f"analysed without its host: {error}", *found.warnings))
        return pathway_document(found, run.model_key)
