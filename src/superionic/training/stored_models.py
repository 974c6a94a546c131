"""Trained models in the job store: which there are, and one of them by its key."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from superionic.errors import InputError
from superionic.training.export_model import model_bytes
from superionic.training.schemas import ModelDoc

if TYPE_CHECKING:
    from superionic.potentials.mace_calculator import LightMACECalculator

RESULTS = ["PhaseDiagramDoc", "ConductivityDoc"]
"""Documents of later stages that name the model they rest on."""
LISTED = ("key", "mode", "n_train", "errors", "label_level_of_theory", "potential.sha256")


def list_models(store: Any) -> list[dict[str, Any]]:  # noqa: ANN401 (jobflow.JobStore, untyped)
    """All models that the job outputs hold, newest first, without the model files.

    Parameters
    ----------
    store : jobflow.JobStore
        The job outputs, connected.

    Returns
    -------
    list of dict
        ``key``, ``mode``, ``n_train``, ``errors``, ``label_level_of_theory``, ``sha256`` and ``completed_at``.
    """
    fields = ["completed_at", *(f"output.{name}" for name in LISTED)]
    rows = store.docs_store.query({"output.@class": ModelDoc.__name__}, properties=fields, sort={"completed_at": -1})
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        output = row["output"]
        listed = {name: output[name] for name in ("key", "mode", "n_train", "errors", "label_level_of_theory")}
        sha256, completed = output["potential"]["sha256"], str(row.get("completed_at", ""))
        found.setdefault(output["key"], listed | {"sha256": sha256, "completed_at": completed})
    return list(found.values())


def find_model(store: Any, key: str) -> ModelDoc:  # noqa: ANN401
    """A model with its file.

    Parameters
    ----------
    store : jobflow.JobStore
        The job outputs, connected.
    key : str
        Key of the ModelDoc; an unambiguous beginning is enough.

    Raises
    ------
    InputError
        If no model or several models have the key.
    DatabaseError
        If the stored file is not the one that was trained.
    """
    wanted = {"output.@class": ModelDoc.__name__, "output.key": {"$regex": f"^{re.escape(key)}"}}
    keys = sorted(set(store.docs_store.distinct("output.key", wanted)))
    if not keys:
        raise InputError(f"no model has the key {key!r}; `superionic models list` shows them")
    if len(keys) > 1:
        raise InputError(f"{len(keys)} models have keys beginning with {key!r}: give more digits")
    return _newest(store, wanted)


def find_model_of_campaign(store: Any, campaign: str) -> ModelDoc:  # noqa: ANN401
    """The model that a campaign's results rest on; before there are any, the newest one trained on all of its data.

    Parameters
    ----------
    store : jobflow.JobStore
        The job outputs, connected.
    campaign : str
        Key of the campaign.

    Raises
    ------
    InputError
        If the campaign has no model.
    """
    mine = {"metadata.campaign": campaign}
    used = store.docs_store.distinct("output.model_key", mine | {"output.@class": {"$in": RESULTS}})
    if used:
        return find_model(store, str(used[0]))
    whole = mine | {"output.@class": ModelDoc.__name__, "output.train_fraction": 1.0}
    if not store.docs_store.count(whole):
        raise InputError(f"campaign {campaign} has no model yet; see `superionic status`")
    return _newest(store, whole)


def _newest(store: Any, wanted: dict[str, Any]) -> ModelDoc:  # noqa: ANN401
    found: dict[str, Any] | None = store.query_one(wanted, sort={"completed_at": -1}, load=True)
    assert found is not None
    model = ModelDoc.model_validate({name: value for name, value in found["output"].items() if name[0] != "@"})
    model_bytes(model)
    return model


def load_model_by_key(key: str, project: Path | None = None, *, device: str = "cpu") -> LightMACECalculator:
    """ASE calculator of a model that the database of a project holds.

    Parameters
    ----------
    key : str
        Key of the ModelDoc, or its beginning; see ``superionic models list``.
    project : Path, optional
        Project folder; the current one if left out.
    device : str
        Torch device.

    Returns
    -------
    LightMACECalculator
        The calculator, in the precision in which the model was trained.

    Raises
    ------
    InputError
        If no model or several models have the key.
    DatabaseError
        If the database does not answer, or the stored file is not the one that was trained.
    """
    from superionic.database.stores import job_store, open_database
    from superionic.potentials.registry import load_calculator
    from superionic.settings import load_settings

    settings = load_settings()
    uri = settings.mongo_uri.get_secret_value() if settings.mongo_uri else None
    with open_database(project or Path(), uri, mongod=settings.mongod) as choice:
        store = job_store(choice)
        store.connect()
        model = find_model(store, key)
    return load_calculator(model.potential, model.model_blob, device)
