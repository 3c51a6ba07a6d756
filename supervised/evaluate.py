"""``python -m supervised.evaluate RUN...``: one table of runs and yardsticks on cases they have never seen."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import tyro

from bracket_env import INSTRUCT, BracketLanguage, Case, Estimate, InputError, Setting, quote
from bracket_env.cases import judge_cases
from bracket_env.command import run
from bracket_env.instructions.catalogue import INSTRUCTIONS
from bracket_env.instructions.meanings import Meaning
from bracket_env.sampling.splits import split_of
from bracket_env.scores.report import by_table, depth_length_heat_map, percent, score_table, write_csv, write_json
from bracket_env.scores.scoring import COLUMNS, Solver
from bracket_env.tasks.setting_name import SettingName
from bracket_env.words.suggestions import did_you_mean
from supervised.options.checks import custom_pairs
from supervised.options.groups import CaseReading, ConditionedOptions, Machine, RunsDir
from supervised.options.ranges import check_output, refuse_idle, require_whole

if TYPE_CHECKING:
    from supervised.runs import RunFolder

PROG = "python -m supervised.evaluate"


@dataclass(frozen=True, kw_only=True)
class Evaluate(CaseReading, Machine, ConditionedOptions, RunsDir):
    """Score runs beside the yardsticks: oracle, counters, n-grams, uniform.

    Without --cases the cases are drawn from the test split of the setting: no run has seen their prefixes. Those of
    seed 0 are what every score table shows. Runs that take a sentence are scored under --instruction, or, without it,
    under sentences that they were trained on and others.
    """

    runs: tyro.conf.Positional[tuple[str, ...]]
    """Names or folders of runs, of either family."""
    cases: str | None = None
    """Score on the cases of this file instead (docs/case_files.md has the forms)."""
    setting: SettingName | None = None
    """Draw the cases from this setting; by default the first run's own."""
    split: Literal["test", "validation", "train", "all"] = "test"
    """Which split to draw from."""
    n: int = 1000
    """How many cases to draw."""
    by: tuple[Literal["closers", "depth", "length", "distance"], ...] = ()
    """Also print exact match by these columns."""
    heat_map: bool = False
    """Also print exact match by depth and length, run by run."""
    csv: str | None = None
    """Write the scores to this file, one line an estimate."""


def main(config: Evaluate) -> None:
    """Evaluate as configured."""
    from rich.console import Console

    from supervised.learning.devices import prepare_machine
    from supervised.learning.display import print_line
    from supervised.learning.report import evaluate_solvers, print_structure_note
    from supervised.runs import RunFolder, load
    from supervised.runs.sentences import setting_of
    from supervised.told.report import Drawn, report_told, take_sentences

    if not config.runs:
        raise InputError("name at least one run, or a folder of one")
    require_whole("n", config.n, 1, 10**7)
    check_output("csv", config.csv)
    device = prepare_machine(config)
    own = f"says which cases are drawn, and --cases {config.cases} has its own"
    refuse_idle(config, ("split", "n", "seed"), unless=config.cases is None, why=own)
    refuse_idle(config, ("format", "wrong_targets"), unless=config.cases is not None, why="goes with --cases")
    folders = [RunFolder.open(name, root=config.runs_dir) for name in config.runs]
    if take_sentences(folders) and _not_completions(config.instruction):
        idle = ("setting", "cases", "by", "heat_map", "csv")
        refuse_idle(config, idle, unless=False, why="is about completions: give an --instruction that asks for them")
        drawn = Drawn(config.n, config.split, config.seed)
        report_told(folders, config.instruction, drawn, Console(), device=device, json=config.json)
        return
    language = _common_language(folders)
    setting = setting_of(config.setting or folders[0].config.setting)
    pairs = None if language == setting.language() else language.pairs
    asked = _asked(config, setting, language)
    solvers: dict[str, Solver] = {}
    for folder in folders:
        name = folder.name if folder.name not in solvers else str(folder.path)
        solvers[name] = load(folder.path, device=device, instruction=config.instruction)
    scores = evaluate_solvers(solvers, asked.cases, language, setting, pairs, asked.targets)

    if config.json is not None:
        named, right = config.cases or setting.id, asked.always_right
        write_json(config.json, scores, len(asked.cases), named, pairs=pairs, always_right=right)
    if config.csv is not None:
        write_csv(config.csv, scores)
    console = Console()
    console.print(score_table(scores, asked.source))
    print_structure_note(folders, console)
    for note in asked.notes():
        print_line(console, note)
    for column in config.by:
        console.print(by_table(scores, column))
    if config.heat_map:
        for entry in scores[: len(solvers)]:
            console.print(depth_length_heat_map(entry, asked.cases, language, targets=asked.targets))


