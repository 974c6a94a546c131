"""Tables of models and learning curves: errors per set, composition and element; fits; modes; verdicts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from superionic.flows.property_schemas import PropertyConductivity, PropertyCurveDoc
from superionic.report.data import CampaignData
from superionic.report.figures_curves import ADVICE_WORDS, MODES
from superionic.report.markup import Content, Html, formula, join, table, tag
from superionic.report.numbers import MINUS, interval, rmse, significant, with_error
from superionic.report.summary import NOTHING, compositions, verdict_badge
from superionic.training.curve_schemas import ComparisonRow, CurveFit, LearningCurveDoc
from superionic.training.schemas import ErrorRow, ModelDoc

ERROR_UNITS = {"energy": "meV/atom", "force": "meV/Å", "stress": "meV/Å³"}


def error_table(model: ModelDoc, data: CampaignData) -> Html:
    """Errors of foundation and tuned model per split and composition."""
    names = {label: place.name for label, place in compositions(data).items()}
    header = ["Model", "set", "composition", "structures", *(["RMSE", "MAE", "max", "R²"] * 3)]
    groups = [("", 4), ("Energy (meV/atom)", 4), ("Forces (meV/Å)", 4), ("Stress (meV/Å³)", 4)]
    rows = [
        [
            f"{row.model}*" if row.energy_shifted else row.model,
            row.split,
            formula(names.get(row.group, row.group)),
            str(row.n_structures),
            *_error_cells(row),
        ]
        for row in model.errors
    ]
    note = (
        "max: largest error of one energy or component. R² of energies is taken about the mean of each composition, so "
        "that different compositions do not flatter it."
    )
    if any(row.energy_shifted for row in model.errors):
        note += " * after per-element energy offsets were fitted, as the foundation has another level of theory"
    return join([table(header, rows, numeric=range(3, 16), groups=groups), tag("p", note, class_="note")])


def _error_cells(row: ErrorRow) -> list[Content]:
    n = row.n_structures
    columns = (
        (row.energy_rmse_meV_per_atom, row.energy_mae_meV_per_atom, row.energy_max_meV_per_atom, row.energy_r2),
        (row.force_rmse_meV_per_A, row.force_mae_meV_per_A, row.force_max_meV_per_A, row.force_r2),
        (row.stress_rmse_meV_per_A3, row.stress_mae_meV_per_A3, row.stress_max_meV_per_A3, row.stress_r2),
    )
    cells: list[Content] = []
    for rms, mae, largest, r2 in columns:
        cells += [_or_nothing(value, lambda value: rmse(value, n)) for value in (rms, mae)]
        cells += [_or_nothing(largest, significant), _or_nothing(r2, _r2)]
    return cells


def _r2(value: float) -> str:
    return f"{value:.3f}".replace("-", MINUS)


def _or_nothing(value: float | None, words: Callable[[float], str]) -> Content:
    return NOTHING if value is None else words(value)


def element_table(model: ModelDoc) -> Html | None:
    """Errors of the test forces on the atoms of each element, and softening slopes; None without them."""
    rows: list[list[Content]] = [
        [
            row.model,
            row.element,
            str(row.n_atoms),
            significant(row.force_rmse_meV_per_A),
            significant(row.force_mae_meV_per_A),
            significant(row.force_max_meV_per_A),
            _or_nothing(row.force_r2, _r2),
            _slope(row.force_slope, row.force_slope_std),
        ]
        for row in model.element_errors
        if row.split == "test"
    ]
    if not rows:
        return None
    header = ["Model", "element", "atoms", "RMSE", "MAE", "max", "R²", "slope"]
    groups = [("", 3), ("Forces (meV/Å)", 4), ("Softening", 1)]
    return table(header, rows, numeric=range(2, 8), groups=groups)


def _slope(value: float | None, std: float | None) -> Content:
    return NOTHING if value is None else with_error(value, std)


def comparison_table(doc: LearningCurveDoc) -> Html | None:
    """Foundation and training modes side by side; None if there is nothing to compare."""
    if not doc.comparison:
        return None
    header: list[Content] = ["Model", "structures", "seeds", "energy (meV/atom)", "forces (meV/Å)", "stress (meV/Å³)"]
    header += ["energies", "forces", "energy (meV/atom)", "forces (meV/Å)", "replay head, forces (meV/Å)"]
    groups = [("", 3), ("Test RMSE", 3), ("Softening slope", 2), ("Drift from the foundation", 3)]
    order = {name: position for position, name in enumerate(MODES)}
    rows = [
        _comparison_cells(row, doc.n_test)
        for row in sorted(doc.comparison, key=lambda row: order.get(row.model, len(order)))
    ]
    return table(header, rows, numeric=range(1, 11), groups=groups)


def _comparison_cells(row: ComparisonRow, n_test: int) -> list[Content]:
    def number(value: float, std: float | None) -> str:
        return rmse(value, n_test) if std is None else with_error(value, std)

    return [
        f"{row.model}*" if row.energy_shifted else row.model,
        NOTHING if row.n_train is None else str(row.n_train),
        str(row.n_models) if row.n_train is not None else NOTHING,
        number(row.energy_rmse_meV_per_atom, row.energy_rmse_std_meV_per_atom),
        number(row.force_rmse_meV_per_A, row.force_rmse_std_meV_per_A),
        _or_nothing(row.stress_rmse_meV_per_A3, lambda value: rmse(value, n_test)),
        _slope(row.energy_slope, row.energy_slope_std),
        _slope(row.force_slope, row.force_slope_std),
        _or_nothing(row.drift_energy_meV_per_atom, significant),
        _or_nothing(row.drift_force_meV_per_A, significant),
        _or_nothing(row.replay_head_force_meV_per_A, significant),
    ]


def fit_table(doc: LearningCurveDoc) -> Html | None:
    """Fitted power laws, what they expect from twice the labels, and the advice; None without fits."""
    if not doc.fits:
        return None
    header: list[Content] = ["Mode", "error of", "sizes", "models", "exponent b", "floor c", "scatter over seeds"]
    header += ["labels", "expected error", "gain", "advice"]
    groups = [("", 4), ("E = a N⁻ᵇ + c", 3), ("Twice the labels", 4)]
    rows = [_fit_cells(fit) for fit in doc.fits]
    return table(header, rows, numeric=[2, 3, 4, 5, 6, 7, 8, 9], groups=groups)


def _fit_cells(fit: CurveFit) -> list[Content]:
    head: list[Content] = [
        fit.mode,
        f"{fit.quantity} ({ERROR_UNITS[fit.quantity]})",
        str(fit.n_sizes),
        str(fit.n_models),
    ]
    advice = join([ADVICE_WORDS[fit.advice], tag("small", fit.reason)])
    spread = _or_nothing(fit.seed_spread, lambda value: f"{value:.0%}")
    bounds = (fit.exponent_low, fit.exponent_high, fit.next_low, fit.next_high, fit.gain_low, fit.gain_high)
    if fit.exponent is None or fit.next_error is None or fit.gain is None or None in bounds:
        return [*head, NOTHING, NOTHING, spread, NOTHING, NOTHING, NOTHING, advice]
    exponent = _fixed_interval(fit.exponent_low or 0.0, fit.exponent_high or 0.0)
    return [
        *head,
        join([f"{fit.exponent:.2f}".replace("-", MINUS), tag("small", f"95 %: {exponent}")]),
        significant(fit.floor) if fit.floor else "0",
        spread,
        str(fit.next_n_train),
        join(
            [significant(fit.next_error), tag("small", f"95 %: {interval(fit.next_low or 0.0, fit.next_high or 0.0)}")]
        ),
        f"{fit.gain:.0%}".replace("-", MINUS),
        advice,
    ]


def _fixed_interval(low: float, high: float) -> str:
    return f"{low:.2f} to {high:.2f}".replace("-", MINUS)


def property_table(doc: PropertyCurveDoc) -> Html | None:
    """Verdicts of all runs of every model beside its test error; None without MD."""
    places = dict.fromkeys(item.composition.name for point in doc.points for item in point.conductivities)
    if not places:
        return None
    header: list[Content] = ["Training structures", "energy RMSE (meV/atom)", "force RMSE (meV/Å)"]
    header += [formula(place) for place in places]
    rows = [
        [
            str(point.n_train),
            significant(point.energy_rmse_meV_per_atom),
            significant(point.force_rmse_meV_per_A),
            *(_verdicts(point.conductivities, place) for place in places),
        ]
        for point in doc.points
    ]
    return table(header, rows, numeric=[0, 1, 2])


def _verdicts(conductivities: Sequence[PropertyConductivity], place: str) -> Content:
    return join([_runs(item) for item in conductivities if item.composition.name == place], "<br>") or NOTHING


def _runs(item: PropertyConductivity) -> Html:
    runs = zip(item.temperatures_K, item.run_verdicts, strict=True)
    return join([join([f"{temperature:g} K ", verdict_badge(verdict)]) for temperature, verdict in runs], "<br>")
