"""The scalar environment: write the missing closers, then stop.

A worked episode, ``reset(options={"prefix": "({"})`` with pairs ``()``, ``【】``, ``{}`` (m = 3):

    action   meaning   observation                    reward
    (reset)            BOS ( { SEP
    2        }         BOS ( { SEP }                  1/3
    0        )         BOS ( { SEP } )                1/3
    3        END       BOS ( { SEP } ) EOS            1 - 2/3, terminated, is_success
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.error import InvalidAction, ResetNeeded

from bracket_env.cases import Case
from bracket_env.errors import InputError
from bracket_env.random_streams import key
from bracket_env.rendering.cells import Plan
from bracket_env.rendering.frames import render_ansi, render_rgb
from bracket_env.sampling.splits import Split
from bracket_env.settings import DEFAULT_SETTING
from bracket_env.tasks.close import CloseTask, OnMistake, RewardKind, make_task
from bracket_env.tokenizer import FIRST_SYMBOL

EPISODES = "bracket_env/episodes"
_BLOCK = 64  # cases drawn ahead; item i of a stream is the same however many are drawn at once


class CloseEnv(gym.Env[Any, np.int64]):
    """Close the open brackets of a prefix in the right order, then stop.

    ## Description

    Given a prefix such as `({【`, write exactly the closers that are missing, innermost first, and then END. It is
    the smallest task that needs a stack. Every case has one right answer, the shortest one, so a policy's
    distance from the optimum is known exactly.

    ## Action Space

    `Discrete(k + 1)`: action `i < k` writes the closer of pair `i`, action `k` is END. Syntactically possible are END,
    always, and closer `i` while pair `i` has an unmatched opener *by count*. The mask never tells the answer; it is
    returned in `info["action_mask"]` (int8), by `action_masks()` (bool) and, with the wrapper
    `bracket_env.envs.wrappers.MaskObservation`, in the observation.

    ## Observation Space

    `Box(0, V-1, (L,))` of the smallest unsigned integer type: the token ids `BOS prefix SEP answer-so-far`, padded
    with PAD = 0 on the right. Ids: 0 PAD, 1 BOS, 2 SEP, 3 EOS (written by END), 4 MASK, 5+2i opener and 6+2i closer
    of pair i. L is 2 + the longest prefix + `max_answer`.

    ## Starting State

    A case drawn from the setting's distribution and the asked split; item n of the seed's stream in the n-th episode.
    `reset(options={"prefix": "({"})` sets the case by hand.

    ## Rewards

    With m the number of actions the perfect answer needs (closers + END) a right action earns 1/m, and the last one
    1 minus what was paid: the perfect policy earns exactly 1.0, and the mean return is the mean share answered before
    the first mistake. With `reward="sparse"` only a perfect answer pays, 1.0 at its end. A mistake earns 0 and,
    with `on_mistake="penalty"`, `-penalty / m`. Nothing is earned after a mistake.

    ## Episode End

    Terminated by END, and by the first mistake unless `on_mistake="continue"`. In that case the wrong symbol stands and
    the episode goes on to END, or is truncated after `max_answer` actions.

    ## Information

    `action_mask`: int8 `(k + 1,)`. `case`: the `Case(prefix, completion)`. After a step `is_success`: true when this
    step ended a perfect answer.

    ## Arguments

    - `setting`: a registered id such as `"bracket/Close-v0"`; fixes distribution and sizes.
    - `pairs`: other pairs than the setting's, 1 to 100 of them.
    - `split`: `"train"`, `"validation"`, `"test"` or `"all"`.
    - `on_mistake`: `"terminate"`, `"penalty"` or `"continue"`.
    - `reward`: `"dense"` or `"sparse"`.
    - `penalty`: see Rewards.
    - `max_answer`: the most actions of an episode; at least the setting's depth + 1, its default.
    - `render_mode`: `"ansi"`, `"human"` or `"rgb_array"`.

    ## Version History

    - v0: initial version.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 - Gymnasium declares it so
        "render_modes": ["ansi", "human", "rgb_array"],
        "render_fps": 4,
    }

    def __init__(
        self,
        setting: str = DEFAULT_SETTING,
        *,
        pairs: Sequence[str] | None = None,
        split: Split = "all",
        on_mistake: OnMistake = "terminate",
        reward: RewardKind = "dense",
        penalty: float = 1.0,
        max_answer: int | None = None,
        render_mode: str | None = None,
    ) -> None:
        task = make_task(
            setting,
            pairs=pairs,
            split=split,
            on_mistake=on_mistake,
            reward=reward,
            penalty=penalty,
            max_answer=max_answer,
        )
        self._set_up(task, render_mode)

    def _set_up(self, task: CloseTask, render_mode: str | None) -> None:
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            modes = ", ".join(self.metadata["render_modes"])
            raise InputError(f"unknown render_mode {render_mode!r}: use one of {modes}")
        self.task = task
        self.render_mode = render_mode
        self.observation_space = self.task.observation_space()
        self.action_space = self.task.action_space()
        # Plain lists and locals: a step is a few hundred nanoseconds of list work beside two array copies.
        self._end = self.task.end
        self._ids = self.task.tokenizer.action_ids.tolist()
        self._rewards = self.task.rewards.tolist()
        self._mistake_rewards = self.task.mistake_rewards.tolist()
        self._goes_on = self.task.on_mistake == "continue"
        self._stream: int | None = None
        self._next_item = 0
        self._block: list[tuple[Case, np.ndarray]] = []
        self._live = False
        self._case = Case("", "")
        self._return = 0.0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start the next episode of the stream.

        Args:
            seed: starts the stream of this seed from its first case; ``None`` goes on with the present one.
            options: ``{"prefix": "({"}`` sets the case instead.

        Raises:
            InputError: a prefix that cannot be completed, does not fit the observation or lies in another split;
                an unknown option.
        """
        super().reset(seed=seed)
        if seed is None and self._stream is None:
            seed = int(self.np_random.integers(2**63))
        if seed is not None:
            self._stream = key(seed, f"{EPISODES}/{self.task.setting.id}")
            self._next_item = 0
            self._block = []
        unknown = set(options or ()) - set(self._OPTIONS)
        if unknown:
            raise InputError(f"unknown reset option {sorted(unknown)[0]!r}: use {' or '.join(self._OPTIONS)}")
        self._begin(*self._chosen_case(options or {}))
        if self.render_mode == "human":
            self.render()
        return self._observe(), self._info()

    _OPTIONS: tuple[str, ...] = ("prefix",)

    def _chosen_case(self, options: dict[str, Any]) -> tuple[Case, np.ndarray]:
        """The case that the options ask for, by default the next one, and its prompt's ids."""
        if "prefix" not in options:
            return self._next_case()
        case = self.task.check_case(options["prefix"])
        return case, self._prompt(case)

    def _prompt(self, case: Case) -> np.ndarray:
        prompt: np.ndarray = self.task.tokenizer.encode_prompts([case.prefix])[0][0]
        return prompt

    def _next_case(self) -> tuple[Case, np.ndarray]:
        offset = self._next_item % _BLOCK
        if not self._block or offset == 0:
            assert self._stream is not None
            first = self._next_item - offset
            batch = self.task.sampler.batch(
                np.full(_BLOCK, self._stream, dtype=np.uint64), np.arange(first, first + _BLOCK, dtype=np.uint64)
            )
            decode = self.task.tokenizer.decode_rows
            cases = map(Case, decode(batch.prompt), decode(batch.answer))
            self._block = list(zip(cases, batch.prompt, strict=True))
        self._next_item += 1
        return self._block[offset]

    def _begin(self, case: Case, prompt: np.ndarray) -> None:
        self._case = case
        self._obs = np.zeros(self.task.observation_length, dtype=self.task.tokenizer.dtype)
        self._obs[: len(prompt)] = prompt
        self._cursor = len(case.prefix) + 2
        self._answer = [(i - FIRST_SYMBOL) // 2 for i in self.task.tokenizer.encode(case.completion)] + [self._end]
        self._unmatched = self._possible_closers(case)
        self._mask = np.array([*(count > 0 for count in self._unmatched), True], dtype=np.int8)
        self._written = 0
        self._right = True
        self._live = True
        self._return = 0.0

    def _possible_closers(self, case: Case) -> list[int]:
        """How often each closer can still be written, as far as counting tells."""
        return [self._answer.count(i) for i in range(self._end)]

    def _count_down(self, closer: int) -> None:
        """A closer was written: what can still be?"""
        self._unmatched[closer] -= 1
        self._mask[closer] = self._unmatched[closer] > 0

    def _observe(self) -> Any:
        return self._obs.copy()

    def _info(self) -> dict[str, Any]:
        return {"action_mask": self._mask.copy(), "case": self._case}

    def step(self, action: np.int64 | int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Write one closer, or END.

        Raises:
            gymnasium.error.ResetNeeded: before ``reset`` or after the end of the episode.
            gymnasium.error.InvalidAction: not an integer from 0 to k.
        """
        if not self._live:
            raise ResetNeeded("the episode has not begun or is over: call reset() before step()")
        try:
            act = operator.index(action)
        except TypeError:
            raise InvalidAction(f"an action is an integer, not {action!r}") from None
        if not 0 <= act <= self._end:
            raise InvalidAction(f"action {act} is outside 0..{self._end}")

        answer, written = self._answer, self._written
        right = self._right and act == answer[written]
        if right:
            reward = self._rewards[len(answer)][written]
        else:
            reward = self._mistake_rewards[len(answer)] if self._right else 0.0
        self._obs[self._cursor + written] = self._ids[act]
        self._right = right
        self._written = written = written + 1
        self._return += reward

        terminated = act == self._end or not (right or self._goes_on)
        truncated = not terminated and written >= self.task.max_answer
        if act != self._end:
            self._count_down(act)
        self._live = not (terminated or truncated)
        success = right and act == self._end
        info = self._info()
        info["is_success"] = success
        if self.render_mode == "human":
            self.render()
        return self._observe(), reward, terminated, truncated, info

    def action_masks(self) -> np.ndarray:
        """bool ``(k + 1,)``: what is syntactically possible now (the name MaskablePPO asks for).

        Raises:
            gymnasium.error.ResetNeeded: before the first ``reset``.
        """
        self._need_episode()
        return self._mask.astype(bool)

    @property
    def right_action(self) -> int | None:
        """The only right action now; ``None`` once a mistake was made or the episode is over."""
        return self._answer[self._written] if self._live and self._right else None

    def render(self) -> str | np.ndarray | None:
        """The frame of the render mode: a string, an RGB array, or ``None`` (``human`` prints the string)."""
        if self.render_mode is None:
            gym.logger.warn("render() needs a render_mode: gym.make(..., render_mode='ansi')")
            return None
        self._need_episode()
        written = self._obs[self._cursor : self._cursor + self._written].tolist()
        answer = self.task.tokenizer.decode(written)
        ended = len(answer) < len(written)
        asked, note = self._asked(), f"return {self._return:.2f}{self._remark()}"
        language, prefix = self.task.sampler.language, self._case.prefix
        if self.render_mode == "rgb_array":
            columns = self.task.observation_length - 2
            return render_rgb(language, prefix, answer, ended=ended, note=note, columns=columns, asked=asked)
        text = render_ansi(language, prefix, answer, ended=ended, note=note, asked=asked)
        if self.render_mode == "human":
            print(text)
            return None
        return text

    def _asked(self) -> Plan | None:
        """The right answer for the renderers; ``None``: the completion."""
        return None

    def _remark(self) -> str:
        """What a frame's note ends with."""
        return ""

    def _need_episode(self) -> None:
        if not hasattr(self, "_mask"):
            raise ResetNeeded("no episode yet: call reset() first")
