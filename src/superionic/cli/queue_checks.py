"""``superionic doctor --via-queue``: the same checks inside batch jobs, on the machines that will do the work."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from superionic.cli.check import Check
from superionic.cli.console import say
from superionic.cli.database_checks import ADDITIONAL_CHECK, QUEUE_CHECK, STORE_CHECK
from superionic.database.files import wait_until
from superionic.errors import SuperionicError

FOLDER = Path(".superionic") / "doctor"
POLL_S = 1.0
LOOPBACK = (" localhost", " 127.")
"""Names of servers that each machine takes for itself."""


@dataclass(frozen=True)
class _Asked:
    """One batch job that was submitted."""

    category: str
    job: str
    folder: Path
    answer: Path


def checks_via_queue(
    arguments: list[str], project: Path, categories: set[str], here: list[Check], wait_s: float
) -> Iterator[Check]:
    """Submit one doctor per category and fetch what it says.

    Parameters
    ----------
    arguments : list of str
        Spec and options for the doctor in the batch job.
    project : Path
        Project folder, which the compute nodes must see.
    categories : set of str
        Categories, each with a queue adapter of its own.
    here : list of Check
        What was found on this machine: queue and results must be the same there.
    wait_s : float
        How long to wait for the batch jobs, s.
    """
    asked: list[_Asked] = []
    for category in sorted(categories):
        try:
            asked.append(_ask(arguments, project.resolve(), category))
        except SuperionicError as error:
            yield Check(f"{category}: batch job", False, "not submitted", str(error))
    if asked:
        say(f"waiting up to {wait_s:.0f} s for the batch jobs {', '.join(one.job for one in asked)}")
    deadline = time.monotonic() + wait_s
    for one in asked:
        if wait_until(one.answer.exists, max(0.0, deadline - time.monotonic()), POLL_S):
            yield from _answer(one, here)
            continue
        remedy = f"look for job {one.job} in the batch system, and at its output in {one.folder}; --wait waits longer"
        yield Check(f"{one.category}: batch job", False, f"no answer within {wait_s:.0f} s", remedy)


def _ask(arguments: list[str], project: Path, category: str) -> _Asked:
    from superionic.cli.session import open_project
    from superionic.launch.batch import queue_adapter_file, submit_command

    with open_project(project) as (choice, _):
        adapter = queue_adapter_file(choice.config_dir, category)
    folder = project / FOLDER / f"{category}-{time.strftime('%Y%m%d-%H%M%S')}"
    answer = folder / f"doctor-{category}.json"
    command = [sys.executable, "-m", "superionic", "doctor", *arguments]
    command += ["--category", category, "--json", "--project", str(project)]
    return _Asked(category, submit_command(adapter, command, folder, answer), folder, answer)


def _answer(one: _Asked, here: list[Check]) -> Iterator[Check]:
    """Checks of a batch job under the name of its category."""
    try:
        found = [Check(**row) for row in json.loads(one.answer.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError):
        remedy = f"`superionic doctor` did not run there: see {one.folder}. Are the lines in pre_rocket right?"
        yield Check(f"{one.category}: batch job", False, f"job {one.job} gave no answer", remedy)
        return
    mine = {check.name: check for check in here}
    there = {check.name: check for check in found}
    same_machine = _machine(there) == _machine(mine)
    for check in found:
        named = replace(check, name=f"{one.category}: {check.name}")
        if remedy := _other_store(check, mine.get(check.name), same_machine):
            named = replace(named, ok=False, remedy=remedy)
        yield named


def _machine(checks: dict[str, Check]) -> str:
    return checks["machine"].found.partition(",")[0] if "machine" in checks else ""


def _other_store(there: Check, here: Check | None, same_machine: bool) -> str:
    """How to mend that queue or results are others on the compute node; empty if they are the same."""
    shared = there.name in {QUEUE_CHECK, STORE_CHECK} or there.name.startswith(ADDITIONAL_CHECK)
    if not shared or not there.ok or here is None or not here.ok:
        return ""
    if here.found != there.found:
        return f"here it is {here.found}: use the same FW_CONFIG_FILE and JOBFLOW_CONFIG_FILE (pre_rocket)"
    if not same_machine and any(name in there.found for name in LOOPBACK):
        return "that name means another machine there: put the server's name into my_launchpad.yaml and jobflow.yaml"
    return ""
