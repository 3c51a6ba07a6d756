"""The commands of a package, a line each: what ``python -m PACKAGE`` prints."""

from __future__ import annotations

import ast
import re
import shutil
import textwrap
from pathlib import Path

_TYPED = re.compile(r"``python -m [^`]*``: ")


def print_commands(main_file: str) -> int:
    """Print the commands of the package whose ``__main__.py`` this is, from their docstrings; the exit code is 0."""
    folder = Path(main_file).parent
    found = commands_of(folder)
    room = max(map(len, found), default=0) + 2
    width = max(60, min(shutil.get_terminal_size().columns, 120))
    print(f"usage: python -m {folder.name}.COMMAND [OPTIONS]\n\nEach command has its own --help:\n")
    for name, said in found.items():
        typed = f"  python -m {name}".ljust(room + 12)
        lines = textwrap.wrap(said, max(30, width - len(typed))) or [""]
        print(f"{typed}{lines[0]}")
        for line in lines[1:]:
            print(" " * len(typed) + line)
    return 0


def commands_of(folder: Path) -> dict[str, str]:
    """Name -> the first sentence of its docstring, of the commands in a package's folder."""
    found = {}
    for path in sorted([*folder.glob("*/__main__.py"), *folder.glob("*.py")], key=_name):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if path.parent == folder and (path.name.startswith("__") or not _is_run(tree)):
            continue
        said = _TYPED.sub("", " ".join((ast.get_docstring(tree) or "").split("\n\n")[0].split()))
        found[f"{folder.name}.{_name(path)}"] = re.split(r"(?<=[.:]) ", said)[0].rstrip(".:").replace("``", "")
    return found


def _name(path: Path) -> str:
    return path.parent.name if path.name == "__main__.py" else path.stem


def _is_run(tree: ast.Module) -> bool:
    """Whether a file does something when it is run."""
    return any(isinstance(node, ast.If) and "__name__" in ast.unparse(node.test) for node in tree.body)
