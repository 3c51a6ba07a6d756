"""A sentence's vector as an input: which answers are asked for, that they are learned, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

from benchmarks.conditioned import shuffled
from bracket_env import BracketLanguage, BracketTokenizer, Estimate, InputError, split_of
from bracket_env.instructions.catalogue import choose_instructions
from bracket_env.instructions.sentence_vectors import hash_vectors
from supervised.adapt.check import base_of
from supervised.adapt.options import Adapt
from supervised.evaluate import Evaluate
from supervised.evaluate import main as evaluate
from supervised.models import build_model
from supervised.models.film import FiLMEncoder
from supervised.runs import RunFolder, load
from supervised.runs.sentences import (
    SentenceInput,
    complete_conditioned,
    conditioned_on,
    sentence_vectors,
    with_sentences,
)
from supervised.told.scores import exact_table
from supervised.train.conditioned import ConditionedBatches, ConditionedNext
from supervised.train.options import Train
from supervised.train.run import train

TOKENIZER = BracketTokenizer(BracketLanguage())
TRAIN = choose_instructions()
VECTORS = hash_vectors([i.text for i in TRAIN])
NEST, QUEUE = (next(i.text for i in TRAIN if i.meaning.kind == kind) for kind in ("nesting", "queue"))


def model(arch: str) -> Any:
    torch.manual_seed(0)
    return with_sentences(build_model(arch, {}, TOKENIZER.vocab_size), SentenceInput("hash")).eval()


def batches(size: int = 200) -> ConditionedBatches:
    return ConditionedBatches(size, VECTORS, 0)


def run(folder: Path, name: str = "a", **options: Any) -> Path:
    few: dict[str, Any] = {"steps": 20, "eval_every": 20, "eval_cases": 50, "units": 8, "ncl_encoder": "hash"}
    found = train(
        Train(name=name, runs_dir=str(folder), **{"conditioned": True, **few, **options}), ["test"], Console(quiet=True)
    )
    assert found is not None
    return found.path


def test_an_answer_is_what_its_sentence_means() -> None:
    """Read back from the vectors alone: the sentence, its meaning, and the answer by the pure definition."""
    source, kinds = batches(), set()
    for step in (0, 7, 30):
        batch = source[step]
        for row, ids in enumerate(batch.cases.ids):
            sentence = TRAIN[int((VECTORS @ batch.vectors[row]).argmax())]
            n, whole = int(batch.cases.prompt_length[row]), int(batch.cases.length[row])
            prefix = TOKENIZER.spell(ids[1 : n - 1])
            assert split_of(prefix) == "train"
            assert ids[:whole].tolist() == TOKENIZER.encode_case(prefix, sentence.meaning.answer(prefix))
            assert not ids[whole:].any()
            kinds.add(sentence.meaning)
    assert kinds == {i.meaning for i in TRAIN}


def test_a_batch_is_a_function_of_its_number() -> None:
    one, two = batches(), batches()
    for step in (3, 17, 4):
        assert (one[step].cases.ids == two[step].cases.ids).all()
        assert (one[step].vectors == two[step].vectors).all()


def test_parts_of_a_batch_add_up_to_the_whole() -> None:
    batch, objective = batches(24)[2], ConditionedNext()
    loss: Any = objective.loss(model("gru").double()).eval()

    def total(rows: list[int]) -> float:
        inputs = objective.inputs(batch.take(np.array(rows)), torch.device("cpu"))
        return float(loss(*inputs[:-1], inputs[-1].double()).detach())

    assert sum(total([i]) for i in range(24)) == pytest.approx(total(list(range(24))))


@pytest.mark.parametrize("arch", ["gru", "transformer", "stack"])
def test_all_ways_of_reading_agree(arch: str) -> None:
    net = model(arch)
    prompts, n_tokens = TOKENIZER.encode_prompts(["({", "【({", "{"])
    ids, lengths = torch.as_tensor(prompts.astype(np.int64)), torch.as_tensor(n_tokens)
    unbound, net = net, conditioned_on(net, VECTORS[[0, 100, 300]])
    whole = net.encoder(ids, lengths)
    rows = torch.arange(3)
    expected = whole[rows, lengths - 1]
    for found in (
        net.encoder.last(ids, lengths),
        net.encoder.at(ids, lengths, rows, lengths - 1),
        net.encoder.start(ids, lengths)[0],
    ):
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    _, state = net.encoder.start(ids, lengths - 1)
    chosen = torch.tensor([2, 0])
    stepped, _ = net.encoder.step(ids[rows, lengths - 1][chosen], net.encoder.select(state, chosen))
    torch.testing.assert_close(stepped, expected[chosen], atol=1e-5, rtol=1e-5)
    net = conditioned_on(unbound, VECTORS[100:101])
    torch.testing.assert_close(net.encoder(ids, lengths)[1], whole[1])
    assert not torch.allclose(net.encoder(ids, lengths)[0], whole[0])


def test_answers_follow_their_own_sentence() -> None:
    """However a batch is cut into rows that finish early."""
    net = model("gru")
    prefixes, vectors = ["({", "【", "(({", "{【("], VECTORS[[0, 100, 300, 500]]
    together = complete_conditioned(net, TOKENIZER, prefixes, vectors)
    alone = [complete_conditioned(net, TOKENIZER, [p], v[None]) for p, v in zip(prefixes, vectors, strict=True)]
    assert [[answer] for answer in together] == alone


def test_a_model_without_a_sentence_says_so() -> None:
    encoder: FiLMEncoder = model("gru").encoder
    with pytest.raises(InputError, match="answers what a sentence says"):
        encoder(torch.ones(1, 2, dtype=torch.long))


def test_a_run_is_resumed_loaded_and_asked(tmp_path: Path) -> None:
    scores = tmp_path / "scores.json"
    path = run(tmp_path, json=str(scores))
    groups = json.loads(scores.read_text(encoding="utf-8"))["rows"]
    assert [row["sentences"] for row in groups] == ["seen sentences", "unseen paraphrases", "unseen combinations"]
    assert all(row["exact"]["n"] == 50 for row in groups)
    assert load(path, instruction="A sentence of no data set.").complete(["({"]) == load(
        path, instruction="A sentence of no data set."
    ).complete(["({"])
    assert train(Train(resume="a", runs_dir=str(tmp_path)), ["test"], Console(quiet=True)) is not None
    for problem, call in {
        "answers what a sentence says: give one with --instruction": lambda: load(path),
        "the sentence is empty": lambda: load(path, instruction=" "),
        "only evaluate and predict take it": lambda: base_of(Adapt(base="a", runs_dir=str(tmp_path))),
    }.items():
        with pytest.raises(InputError, match=problem):
            call()
    evaluate(Evaluate(runs=("a",), runs_dir=str(tmp_path), instruction=NEST, n=20))
    told = [line for line in (path / "evaluation_result.txt").read_text("utf-8").splitlines() if "Sentence:" in line]
    held_out = {instruction.text for instruction in choose_instructions("unseen")}
    assert len(told) == 50
    assert {line.removeprefix("  Sentence:     ") for line in told} <= held_out


def test_another_run_takes_no_sentence(tmp_path: Path) -> None:
    plain = {"conditioned": False, "setting": "bracket/CloseTiny-v0", "ncl_encoder": "default"}
    path = run(tmp_path, **plain)
    with pytest.raises(InputError, match="was trained without sentences, so it takes no --instruction"):
        load(path, instruction=NEST)


@pytest.mark.slow
def test_meanings_are_learned_from_examples(tmp_path: Path) -> None:
    """Whoever does not know the sentence can be right for a few of the 14 meanings at best."""
    scores = tmp_path / "scores.json"
    run(tmp_path, steps=600, eval_every=150, units=96, eval_cases=500, json=str(scores))
    exact = {r["sentences"]: r["exact"]["value"] for r in json.loads(scores.read_text(encoding="utf-8"))["rows"]}
    assert exact["seen sentences"] > 0.6
    assert exact["unseen paraphrases"] > 0.4


def test_the_table_does_not_flatter() -> None:
    """Only all of the cases read 100.0."""
    right = {"most": 9_996, "all": 10_000, "few": 4}
    table = exact_table("sentences", {name: Estimate.of(n, 10_000) for name, n in right.items()}, "scores")
    assert table.column("exact %") == ["99.9", "100.0", "0.1"]


def test_shuffled_vectors_are_the_same_ones_elsewhere() -> None:
    dealt = shuffled(VECTORS, 0)
    assert sorted(map(tuple, dealt)) == sorted(map(tuple, VECTORS))
    assert (dealt == VECTORS).all(axis=1).mean() < 0.05
    assert (shuffled(VECTORS, 1) != dealt).any()


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"setting": "bracket/CloseDeep-v0"}, "--conditioned has its own task, bracket/Instruct-v0"),
        ({"instruction": (NEST,)}, "--instruction does not go with --conditioned"),
        ({"dataset_size": "30"}, "--dataset-size does not go with --conditioned"),
        ({"ncl_encoder": "word2vec"}, "unknown encoder 'word2vec'"),
    ],
)
def test_refusals(tmp_path: Path, options: dict[str, Any], problem: str) -> None:
    with pytest.raises(InputError) as caught:
        run(tmp_path, **options)
    assert problem in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_two_vectors_side_by_side(tmp_path: Path) -> None:
    """An encoder and the hash; here the hash stands for the encoder too."""
    both = sentence_vectors("hash+hash", [NEST, QUEUE])
    np.testing.assert_allclose(both, np.hstack([hash_vectors([NEST, QUEUE])] * 2) / 2**0.5, rtol=1e-6)
    folder = RunFolder.open(run(tmp_path, ncl_encoder="hash+hash"))
    solver = load(folder.path, instruction=NEST)
    assert solver.model.encoder.sentence[1].in_features == both.shape[1]
    assert solver.complete(["({"])


def test_answers_leave_the_layers_as_they_were() -> None:
    """What decodes under a sentence shares its layers with the model, whose dropout must stay off."""
    base = model("gru")
    under = conditioned_on(base, VECTORS[:1])
    assert not under.training
    complete_conditioned(base, TOKENIZER, ["({", "【"], VECTORS[:2])
    assert not any(module.training for module in (*base.modules(), *under.modules()))
