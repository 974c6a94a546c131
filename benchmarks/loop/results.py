"""All that was compared for one system, as plain data."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from campaign import Campaign
from compare import compare_hulls, compare_maps, joint_sigmas, joint_sigmas_of_counts, joint_sigmas_of_logs
from ground_states import GroundStates
from models import Models
from names import FOUNDATION, MODELS, TEACHER, VIEWS
from runs import CHECKED_FRAMES, SMOOTHING_A, VOXEL_A, Runs
from systems import LoopSystem

from superionic.errors import TransportInputError
from superionic.labelling.teacher import LEVEL_OF_THEORY
from superionic.provenance import software_versions
from superionic.transport.arrhenius import fit_arrhenius
from superionic.transport.result import Diffusion

Row = dict[str, Any]
POTENTIALS = (TEACHER, *MODELS)


@dataclass(frozen=True)
class Results:
    """Gathers what has been computed; what has not is left out.

    Attributes
    ----------
    system : LoopSystem
        The system.
    campaign : Campaign
        Its campaign.
    models : Models
        The models.
    """

    system: LoopSystem
    campaign: Campaign
    models: Models

    def gather(self) -> Row:
        """Everything as plain data: conditions, models, hulls, runs, activation energies."""
        runs = self.runs()
        return {
            "system": self.system.name,
            "campaign": self.campaign.spec.name,
            "spec_key": self.campaign.spec_key,
            "teacher": f"{LEVEL_OF_THEORY}, a surrogate for VASP-SCAN",
            "software": software_versions(),
            "conditions": self._conditions(),
            "models": {name: self._model(name) for name in MODELS if name != FOUNDATION},
            "hulls": self.hulls(),
            "runs": runs,
            "activation_energies": self.activation_energies(runs),
            "missing": self._missing(),
        }

    def _missing(self) -> list[str]:
        """Runs that have not ended, by potential."""
        runs, wanted = Runs(self.system, self.campaign, self.models), self.system.runs()
        lines = []
        for name in POTENTIALS:
            left = [f"{label} {kelvin:g} K" for label, kelvin in wanted if not runs.finished(name, label, kelvin)]
            if left:
                lines.append(f"{name} ({'all' if len(left) == len(wanted) else ', '.join(left)})")
        return lines

    def _conditions(self) -> Row:
        relax, dataset = self.campaign.spec.stability.relax, self.campaign.dataset()
        states = GroundStates(self.campaign, self.models)
        first, *_ = (self.system.md(self.campaign.spec, *run) for run in self.system.runs())
        atoms = {label: len(self.campaign.candidates()[label][0]) for label in self.system.labels}
        return {
            "labels": dataset.counts,
            "relaxation": {"fmax_eV_per_A": relax.fmax_eV_per_A, "max_steps": relax.max_steps},
            "unfinished_relaxations": {name: states.unfinished(name) for name in POTENTIALS},
            "md": {
                "atoms": {label: n * math.prod(self.system.supercell) for label, n in atoms.items()},
                "time_ps": self.system.time_ps,
                "discard_ps": self.system.discard_ps,
                "time_step_fs": first.time_step_fs,
                "thermostat": first.thermostat.value,
                "damping_fs": first.damping_fs,
            },
            "map": {"voxel_A": VOXEL_A, "smoothing_A": SMOOTHING_A},
            "checked_frames": CHECKED_FRAMES,
        }

    def _model(self, name: str) -> Row:
        document = self.models.document(name)
        rows = [row for row in document.errors if (row.model, row.split, row.group) == ("tuned", "test", "all")]
        return {
            "sha256": document.potential.sha256,
            "mode": document.mode,
            "test_energy_rmse_meV_per_atom": rows[0].energy_rmse_meV_per_atom if rows else None,
            "test_force_rmse_meV_per_A": rows[0].force_rmse_meV_per_A if rows else None,
            "cpu_s": document.resources.cpu_time_s if document.resources else None,
        }

    def hulls(self) -> Row:
        """Comparison of the hulls by model and view."""
        states = GroundStates(self.campaign, self.models)
        return {name: {view: asdict(compare_hulls(states.table(name, view))) for view in VIEWS} for name in MODELS}

    def runs(self) -> list[Row]:
        """One row per potential, composition and temperature whose run has ended."""
        runs = Runs(self.system, self.campaign, self.models)
        rows = []
        for run in self.system.runs():
            ended = [name for name in POTENTIALS if runs.finished(name, *run)]
            exploded = {name: runs.exploded_at_ps(name, *run) for name in ended}
            sound = {name: runs.diffusion(name, *run) for name in ended if exploded[name] is None}
            for name in ended:
                row = {"potential": name, "composition": run[0], "temperature_K": run[1]}
                row |= _numbers(sound[name]) if name in sound else _exploded(exploded[name])
                if name != TEACHER and TEACHER in ended:
                    row["frames"] = asdict(runs.force_errors(name, *run))
                if name != TEACHER and {name, TEACHER} <= sound.keys():
                    row |= self._against_teacher(runs, name, run, sound)
                rows.append(row)
        return rows

    def _against_teacher(self, runs: Runs, name: str, run: tuple[str, float], found: dict[str, Diffusion]) -> Row:
        own, model = found[TEACHER], found[name]
        maps = compare_maps(runs.density_halves(TEACHER, *run), runs.density_halves(name, *run))
        return {
            "sigmas": joint_sigmas_of_logs(
                own.diffusivity_cm2_per_s,
                own.diffusivity_std_cm2_per_s,
                model.diffusivity_cm2_per_s,
                model.diffusivity_std_cm2_per_s,
            ),
            "jump_sigmas": joint_sigmas_of_counts(own.n_hops, model.n_hops),
            "map": asdict(maps),
        }

    def activation_energies(self, runs: list[Row]) -> list[Row]:
        """Activation energies of the potentials, and how far each is from the teacher's."""
        rows = []
        for label in self.system.labels:
            fits = {name: _fit(runs, name, label) for name in POTENTIALS}
            for name, fit in fits.items():
                if fit is not None:
                    own = fits[TEACHER]
                    sigmas = joint_sigmas(*own, *fit) if own is not None and name != TEACHER else None
                    rows.append(
                        {
                            "potential": name,
                            "composition": label,
                            "value_eV": fit[0],
                            "std_eV": fit[1],
                            "sigmas": sigmas,
                        }
                    )
        return rows


