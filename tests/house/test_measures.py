"""The measures of the house stay within their limits, and each of them can find a fault."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest
from house import commands, graphs, privacy
from house.drawing import DRAWN, PAGE, drawing
from house.measures import MEASURES, Measure, table
from house.reading import House, read
from house.statements import documented, statements
from paths import ROOT


@pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.name)
def test_no_measure_is_above_its_limit(measure: Measure) -> None:
    found = measure.find(read(ROOT, measure.folders))
    assert len(found) <= measure.limit, "\n".join(found)


def test_whatever_is_public_says_what_it_is() -> None:
    count, without = documented(read())
    assert count > 1000
    assert not without


def test_the_table_has_a_line_for_each_measure() -> None:
    lines = table(ROOT).splitlines()
    assert {measure.name for measure in MEASURES} < {line.split(" |")[0].strip() for line in lines}
    assert len({line.index("|") for line in lines}) == 1


def test_no_two_test_files_have_one_name() -> None:
    names = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name, number in names.items() if number > 1] == []  # pytest could import only one of them


def test_the_code_map_is_drawn_from_the_code() -> None:
    [drawn] = DRAWN.findall((ROOT / PAGE).read_text("utf-8"))
    assert drawn == drawing(ROOT), "run make map"


# A house that breaks every law


RUN = "from bracket_env.command import run\nrun(Options, main, prog='x')\n"
OPTIONS = "class Options:\n    name: str\n    '''What it is called.'''\n"


def house_of(folder: Path, files: Mapping[str, str]) -> House:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    return read(folder, tuple({name.split("/")[0] for name in files}))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("import agents.b", "from agents import a"),
        ("def f():\n    from agents.b import g", "from .a import f"),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from agents import b", "import agents.a as a"),
        ("import importlib\nimportlib.import_module('agents.b')", "from agents.a import importlib"),
        ("entry_point = 'agents.b:Env'", "import agents.a"),
    ],
)
def test_a_circle_is_found_however_lazy_it_is(first: str, second: str, tmp_path: Path) -> None:
    house = house_of(tmp_path, {"agents/__init__.py": "", "agents/a.py": first, "agents/b.py": second})
    assert graphs.circles(house.imports) == ["agents.a <-> agents.b"]


def test_folders_may_go_in_circles_where_no_module_does(tmp_path: Path) -> None:
    files = {"agents/a/x.py": "import agents.b.x", "agents/b/x.py": "", "agents/b/y.py": "import agents.a.y"}
    house = house_of(tmp_path, {**files, "agents/a/y.py": ""})
    assert not graphs.circles(house.imports)
    assert graphs.circles(graphs.folder_graph(house)) == ["agents.a <-> agents.b"]


def test_the_face_of_a_package_may_import_all_below_it(tmp_path: Path) -> None:
    files = {"agents/__init__.py": "from agents.b.x import y", "agents/e.py": "", "agents/b/x.py": "import agents.e"}
    house = house_of(tmp_path, files)
    assert not graphs.circles(graphs.folder_graph(house))


def test_the_thirteenth_file_of_a_folder_is_one_too_many(tmp_path: Path) -> None:
    files = {f"agents/f{i}.py": "" for i in range(12)} | {"agents/__init__.py": ""}
    assert not graphs.full_folders(house_of(tmp_path / "few", files))
    assert graphs.full_folders(house_of(tmp_path / "many", {**files, "agents/f12.py": ""})) == ["agents: 13 files"]


def test_an_option_that_two_commands_write_is_declared_twice(tmp_path: Path) -> None:
    house = house_of(tmp_path, {"agents/a.py": OPTIONS + RUN, "agents/b.py": OPTIONS + RUN})
    assert commands.declared_twice(house) == ["name: agents.a.Options, agents.b.Options"]


def test_an_option_that_two_commands_inherit_is_declared_once(tmp_path: Path) -> None:
    group = "class Named:\n    name: str\n    '''What it is called.'''\n"
    inheriting = "from agents.groups import Named\nclass Options(Named):\n    name: str = 'another default'\n" + RUN
    house = house_of(tmp_path, {"agents/groups.py": group, "agents/a.py": inheriting, "agents/b.py": inheriting})
    assert [one.where for one in commands.declarations(house)] == ["agents.groups.Named"]
    assert not commands.declared_twice(house)


@pytest.mark.parametrize(
    "taken",
    ["Options", "'Options'", "Options | None", "list[Options]", "type[Options]", "Callable[[Options], None]"],
)
def test_a_function_that_takes_a_whole_command_is_found(taken: str, tmp_path: Path) -> None:
    work = f"from agents.train.options import Options\ndef f(x: int, *, config: {taken}): ...\n"
    held = f"from agents.train.options import Options\nclass Held:\n    config: {taken}\n"
    files = {"agents/train/options.py": OPTIONS, "agents/train/__main__.py": "from .options import Options\n" + RUN}
    house = house_of(tmp_path, {**files, "agents/train/run.py": work, "agents/work.py": work, "agents/held.py": held})
    assert commands.takers(house) == ["agents.held.Held takes Options", "agents.work.f takes Options"]
    assert commands.imports_of_commands(house) == [
        "agents.held imports agents.train.options",
        "agents.work imports agents.train.options",
    ]


def test_private_names_of_others_are_found(tmp_path: Path) -> None:
    base = "class Base:\n    def _hook(self): return self._state\n    def __init__(self): self._state = 1\n"
    child = "from supervised.a import Base\nclass Child(Base):\n    def _hook(self): return self._state\n"
    user = "from supervised.a import Base\nprint(Base()._hook(), tuple._replace)\n"
    house = house_of(tmp_path, {"supervised/a.py": base, "supervised/b.py": child, "agents/c.py": user})
    assert privacy.private_hooks(house) == ["supervised.b.Child._hook of supervised.a.Base"]
    assert privacy.private_uses(house) == [
        "agents.c uses _hook of supervised.a or supervised.b",
        "supervised.b uses _state of supervised.a",
    ]
    assert privacy.private_uses_across_packages(house) == ["agents.c uses _hook of supervised.a or supervised.b"]


def test_statements_are_counted_with_and_without_docstrings(tmp_path: Path) -> None:
    described = "class A:\n    '''A class.'''\n    x: int = 1\n    '''A field.'''\n    def f(self):\n"
    house = house_of(
        tmp_path, {"agents/a.py": f"'''A module.'''\n{described}        return 1\ndef g():\n    return 2\n"}
    )
    assert statements(house) == (6, 9)
    assert documented(house) == (1, ["A.f", "g"])
