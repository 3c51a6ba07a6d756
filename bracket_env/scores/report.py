"""Score tables for people (rich) and for programs (JSON, CSV).

    score_table            one row a solver
    by_table               one row a solver, one column a value (or bin) of what the prefix is like
    depth_length_heat_map  exact per depth and length of one solver, shaded
    write_json, write_csv  everything, in full precision

Tables show percentages and never flatter: a value reads 100 (or 0) only when it is exactly that, so 9 999 of 10 000 is
99.9, and the ends of an interval are rounded outwards. They print the same without colours, as in a pipe.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import count
from math import ceil, floor
from pathlib import Path

import numpy as np
from rich.text import Text

from bracket_env.atomic import write_text
from bracket_env.cases import Case
from bracket_env.errors import InputError, quote
from bracket_env.language import BracketLanguage
from bracket_env.scores.scoring import COLUMNS, MEASURES, Estimate, Scores, case_facts
from bracket_env.scores.tables import FittingTable, table

MAX_BINS = 10
MAX_HEAT_COLUMNS = 7
FEW_CASES = 20

_NONE = "–"
_PALE, _DEEP = (239, 243, 255), (8, 48, 107)  # RGB of 0 % and 100 % in the heat map
_LIGHT_INK_FROM = 0.62  # from here white contrasts better than black; terminals of 16 colours switch here too


def percent(estimate: Estimate | None, digits: int = 1) -> str:
    """The value as a percentage, without the sign; a dash for None. Only 1.0 itself reads 100, only 0.0 reads 0."""
    return _NONE if estimate is None else share_percent(estimate.value, digits)


def share_percent(share: float, digits: int = 1) -> str:
    """A share from 0 to 1 as a percentage, without the sign. Only 1.0 itself reads 100, only 0.0 reads 0."""
    value = 100 * share
    if 0 < value < 100:
        step = 10.0**-digits
        value = min(max(value, step), 100 - step)
    return f"{value:.{digits}f}"


def interval(estimate: Estimate | None) -> str:
    """The 95 % interval in percent as ``low–high``, rounded outwards to one digit; a dash for None."""
    if estimate is None:
        return _NONE
    return f"{floor(1000 * estimate.low) / 10:.1f}–{ceil(1000 * estimate.high) / 10:.1f}"


def score_table(
    scores: Sequence[Scores], title: str = "Scores", *, extra: Mapping[str, Sequence[object]] | None = None
) -> FittingTable:
    """One row a solver: exact with its interval, share, closing, and exact on the n cases that need a stack.

    Args:
        scores: one entry a row, in the order to show.
        title: above the table.
        extra: further columns by heading, such as ``{"steps": [...], "seconds": [...]}``, one value a row.

    Raises:
        InputError: an extra column whose length is not the number of rows.
    """
    extra = extra or {}
    for heading, values in extra.items():
        if len(values) != len(scores):
            raise InputError(f"column {quote(heading)} has {len(values)} values for {len(scores)} rows")
    headings = ("solver", "exact", "95 %", "share", "closing", "needs a stack", "n", *extra)
    sizes = sorted({s.exact.n for s in scores})
    caption = f"percent of {' or '.join(map(str, sizes))} cases; 95 %: interval of exact; n: cases that need a stack"
    view = table(title, headings, left=("solver",), caption=caption)
    for s, *more in zip(scores, *extra.values(), strict=True):
        measured = (percent(s.exact), interval(s.exact), percent(s.share), percent(s.closing), percent(s.needs_stack))
        view.add_row(s.name, *measured, _count(s.needs_stack), *map(str, more))
    return view


def by_table(scores: Sequence[Scores], column: str, measure: str = "exact", title: str | None = None) -> FittingTable:
    """One row a solver, one column a value of ``column``; more than ``MAX_BINS`` values are binned, the bins named.

    The last row says how many cases (or closers) there are of each.

    Args:
        scores: of solvers scored on the same cases.
        column: one of ``COLUMNS``.
        measure: one of ``MEASURES``; n counts closers for ``closing`` and cases for the others.
        title: above the table; by default it names measure and column.

    Raises:
        InputError: an unknown column or measure.
    """
    if column not in COLUMNS:
        raise InputError(f"no column {quote(column)}; there are {', '.join(COLUMNS)}")
    if measure not in MEASURES:
        raise InputError(f"no measure {quote(measure)}; there are {', '.join(MEASURES)}")
    found: list[dict[int, Estimate]] = [
        {value: e for value, m in s.by[column].items() if (e := getattr(m, measure)) is not None} for s in scores
    ]
    columns = bins({value for estimates in found for value in estimates}, MAX_BINS)
    pooled = [
        [Estimate.pooled([estimates[v] for v in range(low, high + 1) if v in estimates]) for _, low, high in columns]
        for estimates in found
    ]
    counts = [max((e.n for e in cells if e is not None), default=0) for cells in zip(*pooled, strict=True)]
    view = table(title or f"{measure} % by {column}", (column, *(name for name, *_ in columns)), left=(column,))
    for s, cells in zip(scores, pooled, strict=True):
        view.add_row(s.name, *map(percent, cells))
    view.add_section()
    view.add_row("n", *map(str, counts))
    return view


def depth_length_heat_map(
    scores: Scores,
    cases: Sequence[Case],
    language: BracketLanguage,
    title: str | None = None,
    *,
    targets: Sequence[str] | None = None,
) -> FittingTable:
    """``exact`` of one solver for every depth (rows) and length (columns) in whole percent, darker is better.

    Both are binned when they have many values. Cells with fewer than ``FEW_CASES`` cases stand in parentheses; the
    last rows and columns are the totals and the numbers of cases.

    Args:
        scores: of the solver; its answers are counted.
        cases: the cases it was scored on, in the same order.
        language: their brackets.
        title: above the map.
        targets: what counted as right, if not the completions.

    Raises:
        InputError: another number of cases than the scores have answers.
    """
    if len(cases) != len(scores.answers):
        raise InputError(f"{scores.name} was scored on {len(scores.answers)} cases, not on these {len(cases)}")
    facts = [case_facts(case, language) for case in cases]
    depth, length = np.array([f.depth for f in facts]), np.array([f.length for f in facts])
    wanted = [case.completion for case in cases] if targets is None else targets
    right = np.array([answer == target for answer, target in zip(scores.answers, wanted, strict=True)])

    def exact(chosen: np.ndarray) -> Estimate | None:
        return Estimate.of(int(right[chosen].sum()), int(chosen.sum())) if chosen.any() else None

    depth_bins, length_bins = bins(depth.tolist(), MAX_BINS), bins(length.tolist(), MAX_HEAT_COLUMNS)
    rows = [(name, (low <= depth) & (depth <= high)) for name, low, high in depth_bins]
    columns = [(name, (low <= length) & (length <= high)) for name, low, high in length_bins]
    names = [name for name, _ in columns]
    caption = f"(in parentheses: fewer than {FEW_CASES} cases)"
    about = title or f"exact % of {scores.name} per depth and length"
    view = table(about, ("depth", *names, "all", "n"), left=("depth",), centre=names, caption=caption)
    for name, row in rows:
        cells = [_shaded(exact(row & column)) for _, column in columns]
        view.add_row(name, *cells, percent(exact(row)), _count(exact(row)))
    view.add_section()
    totals = [exact(column) for _, column in columns]
    view.add_row("all", *map(percent, totals), percent(scores.exact), _count(scores.exact))
    view.add_row("n", *map(_count, totals), "", "")
    return view


def bins(values: Iterable[int], limit: int) -> list[tuple[str, int, int]]:
    """At most ``limit`` ranges ``(name, low, high)`` that hold all of ``values``, both ends included.

    With at most ``limit`` values each is its own bin. Otherwise all bins have the narrowest width of 2, 5, 10, 20, 50,
    ... that is enough, counted from 1, and are named like ``6-10``; 0 is a bin of its own. Bins without a value are
    left out.

    Args:
        values: 0 or greater.
        limit: 2 or greater.
    """
    distinct = sorted(set(values))
    if len(distinct) <= limit:
        return [(str(value), value, value) for value in distinct]
    widths = (factor * 10**exponent for exponent in count() for factor in (2, 5, 10))
    binned = ({(value - 1) // width * width + 1 if value else 0: width for value in distinct} for width in widths)
    enough = next(starts for starts in binned if len(starts) <= limit)
    return [(f"{s}-{s + width - 1}", s, s + width - 1) if s else ("0", 0, 0) for s, width in enough.items()]


def scores_json(
    scores: Sequence[Scores],
    cases: int,
    setting: str,
    *,
    pairs: Sequence[str] | None = None,
    always_right: Estimate | None = None,
) -> dict[str, object]:
    """The object that ``--json`` of every ``evaluate`` command writes.

    Args:
        scores: one entry a solver.
        cases: how many cases they were scored on.
        setting: the id of the task setting, such as ``bracket/Close-v0``, or what else names the cases.
        pairs: the brackets of the cases, if they are others than the setting's.
        always_right: what a solver that is always right scores on cases that were kept with wrong targets.
    """
    more: dict[str, object] = {} if pairs is None else {"pairs": list(pairs)}
    if always_right is not None:
        more["always_right"] = asdict(always_right)
    return {"cases": cases, "setting": setting, **more, "solvers": [s.to_json() for s in scores]}


def write_json(
    path: str | Path,
    scores: Sequence[Scores],
    cases: int,
    setting: str,
    *,
    pairs: Sequence[str] | None = None,
    always_right: Estimate | None = None,
) -> None:
    """Write :func:`scores_json` atomically."""
    found = scores_json(scores, cases, setting, pairs=pairs, always_right=always_right)
    write_text(path, json.dumps(found, ensure_ascii=False, indent=2) + "\n")


def write_csv(path: str | Path, scores: Sequence[Scores]) -> None:
    """Write one line an estimate, atomically: ``solver,by,key,measure,value,low,high,n``.

    The totals have an empty ``by`` and ``key``, and ``needs_stack`` among their measures. Estimates that do not exist
    have no line.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["solver", "by", "key", "measure", "value", "low", "high", "n"])
    for s in scores:
        lines: list[tuple[str, int | str, str, Estimate | None]] = [
            ("", "", measure, getattr(s, measure)) for measure in (*MEASURES, "needs_stack")
        ]
        for column, found in s.by.items():
            lines += [(column, key, measure, getattr(m, measure)) for key, m in found.items() for measure in MEASURES]
        for column, key, measure, e in lines:
            if e is not None:
                writer.writerow([s.name, column, key, measure, e.value, e.low, e.high, e.n])
    write_text(path, out.getvalue())


def _shaded(estimate: Estimate | None) -> Text:
    if estimate is None:
        return Text("")
    text = percent(estimate, digits=0)
    text = text if estimate.n >= FEW_CASES else f"({text})"
    red, green, blue = (round(pale + (deep - pale) * estimate.value) for pale, deep in zip(_PALE, _DEEP, strict=True))
    ink = "bright_white" if estimate.value >= _LIGHT_INK_FROM else "black"
    return Text(f"{text:^7}", style=f"{ink} on rgb({red},{green},{blue})")


def _count(estimate: Estimate | None) -> str:
    return "0" if estimate is None else str(estimate.n)
