"""The type of an option that names a task, for command lines."""

from __future__ import annotations

from typing import Annotated, Any

from tyro.constructors import PrimitiveConstructorSpec

from bracket_env.sampling.settings import setting_meant


def _setting(words: list[str]) -> Any:
    return setting_meant(words[0])


SettingName = Annotated[
    str,
    PrimitiveConstructorSpec(
        nargs=1,
        metavar="STR",
        instance_from_str=_setting,
        is_instance=lambda value: isinstance(value, str),
        str_from_instance=lambda value: [value],
    ),
]
"""The type of an option that takes the id of a task; ``Close`` is read as ``bracket/Close-v0``."""
