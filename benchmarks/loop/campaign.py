"""What the closed-loop test takes from a campaign's project, finished or still running; the project is only read."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from monty.json import MontyDecoder, MontyEncoder
from pymatgen.core import Structure

from superionic.cli.session import open_project
from superionic.database.stores import job_store
from superionic.documents import BaseDoc
from superionic.durable import write_whole
from superionic.errors import DatabaseError
from superionic.launch.campaigns import find_record, load_spec
from superionic.potentials.schemas import ScreeningDoc
from superionic.spec import ElectrolyteSpec
from superionic.stability.schemas import GroundStateDoc
from superionic.training.schemas import DatasetDoc, ModelDoc

DocT = TypeVar("DocT", bound=BaseDoc)
Found = TypeVar("Found")


@dataclass(frozen=True)
class Campaign:
    """The newest campaign of a project folder, and a folder that keeps what was taken from it.

    Attributes
    ----------
    project : Path
        Its project folder.
    folder : Path
        Folder of the closed-loop test.
    """

    project: Path
    folder: Path

    @cached_property
    def spec_key(self) -> str:
        """Key under which its documents are filed."""
        return str(self._submitted()["key"])

    @cached_property
    def spec(self) -> ElectrolyteSpec:
        """Its spec as it was submitted; the file may have changed since."""
        return ElectrolyteSpec.from_data(self._submitted()["spec"], f"campaign {self.spec_key}")

    def _submitted(self) -> dict[str, Any]:
        def read() -> dict[str, Any]:
            with open_project(self.project) as (choice, _):
                key = find_record(choice, None).key
                return {"key": key, "spec": load_spec(choice, key).model_dump(mode="json")}

        return self._kept("spec", read)

    def candidates(self) -> dict[str, list[Structure]]:
        """Screened orderings by composition, the lowest by the foundation first: what ground states are sought among.

        Raises
        ------
        DatabaseError
            If a composition of the grid has not been screened.
        """
        return self._kept("candidates", self._read_candidates)

    def tuned(self) -> ModelDoc:
        """The model with which the campaign looked for its ground states.

        Raises
        ------
        DatabaseError
            If there is none yet.
        """
        return self._kept("model", self._read_model)

    def dataset(self) -> DatasetDoc:
        """The data set that the model was trained on."""
        return self._kept("dataset", lambda: self._documents(DatasetDoc, {"key": {"$in": self.tuned().parents}})[0])

    def _read_model(self) -> ModelDoc:
        ground_state, *_ = self._documents(GroundStateDoc, {"spec_key": self.spec_key})
        return self._documents(ModelDoc, {"key": ground_state.model_key})[0]

    def _read_candidates(self) -> dict[str, list[Structure]]:
        kept = self.spec.stability.max_structures
        found: dict[str, list[Structure]] = {}
        for doc in self._documents(ScreeningDoc, {"spec_key": self.spec_key}):
            if doc.composition is not None:
                found.setdefault(doc.composition.label, [item.structure for item in doc.relaxed[:kept]])
        missing = [point.label for point in self.spec.points if point.label not in found]
        if missing:
            raise DatabaseError(f"{self.project} holds no screening of {', '.join(missing)}: let the campaign go on")
        return {point.label: found[point.label] for point in self.spec.points}

    def _documents(self, schema: type[DocT], wanted: dict[str, Any]) -> list[DocT]:
        """Documents of a class, the newest first."""
        criteria = {"output.@class": schema.__name__} | {f"output.{name}": value for name, value in wanted.items()}
        with open_project(self.project) as (choice, _):
            store = job_store(choice)
            store.connect()
            rows = list(store.query(criteria, sort={"completed_at": -1}, load=True))
        if not rows:
            raise DatabaseError(f"{self.project} holds no {schema.__name__} of {self.spec.name} yet: let it go on")
        return [MontyDecoder().process_decoded(row["output"]) for row in rows]

    def _kept(self, name: str, read: Callable[[], Found]) -> Found:
        return kept(self.folder / "campaign" / f"{name}.json", read)


def kept(file: Path, compute: Callable[[], Found]) -> Found:
    """What a file holds, computed and written when it is asked for the first time."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, json.dumps(compute(), cls=MontyEncoder).encode())
    found: Found = json.loads(file.read_bytes(), cls=MontyDecoder)
    return found
