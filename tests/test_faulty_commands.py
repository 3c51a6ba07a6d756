"""Every command line with one fault ends in one line that names it, exit code 2, and nothing that was not there before.

The faults follow from the options that the commands have (``tests/helpers/faults.py``), so that a new option is tried
out too. A few lines of each command are tried by default, all of them by the slow tests.
"""

from __future__ import annotations

import contextlib
import io
import shutil
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import get_type_hints

import pytest
from faults import NO_FOLDER, TEXT, faulty

from bracket_env import BracketLanguage, make_case
from bracket_env.cases import write_cases
from bracket_env.command import run
from supervised.occupancy.homes.simulator import simulate

TASK = ["--setting=bracket/CloseTiny-v0"]
STEPS = ["--steps=4", "--eval-every=4", "--eval-cases=20", "--batch-size=8"]
PPO = ["--n-envs=8", "--n-steps=8", "--batch-size=64", "--total-timesteps=64", "--eval-cases=20"]
STUDY = [*TASK, "--n-trials=1", "--eval-cases=20"]
FINE: dict[str, list[str]] = {
    "ncl_reward.explain": ["Stop."],
    "ncl_reward.instruct_vectors": ["vectors.npz"],
    "supervised.dataset": [*TASK, "--out=data", "--n=20", "--n-test=5"],
    "supervised.train": [*TASK, *STEPS],
    "supervised.pretrain": [*TASK, *STEPS],
    "supervised.adapt": ["tiny", *STEPS],
    "supervised.compress": ["tiny", "--prune=0.5", "--fine-tune-steps=4", "--eval-cases=20"],
    "supervised.tune": [*STUDY, "--steps=4", "--dataset-size=20"],
    "supervised.evaluate": ["tiny", "--n=20"],
    "supervised.predict": ["tiny", "("],
    "supervised.occupancy": ["--csv=home.csv", "--labels=5"],
    "agents.train_ppo": [*TASK, *PPO],
    "agents.train_instruct": ["--ncl-encoder=hash", *PPO],
    "agents.tune": [*STUDY, "--total-timesteps=64"],
    "supervised.occupancy predict": ["labeller", "home.csv", "--out=labelled.csv"],
    "supervised.runs": ["--min-exact=0"],
    "supervised.runs plot": ["tiny"],
    "supervised.runs rm": ["tiny", "--yes"],
    "supervised.runs studies": [],
    "supervised.runs studies rm": ["study", "--yes"],
}
ONLY_HERE: dict[str, dict[str, Sequence[str]]] = {
    "supervised.occupancy": {"csv": TEXT["csv_in"]},
    "supervised.adapt": {"export_transformers": ()},  # a Transformer cannot be exported anyway
    "supervised.occupancy predict": {"file": TEXT["csv_in"], "out": NO_FOLDER},
    "supervised.runs": dict.fromkeys(("name", "kind", "arch", "setting"), ()),  # a filter that finds nothing
    "supervised.runs plot": {"out": NO_FOLDER},
}
"""What an option of text cannot be in one command, where it means something else than in the others."""

Fault = tuple[list[str], Sequence[str]]


def faults_of(typed: str) -> list[Fault]:
    return list(faulty(command_of(typed)[0], FINE[typed], {**TEXT, **ONLY_HERE.get(typed, {})}))


def command_of(typed: str) -> tuple[type, Callable[..., object]]:
    """The options and the work of a command, and of what may be typed after its name."""
    module, *words = typed.split()
    place = import_module(module)
    if hasattr(place, "__path__"):
        place = import_module(f"{module}.__main__")
    if module == "supervised.runs":
        work = {"": "list_runs", "plot": "plot_runs", "rm": "remove_runs", "studies": "list_studies"}
        name = work.get(" ".join(words), "remove_studies")
    else:
        name = "_".join(["main", *words])
    found: Callable[..., object] = getattr(place, name)
    options = get_type_hints(found)["config"]
    assert isinstance(options, type)
    return options, found


