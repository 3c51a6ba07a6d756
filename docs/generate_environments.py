"""Writes docs/environments.md from the table of settings and the environments' docstrings.

    python docs/generate_environments.py

A test holds the page to what this prints, so run it after a change to either.
"""

from __future__ import annotations

import inspect
from pathlib import Path

from bracket_env import SETTINGS, Setting, TaskEnv
from bracket_env.atomic import write_text
from bracket_env.envs.registry import CloseEnv, InstructEnv, Maker
from bracket_env.scores.shortcuts import tally_completion

PAGE = Path(__file__).with_name("environments.md")
CASES = 1000  # of the test split: enough to say which settings a counter can pass
HEAD = """\
<!-- Made by docs/generate_environments.py from the code: change it there. -->

# Environments

Importing `bracket_env` registers one environment under several ids. An id is a *setting*: it fixes the pairs and how
cases are drawn, and with them every size. `gym.make("bracket_env:bracket/Close-v0")` imports the package by itself, and
`gym.make_vec` with the same id gives the native vector environment, NumPy only, in each of Gymnasium's autoreset modes.
`bracket/Instruct-v0` is the one id that is no setting: there a sentence says what a right answer is
([InstructEnv](#instructenv); [instruct.md](instruct.md) has what agents learn of it).
"""
VECTOR = """\
## Vector environment

`gym.make_vec("bracket_env:bracket/Close-v0", num_envs=512)` takes the same arguments, and `autoreset_mode` (a member
of Gymnasium's `AutoresetMode` or its name; next-step by default) and `max_episode_steps`. Member i behaves as a
scalar environment seeded `seed + i`, step by step and bit for bit. Two things differ in form, for speed:
`infos["final_obs"]` is one array `(n, L)`, of which `infos["_final_obs"]` says the rows that are meant, and
`infos["case"]` is a sequence that decodes a case when it is asked for. `reset(options={"prefix": ...})` takes one
prefix or one for each member. `right_actions()` gives every member's right action, -1 where there is none. For
`bracket/Instruct-v0` observations, the final ones too, are a dict of two arrays, and `infos["instruction"]` is such a
sequence as well.
"""

NEW = """\
## A new environment

A new environment is one task file and one line. The task, a subclass of `bracket_env.Task`, says which episodes a
stream has (`draw`), which one is set by hand (`by_hand`), and whatever is not as in `CloseEnv`: what is seen (`see`,
`observation_space`), what an action does to the mask (`effects`), how an episode is told (`infos`, `render`). Its
docstring is the page. Where the right actions are no fixed list, `is_right` and `a_right_action` find them in the
episode's arrays. `bracket_env/tasks/close.py` and `instruct.py` are to be copied; the line, which registers the ids and
makes both kinds of environment, stands in `bracket_env/envs/registry.py` or in a package of your own:

    MyEnv, MyVectorEnv = bracket_env.environments("My", MyTask, {"mine/My-v0": {}}, __name__)

Seeds, autoreset modes, masks, time limits, states and frames come with it.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, settings_table(), environment(CloseEnv), environment(InstructEnv), VECTOR, NEW])


def settings_table() -> str:
    """A section with one row a setting: sizes, and what counting without a stack achieves."""
    lines = [
        "## Settings",
        "",
        "| id | pairs | cases | prefix up to | depth up to | L | actions | counters | rising counters |",
        "|---|---|---|---:|---:|---:|---:|---:|---:|",
        *(_row(setting) for setting in SETTINGS.values()),
        "",
        f"The last two columns are the yardsticks without a stack: exact match on {CASES} cases of the test split "
        "(see [scores.md](scores.md)).",
        "",
    ]
    return "\n".join(lines)


def environment(kind: Maker[TaskEnv]) -> str:
    """The docstring as a section, its own headings one level down."""
    text = inspect.cleandoc(kind.__doc__ or "").replace("## ", "### ")
    return f"## {kind.__name__}\n\n{text}\n"


def _row(setting: Setting) -> str:
    length, depth = setting.max_length, setting.max_depth
    observation = CloseEnv(setting.id).observation_space.shape
    assert observation is not None
    cells = [
        f"`{setting.id}`",
        f"`{' '.join(setting.pairs)}`",
        setting.summary,
        length,
        depth,
        observation[0],
        len(setting.pairs) + 1,
        f"{_exact(setting, rising=False):.1%}",
        f"{_exact(setting, rising=True):.1%}",
    ]
    return f"| {' | '.join(map(str, cells))} |"


def _exact(setting: Setting, *, rising: bool) -> float:
    language = setting.language()
    cases = setting.evaluation_cases("test", CASES)
    return sum(tally_completion(language, prefix, rising=rising) == answer for prefix, answer in cases) / len(cases)


if __name__ == "__main__":
    write_text(PAGE, page())