@dataclass(frozen=True)
class _Asked:
    """What is scored: cases, from where, what a file says against them, and what counts as right if not they."""

    cases: list[Case]
    source: str
    file: bool = False
    note: str | None = None
    targets: list[str] | None = None
    told: str | None = None

    @property
    def always_right(self) -> Estimate | None:
        """What a solver that is always right scores, where that is not everything by definition."""
        if self.targets is None:
            return None
        right = sum(case.completion == target for case, target in zip(self.cases, self.targets, strict=True))
        return Estimate.of(right, len(self.cases))

    def notes(self) -> Iterator[str]:
        """The lines below the table."""
        if self.told is not None:
            yield self.told
        seen = sum(split_of(case.prefix) == "train" for case in self.cases) if self.file else 0
        if seen:
            yield f"{seen} of {len(self.cases)} prefixes belong to the train split: a run may have learned from them"
        if self.note is not None:
            yield self.note
            if self.always_right is not None:
                yield f"a solver that is always right scores {percent(self.always_right)} % here"


def _asked(config: Evaluate, setting: Setting, language: BracketLanguage) -> _Asked:
    """The cases of the file, or of the split."""
    if config.cases is None:
        pairs = custom_pairs(language.pairs, setting)
        cases = setting.evaluation_cases(config.split, config.n, pairs=pairs, seed=config.seed)
        seed = f", cases of seed {config.seed}" if config.seed else ""
        return _Asked(cases, f"{setting.called(pairs)}, {config.split} split{seed}", told=_taken(config.instruction))
    found = judge_cases(config.cases, language, format=config.format)
    rows = found.settled(config.wrong_targets)
    targets = [row.target or "" for row in rows] if config.wrong_targets == "keep" else None
    cases = [Case(row.prefix, row.completion) for row in rows]
    return _Asked(cases, config.cases, True, found.note(config.wrong_targets), targets, _taken(config.instruction))


def _taken(sentence: str | None) -> str | None:
    """What is to be said of a sentence whose meaning nobody knows."""
    known = [instruction.text for instruction in INSTRUCTIONS]
    if sentence is None or sentence in known:
        return None
    near = did_you_mean(sentence, known)
    return f"{quote(sentence)} is no sentence of {INSTRUCT.id}, so it was taken to ask for completions{near}"


def _not_completions(sentence: str | None) -> bool:
    """Whether a sentence of bracket/Instruct-v0 asks for something else; so does no sentence, after which all are."""
    meanings = [instruction.meaning for instruction in INSTRUCTIONS if instruction.text == sentence]
    return sentence is None or any(meaning != Meaning() for meaning in meanings)


def _common_language(folders: Sequence[RunFolder]) -> BracketLanguage:
    first = folders[0].config.language
    for folder in folders[1:]:
        if folder.config.language != first:
            raise InputError(
                f"runs of different languages cannot share a table: {folders[0].name} has "
                f"{' '.join(first.pairs)}, {folder.name} has {' '.join(folder.config.pairs)}"
            )
    return first


assert set(COLUMNS) == {"closers", "depth", "length", "distance"}  # the choices of --by

if __name__ == "__main__":
    sys.exit(run(Evaluate, main, prog=PROG))
