"""Tables of the report besides the summary: Monte Carlo, hyper-parameters, data, failures."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from superionic.builders.models import find_errors
from superionic.labelling.schemas import LabelSetDoc
from superionic.report.data import CampaignData, is_of_frames
from superionic.report.markup import Content, Html, formula, table, tag
from superionic.report.numbers import duration, grouped, plural, rmse
from superionic.report.records import STAGES, FailureRecord, JobRecord, stage_order
from superionic.report.summary import NOTHING, compositions, verdict_badge
from superionic.sampling.montecarlo_schemas import MonteCarloDoc
from superionic.training.active_schemas import ActiveLearningDoc
from superionic.training.schemas import ModelDoc

MAX_EXAMPLES = 3
# names under which a hyper-parameter appears on the two sides
SAME_PARAMETER = {"learning_rates": "learning_rate", "weight_decays": "weight_decay"}


def monte_carlo_table(documents: tuple[MonteCarloDoc, ...]) -> Html:
    """One row per composition: errors and verdict of the Monte Carlo of its orderings."""
    header = [
        "Composition",
        "atoms",
        "energies",
        "cross-validation RMSE (meV/atom)",
        "freezes at (K)",
        "τ (sweeps)",
        "R",
        "snapshots",
        "verdict",
    ]
    rows: list[list[Content]] = [
        [
            formula(doc.composition.name) if doc.composition else "",
            str(doc.n_atoms),
            f"{doc.energy}: {doc.level_of_theory}",
            "–" if doc.cv_rmse_meV_per_atom is None else f"{doc.cv_rmse_meV_per_atom:.2f}",
            f"{doc.freeze_K:g}",
            ", ".join(f"{tau:.1f}" for tau in doc.tau_sweeps),
            "–" if doc.r_hat is None else f"{doc.r_hat:.3f}",
            str(doc.n_snapshots),
            verdict_badge(doc.verdict.value),
        ]
        for doc in documents
    ]
    return table(header, rows, numeric=[1, 3, 4, 6, 7])


def rounds_table(doc: ActiveLearningDoc) -> Html:
    """Labels, errors and uncertainty of every active-learning round."""
    header = ["Labels", "energy RMSE", "force RMSE", "pool", "95 % below", "factor", "68 %", "95 %", "rank", "verdict"]
    groups = [("Training", 1), ("Test (meV/atom, meV/Å)", 2), ("Unlabelled (meV/Å)", 2), ("Uncertainty", 5)]
    rows: list[list[Content]] = []
    for done in doc.rounds:
        error, found = find_errors(done.errors, "tuned"), done.calibration
        size = done.counts["test"]
        rows.append(
            [
                str(done.counts["train"]),
                "–" if error is None else rmse(error.energy_rmse_meV_per_atom, size),
                "–" if error is None else rmse(error.force_rmse_meV_per_A, size),
                str(done.n_pool),
                "–" if done.pool_95_meV_per_A is None else f"{done.pool_95_meV_per_A:.3g}",
                f"{found.scale:.3g}",
                f"{found.coverage_68:.0%}",
                f"{found.coverage_95:.0%}",
                "–" if found.spearman is None else f"{found.spearman:.2f}",
                found.verdict,
            ]
        )
    return table(header, rows, numeric=range(9), groups=groups)


def hyperparameter_table(model: ModelDoc) -> Html:
    """Hyper-parameters asked for against those read back after the training."""
    requested, effective = flatten(model.requested), _renamed(flatten(model.effective))
    rows: list[list[Content]] = []
    for name in dict.fromkeys([*requested, *effective]):
        both = name in requested and name in effective
        differs = both and not _same(requested[name], effective[name])
        mark = tag("span", "differs", class_="badge warn") if differs else ("same" if both else "")
        rows.append([tag("code", name), _shown(requested, name), _shown(effective, name), mark])
    return table(["Hyper-parameter", "requested", "effective", ""], rows)


def flatten(data: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings as one level with dotted names."""
    flat: dict[str, Any] = {}
    for key, value in data.items():
        if isinstance(value, Mapping) and value:
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _renamed(effective: Mapping[str, Any]) -> dict[str, Any]:
    renamed = {}
    for name, value in effective.items():
        single = name in SAME_PARAMETER and isinstance(value, list) and len(value) == 1
        renamed[SAME_PARAMETER[name] if single else name] = value[0] if single else value
    return renamed


def _same(first: Any, second: Any) -> bool:  # noqa: ANN401 (any hyper-parameter)
    numbers = isinstance(first, int | float) and isinstance(second, int | float)
    return bool(abs(first - second) <= 1e-9 * max(abs(first), abs(second)) if numbers else first == second)


def _shown(values: Mapping[str, Any], name: str) -> Content:
    if name not in values:
        return NOTHING
    value = values[name]
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value, default=str)


