"""Run a command in a batch job, with the queue adapter that ``qlaunch`` would use."""

from __future__ import annotations

import contextlib
import shlex
from pathlib import Path
from typing import Any

from fireworks.user_objects.queue_adapters.common_adapter import CommonAdapter
from fireworks.utilities.fw_serializers import load_object_from_file
from monty.serialization import loadfn

from superionic.errors import NotConfiguredError

SCRIPT = "submit.sh"
SHORT = "00:10:00"


def queue_adapter_file(config_dir: Path, category: str) -> Path:
    """The queue adapter of a category.

    Raises
    ------
    NotConfiguredError
        If there is none.
    """
    file = config_dir / f"my_qadapter_{category}.yaml"
    if not file.is_file():
        raise NotConfiguredError(
            f"{file} does not exist: `superionic init` writes it, or copy it from the launchpad_templates and fill it"
        )
    return file


def submit_command(adapter_file: Path, command: list[str], folder: Path, output: Path) -> str:
    """Submit a batch job that runs one command with the resources of a queue adapter, for ten minutes at most.

    Parameters
    ----------
    adapter_file : Path
        ``my_qadapter_*.yaml``.
    command : list of str
        The command.
    folder : Path
        Where the job runs and its logs go; made if missing.
    output : Path
        File that its standard output goes to. It appears when the command has ended.

    Returns
    -------
    str
        Identifier of the batch job.

    Raises
    ------
    NotConfiguredError
        If the adapter cannot be used or the batch system refuses the job.
    """
    folder.mkdir(parents=True, exist_ok=True)
    part = output.with_suffix(".part")
    try:
        adapter = _load(adapter_file)
        line = f"{shlex.join(command)} > {shlex.quote(str(part))}; {shlex.join(['mv', str(part), str(output)])}"
        adapter.update({"rocket_launch": line, "walltime": SHORT, "job_name": output.stem})
        script = folder / SCRIPT
        script.write_text(adapter.get_script_str(str(folder)), encoding="utf-8")
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise NotConfiguredError(f"{adapter_file} cannot be used: {str(error)[:200]}. Mend it") from error
    job = _submit(adapter, script)
    if job is None:
        program = adapter.q_commands[adapter.q_type]["submit_cmd"]
        raise NotConfiguredError(
            f"the batch system did not take {script}: `{program} {script}` says why; then mend {adapter_file}"
        )
    return job


def _load(file: Path) -> Any:  # noqa: ANN401 (FireWorks is untyped)
    """A queue adapter. FireWorks' general loader imports everything it knows, its own tests included."""
    usual = loadfn(file).get("_fw_name") == CommonAdapter._fw_name  # noqa: SLF001 (the name in the file)
    return CommonAdapter.from_file(str(file)) if usual else load_object_from_file(str(file))


def _submit(adapter: Any, script: Path) -> str | None:  # noqa: ANN401
    """Identifier of the batch job; None if FireWorks could not submit it."""
    with contextlib.chdir(script.parent):
        job = adapter.submit_to_queue(script.name)
    return None if job is None else str(job)
