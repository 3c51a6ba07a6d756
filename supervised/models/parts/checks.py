"""Checks of options and of inputs that the architectures share, one line each."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from bracket_env import InputError, quote


def longest(ids: Tensor, lengths: Tensor | None) -> int:
    """The largest length: columns of ``ids`` beyond it are all padding.

    Raises:
        InputError: a length below 1 or above the number of columns.
    """
    columns = ids.shape[1]
    if lengths is None:
        return columns
    low, high = (int(bound) for bound in lengths.aminmax())
    if low < 1 or high > columns:
        raise InputError(f"lengths must lie between 1 and {columns}, not at {low if low < 1 else high}")
    return high


def check_positions(lengths: Tensor, rows: Tensor, positions: Tensor) -> None:
    """Refuses a position that is not within its row.

    Args:
        lengths: int64 ``(B,)``.
        rows, positions: int64 ``(n,)``.

    Raises:
        InputError: naming the first such position, its row and the row's length.
    """
    sizes = lengths[rows]
    outside = (positions < 0) | (positions >= sizes)
    if outside.any():
        i = int(outside.nonzero()[0])
        raise InputError(f"position {int(positions[i])} is outside row {int(rows[i])} of {int(sizes[i])} tokens")


def check_fits(tokens: int, max_length: int) -> None:
    """Refuses an input that learned positions do not reach.

    Raises:
        InputError: naming both lengths.
    """
    if tokens > max_length:
        raise InputError(f"an input of {tokens} tokens is longer than max_length {max_length}")


def check_whole(name: str, value: object) -> None:
    """Refuses everything but an int of at least 1; bool is not an int here.

    Raises:
        InputError: naming the option and the value.
    """
    if type(value) is not int or value < 1:
        raise InputError(f"{name} must be a whole number of at least 1, not {quote(value)}")


def check_share(name: str, value: object) -> None:
    """Refuses everything but a number in [0, 1).

    Raises:
        InputError: naming the option and the value.
    """
    if type(value) not in (int, float) or not 0 <= value < 1:  # type: ignore[operator]
        raise InputError(f"{name} must be a number from 0 up to but not including 1, not {quote(value)}")


def check_flag(name: str, value: object) -> None:
    """Refuses everything but True and False.

    Raises:
        InputError: naming the option and the value.
    """
    if type(value) is not bool:
        raise InputError(f"{name} must be true or false, not {quote(value)}")


def check_heads(heads: int, width: int) -> None:
    """Refuses a number of heads that does not divide the width.

    Raises:
        InputError: naming both and the numbers that would do.
    """
    if width % heads:
        fitting = ", ".join(str(n) for n in range(1, width + 1) if width % n == 0)
        raise InputError(f"heads must divide width {width}: {fitting}, not {heads}")


def check_choice(name: str, value: object, choices: Sequence[str]) -> None:
    """Refuses everything but one of ``choices``.

    Raises:
        InputError: naming the option, the value and the choices.
    """
    if value not in choices:
        raise InputError(f"{name} must be one of {', '.join(choices)}, not {quote(value)}")
