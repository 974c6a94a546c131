"""The only place that finds, trusts and loads a potential.

Model files are pickles, and loading a pickle runs whatever code is in it. So a file is loaded only
if its SHA-256 is known: that of the shipped model, of a model that this database trained, or of a
file that the user has trusted explicitly.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import warnings
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from superionic.documents import Blob
from superionic.errors import InputError, NotConfiguredError, UntrustedModelError
from superionic.potentials.mace_calculator import LightMACECalculator, check_elements
from superionic.potentials.process import set_up_process
from superionic.potentials.schemas import PotentialRef
from superionic.settings import load_settings

SHIPPED = "superionic-mini"
MACE_MP = "mace-mp-0a-medium"
MACE_MP_KEYWORD = "medium"
"""MACE's own name of the MACE-MP-0a medium checkpoint (2023-12-03); its present default is another model."""
LEVELS = {
    SHIPPED: "PBE (superionic-mini, distilled from CHGNet 0.3.0)",
    MACE_MP: "PBE+U (MACE-MP-0a medium, MPtrj)",
}
DATA = Path(__file__).parent / "data"

__all__ = [
    "check_elements",
    "file_sha256",
    "foundation_path",
    "foundation_ref",
    "level_of_theory",
    "load_calculator",
    "require_trusted",
    "trust_file",
    "trusted_hashes",
    "trusted_levels",
]


def foundation_path(name: str) -> Path:
    """File of a foundation potential.

    Parameters
    ----------
    name : str
        ``superionic-mini``, ``mace-mp-0a-medium`` (downloaded by MACE on first use), or a path.

    Raises
    ------
    InputError
        If `name` is neither a known name nor an existing file.
    NotConfiguredError
        If the download is needed but not possible.
    """
    if name == SHIPPED:
        return DATA / f"{SHIPPED}.model"
    if name == MACE_MP:
        return _mace_mp_path()
    path = Path(name).expanduser()
    if not path.is_file():
        raise InputError(
            f"foundation {name!r} is neither {SHIPPED}, {MACE_MP} nor an existing file: correct `foundation`"
        )
    return path.resolve()


def foundation_ref(name: str, dtype: str = "float64", head: str | None = None) -> PotentialRef:
    """Exact reference of a foundation potential.

    Parameters
    ----------
    name : str
        As for :func:`foundation_path`.
    dtype : str
        Precision of the evaluation, ``float32`` or ``float64``.
    head : str, optional
        Head of a multi-head model.

    Raises
    ------
    InputError, NotConfiguredError
        As for :func:`foundation_path`.
    """
    digest = file_sha256(foundation_path(name))
    return PotentialRef(name=name, head=head, sha256=digest, dtype=dtype, level_of_theory=level_of_theory(name))


def level_of_theory(name: str) -> str:
    """What a foundation potential was trained on; surrogates are named as such.

    For a file it is what was said when the file was trusted; models that superionic trained here say it themselves.
    """
    card = DATA / f"{name}.json"
    if name == SHIPPED and card.is_file():
        return str(json.loads(card.read_text()).get("level_of_theory", LEVELS[SHIPPED]))
    if name in LEVELS:
        return LEVELS[name]
    file = Path(name).expanduser()
    known = _user_entries().get(file_sha256(file), {}) if file.is_file() else {}
    return known.get("level_of_theory") or f"unknown (file {file.name})"


def load_calculator(ref: PotentialRef, blob: Blob | None = None, device: str = "cpu") -> LightMACECalculator:
    """ASE calculator of a potential; the model itself is read once per process.

    Parameters
    ----------
    ref : PotentialRef
        Which potential, head and precision.
    blob : Blob, optional
        The model file, for models that come out of the database (ModelDoc.model_blob).
    device : str
        Torch device.

    Returns
    -------
    LightMACECalculator
        A new calculator around the cached model.

    Raises
    ------
    UntrustedModelError
        If the file's hash is not trusted, or differs from the one in `ref`.
    InputError
        If the head does not exist.
    NotConfiguredError
        If MACE is not installed.
    """
    content = _blob_reader(ref, blob) if blob is not None else _file_reader(ref)
    if (key := (ref.sha256, ref.dtype, device)) not in _models:
        _models[key] = _load_model(content(), device)
    return LightMACECalculator(_models[key], head=ref.head, device=device, dtype=ref.dtype)


_models: dict[tuple[str, str, str], Any] = {}


def load_network(ref: PotentialRef, blob: Blob | None = None, device: str = "cpu") -> Any:  # noqa: ANN401 (torch module)
    """The model of a potential as MACE made it, for programs other than ASE; read anew in every call.

    Parameters
    ----------
    ref, blob, device
        As for :func:`load_calculator`.

    Returns
    -------
    torch.nn.Module
        The model in the precision of its file.

    Raises
    ------
    UntrustedModelError, NotConfiguredError
        As :func:`load_calculator`.
    """
    content = _blob_reader(ref, blob) if blob is not None else _file_reader(ref)
    return _load_model(content(), device)


def trusted_hashes() -> dict[str, str]:
    """Names of all trusted files by their SHA-256: the shipped model and what the user has trusted."""
    shipped = DATA / f"{SHIPPED}.model"
    known = {_shipped_sha256(): SHIPPED} if shipped.is_file() else {}
    return known | _user_trusted()


def trusted_levels() -> dict[str, str]:
    """Levels of theory of the user's trusted files by their SHA-256, where they are known."""
    return {digest: entry["level_of_theory"] for digest, entry in _user_entries().items() if "level_of_theory" in entry}


