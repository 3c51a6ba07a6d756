"""Every example runs, quickly, and prints what its docstring promises."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest
from paths import ROOT
from PIL import Image
from typed_commands import quickly_script

QUICK = {  # example: arguments, and something that it prints
    "custom_solver.py": ("--n 50", "stack of 2"),
    "random_and_oracle.py": ("--episodes 20", "oracle          return 1.000   perfect 100.0%"),
    "render_episode.py": ("--out episode.png", "a mistake: return 0.25"),
    "sb3_ppo.py": ("--timesteps 2048 --episodes 20", "unseen prefixes: return"),
    "trl_reward.py": ("", "({  }    0.333"),
    "vector_env.py": ("--num-envs 4 --steps 20", "episodes, 100.0% perfect"),
}
ELSEWHERE = {"close_with_onnx.py": "tests/supervised/compress/test_compress_onnx.py"}  # needs a model


def test_every_example_is_run_and_documented() -> None:
    examples = sorted((ROOT / "examples").glob("*.py"))
    assert [path.name for path in examples] == sorted([*QUICK, *ELSEWHERE])
    assert all(name in (ROOT / test).read_text("utf-8") for name, test in ELSEWHERE.items())
    for path in examples:
        docstring = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
        assert f"python examples/{path.name}" in docstring
        assert "Prints" in docstring


@pytest.mark.parametrize("name", sorted(QUICK))
def test_the_example_runs(name: str, tmp_path: Path) -> None:
    arguments, promised = QUICK[name]
    assert promised in quickly_script(ROOT / "examples" / name, arguments.split(), tmp_path).ok()
    if name == "render_episode.py":
        # Not byte for byte: another version of Pillow may smooth a letter differently.
        shown, made = (Image.open(path) for path in (ROOT / "docs/images/episode.png", tmp_path / "episode.png"))
        assert shown.size == made.size
        assert np.abs(np.asarray(shown, dtype=float) - np.asarray(made, dtype=float)).mean() < 1.0


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("random_and_oracle.py", "--episodes 0"), ("custom_solver.py", "--n 0"), ("vector_env.py", "--split foo")],
)
def test_an_example_refuses_in_one_line(name: str, arguments: str, tmp_path: Path) -> None:
    assert quickly_script(ROOT / "examples" / name, arguments.split(), tmp_path).refused()
