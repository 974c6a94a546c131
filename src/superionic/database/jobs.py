"""The job decorator that all Makers of superionic share."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from jobflow import JobConfig, OnMissing, job

from superionic.database.reuse import store_of_job
from superionic.database.saved_outputs import keep_output_of_job


def stage_job(*, on_missing_none: bool = False, resolve: bool = True, **options: Any) -> Callable[..., Any]:  # noqa: ANN401 (passed on to jobflow)
    """Decorate the ``make`` of a Maker.

    The running job sees its store, so that a finished document can be reused. Its output is written to its folder
    before the database is asked to take it (:mod:`superionic.database.saved_outputs`), whatever runs the job.

    Parameters
    ----------
    on_missing_none : bool
        Loss-tolerant fan-in: a failed parent arrives as None instead of blocking the job.
    resolve : bool
        Whether jobflow replaces references by outputs. Without it the method gets the references, and asks for all
        of them at once (:func:`superionic.database.fanout.fetch_outputs`); the order of the jobs is the same.
    **options
        Passed on to :func:`jobflow.job`, e.g. ``data=["frames"]`` to send a field to the additional
        store ``data``.

    Returns
    -------
    callable
        The decorator.

    Raises
    ------
    ValueError
        If fields are sent to more than one additional store.
    """
    stores = sorted(options.keys() - {"output_schema"})
    if len(stores) > 1:
        # jobflow 0.4.0 wraps the references of the first store again when it fills the second
        raise ValueError(f"a job can send fields to one additional store only, not to {', '.join(stores)}")
    missing = OnMissing.NONE if on_missing_none else OnMissing.ERROR
    config = JobConfig(expose_store=True, on_missing_references=missing, resolve_references=resolve)

    def decorate(method: Callable[..., Any]) -> Any:  # noqa: ANN401 (jobflow's decorator is untyped)
        @wraps(method)
        def safely(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 (as the method has it)
            keep_output_of_job(store_of_job())
            return method(*args, **kwargs)

        return job(safely, config=config, **options)

    return decorate
