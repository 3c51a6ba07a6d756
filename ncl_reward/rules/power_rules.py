"""The rules of household power: who is at home, told from a meter.

    low_constant_absent   low and constant for so many hours (4 if the sentence names none): ABSENT
    low_constant_present  the same hours: PRESENT, which contradicts it
    varied_present        far above that level within the hour: PRESENT
    night_uninformative   from 22:00 to 06:00 low and constant says nothing, neither way: people sleep

Taken literally, "low" and "constant" never happen: a fridge switches on and off for ever. Both are meant relative to
the home. With s the mean of the hour around each slot, in which the compressors average out, and

    c = median over days of min over stretches of 4 h of that day of max s      the home's quiet level

a slot is *quiet* where s <= QUIET c, and low and constant are the stretches of quiet slots that last long enough. The
same c serves every duration, since every home has four quiet hours on most days, be it the night.

    hour          0  1  2  3  4  5  6  7  8  9 10 11 12 13 14 15 16 17 18 19 20 21 22 23
    quiet         x  x  x  x  x  x  .  .  x  x  x  x  x  x  x  x  x  .  .  .  x  .  .  x      c and s of one day
    low_constant  A  A  A  A  A  A  .  .  A  A  A  A  A  A  A  A  A  .  .  .  .  .  .  .      4 hours
    with night    .  .  .  .  .  .  .  .  A  A  A  A  A  A  A  A  A  .  .  .  .  .  .  .

A stretch is seen whole: its first hour counts because of what follows. That is fit for a target in training; a causal
model has to learn it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ncl_reward.rules.rule import Domain, Rule, Slots, StatedRule, Target, target_of

ABSENT, PRESENT = 0, 1
QUIET = 1.125
VARIED = 1.5
DEFAULT_HOURS = 4.0
NIGHT = (22.0, 6.0)  # when people sleep
_QUIETEST_HOURS = 4.0


@dataclass(frozen=True)
class PowerInputs:
    """A home's power.

    ``present`` is only needed to count violations.
    """

    watts: np.ndarray  # (n,) float64, nan where nothing was measured
    hours: np.ndarray  # (n,) time of day, 0 to 24
    minutes: int  # length of a slot
    level: float  # c, see quiet_level
    present: np.ndarray | None = None  # (n,) int8: an answer; below 0 for none


class PowerRule(Rule[PowerInputs]):
    """A rule that names one answer where it applies; the columns of log q are ABSENT and PRESENT."""

    domain: Domain = "power"
    answer: int

    @abstractmethod
    def holds(self, inputs: PowerInputs, slots: Slots) -> np.ndarray:
        """``(n,)`` bool: where the sentence's condition is met."""

    def silenced(self, inputs: PowerInputs, name: str) -> np.ndarray:
        """``(n,)`` bool: where this rule takes the word from the rule called ``name``."""
        return np.zeros(len(inputs.watts), dtype=bool)

    def target(self, inputs: PowerInputs, slots: Slots) -> Target:
        """The target at each slot."""
        allowed = np.ones((len(inputs.watts), 2), dtype=bool)
        allowed[self.holds(inputs, slots), 1 - self.answer] = False
        both = np.ones(2, dtype=bool)
        return target_of(allowed, both, both, slots.noise)

    def violations(self, inputs: PowerInputs, slots: Slots) -> np.ndarray:
        """``(1,)``: slots whose answer is not the rule's; none without answers."""
        if inputs.present is None:
            return np.zeros(1)
        broken = self.holds(inputs, slots) & (inputs.present == 1 - self.answer)
        return np.array([broken.sum()], dtype=np.float64)


class LowConstantAbsent(PowerRule):
    """Quiet for the hours that the sentence names."""

    name = "low_constant_absent"
    answer = ABSENT

    def holds(self, inputs: PowerInputs, slots: Slots) -> np.ndarray:
        least = max(1, round((slots.hours or DEFAULT_HOURS) * 60 / inputs.minutes))
        return stretches(hour_mean(inputs.watts, inputs.minutes) <= QUIET * inputs.level, least)


class LowConstantPresent(LowConstantAbsent):
    """The opposite answer at the same hours: a sentence may be wrong, and labels have to find it out."""

    name = "low_constant_present"
    answer = PRESENT


class VariedPresent(PowerRule):
    """Well above the quiet level."""

    name = "varied_present"
    answer = PRESENT

    def holds(self, inputs: PowerInputs, slots: Slots) -> np.ndarray:
        return hour_mean(inputs.watts, inputs.minutes) > VARIED * inputs.level


