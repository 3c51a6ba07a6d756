"""Instructions: the meaning decides, the sentence never does."""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from dataclasses import replace
from importlib.resources import files
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from bracket_env import DEFAULT_PAIRS, INSTRUCT, InputError, InstructEnv, InstructVectorEnv, split_of
from bracket_env.envs.task_vector_env import Lazy
from bracket_env.instructions.catalogue import INSTRUCTIONS, Instruction, choose_instructions, find_instruction
from bracket_env.instructions.meanings import LANGUAGE, MEANINGS, UNSEEN_MEANINGS, Meaning
from bracket_env.rendering.canvas import FrameLayout
from bracket_env.tasks import instruct as instruct_task

PREFIXES = [case.prefix for case in INSTRUCT.sampler().cases(stream=5, n=200)]
END = 3
FIRST, LAST = "First opened, first closed.", "Last opened, first closed."


# Meanings ------------------------------------------------------------------------------------------------------------


def twin(meaning: Meaning, prefix: str) -> list[str]:
    """Every answer that obeys the meaning's statements, found by trying all of them.

    An answer is a sequence of distinct open brackets and, for each, a closer.
    """
    open_at = [
        i
        for i, symbol in enumerate(prefix)
        if symbol in LANGUAGE.openers
        and not any(LANGUAGE.is_balanced(prefix[i:j]) for j in range(i + 2, len(prefix) + 1))
    ]
    other = dict([meaning.swapped, meaning.swapped[::-1]]) if meaning.swapped else {}
    found = set()
    for size in range(len(open_at) + 1):
        for closed in itertools.permutations(open_at, size):
            left = set(open_at) - set(closed)
            if meaning.only is None and left:
                continue
            if meaning.only is not None and any((prefix[i] == meaning.only[0]) == (i in left) for i in open_at):
                continue
            if any((early > late) != (meaning.order == "nesting") for early, late in itertools.combinations(closed, 2)):
                continue
            pairs = [DEFAULT_PAIRS[LANGUAGE.openers.index(prefix[i])] for i in closed]
            found.add("".join(other.get(pair, pair)[1] for pair in pairs))
    return sorted(found)


@pytest.mark.parametrize("meaning", MEANINGS, ids=str)
def test_every_prefix_has_one_answer_and_brute_force_finds_it(meaning: Meaning) -> None:
    for prefix in PREFIXES:
        assert twin(meaning, prefix) == [meaning.answer(prefix)], prefix


def test_the_table_of_the_module() -> None:
    from bracket_env.instructions import meanings

    rows = re.findall(r"^    (\S.*?)  +(\S+)$", (meanings.__doc__ or "").split("A worked table")[1], re.MULTILINE)
    assert len(rows) == 6
    by_name = {str(meaning): meaning for meaning in MEANINGS}
    assert [(name, by_name[name].answer("({【】{")) for name, _ in rows] == rows


def test_meanings_are_different_from_each_other() -> None:
    answers = {tuple(meaning.answer(prefix) for prefix in PREFIXES) for meaning in MEANINGS}
    assert len(answers) == len(MEANINGS) == len({str(meaning) for meaning in MEANINGS}) == 17


def test_meanings_in_words() -> None:
    assert Meaning("queue", swapped=("()", "【】")).words() == "queue, swap round lenticular"
    assert Meaning(only="{}", swapped=("{}", "()")).words() == "only curly as round"
    assert all(meaning.words().isascii() for meaning in MEANINGS)


def test_unseen_meanings_are_combinations_whose_parts_are_seen() -> None:
    seen = [meaning for meaning in MEANINGS if meaning not in UNSEEN_MEANINGS]
    assert len(seen) == 14
    for meaning in UNSEEN_MEANINGS:
        assert meaning.kind in ("queue_swap", "only_swap")
        assert meaning.kind in {other.kind for other in seen}
        assert Meaning(swapped=meaning.swapped) in seen or Meaning(swapped=(meaning.swapped or ())[::-1]) in seen
        assert any(m.order == meaning.order and m.only == meaning.only and m.swapped != meaning.swapped for m in seen)


# Sentences -----------------------------------------------------------------------------------------------------------


def test_no_sentence_occurs_twice_and_none_is_both_seen_and_unseen() -> None:
    assert len({i.text for i in INSTRUCTIONS}) == len(INSTRUCTIONS) == 17 * 2 * 25
    train, unseen = ({i.text for i in choose_instructions(part, "all")} for part in ("train", "unseen"))
    assert not train & unseen
    assert train | unseen == {i.text for i in INSTRUCTIONS}
    data = json.loads(files("bracket_env.instructions").joinpath("sentences.json").read_text("utf-8"))
    patterns = [
        p for kind in data if kind != "names" for part in data[kind].values() for one in part.values() for p in one
    ]
    assert len(set(patterns)) == len(patterns)