def _exploded(time_ps: float | None) -> Row:
    """A run without numbers: ions of an exploding model go anywhere."""
    return {"verdict": "exploded", "exploded_at_ps": time_ps}


def _numbers(found: Diffusion) -> Row:
    return {
        "diffusivity_cm2_per_s": found.diffusivity_cm2_per_s,
        "diffusivity_std_cm2_per_s": found.diffusivity_std_cm2_per_s,
        "n_hops": found.n_hops,
        "n_mobile": found.mobile_count,
        "analysed_ps": found.duration_ps,
        "verdict": found.verdict.value,
        "verdict_reason": found.verdict_reason,
        "framework": {part.species: part.state.value for part in found.integrity.species},
    }


def _fit(runs: list[Row], name: str, label: str) -> tuple[float, float] | None:
    """Activation energy and its error, eV; None unless both temperatures have a run whose verdict is ok."""
    rows = [row for row in runs if (row["potential"], row["composition"]) == (name, label)]
    sound = [row for row in rows if row["verdict"] == "ok"]
    try:
        fit = fit_arrhenius(
            [row["temperature_K"] for row in sound],
            [row["diffusivity_cm2_per_s"] for row in sound],
            [row["diffusivity_std_cm2_per_s"] for row in sound],
        )
    except TransportInputError:  # fewer than two temperatures are left
        return None
    return fit.activation_energy_eV, fit.activation_energy_std_eV
