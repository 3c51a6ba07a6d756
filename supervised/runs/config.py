"""What defines the model of a run: ``config.json`` in its folder, as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, get_args

from bracket_env import BracketLanguage, BracketTokenizer, InputError, quote
from supervised.models import SequenceModel, build_model, check_params
from supervised.options.groups import ExtensionSchedule
from supervised.runs.sentences import sentence_input, with_sentences

FORMAT = 1
OCCUPANCY = "occupancy"
RESUMED_BY = {
    "supervised": "python -m supervised.train",
    "pretrain": "python -m supervised.pretrain",
    "adapt": "python -m supervised.adapt",
    "ppo": "python -m agents.train_ppo",
    "instruct": "python -m agents.train_instruct",
}
"""Kind of run -> the command whose ``--resume`` goes on with it."""
_FORMS = {
    "kind": str, "setting": str, "pairs": list, "architecture": str, "params": dict, "masked": bool, "options": dict,
    "format": int, "extensions": list,
}  # fmt: skip
_SCHEDULES = ("constant", *get_args(ExtensionSchedule))
_LATER = {"extensions"}  # entries that only some runs have


@dataclass(frozen=True)
class Extension:
    """A part that was added to a training."""

    at: int
    """The step that the training was to end at before."""
    steps: int
    """How many were added."""
    schedule: str
    """What the learning rate does in them: ``constant``, or as ``--extend-schedule`` says."""

    @property
    def end(self) -> int:
        """The step that it ends at."""
        return self.at + self.steps


@dataclass(frozen=True)
class RunConfig:
    """What defines the model of a run, and the options it was trained with."""

    kind: str
    """``ppo``, ``instruct``, ``supervised``, ``pretrain`` or ``adapt``: the command that resumes it; ``compress``
    and ``occupancy`` (of household power, without pairs): nothing is to be resumed."""
    setting: str
    pairs: tuple[str, ...]
    architecture: str
    params: dict[str, Any]
    """The architecture's options, complete."""
    masked: bool
    """Whether the model may only write what the count mask allows."""
    options: dict[str, Any]
    """Every option of the command, as of the last extension."""
    extensions: tuple[Extension, ...] = ()
    """The parts that were added since the run was made, in order."""

    @property
    def language(self) -> BracketLanguage:
        """The language of the run."""
        return BracketLanguage(self.pairs)

    def build(self) -> SequenceModel:
        """A freshly initialised model of this run's shape."""
        model = build_model(self.architecture, self.params, BracketTokenizer(self.language).vocab_size)
        sentence = sentence_input(self.options)
        return model if sentence is None else with_sentences(model, sentence)

    def to_json(self) -> dict[str, Any]:
        """The content of ``config.json``."""
        content = {"format": FORMAT, **asdict(self)}
        return content if self.extensions else {k: v for k, v in content.items() if k not in _LATER}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> RunConfig:
        """The inverse of :meth:`to_json`.

        Raises:
            InputError: an entry is missing, unknown, of another type or out of range, or the format is another one.
        """
        content = {"extensions": [], **content}
        for name in sorted(_FORMS.keys() ^ content.keys()):
            raise InputError(f"{quote(name)} is {'missing' if name in _FORMS else 'not known'}")
        for name, form in _FORMS.items():
            if not isinstance(content[name], form):
                raise InputError(f"{name} must be of type {form.__name__}, not {quote(content[name])}")
        if content["format"] != FORMAT:
            raise InputError(f"format {content['format']} is of another version (this one reads {FORMAT})")
        entries = {field.name: content[field.name] for field in fields(cls)}
        extensions = tuple(map(_extension, content["extensions"]))
        config = cls(**entries | {"pairs": tuple(content["pairs"]), "extensions": extensions})
        if config.kind != OCCUPANCY:
            BracketLanguage(config.pairs)
        check_params(config.architecture, config.params)
        return config


def _extension(entry: Any) -> Extension:
    try:
        extension = Extension(**entry)
    except TypeError:
        raise InputError(f"extensions has {quote(entry)}, which is no extension") from None
    counts = (extension.at, extension.steps)
    if any(type(count) is not int or count < 0 for count in counts) or extension.schedule not in _SCHEDULES:
        raise InputError(f"extensions has {quote(entry)}, which is no extension")
    return extension


def how_to_resume(kind: str) -> str:
    """What to tell somebody who tried another command than the one of this kind of run."""
    if kind in RESUMED_BY:
        return f"resume it with {RESUMED_BY[kind]}"
    return "it cannot be resumed" + (": extend the run that it was made of" if kind == "compress" else "")