def test_train_and_unseen_meanings_are_disjoint() -> None:
    train, unseen = ({i.meaning for i in choose_instructions("all", part)} for part in ("train", "unseen"))
    assert (train & unseen, train | unseen) == (set(), set(MEANINGS))
    assert unseen == UNSEEN_MEANINGS


@pytest.mark.parametrize("language", ["en", "ja", "all"])
@pytest.mark.parametrize(("sentences", "each"), [("train", 20), ("unseen", 5), ("all", 25)])
def test_every_meaning_has_as_many_sentences_in_either_language(sentences: Any, each: int, language: Any) -> None:
    chosen = choose_instructions(sentences, "all", language)
    counts = Counter((i.meaning, i.language) for i in chosen)
    assert set(counts.values()) == {each}
    assert len(counts) == 17 * (2 if language == "all" else 1)


def test_every_sentence_names_the_pairs_of_its_meaning_and_no_other() -> None:
    names = json.loads(files("bracket_env.instructions").joinpath("sentences.json").read_text("utf-8"))["names"]
    for i in INSTRUCTIONS:
        text = i.text.casefold()
        named = {
            pair
            for pair in DEFAULT_PAIRS
            if any(symbol in text for symbol in pair) or any(name in text for name in names[pair][i.language])
        }
        assert named == {*(i.meaning.swapped or ()), *filter(None, [i.meaning.only])}, i.text
        assert i.text.isascii() or i.language == "ja" or {"【", "】"} & set(i.text), i.text


def test_an_instruction_is_found_by_its_sentence() -> None:
    assert find_instruction(FIRST).meaning == Meaning("queue")
    with pytest.raises(InputError, match=r"no instruction has the sentence 'Do as you like\.'"):
        find_instruction("Do as you like.")


# The text is never read ----------------------------------------------------------------------------------------------


def test_the_right_answer_of_every_meaning_earns_exactly_one_and_another_meanings_less() -> None:
    env = InstructEnv(sentences="all", meanings="all")
    less = 0
    first_of = {instruction.meaning: instruction for instruction in INSTRUCTIONS}
    for meaning, instruction in first_of.items():
        for prefix, other in zip(PREFIXES[:34], itertools.cycle(MEANINGS)):
            options = {"prefix": prefix, "sentence": instruction.text}
            assert played(env, options, meaning.answer(prefix)) == 1.0
            assert instruction.verify(prefix, meaning.answer(prefix))
            if other.answer(prefix) != meaning.answer(prefix):
                assert played(env, options, other.answer(prefix)) < 1.0
                assert not instruction.verify(prefix, other.answer(prefix))
                less += 1
    assert less > 300


def played(env: InstructEnv, options: dict[str, str], answer: str) -> float:
    env.reset(options=options)
    total = 0.0
    for action in [*map(LANGUAGE.closers.index, answer), END]:
        _, reward, terminated, _, info = env.step(action)
        total += reward
        if terminated:
            break
    assert info["is_success"] == (total == 1.0)
    return total


def test_the_sentence_may_say_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    """With every text exchanged for nonsense the episodes, their answers and rewards are what they were."""

    def nonsense(*parts: Any) -> tuple[Instruction, ...]:
        return tuple(replace(i, text=f"{n} {LAST} {FIRST}") for n, i in enumerate(choose_instructions(*parts)))

    told = InstructVectorEnv(64, autoreset_mode="SameStep", sentences="all", meanings="all")
    monkeypatch.setattr(instruct_task, "choose_instructions", nonsense)
    lied_to = InstructVectorEnv(64, autoreset_mode="SameStep", sentences="all", meanings="all")
    first, second = told.reset(seed=0), lied_to.reset(seed=0)
    assert (first[0]["instruction"] != second[0]["instruction"]).any(axis=1).all()
    for _ in range(20):
        np.testing.assert_array_equal(told.right_actions(), lied_to.right_actions())
        np.testing.assert_array_equal(told.action_masks(), lied_to.action_masks())
        actions = told.right_actions()
        ours, theirs = told.step(actions), lied_to.step(actions)
        np.testing.assert_array_equal(ours[0]["tokens"], theirs[0]["tokens"])
        for mine, other in zip(ours[1:4], theirs[1:4], strict=True):
            np.testing.assert_array_equal(mine, other)


# The environment -----------------------------------------------------------------------------------------------------