def data_table(data: CampaignData) -> Html:
    """How many orderings, parents and labels each composition went through."""
    header = [
        "Composition",
        "distinct orderings",
        "kept",
        "relaxed",
        "parents run",
        "labels accepted",
        "labels refused",
    ]
    header += ["train", "valid", "test"]
    rows = [[formula(place.name), *_funnel(data, label)] for label, place in compositions(data).items()]
    # label sets of active-learning rounds hold frames of several compositions
    further = [doc for doc in data.label_sets if doc.composition is None and is_of_frames(doc, data.documents)]
    if further:
        rows.append(["further rounds", *[NOTHING] * 4, *_label_counts(further), *[NOTHING] * 3])
    return table(header, rows, numeric=range(1, 10))


def _label_counts(labels: Sequence[LabelSetDoc]) -> list[Content]:
    """Accepted and refused labels."""
    accepted, requested = sum(len(doc.label_keys) for doc in labels), sum(doc.requested for doc in labels)
    return [f"{accepted} of {requested}", str(sum(len(doc.refused) for doc in labels))]


def _funnel(data: CampaignData, label: str) -> list[Content]:
    def here(docs: tuple[Any, ...]) -> list[Any]:
        return [doc for doc in docs if doc.composition and doc.composition.label == label]

    cells: list[Content] = [NOTHING] * 4
    if orderings := here(data.orderings):
        exact = "" if orderings[0].exact else " (not proven lowest)"
        cells[0], cells[1] = grouped(orderings[0].count_distinct), f"{len(orderings[0].records)}{exact}"
    if screenings := here(data.screenings):
        cells[2] = str(len(screenings[0].energies_eV_per_atom))
    if samplings := here(data.samplings):
        cells[3] = f"{len(samplings[0].runs)} of {samplings[0].requested}"
    labels = here(tuple(doc for doc in data.label_sets if is_of_frames(doc, data.documents)))
    cells += _label_counts(labels) if labels else [NOTHING] * 2
    counts = data.dataset.counts_by_composition.get(label) if data.dataset else None
    return cells + [str(counts.get(split, 0)) if counts else NOTHING for split in ("train", "valid", "test")]


def failure_table(failures: tuple[FailureRecord, ...]) -> Html:
    """Failures counted by stage and cause, with examples."""
    counts: Counter[tuple[str, str]] = Counter()
    for failure in failures:
        counts[failure.stage, failure.cause] += failure.count
    order = {stage: i for i, stage in enumerate(STAGES)}
    rows = []
    for (stage, cause), count in sorted(counts.items(), key=lambda kv: (order.get(kv[0][0], len(order)), -kv[1])):
        items = [f.item for f in failures if (f.stage, f.cause) == (stage, cause)]
        more = f" and {len(items) - MAX_EXAMPLES} more" if len(items) > MAX_EXAMPLES else ""
        rows.append([stage, cause, str(count), tag("small", "; ".join(items[:MAX_EXAMPLES]) + more)])
    return table(["Stage", "cause", "count", "what"], rows, numeric=[2])


def cost_table(jobs: tuple[JobRecord, ...]) -> Html:
    """Jobs, failures and cost of each stage, and their sum."""
    rows: list[list[Content]] = [
        [stage, *_cost_cells([job for job in jobs if job.stage == stage])] for stage in stage_order(jobs)
    ]
    rows.append([tag("strong", "sum"), *_cost_cells(list(jobs))])
    return table(["Stage", "completed", "reused", "failed", "wall time", "CPU time"], rows, numeric=range(1, 6))


def _cost_cells(jobs: list[JobRecord]) -> list[Content]:
    cpu = [job.cpu_s for job in jobs if job.cpu_s is not None]
    counts = [str(sum(job.state == state for job in jobs)) for state in ("completed", "reused", "failed")]
    return [*counts, duration(sum(job.wall_s for job in jobs)), duration(sum(cpu)) if cpu else NOTHING]


def cost_line(data: CampaignData) -> str:
    """What the campaign took, in one sentence."""
    done = [job for job in data.jobs if job.state == "completed"]
    cpu = [job.cpu_s for job in done if job.cpu_s is not None]
    parts = [plural(len(done), "job")]
    if data.wall_time_s is not None:
        parts.insert(0, f"{duration(data.wall_time_s)} from first start to last end")
    if cpu:
        parts.append(f"{duration(sum(cpu))} of CPU time")
    reused = sum(job.state == "reused" for job in data.jobs)
    failed = sum(job.state == "failed" for job in data.jobs)
    parts += [f"{plural(reused, 'result')} reused"] * bool(reused) + [f"{plural(failed, 'job')} failed"] * bool(failed)
    return ", ".join(parts)
