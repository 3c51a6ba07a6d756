"""Targets of case files that are not the completion of their prefix: found, named by kind, and dealt with.

The completion of ``(【{`` is ``}】)``. A file may say otherwise:

    wrong order       )】}     the right closers in another order
    missing closers   }】      some of the right closers
    extra closers     }】))    the right closers and more
    other closers     }】】    closers, but not those
    openers           }】(     an opener among them
    other symbols     }】x     a symbol outside the language
    no target                  where one is needed

What to do with them is the user's choice: ``refuse`` the file, ``drop`` those cases, ``correct`` them, or ``keep`` them
as they are, to learn from or to be scored against.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from bracket_env.errors import InputError, quote
from bracket_env.language import BracketLanguage

WrongTargets = Literal["refuse", "drop", "correct", "keep"]
Fault = Literal[
    "wrong order", "missing closers", "extra closers", "other closers", "openers", "other symbols", "no target"
]
FIRST_PLACES = 3


class Row(NamedTuple):
    """One case of a file: its prefix can be completed; its target may be wrong."""

    place: str  # "FILE:LINE", in a JSON list "FILE:LINE: item N"
    prefix: str
    completion: str
    target: str | None  # as the file has it, without spaces; None: it has none
    fault: Fault | None  # None: the target is the completion, or there is none and none is needed


def fault_of(target: str, completion: str, language: BracketLanguage) -> Fault | None:
    """What is wrong with a target; None where it is the completion."""
    if target == completion:
        return None
    if not set(target) <= set(language.closers):
        return "openers" if set(target) <= set(language.closers + language.openers) else "other symbols"
    given, right = Counter(target), Counter(completion)
    if given == right:
        return "wrong order"
    return "missing closers" if given <= right else "extra closers" if given >= right else "other closers"


@dataclass(frozen=True)
class CaseFile:
    """What was found in a file, or in several that belong together.

    Attributes:
        name: for messages.
        rows: every case, in order; one at least.
    """

    name: str
    rows: Sequence[Row]

    @property
    def wrong(self) -> list[Row]:
        """The cases with a wrong target."""
        return [row for row in self.rows if row.fault is not None]

    @property
    def faults(self) -> dict[Fault, int]:
        """How many wrong targets there are of each kind, most first."""
        return dict(Counter(row.fault for row in self.rows if row.fault is not None).most_common())

    def settled(self, setting: WrongTargets) -> list[Row]:
        """The cases to use, each with the target to use: never None.

        Raises:
            InputError: wrong targets that are refused, nothing left after dropping them, or one that cannot be kept
                because it is missing or has a symbol outside the language.
        """
        wrong = self.wrong
        if wrong and setting == "refuse":
            raise InputError(self._refusal(wrong))
        if setting == "keep":
            for row in wrong:
                if row.fault in ("no target", "other symbols"):
                    raise InputError(f"{row.place}: {mistake(row)}: it cannot be kept; --wrong-targets drop or correct")
        rows = [row for row in self.rows if row.fault is None] if setting == "drop" else list(self.rows)
        if not rows:
            raise InputError(f"{self.name}: every target is wrong, so --wrong-targets drop leaves no case")
        if setting == "keep":
            return [row if row.target is not None else row._replace(target=row.completion) for row in rows]
        return [row if row.target == row.completion else row._replace(target=row.completion) for row in rows]

    def note(self, setting: WrongTargets) -> str | None:
        """A line for the report; None where every target is right."""
        wrong = len(self.wrong)
        if not wrong:
            return None
        done = {"drop": "left out", "correct": "replaced by the right ones", "keep": "kept as they are"}
        what = done.get(setting, "refused")
        return f"{self.name}: {wrong} of {len(self.rows)} targets are wrong ({self._kinds()}) and {what}"

    def outcomes(self) -> dict[WrongTargets, str]:
        """What each setting would do with this file."""
        total, wrong = len(self.rows), len(self.wrong)
        if not wrong:
            return dict.fromkeys(get_args(WrongTargets), f"{total} cases")
        unkept = [row for row in self.wrong if row.fault in ("no target", "other symbols")]
        kept = f"{total} cases, {wrong} of them wrong: always right scores {percent_of(total - wrong, total)} %"
        return {
            "refuse": "the file is refused",
            "drop": f"{total - wrong} cases" if wrong < total else "refused: no case is left",
            "correct": f"{total} cases, {wrong} of them corrected",
            "keep": f"refused: {mistake(unkept[0])}" if unkept else kept,
        }

    def _kinds(self) -> str:
        return ", ".join(f"{count} {fault}" for fault, count in self.faults.items())

    def _refusal(self, wrong: Sequence[Row]) -> str:
        first, *later = wrong[:FIRST_PLACES]
        are = "target is" if len(wrong) == 1 else "targets are"
        further = f"; next {' and '.join(_near(row.place, first.place) for row in later)}" if later else ""
        left = len(self.rows) - len(wrong)
        return (
            f"{first.place}: {mistake(first)}; {len(wrong)} of {len(self.rows)} {are} wrong ({self._kinds()}{further})"
            f": --wrong-targets drop leaves {left}, correct puts the right ones in, keep takes them as they are"
        )


def percent_of(count: int, total: int) -> str:
    """A share in percent with one digit; 100 only when it is that, and 0 likewise."""
    least, most = (0.1 if count else 0.0), (100.0 if count == total else 99.9)
    return f"{max(min(100 * count / total, most), least):.1f}"


def _near(place: str, first: str) -> str:
    """A place beside another one: of the same file only ``line LINE, item N``."""
    head, _, item = place.partition(": item ")
    file, _, line = head.rpartition(":")
    if not first.startswith(f"{file}:"):
        return place
    return f"line {line}, item {item}" if item else f"line {line}"


def mistake(row: Row) -> str:
    """What is wrong with a target, in words."""
    if row.target is None:
        return f"no target for {quote(row.prefix)}"
    both = zip(row.target, row.completion, strict=False)
    shorter = min(len(row.target), len(row.completion))
    position = next((i for i, (given, right) in enumerate(both, 1) if given != right), shorter + 1)
    return (
        f"target {quote(row.target)} is not the completion {quote(row.completion)} of {quote(row.prefix)}: "
        f"they differ at position {position}"
    )