def test_the_worked_episode() -> None:
    env = InstructEnv()
    obs, info = env.reset(options={"prefix": "({", "sentence": FIRST})
    assert obs["tokens"].tolist() == [1, 5, 9, 2] + [0] * 13
    assert info["case"] == ("({", ")}")
    assert info["instruction"].surface() == FIRST
    for action, reward, mask in [(0, 1 / 3, [1, 1, 1, 1]), (2, 1 / 3, [0, 0, 0, 1]), (END, 1 - 2 / 3, [0, 0, 0, 1])]:
        obs, *outcome, info = env.step(action)
        assert outcome == [reward, action == END, False]
        assert info["action_mask"].tolist() == mask
    assert info["is_success"] is True
    assert obs["tokens"].tolist() == [1, 5, 9, 2, 6, 10, 3] + [0] * 10
    env.reset(options={"prefix": "({", "sentence": LAST})
    assert env.step(0)[1:3] == (0.0, True)


def test_the_mask_is_the_same_under_every_meaning_and_allows_the_right_action() -> None:
    env = InstructEnv(sentences="all", meanings="all", on_mistake="continue")
    for prefix in PREFIXES[:20]:
        for closers in ([], [0], [2, 1]):
            masks = set()
            for meaning in MEANINGS:
                sentence = next(i.text for i in INSTRUCTIONS if i.meaning == meaning)
                _, info = env.reset(options={"prefix": prefix, "sentence": sentence})
                for closer in closers:
                    info = env.step(closer)[-1]
                if env.right_action is not None:
                    assert info["action_mask"][env.right_action]
                masks.add(tuple(info["action_mask"].tolist()))
            left = len(LANGUAGE.open_stack(prefix)) - len(closers)
            assert masks == {(left > 0,) * 3 + (True,)}


def test_episodes_are_of_the_asked_kind_and_split() -> None:
    env = InstructVectorEnv(
        200, split="test", sentences="unseen", meanings="unseen", language="ja", autoreset_mode="SameStep"
    )
    _, infos = env.reset(seed=0)
    for _ in range(5):
        assert {split_of(case.prefix) for case in infos["case"]} == {"test"}
        for instruction in infos["instruction"]:
            assert instruction.held_out
            assert instruction.meaning in UNSEEN_MEANINGS
            assert instruction.language == "ja"
        infos = env.step(env.right_actions())[-1]


def test_meanings_are_uniform_and_do_not_depend_on_the_prefix() -> None:
    env = InstructVectorEnv(14_000)
    _, infos = env.reset(seed=0)
    counts = Counter(str(i.meaning) for i in infos["instruction"])
    assert len(counts) == 14
    assert all(850 < count < 1150 for count in counts.values())  # 1000 each, deviation 30
    short = Counter(str(i.meaning) for i, c in zip(infos["instruction"], infos["case"], strict=True) if len(c[0]) <= 4)
    total = sum(short.values())
    assert all(abs(count / total - 1 / 14) < 0.02 for count in short.values())


def test_prefixes_are_those_that_the_summary_promises() -> None:
    for prefix in PREFIXES:
        assert 2 <= len(prefix) <= 8
        assert 2 <= len(LANGUAGE.open_stack(prefix)) <= 4


@pytest.mark.parametrize("by_hand", [{"prefix": "(【{"}, {"sentence": FIRST}, {"prefix": "(【{", "sentence": FIRST}])
def test_what_is_not_set_by_hand_comes_from_the_stream(by_hand: dict[str, str]) -> None:
    drawn = [InstructEnv() for _ in range(2)]
    infos = [env.reset(seed=seed)[1] for env, seed in zip(drawn, (7, 8), strict=True)]
    scalars = [InstructEnv() for _ in range(2)]
    vector = InstructVectorEnv(2)
    obs, all_infos = vector.reset(seed=7, options=dict(by_hand))
    for i, env in enumerate(scalars):
        alone, info = env.reset(seed=7 + i, options=dict(by_hand))
        prefix = by_hand.get("prefix", infos[i]["case"].prefix)
        instruction = find_instruction(by_hand["sentence"]) if "sentence" in by_hand else infos[i]["instruction"]
        assert info["instruction"] == all_infos["instruction"][i] == instruction
        assert info["case"] == all_infos["case"][i] == (prefix, instruction.meaning.answer(prefix))
        for part, row in alone.items():
            np.testing.assert_array_equal(obs[part][i], row)
        assert env.right_action == vector.right_actions()[i]
    following, expected = vector.reset()[1]["instruction"], [env.reset()[1]["instruction"] for env in scalars]
    assert list(following) == expected


