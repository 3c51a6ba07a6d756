"""The documents say what is true: links lead somewhere, code and commands run, tables agree with the code."""

from __future__ import annotations

import importlib
import importlib.util
import re
import shlex
from fractions import Fraction
from pathlib import Path
from typing import get_type_hints

import pytest
from paths import ROOT
from typed_commands import quickly, quickly_script

from bracket_env import SETTINGS, BracketLanguage, Case, InputError, read_cases, share_answered
from bracket_env.command import parse

README, JAPANESE = ROOT / "README.md", ROOT / "README.ja.md"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TABLE = re.compile(r"<!-- table: make train -->\n```text\n(.*?)```\n<!-- end -->", re.DOTALL)
TINY = ["--n-envs", "8", "--n-steps", "8", "--batch-size", "64", "--total-timesteps", "128", "--eval-cases", "20"]


def text_of(document: Path) -> str:
    return document.read_text("utf-8")


def code_blocks(document: Path, language: str) -> list[str]:
    return [code for name, code in FENCE.findall(text_of(document)) if name == language]


def rows(document: Path, heading: str) -> list[list[str]]:
    """The cells of the table whose first heading is ``heading``, without the two heading lines."""
    lines = text_of(document).split("\n")
    start = next(i for i, line in enumerate(lines) if line.startswith(f"| {heading} |"))
    table = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        table.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return table


# Every document


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", text_of(document)))
    missing = [
        link
        for link in links
        if not re.match(r"https?:|#", link) and not (document.parent / link.partition("#")[0]).exists()
    ]
    assert not missing


@pytest.mark.parametrize(
    ("document", "number"),
    [(document, i) for document in DOCUMENTS for i in range(len(code_blocks(document, "python")))],
    ids=lambda value: value.name if isinstance(value, Path) else str(value),
)
def test_every_python_block_runs(document: Path, number: int, tmp_path: Path) -> None:
    (tmp_path / "block.py").write_text(code_blocks(document, "python")[number], "utf-8")
    quickly_script(tmp_path / "block.py", [], tmp_path).ok()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_that_is_mentioned_parses(document: Path) -> None:
    for module_name, arguments in re.findall(
        r"python -m ((?:agents|supervised|ncl_reward)\.\w+)([^`\n]*)", text_of(document)
    ):
        module = importlib.import_module(module_name)
        if hasattr(module, "__path__"):
            module = importlib.import_module(f"{module_name}.__main__")
        given = shlex.split(arguments, comments=True)
        main = getattr(module, f"main_{given[0]}", None) if given else None  # of a subcommand
        if module_name == "supervised.runs":  # its first words say whose options follow
            config, _, given = module.asked_for(given)
        else:
            config = get_type_hints(main or module.main)["config"]
        if given:
            assert isinstance(config, type)
            parse(config, given[1:] if main else given, module.PROG)


# README


def test_the_two_commands_come_first_and_exist() -> None:
    commands = [line.split("#")[0].split() for line in code_blocks(README, "sh")[0].splitlines()]
    assert commands == [["make", "train"], ["make", "test"]]
    targets = re.findall(r"^(\w+):", text_of(ROOT / "Makefile"), re.MULTILINE)
    assert {"train", "test"} <= set(targets)


def readme_commands() -> list[list[str]]:
    """The words after ``python -m`` of every command line."""
    lines = "\n".join(code_blocks(README, "sh")).splitlines()
    return [shlex.split(line, comments=True)[2:] for line in lines if line.startswith("python -m")]


def run_commands(commands: list[list[str]], folder: Path) -> None:
    """Run them with tiny settings after what ``make train`` runs, which makes ppo-gru-1."""
    few = ["--steps", "20", "--eval-every", "20", "--eval-cases", "20"]
    quick = {"agents.train_ppo": TINY, "agents.evaluate": ["--n", "20"], "agents.predict": []}
    quick |= {"agents.train_instruct": ["--vectors", "hash", *TINY]}
    quick |= {"supervised.train": few, "supervised.evaluate": ["--n", "20"], "supervised.predict": []}
    quick |= {"supervised.dataset": ["--n-test", "20"], "supervised.pretrain": few, "ncl_reward.explain": []}
    quick |= {"supervised.adapt": few, "supervised.compress": ["--fine-tune-steps", *few[1:]]}
    for command in [["agents.train_ppo"], *commands]:
        # A file has as many cases as it has.
        options = [] if {"--cases", "--check"} & set(command) else quick.get(command[0], [])
        assert quickly(command[0], [*without(command[1:], options[::2]), *options], folder).ok().strip()


def without(words: list[str], options: list[str]) -> list[str]:
    """A command's words but for some options and the value of each: given twice, they would be refused."""
    return [w for before, w in zip(["", *words], words, strict=False) if w not in options and before not in options]


