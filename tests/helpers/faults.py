"""Command lines with exactly one fault, made from the options that a command has.

An option of a number gets words, fractions, signs and sizes that it cannot have, one of a choice a choice that there is
not, one of a file a file that is not there; every option is also misspelt, given twice, and given nothing.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Iterator, Sequence
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

WHOLE = ("x", "1.5", "nan", "", "-7", "1e99", "0x10")
REAL = ("x", "nan", "inf", "-7", "", "1,5,2")
NO_FILE = ("nowhere", "no/such/file")
NO_FOLDER = ("no/such/folder/x", "home.csv/x")
SENTENCE: tuple[str, ...] = ()

TEXT: dict[str, tuple[str, ...]] = {
    # runs and studies
    "runs_dir": ("home.csv",),
    "studies_dir": ("home.csv/x",),
    "studies": NO_FILE,
    "name": ("a/b", "..", ""),
    "resume": NO_FILE,
    "best": NO_FILE,
    "init_from": NO_FILE,
    "run": NO_FILE,
    "runs": NO_FILE,
    "base": NO_FILE,
    "adapters": NO_FILE,
    "replay": NO_FILE,
    "storage": ("nonsense", "postgresql://u:p@localhost:port/db", "postgresql://u:p@[::1/db"),
    # files that are read
    "params": NO_FILE,
    "dataset": NO_FILE,
    "cases": NO_FILE,
    "csv_in": NO_FILE,
    "check": NO_FILE,
    "pretrained": NO_FILE,
    "tokenizer": NO_FILE,
    "unlabelled": ("x", "-3", "0", "1.5"),
    "dataset_size": ("x", "-3", "0", "1.5"),
    "words": ("x", "-3", "0"),
    # files that are written
    "json": NO_FOLDER,
    "csv": NO_FOLDER,
    "plot": NO_FOLDER,
    "attention_plot": NO_FOLDER,
    "predict_out": NO_FOLDER,
    "onnx": NO_FOLDER,
    "export_transformers": ("home.csv",),
    "out": ("home.csv", "home.csv/x"),
    "file": NO_FOLDER,
    # the task
    "setting": ("bracket/No-v0", "Nonsense", ""),
    "pairs": ("(", "((", ""),
    "labelled_pairs": ("(", "<>"),
    "ncl_encoder": ("nonsense", "bert:nowhere"),
    "lora_target": ("nonsense",),
    "time_limit": ("soon", "-5s", "", "5 parsecs"),
    "time_column": ("nonsense",),
    "power_columns": ("nonsense",),
    "occupancy_column": ("nonsense",),
    "timezone": ("Mars/Base", "JST"),
    "date_format": ("nonsense",),
    "columns": ("time",),
    "encoding": ("nonsense",),
    "separator": ("nonsense",),
    # anything may be said, but not nothing
    "instruction": ("", "  "),
    "sentences": ("", "  "),
    "prefixes": ("x", ")"),
}
"""What an option of text cannot be. An option that is not here has no fault of its own, which a test refuses."""


@dataclasses.dataclass(frozen=True)
class Option:
    """An option of a command line.

    Attributes:
        positional: it is typed without its name.
    """

    name: str
    hint: Any
    positional: bool

    def typed(self, value: str) -> list[str]:
        """The option with a value."""
        return [value] if self.positional else [f"{self.flag}={value}"]

    @property
    def flag(self) -> str:
        """As it is typed."""
        return "--" + self.name.replace("_", "-")


def options_of(command: type) -> list[Option]:
    """The options of a command's dataclass, in their order."""
    plain = get_type_hints(command)
    marked = get_type_hints(command, include_extras=True)
    return [
        Option(field.name, plain[field.name], "Positional" in str(marked[field.name]))
        for field in dataclasses.fields(command)  # type: ignore[arg-type]
        if field.init
    ]


def kinds(hint: Any) -> Iterator[Any]:
    """The types that a value may have: of a union its members, of a tuple its items."""
    if get_origin(hint) in (Union, types.UnionType, tuple):
        for part in get_args(hint):
            yield from kinds(part)
    elif hint not in (type(None), ...):
        yield hint


def wrong_values(option: Option, texts: dict[str, Sequence[str]]) -> Sequence[str]:
    """What the option cannot be.

    Args:
        texts: what options of text cannot be.

    Raises:
        KeyError: an option of text that nobody has thought of.
    """
    parts = list(kinds(option.hint))
    if bool in parts:
        return ("maybe",)
    if str in parts:
        return texts[option.name]
    if float in parts:
        return REAL
    if int in parts:
        return WHOLE
    assert all(get_origin(part) is Literal for part in parts), option
    return ("nonsense", "")


def faulty(
    command: type, fine: Sequence[str], texts: dict[str, Sequence[str]]
) -> Iterator[tuple[list[str], Sequence[str]]]:
    """Command lines with one fault, and what a refusal may name: the option, or the value.

    Args:
        fine: arguments that nothing is wrong with.
        texts: as of :func:`wrong_values`.
    """
    positional = [word for word in fine if not word.startswith("--")]
    for option in options_of(command):
        rest = [word for word in fine if word.partition("=")[0] != option.flag]
        for value in wrong_values(option, texts):
            wrong = option.typed(value)
            if option.positional:
                place = [other.name for other in options_of(command) if other.positional].index(option.name)
                rest = [word for word in fine if word.startswith("--")]
                wrong = [*positional[:place], value, *positional[place + 1 :]]
            yield [*rest, *wrong], (option.flag, value if value.strip() else "empty", option.name)
        if option.positional:
            continue
        misspelt = option.flag[:-1] + 2 * option.flag[-1]
        yield [*rest, f"{misspelt}=1"], (misspelt,)
        if bool not in list(kinds(option.hint)):
            yield [*rest, option.flag], (option.flag,)
