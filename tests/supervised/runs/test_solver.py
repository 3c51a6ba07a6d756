"""A model as a solver: batches against single answers, the mask against the environment, the loss against a sum."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bracket_env import (
    EOS,
    PAD,
    BracketLanguage,
    BracketTokenizer,
    Case,
    CloseEnv,
    InputError,
    get_setting,
    make_case,
    share_answered,
)
from supervised.learning import figures
from supervised.learning.figures import answer_loss
from supervised.models import SequenceModel, build_model
from supervised.models.decoding import CountMask
from supervised.runs import ModelSolver
from supervised.runs import solver as solver_module

LANGUAGE = BracketLanguage()
TOKENIZER = BracketTokenizer(LANGUAGE)
ARCHITECTURES = {
    "gru": {"embedding_size": 6, "units": 10},
    "transformer": {"width": 12, "layers": 1, "heads": 3},
}
CASES = [*get_setting("bracket/Close-v0").evaluation_cases("test", 60), make_case(LANGUAGE, ""), Case("()", "")]
PREFIXES = [case.prefix for case in CASES]
both_architectures = pytest.mark.parametrize("arch", ARCHITECTURES)
masked_or_not = pytest.mark.parametrize("masked", [False, True])


def walk(moves: list[str | None]) -> str:
    """The prefix that opens these brackets, and closes the innermost one at None (where one is open)."""
    word = ""
    for move in moves:
        word += move or LANGUAGE.completion(word)[:1]
    return word


prefixes = st.lists(st.sampled_from([*LANGUAGE.openers, None]), max_size=10).map(walk)


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def random_model(arch: str, seed: int = 0, *, actions: float = 0.0) -> SequenceModel:
    """Weights so large that prefixes get different answers; ``actions`` is added to the logits of closers and EOS."""
    torch.manual_seed(seed)
    model = build_model(arch, ARCHITECTURES[arch], TOKENIZER.vocab_size)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(std=1.0)
        model.head.bias[torch.as_tensor(TOKENIZER.action_ids.astype(np.int64))] += actions
    return model


def constant_model(token: int) -> SequenceModel:
    """Writes the same token whatever it reads."""
    model = random_model("gru")
    with torch.no_grad():
        model.head.weight.zero_()
        model.head.bias.zero_()
        model.head.bias[token] = 1.0
    return model


# Answers -------------------------------------------------------------------------------------------------------------


@both_architectures
@masked_or_not
def test_a_batch_is_answered_as_its_prefixes_one_by_one(
    arch: str, masked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    solver = ModelSolver(random_model(arch, actions=2.0), TOKENIZER, masked=masked)
    together = solver.complete(PREFIXES)
    assert together == [solver.complete([prefix])[0] for prefix in PREFIXES]
    assert len(set(together)) > 5  # the model does tell prefixes apart
    monkeypatch.setattr(solver_module, "_BATCH", 7)
    assert solver.complete(PREFIXES) == together


def test_answers_keep_the_order_of_the_prefixes() -> None:
    solver = ModelSolver(random_model("gru", actions=2.0), TOKENIZER)
    answers = dict(zip(PREFIXES, solver.complete(PREFIXES), strict=True))
    shuffled = list(np.random.default_rng(0).permutation(PREFIXES))
    assert solver.complete(shuffled) == [answers[prefix] for prefix in shuffled]
    assert solver.complete([]) == []


def test_stopping_at_once_is_the_empty_answer() -> None:
    solver = ModelSolver(constant_model(EOS), TOKENIZER)
    assert solver.complete(["((", "", "【】"]) == ["", "", ""]


def test_an_answer_ends_after_one_token_more_than_the_prefix_has_symbols() -> None:
    closer = TOKENIZER.encode(")")[0]
    solver = ModelSolver(constant_model(closer), TOKENIZER)
    assert solver.complete(["((", "", "【】{"]) == [")))", ")", "))))"]


@pytest.mark.parametrize(("token", "spelled"), [(PAD, "<pad>"), (1, "<bos>"), (2, "<sep>"), (4, "<mask>")])
def test_special_tokens_are_spelled_out_and_count_as_mistakes(token: int, spelled: str) -> None:
    answers = ModelSolver(constant_model(token), TOKENIZER).complete(["(", "()"])
    assert answers == [spelled * 2, spelled * 3]
    assert share_answered(answers[0], ")") == share_answered(answers[1], "") == 0


def test_opening_a_bracket_is_a_mistake_too() -> None:
    answer = ModelSolver(constant_model(TOKENIZER.encode("(")[0]), TOKENIZER).complete(["()"])[0]
    assert answer == "((("
    assert share_answered(answer, "") == 0


def test_a_symbol_outside_the_language_is_named() -> None:
    with pytest.raises(InputError, match="symbol '<' at position 2 is not in the language"):
        ModelSolver(random_model("gru"), TOKENIZER).complete(["(", "(<"])


def test_completing_leaves_the_model_in_training_mode_if_it_was() -> None:
    model = random_model("gru").train()
    ModelSolver(model, TOKENIZER).complete(["("])
    answer_loss(model, TOKENIZER, [Case("(", ")")])
    assert model.training


# The mask ------------------------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(st.lists(prefixes, min_size=1, max_size=8), st.integers(0, 2**32), st.sampled_from(sorted(ARCHITECTURES)))
def test_a_masked_solver_writes_nothing_that_is_impossible(words: list[str], seed: int, arch: str) -> None:
    solver = ModelSolver(random_model(arch, seed), TOKENIZER, masked=True)
    for word, answer in zip(words, solver.complete(words), strict=True):
        for opener, closer in LANGUAGE.closer_of.items():
            assert answer.count(closer) <= word.count(opener) - word.count(closer)
        assert set(answer) <= set(LANGUAGE.closers)


def test_the_mask_leaves_possible_answers_alone() -> None:
    """Where an unmasked answer is possible by count, the masked solver gives the same one."""
    model = random_model("gru", actions=9.0)
    free = ModelSolver(model, TOKENIZER).complete(PREFIXES)
    masked = ModelSolver(model, TOKENIZER, masked=True).complete(PREFIXES)
    possible = [
        set(answer) <= set(LANGUAGE.closers)
        and all(answer.count(c) <= word.count(o) - word.count(c) for o, c in LANGUAGE.closer_of.items())
        for word, answer in zip(PREFIXES, free, strict=True)
    ]
    assert any(possible)
    assert not all(possible)
    for same, one, other in zip(possible, free, masked, strict=True):
        assert one == other if same else one != other


@given(st.data())
def test_the_mask_is_the_environments(data: st.DataObject) -> None:
    """Step by step on several episodes at once, wrong but possible actions included."""
    words = data.draw(st.lists(prefixes, min_size=1, max_size=4))
    envs = [CloseEnv("bracket/CloseDeep-v0", on_mistake="continue", max_answer=20) for _ in words]
    for env, word in zip(envs, words, strict=True):
        env.reset(options={"prefix": word})
    ids, _ = TOKENIZER.encode_prompts(words)
    mask = CountMask(torch.as_tensor(ids, dtype=torch.long), TOKENIZER)
    going = list(range(len(words)))
    while going:
        rows = torch.tensor(going)
        possible = mask.possible(rows).numpy()
        expected = np.zeros_like(possible)
        for row, i in zip(expected, going, strict=True):
            row[TOKENIZER.action_ids[envs[i].action_masks()]] = True
        np.testing.assert_array_equal(possible, expected)
        actions = [data.draw(st.sampled_from(np.flatnonzero(envs[i].action_masks()).tolist())) for i in going]
        mask.write(rows, torch.as_tensor(TOKENIZER.action_ids[actions].astype(np.int64)))
        ended = [envs[i].step(action)[2] for i, action in zip(going, actions, strict=True)]
        going = [i for i, over in zip(going, ended, strict=True) if not over]


# The loss ------------------------------------------------------------------------------------------------------------


def naive_loss(model: SequenceModel, cases: list[Case], masked: bool = False) -> float:
    """Token by token, one prefix at a time, in float64 sums; masked, among what the language still has open."""
    losses = []
    for prefix, completion in cases:
        text = TOKENIZER.encode_prompts([prefix])[0][0].tolist()
        answer = [*TOKENIZER.encode(completion), EOS]
        for t, token in enumerate(answer):
            with torch.no_grad():
                logits = model(torch.tensor([text]))[0, -1].double()
            if masked:
                logits = torch.tensor([x if i in answer[t:] else -torch.inf for i, x in enumerate(logits.tolist())])
            losses.append(-float(logits.log_softmax(0)[token]))
            text.append(token)
    return sum(losses) / len(losses)


@both_architectures
def test_the_loss_is_the_mean_over_the_answers_tokens(arch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = random_model(arch)
    expected = naive_loss(model, CASES)
    assert answer_loss(model, TOKENIZER, CASES) == pytest.approx(expected, rel=1e-5)
    monkeypatch.setattr(figures, "_BATCH", 9)
    assert answer_loss(model, TOKENIZER, CASES) == pytest.approx(expected, rel=1e-5)


@both_architectures
def test_the_masked_loss_is_among_the_possible_tokens(arch: str) -> None:
    model = random_model(arch)
    expected = naive_loss(model, CASES, masked=True)
    assert answer_loss(model, TOKENIZER, CASES, masked=True) == pytest.approx(expected, rel=1e-5)
    assert expected < naive_loss(model, CASES)


def test_the_loss_of_even_logits_is_the_logarithm_of_the_vocabulary() -> None:
    model = constant_model(PAD)
    with torch.no_grad():
        model.head.bias.zero_()
    assert answer_loss(model, TOKENIZER, CASES) == pytest.approx(np.log(TOKENIZER.vocab_size), rel=1e-6)
