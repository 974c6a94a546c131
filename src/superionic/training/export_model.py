"""A trained model as files: the model itself, its document, its errors and its card."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from superionic.documents import Blob
from superionic.errors import DatabaseError, InputError
from superionic.training.assemble import MODEL_MEDIA_TYPE
from superionic.training.model_card import model_card
from superionic.training.schemas import ErrorRow, ModelDoc

MODEL_FILE, DOCUMENT_FILE, CARD_FILE = "model.model", "model.json", "model.md"
ERRORS_JSON, ERRORS_CSV = "errors.json", "errors.csv"
LEFT_OUT: Final[dict[str, Any]] = {
    "model_blob": {"data_base64"},
    "parity_foundation": True,
    "parity_tuned": True,
}
"""What of the document is not in its file: the model, which lies beside it, and the values of parity plots."""


def model_bytes(model: ModelDoc) -> bytes:
    """The model file, verified against the hash in its document.

    Raises
    ------
    DatabaseError
        If what is stored is not what was trained.
    """
    try:
        content = model.model_blob.to_bytes()
    except ValueError as error:
        raise DatabaseError(f"model {model.key}: {error}") from error
    if model.model_blob.sha256 != model.potential.sha256:
        raise DatabaseError(
            f"model {model.key} is stored with SHA-256 {model.model_blob.sha256}, but its document names "
            f"{model.potential.sha256}; train it again"
        )
    return content


def write_model(model: ModelDoc, path: Path) -> Path:
    """Write the model file for ASE, LAMMPS or another campaign.

    Parameters
    ----------
    model : ModelDoc
        The model with its file.
    path : Path
        Where to write it; an existing file is replaced.

    Raises
    ------
    DatabaseError
        If what is stored is not what was trained.
    """
    write_replacing(path, model_bytes(model))
    return path


def write_trained(model: ModelDoc, folder: Path) -> list[Path]:
    """Write a model with everything about it into a folder.

    Parameters
    ----------
    model : ModelDoc
        The model with its file.
    folder : Path
        Made if it does not exist.

    Returns
    -------
    list of Path
        ``model.model``, ``errors.json``, ``errors.csv``, ``model.md`` and ``model.json``; the last is written last, so
        that a folder with it is complete.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = [write_model(model, folder / MODEL_FILE)]
    texts = {
        ERRORS_JSON: json.dumps([row.model_dump(mode="json") for row in model.errors], indent=1) + "\n",
        ERRORS_CSV: errors_csv(model),
        CARD_FILE: model_card(model, MODEL_FILE),
        DOCUMENT_FILE: json.dumps(document_without_blobs(model), indent=1) + "\n",
    }
    for name, text in texts.items():
        write_replacing(folder / name, text.encode())
        files.append(folder / name)
    return files


def document_without_blobs(model: ModelDoc) -> dict[str, Any]:
    """The document as plain data, without the model file and the values of parity plots."""
    return model.model_dump(mode="json", exclude=LEFT_OUT)


def read_trained(folder: Path) -> ModelDoc:
    """Read back what :func:`write_trained` wrote.

    Raises
    ------
    InputError
        If the folder holds no trained model, or the model file is not the one that was written.
    """
    document, file = folder / DOCUMENT_FILE, folder / MODEL_FILE
    try:
        data = json.loads(document.read_text(encoding="utf-8"))
        blob = Blob.from_bytes(file.read_bytes(), MODEL_MEDIA_TYPE)
        model = ModelDoc.model_validate(data | {"model_blob": blob})
    except (OSError, ValueError, TypeError, ValidationError) as error:
        raise InputError(f"{folder} holds no complete trained model ({error}); train into another folder") from error
    if blob.sha256 != model.potential.sha256:
        raise InputError(f"{file} is not the model that {document} describes: their SHA-256 differ. Train it again")
    return model


def errors_csv(model: ModelDoc) -> str:
    """Errors per model, part and composition as comma-separated values."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, fieldnames=list(ErrorRow.model_fields), lineterminator="\n")
    writer.writeheader()
    writer.writerows(row.model_dump() for row in model.errors)
    return buffer.getvalue()


def write_replacing(path: Path, content: bytes) -> None:
    """Write a file so that a reader finds the old content or the new one."""
    scratch = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        scratch.write_bytes(content)
        scratch.replace(path)
    except OSError as error:
        scratch.unlink(missing_ok=True)
        raise InputError(f"{path} cannot be written: {error.strerror}; choose another place with -o") from error
