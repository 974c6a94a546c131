"""Phases outside of a campaign that it has to compete with."""

from __future__ import annotations

from typing import Any

from superionic.errors import SpecError
from superionic.flows.stages import Category, Stage, mark
from superionic.labelling.jobs import label_level_of_theory
from superionic.spec import ElectrolyteSpec
from superionic.stability.competing_jobs import CompetingPhasesMaker
from superionic.stability.materials_project import materials_project_phases
from superionic.stages import StatedPhase


def competing_jobs(spec: ElectrolyteSpec, model: Any, device: str = "cpu") -> list[Any]:  # noqa: ANN401 (jobflow)
    """The job that relaxes the competing phases with the tuned model; none where the spec asks for none.

    Parameters
    ----------
    spec : ElectrolyteSpec
        The campaign's spec.
    model : ModelDoc or reference
        The tuned model.
    device : str
        Torch device.

    Raises
    ------
    SpecError
        If energies without structures are of another level of theory than the labels.
    NotConfiguredError
        If the Materials Project is asked for and cannot be reached.
    """
    settings = spec.stability.competing
    if settings is None:
        return []
    phases = competing_phases(spec)
    maker = CompetingPhasesMaker(
        relax=settings.relax, level_of_theory=settings.level_of_theory, charges=dict(spec.charges), device=device
    )
    return [mark(maker.make(model, phases, spec.key), Stage.STABILITY, Category.GPU, spec.key)]


def competing_phases(spec: ElectrolyteSpec) -> list[StatedPhase]:
    """Phases of the user's file, then those of the Materials Project, as far as they can compete at all.

    Raises
    ------
    SpecError
        As for :func:`competing_jobs`, and if no phase is left.
    NotConfiguredError
        As for :func:`competing_jobs`.
    """
    settings = spec.stability.competing
    if settings is None:
        return []
    _require_one_method(spec)
    phases = list(settings.phases or [])
    if settings.materials_project:
        phases += materials_project_phases(spec.elements, settings.max_e_above_hull_eV_per_atom)
    able = [phase for phase in phases if _elements(phase) <= set(spec.elements)]
    if not able:
        raise SpecError(
            f"{spec.source}: stability.competing: no phase is made of {', '.join(spec.elements)} alone, so none "
            "can compete; give phases of these elements"
        )
    return able


def _require_one_method(spec: ElectrolyteSpec) -> None:
    settings = spec.stability.competing
    bare = [phase.name for phase in (settings.phases if settings else None) or [] if phase.structure is None]
    if not bare or settings is None:
        return
    wanted = label_level_of_theory(spec.labelling)
    if settings.level_of_theory != wanted:
        raise SpecError(
            f"{spec.source}: stability.competing.level_of_theory: {', '.join(bare)} have no structure and energies of "
            f"{settings.level_of_theory!r}, the labels are of {wanted!r}. Energies of different methods must not be "
            "mixed: give structures, which the tuned model relaxes"
        )


def _elements(phase: StatedPhase) -> set[str]:
    from pymatgen.core import Composition

    return {element.symbol for element in Composition(phase.formula).elements}
