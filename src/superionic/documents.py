"""The base of all documents that stages put into the database."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

SCHEMA_VERSION = 1


class Document(BaseModel):
    """Base of documents and their parts: unknown fields are an error."""

    model_config = ConfigDict(extra="forbid")


class CompositionInfo(Document):
    """Where in composition space a document belongs."""

    axes: dict[str, float] = Field(description="value of each composition axis")
    label: str = Field(description="axis values as text, e.g. x=0.5,y=1")
    formula: str = Field(description="formula per formula unit, e.g. Li3In0.5Y0.5Br6")
    polymorph: str | None = Field(None, description="name of the crystal structure if it is not the campaign's host")

    @property
    def name(self) -> str:
        """Formula, with the polymorph if it is one, e.g. ``Li3PS4 (gamma)``."""
        return structure_name(self.formula, self.polymorph)


def structure_name(formula: str, polymorph: str | None) -> str:
    """What a composition is called where its polymorphs stand beside it."""
    return formula if polymorph is None else f"{formula} ({polymorph})"


class Resources(Document):
    """What a result cost."""

    wall_time_s: float = Field(description="wall time, s")
    cpu_time_s: float = Field(description="processor time of this process and its children, s")
    device: str = Field("cpu", description="torch device that was used")
    hostname: str = Field("", description="name of the machine")
    started_at: datetime = Field(default_factory=lambda: datetime.now(UTC), description="start, UTC")


class Blob(Document):
    """A binary file that travels with a document into an additional store.

    The store keeps JSON, hence base64; ``sha256`` belongs to the decoded bytes.
    """

    sha256: str = Field(description="SHA-256 of the bytes")
    n_bytes: int = Field(description="number of bytes")
    media_type: str = Field(description="what the bytes are, e.g. application/x-hdf5")
    data_base64: str = Field(description="the bytes, base64", repr=False)

    @classmethod
    def from_bytes(cls, data: bytes, media_type: str) -> Self:
        """Wrap bytes."""
        text = base64.b64encode(data).decode("ascii")
        return cls(sha256=hashlib.sha256(data).hexdigest(), n_bytes=len(data), media_type=media_type, data_base64=text)

    def to_bytes(self) -> bytes:
        """The bytes, verified.

        Raises
        ------
        ValueError
            If the stored bytes do not match their hash.
        """
        data = base64.b64decode(self.data_base64)
        if hashlib.sha256(data).hexdigest() != self.sha256:
            raise ValueError(f"stored {self.media_type} is damaged: its SHA-256 is not {self.sha256}; recompute it")
        return data


class BaseDoc(Document):
    """What every stage's document carries besides its results."""

    schema_version: int = Field(SCHEMA_VERSION, description="version of the document schema")
    key: str = Field("", description="content key: hash of inputs, settings and schema version")
    spec_key: str = Field("", description="content key of the campaign's spec")
    composition: CompositionInfo | None = Field(None, description="grid point, for documents of one composition")
    parents: list[str] = Field(default=[], description="keys of the documents this one was made from")
    software: dict[str, str] = Field(default={}, description="versions of the software that made the result")
    resources: Resources | None = Field(None, description="what the result cost")
    warnings: list[str] = Field(default=[], description="what a reader of the numbers should know")
    reused_from: str | None = Field(None, description="uuid of the job that had computed this result before")
