"""Tables and plain statements from the results of one system; nothing is computed here."""

from __future__ import annotations

import math
from typing import Any

from compare import SIGMAS
from names import MODELS, OWN, TEACHER, TUNED, VIEWS

Row = dict[str, Any]
HULL_GOAL_MEV_PER_ATOM = 1.0
ENERGY_GOAL_EV = 0.02
NONE = "–"
EXPLODED = "exploded"
HULL_WORDS = "Errors in meV/atom:"
COMPOSITION_WORDS = (
    "Formation energy of the lowest ordering, in brackets its energy above the hull, each potential relaxing for "
    "itself, meV/atom:"
)


def report(found: Row) -> str:
    """All tables and statements as Markdown."""
    parts = [conditions(found), HULL_WORDS, hull_table(found), COMPOSITION_WORDS, composition_table(found)]
    if found["runs"]:
        parts.append(run_table(found))
    if found["activation_energies"]:
        parts.append(energy_table(found))
    if found["missing"]:
        parts.append(f"MD not run yet: {', '.join(found['missing'])}.")
    return "\n\n".join([*parts, statements(found)])


def conditions(found: Row) -> str:
    """What was run, in one paragraph."""
    given, md = found["conditions"], found["conditions"]["md"]
    labels = " + ".join(str(given["labels"][part]) for part in ("train", "valid", "test"))
    atoms = ", ".join(f"{label}: {n} atoms" for label, n in md["atoms"].items())
    unfinished = ", ".join(f"{name} {n} of {total}" for name, (n, total) in given["unfinished_relaxations"].items())
    trained = "; ".join(
        f"{name}: {row['test_energy_rmse_meV_per_atom']:.1f} meV/atom, {row['test_force_rmse_meV_per_A']:.0f} meV/A"
        for name, row in found["models"].items()
    )
    return (
        f"Labels (training, validation, test): {labels}. Relaxations to {given['relaxation']['fmax_eV_per_A']:g} eV/A "
        f"in at most {given['relaxation']['max_steps']} steps, not reached by {unfinished}. MD: {atoms}; "
        f"{md['time_ps']:g} ps of which {md['discard_ps']:g} are dropped, steps of {md['time_step_fs']:g} fs, "
        f"{md['thermostat']} with {md['damping_fs']:g} fs. Test errors on the labels: {trained}."
    )


def hull_table(found: Row) -> str:
    """Errors of hulls by model and view."""
    lines = _head(
        "model",
        "compared on",
        "formation energy, MAE (max)",
        "energy above hull, MAE (max)",
        "distance from the hull of the others, MAE",
        "all orderings, MAE",
        "stable: both / model only / teacher only / neither",
        "same lowest ordering",
        "pairs ranked right",
    )
    for name in MODELS:
        for view in VIEWS:
            hull = found["hulls"][name][view]
            points = hull["points"]
            alike = sum(point["same_lowest"] for point in points)
            lines.append(
                f"| {name} | {view} | {hull['formation_mae']:.2f} ({hull['formation_max']:.2f}) | "
                f"{hull['above_hull_mae']:.2f} ({hull['above_hull_max']:.2f}) | {hull['distance_mae']:.2f} | "
                f"{hull['orderings_mae']:.2f} | "
                f"{' / '.join(map(str, hull['confusion']))} | {alike} of {len(points)} | "
                f"{hull['pairs_right']} of {hull['pairs']} |"
            )
    return "\n".join(lines)


