"""The benchmark of wrong labels: which targets are made wrong, which runs there are, and the table of some of them."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from paths import ROOT
from rich.console import Console

from benchmarks import wrong_labels
from benchmarks.common.grid import config_hash
from benchmarks.wrong_labels import WrongLabels, WrongLabelsJob, jobs, main, mislabelled
from bracket_env import BracketLanguage, get_setting
from bracket_env.wrong_targets import fault_of

CASES = get_setting("bracket/Close-v0").sampler(split="train").cases(5, 300)


def test_targets_are_wrong_in_their_order_alone_and_fewer_are_among_the_more() -> None:
    few, many = (mislabelled(CASES, wrong, seed=1) for wrong in (6, 60))
    changed = [{i for i, case in enumerate(made) if case != CASES[i]} for made in (few, many)]
    assert [len(found) for found in changed] == [6, 60]
    assert changed[0] < changed[1]
    language = BracketLanguage()
    for made, right in zip(many, CASES, strict=True):
        assert made.prefix == right.prefix
        assert fault_of(made.completion, right.completion, language) in (None, "wrong order")
    assert mislabelled(CASES, 60, seed=2) != many
    assert mislabelled(CASES, 0, seed=1) == CASES


def test_the_runs() -> None:
    found = jobs(WrongLabels())
    assert len({config_hash(job) for job in found}) == len(found) == 3 * (2 * 19 + 5)
    assert {job.seed for job in found} == {0, 1, 2}
    assert not [job for job in found if (job.level, job.arm) == (0, "drop")]


def test_what_was_not_run_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figures = {"needs_stack": 0.5, "wrong_of_able": 0.0, "last_validation": 1.0, "seconds": 1.0}
    lines = [
        {"hash": config_hash(job), "commit": "old", "config": asdict(job), "result": {**figures, "exact": exact}}
        for job, exact in (
            (WrongLabelsJob("gru", 0, "plain", 0), 0.99),
            (WrongLabelsJob("gru", 0, "plain", 1), 0.98),
            (WrongLabelsJob("gru", 5, "drop", 0), 0.97),
        )
    ]
    (tmp_path / "wrong_labels.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    console = Console(width=160, record=True)
    monkeypatch.setattr(wrong_labels, "publish", lambda config, found, view: console.print(view))
    main(WrongLabels(show=True, any_commit=True, results_dir=str(tmp_path), plot=str(tmp_path / "plot.png")))
    [row] = [line.split() for line in console.export_text().splitlines() if line.split()[:2] == ["gru", "drop"]]
    assert " ".join(row) == "gru drop 1-2 98.0 (98.0) not run 97.0 (97.0) not run not run"
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_the_table_of_the_page_is_that_of_the_kept_results(monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(width=120, record=True)
    monkeypatch.setattr(wrong_labels, "publish", lambda config, found, view: console.print(view))
    main(WrongLabels(show=True, any_commit=True, results_dir=str(ROOT / "docs" / "results")))
    drawn = [line.rstrip() for line in console.export_text().splitlines() if line.strip()]
    page = (ROOT / "docs" / "case_files.md").read_text("utf-8")
    assert page.partition("```console\n")[2].partition("```")[0].splitlines() == drawn