def trust_file(path: str | Path, name: str | None = None, level_of_theory: str | None = None) -> str:
    """Put a file on the user's list of trusted potentials.

    Only do this with files whose origin is beyond doubt: loading one runs the code in it.

    Parameters
    ----------
    path : str or Path
        A MACE model file.
    name : str, optional
        What to call it in lists; if left out, what it was called before, or the file's name.
    level_of_theory : str, optional
        What it was trained on; if left out, what was said before.

    Returns
    -------
    str
        SHA-256 of the file.

    Raises
    ------
    InputError
        If there is no such file.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise InputError(f"cannot trust {file}: there is no such file")
    digest = file_sha256(file)
    target = _trust_list()
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = target.with_suffix(f".{os.getpid()}.tmp")
    entries = _user_entries()
    given = {"name": name, "level_of_theory": level_of_theory}
    known = {"name": file.name} | entries.get(digest, {})
    entries[digest] = known | {key: value for key, value in given.items() if value is not None}
    # a bare name where there is nothing else to say
    plain = {key: found if len(found) > 1 else found["name"] for key, found in entries.items()}
    scratch.write_text(json.dumps(plain, indent=1) + "\n")
    scratch.replace(target)
    return digest


def require_trusted(path: Path, digest: str) -> None:
    """Refuse a file whose hash nobody has vouched for.

    Raises
    ------
    UntrustedModelError
        Naming the file, its hash, and the command that trusts it.
    """
    if digest not in trusted_hashes():
        raise UntrustedModelError(
            f"{path} is not trusted (SHA-256 {digest}). Loading a model runs the code in it; if you know where it "
            f"comes from: superionic models trust '{path}'"
        )


def file_sha256(path: Path) -> str:
    """SHA-256 of a file; read again only if the file has changed."""
    stat = path.stat()
    return _sha256(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=64)
def _sha256(path: Path, _size: int, _mtime_ns: int) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _shipped_sha256() -> str:
    """Hash that the card of the shipped model promises, or the file's own where there is no card."""
    card = DATA / f"{SHIPPED}.json"
    return str(json.loads(card.read_text())["sha256"]) if card.is_file() else file_sha256(DATA / f"{SHIPPED}.model")


def _trust_list() -> Path:
    return load_settings().cache_dir / "trusted-models.json"


def _user_trusted() -> dict[str, str]:
    return {digest: entry["name"] for digest, entry in _user_entries().items()}


def _user_entries() -> dict[str, dict[str, str]]:
    """Name, and level of theory if it is known, of each trusted file."""
    target = _trust_list()
    if not target.is_file():
        return {}
    try:
        return {str(digest): _entry(found) for digest, found in json.loads(target.read_text()).items()}
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise UntrustedModelError(
            f"{target} is damaged ({error}): mend or delete it, then trust your files again"
        ) from error


def _entry(found: str | dict[str, str]) -> dict[str, str]:
    if isinstance(found, str):
        return {"name": found}
    return {"name": str(found["name"])} | {key: str(value) for key, value in found.items()}


def _blob_reader(ref: PotentialRef, blob: Blob) -> Callable[[], bytes]:
    """Reader of a model out of the database; the blob verifies its own bytes."""
    if blob.sha256 != ref.sha256:
        raise UntrustedModelError(
            f"model {ref.name} should have SHA-256 {ref.sha256}, but the blob has {blob.sha256}: load its own blob"
        )
    return blob.to_bytes


def _file_reader(ref: PotentialRef) -> Callable[[], bytes]:
    """Reader of a foundation file, once its hash is known to be the recorded one and trusted."""
    path = foundation_path(ref.name)
    digest = file_sha256(path)
    if digest != ref.sha256:
        raise UntrustedModelError(
            f"{path} has changed: its SHA-256 is {digest}, not {ref.sha256} as recorded. Put the old file back, or "
            "start the campaign anew with the new one"
        )
    require_trusted(path, digest)
    return lambda: _read(path, digest)


def _read(path: Path, digest: str) -> bytes:
    """Content of a file; hashed once more, since it may have changed since it was checked."""
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != digest:
        raise UntrustedModelError(f"{path} changed while it was read: try again when nobody writes to it")
    return content


def _mace_mp_path() -> Path:
    """MACE's cached copy of the checkpoint; its hash is pinned when it is seen for the first time."""
    _import_mace()
    from mace.calculators.foundations_models import download_mace_mp_checkpoint

    try:
        with contextlib.redirect_stdout(io.StringIO()):
            path = Path(download_mace_mp_checkpoint(MACE_MP_KEYWORD))
    except (OSError, RuntimeError) as error:
        raise NotConfiguredError(
            f"{MACE_MP} is not in MACE's cache and cannot be downloaded ({error}). Run once where there is internet, "
            f"copy the file to ~/.cache/mace, or use `foundation: {SHIPPED}`"
        ) from error
    pinned = [digest for digest, name in _user_trusted().items() if name == MACE_MP]
    if not pinned:
        trust_file(path, MACE_MP)
    elif file_sha256(path) not in pinned:
        raise UntrustedModelError(
            f"{path} is not the file that was downloaded as {MACE_MP} before. Delete it to have it downloaded again, "
            f"or remove {MACE_MP} from {_trust_list()} if the change is intended"
        )
    return path


def _import_mace() -> None:
    """Import MACE before e3nn, which otherwise cannot read its own constants, and without its chatter."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            import mace.modules  # noqa: F401
        except ImportError as error:
            raise NotConfiguredError(f"MACE is not installed ({error}): pip install 'superionic[mace]'") from error


def _load_model(content: bytes, device: str) -> Any:  # noqa: ANN401 (torch module)
    _import_mace()
    import torch

    set_up_process()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.load(io.BytesIO(content), map_location=device, weights_only=False)
