"""``superionic init``: the files of a cluster, filled from flags or questions."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar
from urllib.parse import quote

import typer

from superionic.cli.console import emit_json, say, seconds
from superionic.cli.session import JsonOption

if TYPE_CHECKING:
    from superionic.launch.templates import Answers, BatchSystem, Written

T = TypeVar("T")
PASSWORD = "SUPERIONIC_MONGO_PASSWORD"  # noqa: S105 (the name of a variable)
URI = "SUPERIONIC_MONGO_URI"
INCOMPLETE = 1
DAY_S = 86400.0
EXAMPLE = "mongodb://user@host:27017/?authSource=admin"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(init)


def init(
    folder: Annotated[Path, typer.Argument(help="folder for the files; the compute nodes must see it")] = Path(
        "superionic-config"
    ),
    mongo_uri: Annotated[str | None, typer.Option(help=f"{EXAMPLE}, password in {PASSWORD}")] = None,
    database: Annotated[str | None, typer.Option(help="database for queue and results")] = None,
    batch: Annotated[str | None, typer.Option(help="slurm, pbs or sge; found out by default")] = None,
    partition: Annotated[str | None, typer.Option(help="partition or queue of all batch jobs")] = None,
    partition_vasp: Annotated[str | None, typer.Option(help="another one for VASP and CP2K")] = None,
    partition_gpu: Annotated[str | None, typer.Option(help="another one for potentials")] = None,
    partition_cpu: Annotated[str | None, typer.Option(help="another one for cheap work")] = None,
    account: Annotated[str | None, typer.Option(help="account that pays")] = None,
    cores: Annotated[int | None, typer.Option(min=1, help="cores of one VASP job")] = None,
    walltime: Annotated[float | None, typer.Option(help="time limit of a batch job, e.g. 24h", parser=seconds)] = None,
    device: Annotated[str | None, typer.Option(help="torch device of potentials: cuda or cpu")] = None,
    vasp: Annotated[str | None, typer.Option(help="how VASP is started, e.g. 'srun vasp_std'")] = None,
    vasp_gamma: Annotated[str | None, typer.Option(help="its gamma-only build")] = None,
    potcars: Annotated[Path | None, typer.Option(help="folder of the POTCARs")] = None,
    cp2k: Annotated[str | None, typer.Option(help="how CP2K's interactive mode is started")] = None,
    activate: Annotated[str | None, typer.Option(help="shell command that makes superionic available in a job")] = None,
    force: Annotated[
        bool, typer.Option("--force", help="replace files that differ; the old ones stay as .bak")
    ] = False,
    check: Annotated[bool, typer.Option(help="make sure that the server answers and lets you in")] = True,
    json: JsonOption = False,
) -> None:
    """Write the files that FireWorks, jobflow, atomate2 and superionic need on a cluster, readable by you alone.

    Asks at a terminal for what is not given. A file that differs is shown and kept unless --force.

    Example: superionic init ~/superionic-config --mongo-uri mongodb://ann@mongo.example.org/?authSource=admin
    """
    from superionic.database.uris import check_server
    from superionic.launch.templates import Answers, fill, write_files

    ask = _Questions(sys.stdin.isatty() and not (mongo_uri or os.environ.get(URI)))
    uri = _with_password(_mongo_uri(mongo_uri, ask))
    system = _batch_system(ask.text(batch, "batch system (slurm, pbs, sge)", _found_batch_system()))
    general = ask.text(partition, "partition or queue", "")
    queue_of = {"vasp": partition_vasp, "gpu": partition_gpu, "cpu": partition_cpu}
    queues = {name: ask.text(queue, f"partition or queue for {name}", general) for name, queue in queue_of.items()}
    start = "srun" if system == "slurm" else "mpirun"
    answers = Answers(
        config_dir=folder.expanduser().absolute(),
        mongo_uri=uri,
        database=ask.text(database, "database", "superionic"),
        activate=ask.text(activate, "command that makes superionic available", f'export PATH="{sys.prefix}/bin:$PATH"'),
        batch_system=system,
        queues=queues,
        account=ask.text(account, "account that pays (empty for none)", ""),
        cores=ask.value(cores, "cores of one VASP job", 32, int),
        walltime_s=round(ask.value(walltime, "time limit of a batch job", DAY_S, seconds)),
        device=ask.text(device, "device of potentials (cuda, cpu)", "cuda" if partition_gpu else "cpu"),
        vasp_command=ask.text(vasp, "VASP command", f"{start} vasp_std"),
        vasp_gamma_command=ask.text(vasp_gamma, "gamma-only VASP command", f"{start} vasp_gam"),
        potcar_dir=ask.text(
            str(potcars.expanduser().absolute()) if potcars else None, "folder of the POTCARs (or empty)", ""
        ),
        cp2k_command=ask.text(cp2k, "CP2K command (empty for none)", ""),
    )
    files = fill(answers)
    if check:
        check_server(answers.mongo_uri, answers.database, "your answer; --no-check writes the files all the same")
    _report(answers, write_files(answers.config_dir, files, force=force), json)


class _Questions:
    """Answers from flags, from questions at a terminal, or the defaults."""

    def __init__(self, interactive: bool) -> None:
        self.interactive = interactive

    def text(self, given: str | None, question: str, default: str) -> str:
        return self.value(given, question, default, str).strip()

    def value(self, given: T | None, question: str, default: T, read: Callable[[str], T]) -> T:
        if given is not None:
            return given
        return typer.prompt(question, default, value_proc=read, err=True) if self.interactive else default


def _mongo_uri(given: str | None, ask: _Questions) -> str:
    """URI of the server, perhaps without the password.

    Raises
    ------
    InputError
        If there is none, or it shows its password to everybody on the machine.
    """
    from superionic.database.uris import holds_password
    from superionic.errors import InputError

    if given and holds_password(given):
        raise InputError(
            "--mongo-uri holds a password, which everybody on this machine can see in the list of processes, and which "
            f"stays in your shell's history. Leave it out (mongodb://user@host/...) and export {PASSWORD}, or export "
            f"{URI} as a whole"
        )
    uri = given or os.environ.get(URI) or ask.text(None, f"MongoDB URI ({EXAMPLE})", "")
    if not uri or uri == "local":
        raise InputError(
            f"which MongoDB server? Give --mongo-uri {EXAMPLE} and export {PASSWORD}. "
            "A private server (`local`) needs no files, but compute nodes cannot reach it"
        )
    return uri


def _with_password(uri: str) -> str:
    """The URI with the password of the environment or terminal, if it names a user and no password."""
    from superionic.errors import InputError

    scheme, separator, rest = uri.partition("://")
    servers, slash, options = rest.partition("/")
    user, at, hosts = servers.rpartition("@")
    if not at or ":" in user or "authMechanism" in options:
        return uri
    password = os.environ.get(PASSWORD)
    if password is None and sys.stdin.isatty():
        password = typer.prompt(f"password of {user}", hide_input=True, err=True)
    if not password:
        raise InputError(f"the MongoDB user {user} needs a password: export {PASSWORD}")
    return f"{scheme}{separator}{user}:{quote(password, safe='')}@{hosts}{slash}{options}"


def _found_batch_system() -> str:
    """Batch system of this machine, as far as its commands tell."""
    if shutil.which("sbatch") or not shutil.which("qsub"):
        return "slurm"
    return "sge" if os.environ.get("SGE_ROOT") else "pbs"


def _batch_system(name: str) -> BatchSystem:
    from superionic.errors import InputError
    from superionic.launch.templates import BatchSystem

    if name not in list(BatchSystem):
        raise InputError(f"batch system {name!r}: there are templates for {', '.join(BatchSystem)}")
    return BatchSystem(name)


def _report(answers: Answers, result: Written, json: bool) -> None:
    from dataclasses import asdict

    from superionic.launch.templates import ENVIRONMENT_FILE

    folder = answers.config_dir
    if json:
        emit_json({"folder": str(folder), **asdict(result)})
    if result.diff:
        say(result.diff)
    say(f"{folder}: {len(result.written)} files written, {len(result.unchanged)} unchanged, {len(result.kept)} kept")
    if result.kept:
        say(f"kept, because they differ: {', '.join(result.kept)}. Edit them, or replace them with --force")
        raise typer.Exit(INCOMPLETE)
    if os.environ.get(URI):
        say(f"unset {URI}: it would win over these files, and FireWorks does not know it")
    say(f"next: source {folder / ENVIRONMENT_FILE} && superionic doctor SPEC --via-queue")
