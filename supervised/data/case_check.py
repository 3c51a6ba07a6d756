"""What ``supervised.dataset --check`` says of a case file: counts by kind of fault, where, and what could be done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bracket_env import BracketLanguage
from bracket_env.cases import ReadFormat, judge_cases
from bracket_env.scores.tables import FittingTable, table
from bracket_env.wrong_targets import FIRST_PLACES, CaseFile, Row, percent_of
from supervised.data.reading import case_files

UNUSABLE = "unusable prefix"


class CaseCheck:
    """A case file, or those of a folder that training reads, with everything that is wrong.

    Args:
        path: of the file or folder.
        language: that the cases should be of.
        format: of the files.

    Raises:
        InputError: nothing to read there, or a file that cannot be taken apart.
    """

    def __init__(self, path: str, language: BracketLanguage, format: ReadFormat = "auto") -> None:
        self.files = case_files(path)
        self.unusable: list[str] = []
        rows: list[Row] = []
        for file in self.files:
            rows += judge_cases(file, language, format=format, unusable=self.unusable).rows
        self.found = CaseFile(path, rows)

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong."""
        return not self.unusable and not self.found.faults

    def outcomes(self) -> dict[str, str]:
        """What each setting of ``--wrong-targets`` would do."""
        if self.unusable:
            count = len(self.unusable)
            reason = f"refused: {count} {'prefix' if count == 1 else 'prefixes'} cannot be used (--setting or --pairs?)"
            return dict.fromkeys(("refuse", "drop", "correct", "keep"), reason)
        return {str(setting): outcome for setting, outcome in self.found.outcomes().items()}

    def table(self) -> FittingTable:
        """A row a kind of fault, with its first places."""
        total = len(self.found.rows) + len(self.unusable)
        headings = ("target", "cases", "%", "first places")
        view = table(f"{self.found.name}: {total} cases", headings, left=("target", "first places"))
        right = len(self.found.rows) - len(self.found.wrong)
        view.add_row("right", str(right), percent_of(right, total), "")
        for fault, count in self.found.faults.items():
            first = [row for row in self.found.rows if row.fault == fault][:FIRST_PLACES]
            view.add_row(fault, str(count), percent_of(count, total), "\n".join(map(self._told, first)))
        if self.unusable:
            shown = "\n".join(self._short(message) for message in self.unusable[:FIRST_PLACES])
            count = len(self.unusable)
            view.add_row(UNUSABLE, str(count), percent_of(count, total), shown)
        return view

    def to_json(self) -> dict[str, Any]:
        """The same for programs."""
        wrong: dict[str, Any] = {}
        for fault, count in self.found.faults.items():
            first = [row for row in self.found.rows if row.fault == fault][:FIRST_PLACES]
            told = [{name: getattr(row, name) for name in ("place", "prefix", "target", "completion")} for row in first]
            wrong[fault] = {"cases": count, "first": told}
        return {
            "files": [str(file) for file in self.files],
            "cases": len(self.found.rows) + len(self.unusable),
            "right": len(self.found.rows) - len(self.found.wrong),
            "wrong": wrong,
            "unusable": {"cases": len(self.unusable), "first": self.unusable[:FIRST_PLACES]},
            "wrong_targets": self.outcomes(),
        }

    def _told(self, row: Row) -> str:
        place = self._short(row.place)
        return (
            f"{place}: {row.prefix}" if row.target is None else f"{place}: {row.prefix} -> {row.target or '(nothing)'}"
        )

    def _short(self, text: str) -> str:
        """A place or message without the folder, and without the file where there is only one."""
        for file in self.files:
            if text.startswith(f"{file}:"):
                rest = text.removeprefix(f"{file}:").replace(": item ", ", item ", 1)
                return f"line {rest}" if len(self.files) == 1 else f"{Path(file).name}:{rest}"
        return text