def test_a_command_of_each_kind_runs(tmp_path: Path) -> None:
    quickly("supervised.dataset", ["--n", "30", "--n-test", "20", "--out", "data"], tmp_path).ok()
    last_of_each: dict[str, list[str]] = {}
    for command in readme_commands():
        if command[0].startswith("agents."):
            last_of_each.pop(command[0], None)  # in the order of the page: a later one may ask an earlier one's run
            last_of_each[command[0]] = command
    assert sorted(last_of_each) == ["agents.evaluate", "agents.predict", "agents.train_instruct", "agents.train_ppo"]
    run_commands(list(last_of_each.values()), tmp_path)
    assert (tmp_path / "scores.json").is_file()
    run_folder = tmp_path / "runs/ppo-gru-1"
    written = {f"{path.name}/" if path.is_dir() else path.name for path in run_folder.iterdir()}
    assert {row[0].strip("`") for row in rows(ROOT / "docs/run_folders.md", "file")} == written


@pytest.mark.slow
def test_every_command_of_the_readme_runs(tmp_path: Path) -> None:
    run_commands(readme_commands(), tmp_path)
    made = {path.name for path in (tmp_path / "runs").iterdir()}
    assert made == {
        "ppo-gru-1",
        "deep",
        "ppo-transformer-1",
        "ppo-gru-2",
        "gru-1",
        "lstm",
        "stack",
        "few",
        "told",
        "words",
        "urged",
        "told-what",
        "obeys",
        "warm",
        "base",
        "angles",
        "small",
    }


@pytest.mark.parametrize("document", [README, JAPANESE], ids=lambda path: path.name)
def test_the_settings_table_agrees_with_the_settings(document: Path) -> None:
    table = [(row[0].strip("`"), row[1].strip("`")) for row in rows(document, "id")]
    assert table == [(setting.id, " ".join(setting.pairs)) for setting in SETTINGS.values()]


def test_the_results_show_an_agent_beside_every_yardstick() -> None:
    [table] = TABLE.findall(text_of(README))
    for solver in ("ppo-gru-1", "oracle", "rising counters", "counters", "5-gram", "3-gram", "uniform"):
        assert re.search(rf"^ *{solver} +\d", table, re.MULTILINE), solver


def test_the_japanese_readme_has_the_same_parts() -> None:
    english, japanese = text_of(README), text_of(JAPANESE)
    assert FENCE.findall(japanese) == FENCE.findall(english)
    assert TABLE.findall(japanese) == TABLE.findall(english)
    for shape in (r"^#+ ", r"^- ", r"^\|", r"^!\[", r"^    \w+/ "):
        found = [re.findall(shape, FENCE.sub("", text), re.MULTILINE) for text in (english, japanese)]
        assert found[0] == found[1], shape
    links = [
        sorted(set(re.findall(r"\]\(([^)]+)\)", text)) - {"README.md", "README.ja.md"}) for text in (english, japanese)
    ]
    assert links[0] == links[1]


def test_the_tree_names_folders_that_exist() -> None:
    folders = re.findall(r"^    (\w+)/ ", text_of(README), re.MULTILINE)
    assert folders
    assert all((ROOT / folder).is_dir() for folder in folders)


# The pages


def test_the_page_of_the_environments_is_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("generate_environments", ROOT / "docs/generate_environments.py")
    assert spec is not None
    assert spec.loader is not None
    generator = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generator)
    assert text_of(generator.PAGE) == generator.page(), "run python docs/generate_environments.py"


def test_the_worked_example_of_the_scores_is_right() -> None:
    language = BracketLanguage()
    table = rows(ROOT / "docs/scores.md", "prefix")
    assert len(table) == 4
    for row in table:
        prefix, completion, answer = (cell.strip("`").replace("nothing", "") for cell in row[:3])
        assert completion == language.completion(prefix)
        assert share_answered(answer, completion) == pytest.approx(float(Fraction(row[4])))
        assert int(row[5]) == (answer == completion)


@pytest.mark.parametrize("form", ["jsonl", "bigbench", "array", "text"])
def test_the_examples_of_case_files_are_recognised_and_read(form: str, tmp_path: Path) -> None:
    [content] = code_blocks(ROOT / "docs/case_files.md", form)
    (tmp_path / "cases").write_text(content, "utf-8")
    for chosen in ("auto", form):
        cases = read_cases(tmp_path / "cases", BracketLanguage(), format=chosen)  # type: ignore[arg-type]
        assert cases == [Case("({", "})"), Case("【】", "")]


def test_the_errors_of_case_files_are_as_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    table = rows(ROOT / "docs/case_files.md", "`cases.jsonl`")
    assert len(table) >= 5
    for content, message in table:
        Path("cases.jsonl").write_text(content.strip("`").replace("nothing", ""), "utf-8")
        with pytest.raises(InputError) as error:
            read_cases("cases.jsonl", BracketLanguage(), format="jsonl")
        assert str(error.value) == message.strip("`")
