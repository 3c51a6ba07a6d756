"""Every command that a page or a docstring shows is typed, in the order of its page, and goes well.

The pages speak of runs and files that they did not make: ``gru-1``, ``RUN``, ``home.csv``. A folder with these is made
once, and each page gets a copy. Trainings are cut short by options after the page's own. Benchmarks and what needs a
database server are only parsed, by ``test_documents.py``.
"""

from __future__ import annotations

import ast
import re
import shlex
import shutil
from pathlib import Path

import pytest
from paths import ROOT
from typed_commands import quickly, quickly_script

from supervised.occupancy.homes.simulator import simulate

PAGES = sorted(path for path in (ROOT / "docs").glob("*.md") if path.name != "code_map.md")
CODE = sorted(
    path for package in ("ncl_reward", "supervised", "agents", "examples") for path in ROOT.glob(f"{package}/**/*.py")
)
COMMAND = re.compile(r"python -m ((?:agents|supervised|ncl_reward)\.\w+)\b([^`\n]*)")
TRAINING = {"--steps": "4", "--eval-every": "4", "--eval-cases": "20"}
PPO = {"--n-envs": "8", "--n-steps": "8", "--batch-size": "64", "--total-timesteps": "64", "--eval-cases": "20"}
SHORTER: dict[str, dict[str, str]] = {
    "supervised.train": TRAINING,
    "supervised.pretrain": TRAINING,
    "supervised.adapt": {**TRAINING, "--batch-size": "8"},
    "supervised.tune": {"--steps": "4", "--eval-cases": "20", "--n-trials": "2", "--dataset-size": "20"},
    "supervised.compress": {"--eval-cases": "20"},
    "supervised.evaluate": {"--n": "20"},
    "supervised.dataset": {"--n": "20", "--n-test": "20"},
    "agents.train_ppo": PPO,
    "agents.train_instruct": {"--ncl-encoder": "hash", **PPO},
    "agents.evaluate": {"--n": "20"},
    "agents.tune": {"--n-trials": "2", "--total-timesteps": "4096", "--eval-cases": "20"},
}
OF_WHAT_IS_THERE = ("--resume", "--best", "--check", "--export-transformers", "--adapters", "--cases")
"""With these a command takes its numbers from a run or a file."""
NOT_HERE = ("HOST", "...", "FOLDER_OR_NAME", "lm:FOLDER")
"""A server, and what stands for any sentence or folder."""


def commands_of(text: str) -> list[list[str]]:
    """The commands with arguments that can be typed as they stand; what only names a command is none."""
    found = []
    for module, rest in COMMAND.findall(text.replace("RUN...", "RUN")):
        if rest.strip() and rest[0] == " " and not any(part in rest for part in NOT_HERE):
            found.append([module, *shlex.split(rest, comments=True)])
    return found


def shown_in(docstring: str) -> str:
    """The commands of a docstring on lines of their own: marked as code or indented."""
    docstring = docstring.partition("\n")[2]  # the title says which command it is about
    marked = re.findall(r"``(python -m [^`]+)``", docstring)
    return "\n".join(
        [*(" ".join(code.split()) for code in marked), *re.findall(r"^ {4,}python -m .*$", docstring, re.M)]
    )


def shortened(command: list[str]) -> list[str]:
    """A command with smaller numbers than those that it has or takes by default."""
    module, *arguments = command
    shorter = SHORTER.get(module, {})
    if any(option in arguments for option in OF_WHAT_IS_THERE):
        shorter = {"--n-trials": "3"} if "--n-trials" in arguments else {}
    for needed, option in (("--prune", "--fine-tune-steps"), ("--distill-to", "--distill-steps")):
        if needed in arguments:
            shorter = {**shorter, option: "4"}
    if "--extend" in arguments:
        shorter = {"--extend": "64" if module.startswith("agents") else "4"}
    for option in shorter:
        if option in arguments:
            at = arguments.index(option)
            del arguments[at : at + 2]
    return [module, *arguments, *(word for pair in shorter.items() for word in pair)]


def docstrings(path: Path) -> str:
    nodes = ast.walk(ast.parse(path.read_text("utf-8")))
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
    return "\n".join(shown_in(ast.get_docstring(node) or "") for node in nodes if isinstance(node, kinds))


def type_in(folder: Path, command: list[str]) -> None:
    module, *arguments = shortened(command)
    if arguments[:1] == ["rm"]:
        arguments.append("--yes")  # nobody sits here to be asked
    done = quickly(module, arguments, folder)
    assert done.code == 0, (command, done)


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the runs, the study and the files that the pages speak of."""
    folder = tmp_path_factory.mktemp("workshop")
    type_in(folder, ["supervised.train", "--name", "gru-1"])
    type_in(folder, ["supervised.train", "--name", "RUN"])
    type_in(folder, ["supervised.dataset", "--out", "DIR"])
    type_in(folder, ["agents.train_ppo", "--name", "ppo-gru-1"])
    type_in(folder, ["supervised.tune", "--name", "NAME"])
    home = simulate(0, 0, days=14, minutes=15)
    rows = [
        f"{time},{watts:.1f},{present}"
        for time, watts, present in zip(home.times, home.watts, home.present, strict=True)
    ]
    (folder / "home.csv").write_text("time,power_W,occupied\n" + "\n".join(rows) + "\n", "utf-8")
    rows = [
        f"{time.strftime('%d/%m/%Y %H:%M')},{watts / 1000:.4f},{present}"
        for time, watts, present in zip(home.times.tolist(), home.watts, home.present, strict=True)
    ]
    (folder / "meter.csv").write_text("time,power,occupied\n" + "\n".join(rows) + "\n", "utf-8")
    type_in(folder, ["supervised.occupancy", "--csv", "home.csv", "--steps", "4", "--name", "my-home"])
    (folder / "FILE").write_text('{"input": "({", "target": "})"}\n', "utf-8")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_every_command_of_a_page_goes_well(page: Path, workshop: Path, tmp_path: Path) -> None:
    shutil.copytree(workshop, tmp_path, dirs_exist_ok=True)
    for command in commands_of(page.read_text("utf-8")):
        type_in(tmp_path, command)


@pytest.mark.slow
def test_every_command_of_a_docstring_goes_well(workshop: Path, tmp_path: Path) -> None:
    shutil.copytree(workshop, tmp_path, dirs_exist_ok=True)
    for path in CODE:
        for command in commands_of(docstrings(path)):
            type_in(tmp_path, command)


@pytest.mark.slow
def test_the_example_of_an_exported_model_goes_well(workshop: Path, tmp_path: Path) -> None:
    """Its docstring says how the model is made and asked. The other examples are typed by test_examples.py."""
    shutil.copytree(workshop, tmp_path, dirs_exist_ok=True)
    example = ROOT / "examples" / "close_with_onnx.py"
    text = ast.get_docstring(ast.parse(example.read_text("utf-8"))) or ""
    for command in commands_of(text):
        type_in(tmp_path, command)
    [arguments] = re.findall(r"^ *python examples/close_with_onnx\.py (.*)$", text, re.MULTILINE)
    answered = quickly_script(example, shlex.split(arguments), tmp_path).ok().splitlines()
    assert len(answered) == len(shlex.split(arguments)) - 1


def test_the_commands_of_the_pages_are_found() -> None:
    found = [command for page in PAGES for command in commands_of(page.read_text("utf-8"))]
    assert len(found) > 30
    assert ["supervised.compress", "gru-1", "--prune", "0.8"] in found
