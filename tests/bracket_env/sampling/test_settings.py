"""The table of tasks: what each id promises in words is what its sampler draws."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bracket_env import DEFAULT_PAIRS, DEFAULT_SETTING, SETTINGS, Case, InputError, get_setting, split_of
from bracket_env.scores.shortcuts import needs_stack

# id: pairs, longest prefix, depth
TABLE = {
    "bracket/Close-v0": (DEFAULT_PAIRS, 19, 5),
    "bracket/CloseDeep-v0": (DEFAULT_PAIRS, 40, 10),
    "bracket/CloseBigBench-v0": (("()", "[]", "{}", "<>"), 100, 26),
    "bracket/CloseDyck8x10-v0": (("()", "[]", "{}", "<>", "【】", "「」", "『』", "《》"), 700, 10),
    "bracket/CloseTiny-v0": (("()", "[]"), 6, 6),
}
# id: prefix lengths, completion lengths. Cutting the last two of ``(){}`` leaves a balanced prefix: 0 closers happen.
FACTS = {
    "bracket/Close-v0": ((3, 19), (0, 3)),
    "bracket/CloseDeep-v0": ((8, 40), (4, 8)),
    "bracket/CloseBigBench-v0": ((1, 100), (1, 3)),
    "bracket/CloseDyck8x10-v0": ((1, 700), (0, 10)),
    "bracket/CloseTiny-v0": ((1, 6), (0, 6)),
}
COUNTERS_RIGHT = {  # share of cases that counters without a stack get right
    "bracket/Close-v0": (0.86, 0.91),
    "bracket/CloseBigBench-v0": (0.74, 0.82),
    "bracket/CloseDeep-v0": (0.0, 0.05),
}


def sample(setting: str) -> list[Case]:
    return get_setting(setting).sampler().cases(stream=3, n=400 if setting == "bracket/CloseDyck8x10-v0" else 5000)


def test_the_ids_are_those_of_the_table() -> None:
    assert set(SETTINGS) == set(TABLE) == set(FACTS)
    assert DEFAULT_SETTING == "bracket/Close-v0"
    assert all(setting.id == id_ and setting.summary for id_, setting in SETTINGS.items())


@pytest.mark.parametrize("id_", TABLE)
def test_pairs_and_sizes(id_: str) -> None:
    setting = get_setting(id_)
    assert (setting.pairs, setting.max_length, setting.max_depth) == TABLE[id_]
    assert setting.language().pairs == setting.pairs


@pytest.mark.parametrize("id_", FACTS)
def test_prefixes_are_what_the_summary_says(id_: str) -> None:
    setting = get_setting(id_)
    language = setting.language()
    cases = sample(id_)
    lengths = [len(case.prefix) for case in cases]
    closers = [len(case.completion) for case in cases]
    assert all(language.completion(case.prefix) == case.completion for case in cases)
    assert max(language.depth(case.prefix) for case in cases) <= setting.max_depth
    (shortest, longest), (fewest, most) = FACTS[id_]
    if setting.max_length <= 100:  # the sample is large enough to meet both ends
        assert (min(lengths), max(lengths)) == (shortest, longest)
        assert (min(closers), max(closers)) == (fewest, most)
    else:
        assert shortest <= min(lengths)
        assert 650 < max(lengths) <= longest
        assert set(closers) == set(range(fewest, most + 1))


def user_case(case: Case) -> bool:
    """Some closed word of 5-20 symbols begins with the prefix and has 1-3 symbols more."""
    longer = {len(case.prefix) + cut for cut in (1, 2, 3) if cut >= len(case.completion)}
    return any(length % 2 == 0 and 5 <= length <= 20 for length in longer)


def deep_case(case: Case) -> bool:
    return 8 <= len(case.prefix) <= 40 and 4 <= len(case.completion) <= 8


@pytest.mark.parametrize(
    ("id_", "law"), [("bracket/Close-v0", user_case), ("bracket/CloseDeep-v0", deep_case)], ids=["user", "deep"]
)
def test_every_case_obeys_the_law_of_its_setting(id_: str, law: Callable[[Case], bool]) -> None:
    cases = sample(id_)
    odd = [case for case in cases if not law(case)]
    assert not odd, odd[:3]


@pytest.mark.parametrize("id_", COUNTERS_RIGHT)
def test_how_far_counting_without_a_stack_gets(id_: str) -> None:
    language = get_setting(id_).language()
    cases = sample(id_)
    right = 1 - sum(needs_stack(language, case.prefix) for case in cases) / len(cases)
    low, high = COUNTERS_RIGHT[id_]
    assert low <= right <= high


def test_evaluation_cases_are_the_same_for_everyone_and_unseen() -> None:
    setting = get_setting("bracket/Close-v0")
    cases = setting.evaluation_cases("test", 1000)
    assert cases[:3] == [("【【】()【】】{()", "}"), ("【】{()({()})", "}"), ("{{【{}】}", "}")]
    assert cases[:10] == setting.evaluation_cases("test", 10)
    assert {split_of(case.prefix) for case in cases} == {"test"}
    assert {split_of(case.prefix) for case in setting.evaluation_cases("validation", 300)} == {"validation"}
    assert cases[:10] != setting.evaluation_cases("test", 10, seed=1)


def test_another_language_keeps_the_shapes_of_the_task() -> None:
    setting = get_setting("bracket/CloseTiny-v0")
    translated = setting.sampler(pairs=("<>", "«»")).cases(0, 50)
    own = setting.sampler().cases(0, 50)
    table = str.maketrans("()[]", "<>«»")
    assert translated == [(case.prefix.translate(table), case.completion.translate(table)) for case in own]


def test_samplers_are_built_once() -> None:
    setting = get_setting(DEFAULT_SETTING)
    assert setting.sampler(split="test") is setting.sampler(split="test", pairs=list(DEFAULT_PAIRS))
    assert setting.sampler(split="test") is not setting.sampler(split="train")


@pytest.mark.parametrize("name", ["bracket/Closed-v0", "Close-v1", ""])
def test_unknown_settings_are_named_beside_the_known_ones(name: str) -> None:
    with pytest.raises(InputError, match=rf"unknown setting '{name}': use one of bracket/Close-v0, .*CloseTiny-v0"):
        get_setting(name)