class NightUninformative(PowerRule):
    """Has no answer of its own; at night it silences the two rules about low and constant power."""

    name = "night_uninformative"
    answer = PRESENT

    def holds(self, inputs: PowerInputs, slots: Slots) -> np.ndarray:
        return np.zeros(len(inputs.watts), dtype=bool)

    def silenced(self, inputs: PowerInputs, name: str) -> np.ndarray:
        if name not in (LowConstantAbsent.name, LowConstantPresent.name):
            return super().silenced(inputs, name)
        return in_hours(inputs.hours, *NIGHT)


POWER_RULES: dict[str, PowerRule] = {
    rule.name: rule for rule in (LowConstantAbsent(), LowConstantPresent(), VariedPresent(), NightUninformative())
}


def weights_in_place(stated: Sequence[StatedRule[PowerRule]], inputs: PowerInputs) -> np.ndarray:
    """``(rules, n)``: the weight of each rule at each slot, 0 where it does not apply.

    A rule of weight v that silences another takes the share v of the other's weight away.
    """
    rows = []
    for one in stated:
        rows.append(one.weight * one.rule.target(inputs, one.slots).applies * share_left(one.rule, stated, inputs))
    return np.array(rows, dtype=np.float64).reshape(len(stated), len(inputs.watts))


def share_left(rule: PowerRule, stated: Sequence[StatedRule[PowerRule]], inputs: PowerInputs) -> np.ndarray:
    """``(n,)``: what the others leave of a rule's word at each slot, from 0 to 1, whether it applies there or not."""
    left = np.ones(len(inputs.watts))
    for other in stated:
        left *= 1 - other.weight * other.rule.silenced(inputs, rule.name)
    return left


def in_hours(hours: np.ndarray, begin: float, end: float) -> np.ndarray:
    """Whether times of day lie from ``begin`` up to ``end``, over midnight when the end is not after the beginning."""
    if begin < end:
        return (hours >= begin) & (hours < end)
    return (hours >= begin) | (hours < end)


def quiet_level(watts: np.ndarray, minutes: int) -> float:
    """c, the level that the hourly mean keeps below in the quietest four hours of an ordinary day.

    Args:
        watts: ``(n,)``, nan where nothing was measured. Days are cut from the first slot on; days with a gap in every
            stretch of four hours are left out, and less than a day counts as one.
        minutes: length of a slot.

    Returns:
        Watts; nan when no four hours in a row were measured.
    """
    mean = hour_mean(watts, minutes)
    day = max(1, round(24 * 60 / minutes))
    width = min(max(1, round(_QUIETEST_HOURS * 60 / minutes)), len(mean))
    days = mean[: len(mean) // day * day].reshape(-1, day) if len(mean) >= day else mean[None]
    if not days.size:
        return float("nan")
    stretch = np.lib.stride_tricks.sliding_window_view(days, width, axis=1)  # (days, starts, width), a view
    highest = np.stack([one.max(axis=-1) for one in stretch])  # nan where the stretch has a gap
    whole = np.isfinite(highest).any(axis=1)
    if not whole.any():
        return float("nan")
    return float(np.median(np.nanmin(highest[whole], axis=1)))


def hour_mean(watts: np.ndarray, minutes: int) -> np.ndarray:
    """``(n,)``: mean of the hour around each slot, of what was measured; nan where the slot itself was not."""
    width = max(1, round(60 / minutes))
    before, known = (width - 1) // 2, np.isfinite(watts)
    begin = np.maximum(np.arange(len(watts)) - before, 0)
    end = np.minimum(np.arange(len(watts)) - before + width, len(watts))
    total = np.concatenate([np.zeros(1), np.cumsum(np.where(known, watts, 0.0))])
    count = np.concatenate([np.zeros(1), np.cumsum(known)])
    mean = (total[end] - total[begin]) / np.maximum(count[end] - count[begin], 1)
    return np.where(known, mean, np.nan)


def stretches(quiet: np.ndarray, least: int) -> np.ndarray:
    """``(n,)`` bool: the slots in runs of at least ``least`` quiet ones."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], quiet, [False]])))
    begin, end = edges[::2], edges[1::2]
    long = end - begin >= least
    steps = np.zeros(len(quiet) + 1, dtype=np.int64)
    steps[begin[long]] += 1
    steps[end[long]] -= 1
    return np.cumsum(steps[:-1]) > 0