def type_in(typed: str, arguments: Sequence[str]) -> tuple[int, str, str]:
    """Exit code, output and errors of a command, in this process."""
    options, work = command_of(typed)
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(options, work, prog=f"python -m {typed}", argv=arguments)
    return code, out.getvalue(), err.getvalue()


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run, a home's file and cases."""
    folder = tmp_path_factory.mktemp("workshop")
    with contextlib.chdir(folder):
        code, out, err = type_in("supervised.train", [*FINE["supervised.train"], "--name=tiny", "--arch=transformer"])
        assert code == 0, out + err
        home = simulate(0, 0, days=6, minutes=15)
        rows = zip(home.times, home.watts, home.present, strict=True)
        text = "".join(f"{time},{watts:.1f},{present}\n" for time, watts, present in rows)
        Path("home.csv").write_text("time,power_W,occupied\n" + text, "utf-8")
        code, out, err = type_in(
            "supervised.occupancy", [*FINE["supervised.occupancy"], "--steps=2", "--name=labeller"]
        )
        assert code == 0, out + err
        Path("studies/study").mkdir(parents=True)
        Path("studies/study/best_params.json").write_text("{}", "utf-8")
        write_cases("cases.jsonl", [make_case(BracketLanguage(("()", "[]")), "([")])
    return folder


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def wrong_with(module: str, fault: Fault, folder: Path) -> str | None:
    """What is wrong with how the command refuses; ``None`` if nothing is."""
    arguments, may_name = fault
    before = files(folder)
    try:
        with contextlib.chdir(folder):
            code, out, err = type_in(module, arguments)
    except BaseException as error:  # whatever it is, the user would see it
        return f"{module} {arguments}: {type(error).__name__}: {error}"
    said = f"{module} {arguments}: exit code {code}: {err or out[-200:]}"
    if code != 2 or not err.startswith("error: ") or err.count("\n") != 1:
        return said
    if not any(name in err for name in may_name):
        return f"does not say what is wrong: {said}"
    if made := files(folder) - before:
        return f"leaves {sorted(made)[:3]}: {said}"
    return None


def all_right(module: str, faults: Sequence[Fault], workshop: Path, folder: Path) -> None:
    shutil.copytree(workshop, folder, dirs_exist_ok=True)
    wrong = [found for fault in faults if (found := wrong_with(module, fault, folder)) is not None]
    assert not wrong, f"{len(wrong)} of {len(faults)}\n" + "\n".join(wrong)


@pytest.mark.parametrize("module", FINE)
def test_some_faulty_command_lines_are_refused(module: str, workshop: Path, tmp_path: Path) -> None:
    faults = faults_of(module)
    all_right(module, faults[:: max(1, len(faults) // 8)], workshop, tmp_path)


@pytest.mark.parametrize(
    ("typed", "arguments"),
    [
        ("supervised.dataset", ["--check=cases.jsonl", "--json=cases.jsonl"]),
        ("supervised.evaluate", ["tiny", "--cases=cases.jsonl", "--json=./cases.jsonl"]),
        ("supervised.occupancy", ["--csv=home.csv", "--predict-out=home.csv"]),
        ("supervised.occupancy predict", ["labeller", "home.csv", "--out=home.csv"]),
        ("supervised.predict", ["tiny", "--cases=cases.jsonl", "--json=cases.jsonl"]),
    ],
)
def test_what_is_read_is_not_overwritten(typed: str, arguments: list[str], workshop: Path, tmp_path: Path) -> None:
    shutil.copytree(workshop, tmp_path, dirs_exist_ok=True)
    read = {name: (tmp_path / name).read_bytes() for name in ("cases.jsonl", "home.csv")}
    with contextlib.chdir(tmp_path):
        code, _, err = type_in(typed, arguments)
    assert (code, err.count("\n")) == (2, 1)
    assert "are the same file" in err
    assert read == {name: (tmp_path / name).read_bytes() for name in read}


@pytest.mark.slow
@pytest.mark.parametrize("module", FINE)
def test_every_faulty_command_line_is_refused(module: str, workshop: Path, tmp_path: Path) -> None:
    all_right(module, faults_of(module), workshop, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("module", FINE)
def test_a_command_line_without_a_fault_goes_well(module: str, workshop: Path, tmp_path: Path) -> None:
    shutil.copytree(workshop, tmp_path, dirs_exist_ok=True)
    with contextlib.chdir(tmp_path):
        code, out, err = type_in(module, FINE[module])
    assert code == 0, out + err


def test_there_are_many_faults() -> None:
    assert sum(len(faults_of(module)) for module in FINE) >= 500
