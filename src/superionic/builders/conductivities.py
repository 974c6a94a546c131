"""Raw ConductivityDocs to rows of the collection ``conductivities``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from superionic.builders.common import common_fields
from superionic.builders.rows import ConductivityRow
from superionic.builders.stored import RawDoc, StoredResult, group_results, light_document
from superionic.transport.anisotropy import PLANES
from superionic.transport.schemas import ConductivityDoc


def build_conductivities(docs: Iterable[RawDoc]) -> list[ConductivityRow]:
    """One row per conductivity document.

    Parameters
    ----------
    docs : iterable of mappings
        Job store documents whose outputs are ConductivityDocs; copies of one key are merged.

    Returns
    -------
    list of ConductivityRow
        Sorted by key.

    Raises
    ------
    DatabaseError
        If an output has no key.
    pydantic.ValidationError
        If an output does not fit the schema.
    """
    return [_row(result) for result in group_results(docs)]


def _row(result: StoredResult) -> ConductivityRow:
    doc = light_document(ConductivityDoc, result.output)
    energy, sigma = doc.activation_energy_95_eV, doc.conductivity_at_reference_95_S_per_cm
    plain, bend = doc.unweighted_fit, doc.weighted_fit.curvature if doc.weighted_fit else None
    fitted = {point.temperature_K for point in doc.points if point.used}
    return ConductivityRow(
        **common_fields(result, doc),
        model_key=doc.model_key,
        level_of_theory=doc.level_of_theory,
        mobile=doc.mobile,
        verdict=doc.verdict,
        verdict_reason=doc.verdict_reason,
        activation_energy_eV=doc.activation_energy_eV,
        activation_energy_std_eV=doc.activation_energy_std_eV,
        activation_energy_95_low_eV=energy.low if energy else None,
        activation_energy_95_high_eV=energy.high if energy else None,
        activation_energy_unweighted_eV=plain.activation_energy_eV if plain else None,
        activation_energy_unweighted_std_eV=plain.activation_energy_std_eV if plain else None,
        **_in_planes(doc),
        curvature_p_value=bend.p_value if bend else None,
        reference_temperature_K=doc.reference_temperature_K,
        conductivity_at_reference_S_per_cm=doc.conductivity_at_reference_S_per_cm,
        conductivity_at_reference_95_low_S_per_cm=sigma.low if sigma else None,
        conductivity_at_reference_95_high_S_per_cm=sigma.high if sigma else None,
        temperatures_K=[point.temperature_K for point in doc.points],
        conductivities_S_per_cm=[point.conductivity_S_per_cm for point in doc.points],
        conductivities_std_S_per_cm=[point.conductivity_std_S_per_cm for point in doc.points],
        verdicts=[point.verdict for point in doc.points],
        diffusion_keys=[run.diffusion_key for run in doc.runs],
        run_verdicts=[run.verdict for run in doc.runs],
        n_runs=len(doc.runs),
        n_runs_used=sum(run.used and run.temperature_K in fitted for run in doc.runs),
        n_runs_missing=len(doc.missing),
    )


def _in_planes(doc: ConductivityDoc) -> dict[str, Any]:
    fields = {}
    for found in doc.directional_energies:
        if found.where in PLANES:
            fields[f"activation_energy_{found.where}_eV"] = found.activation_energy_eV
            fields[f"activation_energy_{found.where}_std_eV"] = found.activation_energy_std_eV
    return fields