def test_one_sentence_for_each_member() -> None:
    env = InstructVectorEnv(2)
    _, infos = env.reset(options={"prefix": "({", "sentence": [FIRST, LAST]})
    assert [case.completion for case in infos["case"]] == [")}", "})"]
    env.reset(options={"sentence": [LAST, FIRST], "reset_mask": np.array([True, False])})
    assert [env._infos(np.ones(2, dtype=bool))["instruction"][i].text for i in range(2)] == [LAST, LAST]


def test_instructions_are_a_sequence() -> None:
    _, infos = InstructVectorEnv(3).reset(seed=0, options={"sentence": FIRST})
    found = infos["instruction"]
    assert isinstance(found, Lazy)
    assert len(found) == 3
    assert found[1:] == [find_instruction(FIRST)] * 2
    assert repr(found) == "LazyInstructions(3 instructions)"


@pytest.mark.parametrize("render_mode", ["ansi", "rgb_array"])
@pytest.mark.parametrize("meaning", MEANINGS, ids=str)
def test_a_frame_shows_what_the_answer_closes(render_mode: str, meaning: Meaning) -> None:
    env = InstructEnv(sentences="all", meanings="all", render_mode=render_mode)
    sentence = next(i.text for i in INSTRUCTIONS if i.meaning == meaning)
    env.reset(options={"prefix": "({【】{", "sentence": sentence})
    frames = [env.render()]
    while env.right_action is not None:
        env.step(env.right_action)
        frames.append(env.render())
    if render_mode == "rgb_array":
        assert len({frame.tobytes() for frame in frames}) == len(frames)  # type: ignore[union-attr]
        return
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(frames[-1]))
    symbols, marks, *told, note = text.split("\n")
    assert symbols.replace(" ", "") == f"({{【】{{|{meaning.answer('({【】{')}END"
    assert marks.count("o") - 1 == 3 - len(meaning.answer("({【】{"))  # the o of "ok"
    assert "X" not in marks
    assert " ".join(told) == sentence
    assert all(len(line) <= 72 for line in told)
    assert note == "return 1.00"


def test_a_picture_shows_the_sentence_and_every_picture_has_one_size() -> None:
    """Two sentences of one meaning make two pictures; of a Japanese one, which the font lacks, the meaning is shown."""
    env = InstructEnv(sentences="all", meanings="all", render_mode="rgb_array")
    queue = [i for i in INSTRUCTIONS if i.meaning == Meaning("queue")]
    english, japanese = ([i.text for i in queue if i.language == language][:3] for language in ("en", "ja"))
    longest = max((i.text for i in INSTRUCTIONS if i.language == "en"), key=len)
    frames = []
    for sentence in (*english, *japanese, longest):
        env.reset(options={"prefix": "({", "sentence": sentence})
        frames.append(env.render())
    assert len({frame.shape for frame in frames}) == 1  # type: ignore[union-attr]
    assert len({frame.tobytes() for frame in frames}) == 5  # type: ignore[union-attr]
    layout = FrameLayout(env.task.observation_length - 2, env.task.told_lines)
    assert all(layout.caption(instruction.text) for instruction in INSTRUCTIONS if instruction.language == "en")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sentences": "test"}, "unknown sentences 'test': use one of train, unseen, all"),
        ({"meanings": None}, "unknown meanings None: use one of train, unseen, all"),
        ({"language": "fr"}, "unknown language 'fr': use one of en, ja, all"),
        ({"split": "dev"}, "unknown split 'dev'"),
        ({"max_answer": 6}, "max_answer must be an integer of at least 7"),
        ({"encoder": "nowhere.npz"}, "cannot read the encoder file 'nowhere.npz': No such file or directory"),
        ({"render_mode": "pygame"}, "unknown render_mode 'pygame'"),
    ],
)
@pytest.mark.parametrize("environment", [InstructEnv, InstructVectorEnv])
def test_impossible_options_are_named(environment: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)) as error:
        environment(**options)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sentence": "Whatever."}, "no instruction has the sentence 'Whatever.'"),
        ({"sentence": "Undo the openings in reverse: the latest one comes first."}, "not among this environment's"),
        ({"prefix": "(]"}, "symbol ']' at position 2"),
        ({"prefix": "(((((((("}, "opens 8 brackets at once; bracket/Instruct-v0 goes to 6"),
        ({"text": FIRST}, "unknown reset option 'text': use prefix"),
    ],
)
@pytest.mark.parametrize("environment", [InstructEnv, InstructVectorEnv])
def test_impossible_resets_are_named(environment: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        environment().reset(options=options)


def test_a_setting_of_the_other_environment_it_is_not() -> None:
    with pytest.raises(InputError, match="unknown setting 'bracket/Instruct-v0'"):
        gym.make("bracket/Close-v0", setting=INSTRUCT.id)
