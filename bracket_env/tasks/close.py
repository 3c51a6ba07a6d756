"""The task Close: write the missing closers, then stop.

A worked episode, ``reset(options={"prefix": "({"})`` with pairs ``()``, ``【】``, ``{}`` (m = 3):

    action   meaning   observation                    reward
    (reset)            BOS ( { SEP
    2        }         BOS ( { SEP }                  1/3
    0        )         BOS ( { SEP } )                1/3
    3        END       BOS ( { SEP } ) EOS            1 - 2/3, terminated, is_success
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, final

import numpy as np

from bracket_env.sampling.settings import DEFAULT_SETTING, get_setting
from bracket_env.sampling.splits import Split
from bracket_env.tasks.task import OnMistake, RewardKind, Rows, Task


@final
class CloseTask(Task):
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
    ) -> None:
        super().__init__(
            get_setting(setting),
            pairs=pairs,
            split=split,
            on_mistake=on_mistake,
            reward=reward,
            penalty=penalty,
            max_answer=max_answer,
        )

    def draw(self, streams: np.ndarray, items: np.ndarray) -> Rows:
        batch = self.sampler.batch(streams, items)
        return self.rows(batch.prompt, batch.prompt_length, self.closer_actions(batch.answer), batch.answer_length)

    def by_hand(self, given: Mapping[str, Any], drawn: Rows) -> Rows:
        return self.row_of(given["prefix"])