def composition_table(found: Row) -> str:
    """Formation energy and energy above the hull of each composition, each potential relaxing for itself."""
    lines = _head("composition", TEACHER, *MODELS)
    hulls = {name: found["hulls"][name][OWN]["points"] for name in MODELS}
    for rows in zip(*hulls.values(), strict=True):
        if not rows[0]["end_member"]:
            cells = [f"{rows[0]['formation']:.1f} ({rows[0]['above_hull']:.1f})"]
            cells += [f"{row['model_formation']:.1f} ({row['model_above_hull']:.1f})" for row in rows]
            lines.append(f"| {rows[0]['label']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def run_table(found: Row) -> str:
    """Diffusivities, hosts, density maps and forces of all runs."""
    lines = _head(
        "composition",
        "T, K",
        "potential",
        "D, 1e-5 cm2/s",
        "joint sigmas from teacher",
        "jumps (sigmas)",
        "verdict",
        "map overlap (noise)",
        "map correlation (noise)",
        "force RMSE, meV/A (slope)",
        "energy RMSE, meV/atom",
    )
    for row in found["runs"]:
        cells = [row["composition"], f"{row['temperature_K']:g}", row["potential"], *_diffusion_cells(row)]
        lines.append("| " + " | ".join([*cells, *_map_cells(row), *_frame_cells(row)]) + " |")
    return "\n".join(lines)


def _diffusion_cells(row: Row) -> list[str]:
    if row["verdict"] == EXPLODED:
        return [NONE, NONE, NONE, f"exploded at {row['exploded_at_ps']:.1f} ps"]
    value, std = (1e5 * row[f"diffusivity{part}_cm2_per_s"] for part in ("", "_std"))
    sigmas = row.get("sigmas")
    jumps = f"{row['n_hops']} ({row['jump_sigmas']:.1f})" if "jump_sigmas" in row else str(row["n_hops"])
    return [
        f"{value:.2f} ± {std:.2f}",
        NONE if sigmas is None else f"{sigmas:.1f}",
        jumps,
        row["verdict"].replace("_", " "),
    ]


def _map_cells(row: Row) -> list[str]:
    if "map" not in row:
        return [NONE] * 2
    found = row["map"]
    return [f"{found[kind]:.2f} ({found[f'noise_{kind}']:.2f})" for kind in ("overlap", "correlation")]


def _frame_cells(row: Row) -> list[str]:
    if "frames" not in row:
        return [NONE] * 2
    frames = row["frames"]
    slope = f" ({frames['force_slope']:.2f})"
    return [f"{frames['force_rmse_meV_per_A']:.0f}{slope}", f"{frames['energy_rmse_meV_per_atom']:.1f}"]


def energy_table(found: Row) -> str:
    """Activation energies."""
    lines = _head("composition", "potential", "Ea, eV", "joint sigmas from teacher")
    for row in found["activation_energies"]:
        sigmas = NONE if row["sigmas"] is None else f"{row['sigmas']:.1f}"
        value = f"{row['value_eV']:.2f} ± {row['std_eV']:.2f}"
        lines.append(f"| {row['composition']} | {row['potential']} | {value} | {sigmas} |")
    return "\n".join(lines)


def statements(found: Row) -> str:
    """What holds and what fails for the tuned model, from the numbers alone."""
    lines = [*_hull_statements(found), *_run_statements(found), *_energy_statements(found)]
    return "\n".join(f"- {line}" for line in lines)


def _hull_statements(found: Row) -> list[str]:
    errors, depths = (
        {name: found["hulls"][name][OWN][key] for name in MODELS} for key in ("above_hull_mae", "distance_mae")
    )
    hull = found["hulls"][TUNED][OWN]
    both, _, _, neither = hull["confusion"]
    total = sum(hull["confusion"])
    met = "met" if errors[TUNED] < HULL_GOAL_MEV_PER_ATOM else "**missed**"
    if both == total:
        met += ", **but tests nothing**: all compositions are stable by both, and their energies above hull zero"
    wrong = [point["label"] for point in hull["points"] if _stable(point, "") != _stable(point, "model_")]
    goal = (
        f"Energy above hull: mean absolute error {errors[TUNED]:.2f} meV/atom with the tuned model "
        f"({_others(errors)}); the goal of {HULL_GOAL_MEV_PER_ATOM:g} is {met}."
    )
    depth = (
        f"Distance from the hull of the other compositions: mean absolute error {depths[TUNED]:.2f} meV/atom with the "
        f"tuned model ({_others(depths)})."
    )
    right = f"Hull membership: {both + neither} of {total} compositions between the end members right"
    lines = [goal, depth, right + (f"; wrong: {', '.join(wrong)}." if wrong else ".")]
    best = min(depths, key=lambda name: depths[name])
    if best != TUNED:
        lines.append(f"The tuned model is **not the best** at that distance: {best} is.")
    return lines


def _others(errors: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.2f}" for name, value in errors.items() if name != TUNED)


def _stable(point: Row, whose: str) -> bool:
    return point[f"{whose}above_hull"] < 1e-5  # noqa: PLR2004 (meV/atom, rounding)


def _run_statements(found: Row) -> list[str]:
    own = {_run(row): row["verdict"] for row in found["runs"] if row["potential"] == TEACHER}
    lines = []
    for name in MODELS:
        rows = [row for row in found["runs"] if row["potential"] == name and "frames" in row]
        if rows:
            lines.append(_said_of(name, rows, own))
    unsound = [f"{run} ({verdict.replace('_', ' ')})" for run, verdict in own.items() if verdict != "ok"]
    if unsound:
        lines.append(f"The teacher's own runs give no diffusivity at {', '.join(unsound)}.")
    return lines


def _said_of(name: str, rows: list[Row], own: dict[str, str]) -> str:
    """How the runs of one model compare with the teacher's."""
    compared = [row for row in rows if "map" in row]
    judged = [row for row in compared if row["verdict"] == own[_run(row)] == "ok"]
    far = [f"{_run(row)} ({row['sigmas']:.1f})" for row in judged if row["sigmas"] > SIGMAS]
    jumps = [f"{_run(row)} ({row['jump_sigmas']:.1f})" for row in compared if row["jump_sigmas"] > SIGMAS]
    maps = [row["map"]["overlap"] / row["map"]["noise_overlap"] for row in compared]
    line = (
        f"Diffusivity, {name}: of {len(rows)} runs {len(judged) - len(far)} within {SIGMAS:g} joint standard "
        f"deviations of the teacher, {len(far)} apart, {len(rows) - len(judged)} undecided for want of a sound value"
    )
    if maps:
        line += f"; density maps reach {min(maps):.2f} to {max(maps):.2f} of the teacher's overlap with itself"
    failures = {
        "apart": far,
        "other numbers of jumps": jumps,
        "the host does not hold": [_run(row) for row in rows if row["verdict"] == "framework_unstable"],
        "exploded": [_run(row) for row in rows if row["verdict"] == EXPLODED],
    }
    return line + "".join(f"; {words}: {', '.join(runs)}" for words, runs in failures.items() if runs) + "."


def _run(row: Row) -> str:
    return f"{row['composition']} at {row['temperature_K']:g} K"


def _energy_statements(found: Row) -> list[str]:
    rows = {(row["composition"], row["potential"]): row for row in found["activation_energies"]}
    lines = []
    for label in dict.fromkeys(row["composition"] for row in found["runs"]):
        own, tuned = rows.get((label, TEACHER)), rows.get((label, TUNED))
        if own is None or tuned is None:
            lines.append(f"Activation energy of {label}: no comparison, for want of sound values at two temperatures.")
            continue
        difference, joint = tuned["value_eV"] - own["value_eV"], math.hypot(tuned["std_eV"], own["std_eV"])
        agree = "within the joint error" if tuned["sigmas"] <= SIGMAS else "**apart**"
        verdict = "within the goal" if abs(difference) <= ENERGY_GOAL_EV else agree
        caution = "" if joint <= ENERGY_GOAL_EV else f"; such runs cannot test a goal of {ENERGY_GOAL_EV:g} eV"
        lines.append(
            f"Activation energy of {label}: tuned minus teacher {difference:+.2f} ± {joint:.2f} eV, {verdict}{caution}."
        )
    return lines


def _head(*columns: str) -> list[str]:
    return ["| " + " | ".join(columns) + " |", "| --- |" + " --- |" * (len(columns) - 1)]
