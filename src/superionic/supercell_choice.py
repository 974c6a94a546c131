"""How a spec names supercells: a list of them, the word ``auto``, or ``{up_to: n}``."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

IntegerRow = tuple[int, int, int]
SupercellShape = IntegerRow | tuple[IntegerRow, IntegerRow, IntegerRow]
"""Three positive integers, or the rows of an integer matrix in units of the host cell's vectors."""
AUTO = "auto"
LARGEST_UP_TO = 64
SYNTAX = (
    "give a list of supercells such as [[1, 1, 1], [1, 1, 2]] (each three integers or the three rows of an integer "
    "matrix), the word auto, or {up_to: 4}"
)


class UpTo(BaseModel):
    """All symmetry-distinct supercells up to a size."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    up_to: int = Field(ge=1, le=LARGEST_UP_TO, description="largest number of host cells in a supercell")


def readable_supercells(value: Any) -> Any:  # noqa: ANN401 (whatever the YAML holds)
    """Check a choice of supercells; one sentence says what is wrong, where a union gives a complaint per type.

    Raises
    ------
    ValueError
        If the value is no such choice.
    """
    if isinstance(value, UpTo) or value == AUTO:
        return value
    if isinstance(value, dict):
        number: Any = value.get("up_to")
        if set(value) != {"up_to"} or not _is_integer(number) or not 1 <= number <= LARGEST_UP_TO:
            raise ValueError(f"{value!r} is not {{up_to: n}} with n from 1 to {LARGEST_UP_TO}; {SYNTAX}")
        return UpTo(up_to=number)
    if not isinstance(value, list | tuple) or not value:
        raise ValueError(f"{value!r} is not usable; {SYNTAX}")
    return [_supercell(item) for item in value]


SupercellChoice = Annotated[list[SupercellShape] | Literal["auto"] | UpTo, BeforeValidator(readable_supercells)]


def _supercell(value: Any) -> SupercellShape:  # noqa: ANN401 (whatever the YAML holds)
    """Check one supercell of a list."""
    given: list[Any] = list(value) if _is_triple(value) else []
    if given and all(_is_integer(n) and n > 0 for n in given):
        return given[0], given[1], given[2]
    if given and all(_is_triple(row) and all(map(_is_integer, row)) for row in given):
        a, b, c = ((row[0], row[1], row[2]) for row in given)
        volume = sum(a[i] * (b[i - 2] * c[i - 1] - b[i - 1] * c[i - 2]) for i in range(3))
        if volume > 0:
            return a, b, c
        raise ValueError(f"{value!r} has the determinant {volume}: it must be positive; exchange two rows if negative")
    raise ValueError(f"{value!r} is neither three positive integers nor a 3x3 integer matrix; {SYNTAX}")


def _is_triple(value: Any) -> bool:  # noqa: ANN401 (whatever the YAML holds)
    return isinstance(value, list | tuple) and len(value) == 3  # noqa: PLR2004 (dimensions)


def _is_integer(value: Any) -> bool:  # noqa: ANN401 (whatever the YAML holds)
    return isinstance(value, int) and not isinstance(value, bool)
