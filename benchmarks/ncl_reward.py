"""``python -m benchmarks.ncl_reward``: how much sooner PPO succeeds when sentences shape a sparse reward.

On ``CloseDeep`` with ``on_mistake="continue"`` and ``reward="sparse"``: 1 for a perfect answer, nothing before, and a
mistake does not end the episode, so being alive says nothing about being right. Arms, at the same steps and seeds:

- ``none``: the sparse reward alone; ``dense``: 1/m for each right action, an upper bound.
- ``right``: a sentence that is true of the task; ``contradicting``: "first opened, first closed".
- ``right, stop``: the right sentence and "stop when closed", of use where no mask says when to end.
- ``unrelated``: a sentence about soup, which grounds to nothing.
- ``base``: the constant that all these potentials give an unfinished answer, and no rule.
- ``length``: a potential that grows with every symbol written, whatever it is.
- ``random``: the weights of ``right`` on rules drawn from the others.

Success is the share of 1000 validation cases answered perfectly, decoded freely; the final column is the best model on
1000 cases of the test split. A seed that does not reach a level within N steps counts as ">N". All weights are frozen.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from benchmarks.common import (
    Arms,
    Budget,
    CurvePlot,
    FittingTable,
    GridOptions,
    Result,
    command,
    curve,
    grouped,
    levels_reached,
    median_worst,
    publish,
    quiet_runs,
    run_grid,
    seeds_of,
    steps_needed,
    table,
)
from benchmarks.common.plots import learning_curves, panels, save
from bracket_env import get_setting

if TYPE_CHECKING:
    from agents.train_ppo.shaping import Shape

SENTENCES = {
    "right": ("The bracket opened last is always closed first.",),
    "right, stop": ("The bracket opened last is always closed first.", "Stop as soon as everything is closed."),
    "unrelated": ("Add a pinch of salt to the soup.",),
    "contradicting": ("The bracket opened first is closed first.",),
}
Arm = Literal["none", "right", "right, stop", "base", "length", "random", "unrelated", "contradicting", "dense"]
ARMS: tuple[Arm, ...] = get_args(Arm)
COLOURS = ("#666666", "#0072B2", "#F0E442", "#000000", "#CC79A7", "#E69F00", "#56B4E9", "#D55E00", "#009E73")
LEVELS = (0.50, 0.90)


@dataclass(frozen=True)
class NCLRewardJob:
    """One training run."""

    arm: str
    seed: int
    encoder: Literal["gru", "tree"] = "gru"
    total_timesteps: int = 400_000
    weight: float = 0.3
    base: float = 0.5
    mask: bool = True
    eval_every: int = 20_000
    setting: str = "bracket/CloseDeep-v0"


@dataclass(frozen=True)
class NCLRewardOptions(CurvePlot, Budget, Arms, GridOptions):
    """Sparse CloseDeep with and without sentences in the reward, beside controls: steps to 50 and 90 % success."""

    arms: tuple[Arm, ...] = ARMS
    encoder: Literal["gru", "tree"] = "gru"
    """The network; tree is given the structure, so that only finding the reward is left to learn."""
    weight: float = 0.3
    """--ncl-weight: what one violation costs."""
    base: float = 0.5
    """--ncl-base: the potential of an answer without a violation."""
    mask: bool = True
    """Whether syntactically impossible actions are forbidden; what is left to find then is the order and the END."""


def jobs(config: NCLRewardOptions) -> list[NCLRewardJob]:
    """Seeds 0-4 with --full, else 0 and 1; the first seed of every arm comes first."""
    return [
        NCLRewardJob(arm, seed, config.encoder, config.total_timesteps, config.weight, config.base, config.mask)
        for seed in config.default_seeds(2)
        for arm in config.arms
    ]


def work(job: NCLRewardJob) -> dict[str, Any]:
    """Train once; the curve and the final scores."""
    with quiet_runs("benchmarks.ncl_reward") as runs:
        run_folder = runs.train_ppo(
            shape=shape_of(job),
            setting=job.setting,
            arch=job.encoder,
            on_mistake="continue",
            reward="dense" if job.arm == "dense" else "sparse",
            instruction=SENTENCES.get(job.arm, ()),
            ncl_weight=job.weight,
            ncl_base=job.base,
            mask=job.mask,
            seed=job.seed,
            total_timesteps=job.total_timesteps,
            eval_every=job.eval_every,
        )
        return {"curve": curve(run_folder, "timesteps", "seconds", "exact"), **runs.test_figures()}


def shape_of(job: NCLRewardJob) -> Shape | None:
    """The reward of the arms without sentences; ``None`` leaves it to the sentences."""
    from agents.train_ppo.options import TrainPPO
    from benchmarks.common.controls import LengthReward
    from bracket_env.random_streams import below, bits, key
    from ncl_reward import BRACKET_RULES, Potential, VectorNCLReward, make_encoder, state_rules

    language, gamma = get_setting(job.setting).language(), TrainPPO.gamma
    if job.arm == "base":
        potential = Potential((), len(language.pairs), base=job.base)
        return partial(VectorNCLReward, potential=potential, gamma=gamma)
    if job.arm == "length":
        return partial(LengthReward, weight=job.weight, base=job.base, gamma=gamma)
    if job.arm != "random" or job.weight == 0:
        return None
    rules = state_rules(SENTENCES["right"], make_encoder(), language, BRACKET_RULES)
    others = sorted(set(BRACKET_RULES) - {rule.rule.name for rule in rules})
    stream = key(job.seed, "benchmarks/ncl_reward/random")
    drawn = tuple(
        replace(rule, rule=BRACKET_RULES[others.pop(below(bits(stream, i), len(others)))])
        for i, rule in enumerate(rules)
    )
    potential = Potential(drawn, len(language.pairs), job.weight, job.base)
    return partial(VectorNCLReward, potential=potential, gamma=gamma)


def rows(results: Sequence[Result]) -> list[dict[str, Any]]:
    """One row an arm, for each encoder, budget and weight."""
    columns = {"arm": "arm", "encoder": "encoder", "budget": "total_timesteps"}
    columns |= {name: name for name in ("weight", "base", "mask")}
    return [
        {
            **dict(zip(columns, group, strict=True)),
            "seeds": seeds_of(members),
            "steps": levels_reached(members, LEVELS)[0],
            "last": [result["curve"][-1][2] for _, result in members],
            "exact": [result["exact"] for _, result in members],
            "needs_stack": [result["needs_stack"] for _, result in members],
            "seconds": [result["curve"][-1][1] for _, result in members],
        }
        for group, members in grouped(results, tuple(columns.values())).items()
    ]


def by_arm(found: Sequence[dict[str, Any]]) -> FittingTable:
    """Median and, in parentheses, worst seed."""
    view = table(
        "Sparse CloseDeep: median (worst) seed; first evaluation at a level, best model on 1000 test cases",
        ("arm", "seeds", "to 50 %", "to 90 %", "last %", "exact %", "stack %", "seconds"),
        left=("arm",),
    )
    for row in found:
        steps = [steps_needed(hits, row["budget"]) for hits in row["steps"].values()]
        shares = [median_worst(row[name]) for name in ("last", "exact", "needs_stack")]
        view.add_row(row["arm"], str(len(row["seeds"])), *steps, *shares, f"{statistics.median(row['seconds']):.0f}")
    return view


def main(config: NCLRewardOptions) -> None:
    """Run what is missing, print the table and draw the curves."""
    results = run_grid("ncl_reward", jobs(config), work, config)
    found = rows(results)
    publish(config, {"rows": found}, by_arm(found))
    if config.plot is not None:
        figure, ((axis,),) = panels(1, 7, 4)
        curves = {arm: [result["curve"] for job, result in results if job.arm == arm] for arm in ARMS}
        learning_curves(axis, curves, dict(zip(ARMS, COLOURS, strict=True)))
        axis.set(title="CloseDeep, sparse", ylabel="success, %")
        axis.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0))
        save(figure, Path(config.plot))


if __name__ == "__main__":
    command(NCLRewardOptions, main, "ncl_reward")
