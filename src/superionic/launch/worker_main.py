"""Entry point of a worker process: ``python -m superionic.launch.worker_main``.

Started by :func:`superionic.launch.workers.run_workers`. It gets names of files, never a URI: the
arguments of a process can be read by everybody on the machine.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import nullcontext
from pathlib import Path

INTERRUPTED_STATUS = 130
IDLE_STATUS = 3
"""Exit status of a worker that found no job for too long."""
DISK_FULL_STATUS = 4
"""Exit status of a worker that could not write to its launch folder."""


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--launchpad", type=Path, required=True, help="my_launchpad.yaml")
    parser.add_argument("--campaign", help="content key of the campaign; all jobs without it")
    parser.add_argument("--launch-dir", type=Path, required=True, help="folder for the folders of the jobs")
    parser.add_argument("--category", action="append", default=[], help="category of jobs; repeatable")
    parser.add_argument("--timeout", type=float, help="take no new job after this many seconds")
    parser.add_argument("--idle", type=float, help="stop when no job was ready for this many seconds")
    parser.add_argument("--sleep", type=float, default=0.5, help="seconds between two looks at an empty queue")
    parser.add_argument("--home", type=Path, help="folder of the private server")
    parser.add_argument("--parent", type=int, help="stop when this process is gone")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Work until the campaign is finished.

    The exit status is 130 after an interruption, 3 for want of jobs, 4 for want of disk space.

    Parameters
    ----------
    argv : list of str, optional
        Command line; ``sys.argv`` by default.
    """
    arguments = _arguments(argv)
    from monty.serialization import loadfn

    from superionic.database.local import lease
    from superionic.launch.worker import WorkerEnd, work
    from superionic.launch.worker_pad import WorkerLaunchPad

    settings = {"host": "localhost", **loadfn(arguments.launchpad), "strm_lvl": "WARNING"}
    with nullcontext() if arguments.home is None else lease(arguments.home):
        end = work(
            WorkerLaunchPad.from_dict(settings),
            arguments.campaign,
            arguments.launch_dir,
            categories=tuple(arguments.category),
            timeout_s=arguments.timeout,
            idle_s=arguments.idle,
            sleep_s=arguments.sleep,
            parent=arguments.parent,
        )
    statuses = {WorkerEnd.INTERRUPTED: INTERRUPTED_STATUS, WorkerEnd.IDLE: IDLE_STATUS}
    return {**statuses, WorkerEnd.DISK_FULL: DISK_FULL_STATUS}.get(end, 0)


if __name__ == "__main__":
    sys.exit(main())
