"""What every section of the settings is, and which numbers it takes."""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

MOST = 10**9  # of whatever is counted: no machine does more, and larger numbers overflow some library
STEEPEST = 1e25  # rate or weight: with a larger one the first step leaves what float32 holds
MOST_THREADS = 1024  # OpenMP ends the process where the system gives no more
BITS = 63  # of a seed, as torch has them


class Settings(BaseModel):
    """Base of all sections: unknown keys fail, values cannot be changed after validation."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)


def take_number(value: Any) -> Any:
    """Return numpy's numbers as plain ones. A truth value is no number, though Python counts with it.

    Raises:
        ValueError: it is one.
    """
    plain = take_plain(value)
    if isinstance(plain, bool):
        raise ValueError(f"expected a number, not {str(plain).lower()}")
    return plain


def take_plain(value: Any) -> Any:
    """Return numpy's numbers and truth values as plain ones, anything else as it is."""
    return value.item() if type(value).__module__ == "numpy" and getattr(value, "ndim", None) == 0 else value


def check_size(value: float) -> float:
    """Return a number that is not too large for what is computed with it.

    Raises:
        ValueError: it is.
    """
    most = MOST if isinstance(value, int) else STEEPEST
    if abs(value) > most:
        raise ValueError(f"expected at most {most:,.0f}" if isinstance(most, int) else f"expected at most {most:g}")
    return value


def check_bits(value: int) -> int:
    """Return a seed that every library takes.

    Raises:
        ValueError: it has too many bits.
    """
    if abs(value) >= 2**BITS:
        raise ValueError(f"expected a whole number of at most {BITS} bits")
    return value


NUMBER, SIZE = BeforeValidator(take_number), AfterValidator(check_size)
Truth = Annotated[bool, BeforeValidator(take_plain)]
Seed = Annotated[int, NUMBER, AfterValidator(check_bits)]
Positive = Annotated[int, Field(ge=1), NUMBER, SIZE]
Threads = Annotated[int, Field(ge=1, le=MOST_THREADS), NUMBER]
Count = Annotated[int, Field(ge=0), NUMBER, SIZE]
Real = Annotated[float, NUMBER, SIZE]
Rate = Annotated[float, Field(gt=0), NUMBER, SIZE]
Weight = Annotated[float, Field(ge=0), NUMBER, SIZE]
Share = Annotated[float, Field(gt=0, le=1), NUMBER]
