"""E0s of the new head: energies of isolated atoms, given or computed at the level of the labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ase.data import atomic_numbers

from superionic.errors import InputError
from superionic.labelling.isolated_atom import IsolatedAtomDoc
from superionic.stages import E0Source, TrainingSettings
from superionic.training.dataset import LabelledFrame
from superionic.training.schemas import DatasetDoc

TEACHER = "teacher:"


def chosen_e0s(
    settings: TrainingSettings, dataset: DatasetDoc, atoms: Sequence[IsolatedAtomDoc] | None
) -> dict[str, float] | None:
    """E0s that the settings ask for, per symbol, eV; None if they are to be estimated.

    Parameters
    ----------
    settings : TrainingSettings
        Where they come from.
    dataset : DatasetDoc
        The labels, at whose level of theory isolated atoms must be.
    atoms : sequence of IsolatedAtomDoc, optional
        Isolated atoms that were computed.

    Raises
    ------
    InputError
        If isolated atoms are asked for, and there are none, or they do not belong to the labels.
    """
    if settings.e0_source is not E0Source.ISOLATED:
        return settings.e0s_eV
    if dataset.level_of_theory.startswith(TEACHER):
        raise InputError(
            f"training.e0s: isolated does not work with labels of a {dataset.level_of_theory}: a potential has never "
            "seen a single atom, so what it says about one means nothing. Use estimated"
        )
    if not atoms:
        raise InputError(
            "training.e0s: isolated needs the documents of the isolated atoms: CampaignMaker computes them for "
            "vasp-scan; else pass those of IsolatedAtomMaker to FineTuneMaker, or give training.e0s_eV"
        )
    for atom in atoms:
        _require_same_level(atom, dataset)
    return {atom.symbol: atom.energy_eV for atom in atoms}


def _require_same_level(atom: IsolatedAtomDoc, dataset: DatasetDoc) -> None:
    """Refuse an atom whose energy is not on the scale of the labels."""
    title = atom.calculation.potcar_titles.get(atom.symbol)
    pairs = {
        "level of theory": (atom.level_of_theory, dataset.level_of_theory),
        "hash of the settings": (atom.settings_hash, dataset.settings_hash),
        "POTCAR": (title, dataset.potcar_titles.get(atom.symbol, title)),
    }
    for what, (found, wanted) in pairs.items():
        if found != wanted:
            raise InputError(
                f"the isolated {atom.symbol} atom is not at the level of the labels: {what} {found}, labels {wanted}. "
                "Compute it with the labelling settings of the labels"
            )


def by_number(e0s_eV: Mapping[str, float] | None, train: Sequence[LabelledFrame]) -> dict[str, float] | None:
    """E0s by atomic number (as text), or None if they are to be estimated.

    Raises
    ------
    InputError
        If a symbol is no element, or an element of the training set is missing.
    """
    if e0s_eV is None:
        return None
    unknown = sorted(set(e0s_eV) - set(atomic_numbers))
    if unknown:
        raise InputError(f"training.e0s_eV names {', '.join(unknown)}, which is no element; use symbols such as Li")
    missing = sorted({symbol for frame in train for symbol in frame.atoms.get_chemical_symbols()} - set(e0s_eV))
    if missing:
        raise InputError(
            f"training.e0s_eV lacks {', '.join(missing)}; give all elements of the data set, or none at all"
        )
    return {str(atomic_numbers[symbol]): float(energy) for symbol, energy in e0s_eV.items()}
