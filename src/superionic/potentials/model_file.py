"""What a model file says about itself, read without running any of the code in it.

A MACE model file is a zip archive with one pickle and the numbers of its tensors. Loading the pickle runs what it
names. Here every name becomes an inert stand-in instead, so that class, elements, cutoff and heads of a file can be
known before anybody decides whether to trust it.
"""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from superionic.errors import InputError

OLD_TORCH_START: Final = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
DTYPES: Final = {
    "HalfStorage": "f2",
    "FloatStorage": "f4",
    "DoubleStorage": "f8",
    "IntStorage": "i4",
    "LongStorage": "i8",
}
USUAL_PACKAGES: Final = ("torch", "mace", "e3nn", "numpy", "collections", "opt_einsum_fx", "cuequivariance_torch")
USUAL_BUILTINS: Final = ("set", "frozenset", "slice", "complex", "bytearray", "list", "dict", "tuple", "int", "float")
DEFAULT_HEAD: Final = "Default"
UNREADABLE: Final = (
    zipfile.BadZipFile,
    pickle.UnpicklingError,
    struct.error,
    zlib.error,
    EOFError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    RecursionError,
)
"""What a damaged or foreign pickle can raise on the way."""


@dataclass(frozen=True)
class ModelFileInfo:
    """What a MACE model file says about itself; a claim, as nothing was executed.

    Attributes
    ----------
    class_name : str
        Class of the model, e.g. ``ScaleShiftMACE``.
    atomic_numbers : tuple of int
        Elements that the model knows.
    r_max_A : float
        Radial cutoff, A.
    heads : tuple of str
        Heads; old files without any have one called ``Default``.
    foreign_names : tuple of str
        Functions and classes in the file that models do not need. Their absence proves nothing: MACE files carry
        Python source of their own, which runs on loading.
    """

    class_name: str
    atomic_numbers: tuple[int, ...]
    r_max_A: float
    heads: tuple[str, ...]
    foreign_names: tuple[str, ...]


def inspect_model_file(path: Path) -> ModelFileInfo:
    """Read what a MACE model file says about itself; nothing in the file is executed.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    ModelFileInfo
        Class, elements, cutoff and heads.

    Raises
    ------
    InputError
        If the file is no MACE model; the message says what it seems to be.
    """
    if not zipfile.is_zipfile(path):
        raise InputError(f"{path} is no MACE model: {_not_a_zip(path)}")
    try:
        with zipfile.ZipFile(path) as archive:
            return _read(archive, path)
    except UNREADABLE as error:
        raise InputError(f"{path} is no MACE model, or damaged: its content cannot be followed ({error})") from error


def _not_a_zip(path: Path) -> str:
    with path.open("rb") as stream:
        start = stream.read(len(OLD_TORCH_START))
    if start == OLD_TORCH_START:
        return "it is in the format of torch before 1.6; load it with that MACE and write it again with torch.save"
    return f"it is no torch file (it begins with {start[:8]!r}). Give the .model file that MACE writes"


def _read(archive: zipfile.ZipFile, path: Path) -> ModelFileInfo:
    names = archive.namelist()
    if any(name.endswith("constants.pkl") for name in names):
        raise InputError(
            f"{path} is a compiled TorchScript file, which cannot be tuned. Give the .model file that MACE wrote "
            "beside it"
        )
    inside = next((name for name in names if name.endswith("data.pkl")), None)
    if inside is None:
        raise InputError(f"{path} is no MACE model: it is a zip archive without a model in it")
    reader = _InertUnpickler(archive, inside.removesuffix("data.pkl"))
    root = reader.load()
    if not isinstance(root, _Inert) or not root.module.startswith("mace."):
        raise InputError(f"{path} is no MACE model: {_describe(root)}. Give the .model file that MACE writes")
    buffers = root.state.get("_buffers", {})
    heads = root.state.get("heads")
    return ModelFileInfo(
        class_name=root.name,
        atomic_numbers=tuple(int(z) for z in reader.values(buffers["atomic_numbers"])),
        r_max_A=float(reader.values(buffers["r_max"])[0]),
        heads=tuple(str(head) for head in heads) if isinstance(heads, list | tuple) and heads else (DEFAULT_HEAD,),
        foreign_names=tuple(sorted(reader.foreign)),
    )


def _describe(root: object) -> str:
    if isinstance(root, dict):
        return f"it holds a dictionary with {', '.join(map(str, list(root)[:4]))}, perhaps a checkpoint of a training"
    if isinstance(root, _Inert):
        return f"it holds a {root.module}.{root.name}"
    return f"it holds a {type(root).__name__}"


class _Inert:
    """Stands for an object of a class or the result of a function that is named in a pickle, and does nothing."""

    module = name = ""

    def __init__(self, *arguments: object, **_: object) -> None:
        self.arguments = arguments
        self.state: dict[Any, Any] = {}

    def __setstate__(self, state: Any) -> None:  # noqa: ANN401 (whatever the pickle holds)
        self.state = state if isinstance(state, dict) else {}

    def __setitem__(self, key: object, value: object) -> None:
        self.state[key] = value

    def append(self, _: object) -> None:
        """Swallow an element of a list-like object."""

    def extend(self, _: object) -> None:
        """Swallow elements of a list-like object."""

    def add(self, _: object) -> None:
        """Swallow an element of a set-like object."""


class _InertDict(dict[Any, Any]):
    """An ordered dictionary; what torch attaches to some of them is dropped."""

    def __setstate__(self, state: object) -> None:
        """Drop attributes."""


class _InertUnpickler(pickle.Unpickler):
    """Follows a pickle without importing or calling anything that it names."""

    def __init__(self, archive: zipfile.ZipFile, prefix: str) -> None:
        super().__init__(io.BytesIO(archive.read(f"{prefix}data.pkl")))
        self.archive, self.prefix = archive, prefix
        self.foreign: set[str] = set()

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401
        """Return an inert class of that name; ordered dictionaries are plain ones."""
        if module.split(".", maxsplit=1)[0] not in USUAL_PACKAGES and (module, name) != ("_codecs", "encode"):
            builtin = module in {"builtins", "__builtin__"} and name in USUAL_BUILTINS
            self.foreign |= set() if builtin else {f"{module}.{name}"}
        if (module, name) == ("collections", "OrderedDict"):
            return _InertDict
        return type(name.rsplit(".", 1)[-1], (_Inert,), {"module": module, "name": name})

    def persistent_load(self, pid: Any) -> Any:  # noqa: ANN401
        """Keep the description of a tensor's storage."""
        return pid

    def values(self, tensor: Any) -> np.ndarray:  # noqa: ANN401
        """Numbers of a stored tensor, flat."""
        if tensor.name == "_rebuild_parameter":
            tensor = tensor.arguments[0]
        (_, storage, key, _, _), offset, size = tensor.arguments[:3]
        order = "<" if self.prefix + "byteorder" not in self.archive.namelist() else self._order()
        numbers = np.frombuffer(self.archive.read(f"{self.prefix}data/{key}"), dtype=order + DTYPES[storage.name])
        return numbers[offset : offset + int(np.prod(size))]

    def _order(self) -> str:
        return ">" if self.archive.read(f"{self.prefix}byteorder") == b"big" else "<"
