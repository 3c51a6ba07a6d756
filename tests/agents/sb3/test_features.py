"""Encoders inside SB3's policies, and a policy taken out as a model that answers alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from sb3_contrib import MaskablePPO
from stable_baselines3 import PPO
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm

from agents.sb3.features import EncoderFeatures, as_sequence_model, initialise_heads
from agents.train_ppo.check import check
from agents.train_ppo.options import TrainPPO
from agents.train_ppo.run import build
from bracket_env import BracketTokenizer, CloseEnv, InputError, get_setting
from supervised.models.policies import NEVER
from supervised.runs import ModelSolver

SETTING = "bracket/Close-v0"
MAX_ANSWER = get_setting(SETTING).max_length + 1
ENCODERS: dict[str, dict[str, Any]] = {
    "gru": {"arch": "gru", "units": 12, "embedding_size": 6, "layers": 2},
    "transformer": {"arch": "transformer", "width": 12, "heads": 2, "layers": 1},
    "stack": {"arch": "stack", "units": 12, "embedding_size": 6, "cell_size": 4, "layers": 2},
    "tree": {"arch": "tree", "units": 12, "embedding_size": 6},
}
every_encoder = pytest.mark.parametrize("encoder", ENCODERS)
masked_or_not = pytest.mark.parametrize("mask", [False, True])


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def configured(encoder: str, **more: Any) -> TrainPPO:
    """A small agent whose observations hold whatever a solver may write: one token more than the prefix."""
    sizes: dict[str, Any] = {"n_envs": 4, "n_steps": 4, "batch_size": 16, "max_answer": MAX_ANSWER}
    return TrainPPO(setting=SETTING, on_mistake="continue", **sizes, **ENCODERS[encoder], **more)


def fresh(encoder: str, *, mask: bool = False, seed: int = 0) -> OnPolicyAlgorithm:
    """An untrained agent whose weights are so large that it answers differently from case to case."""
    config = configured(encoder, mask=mask, seed=seed)
    model = build(config, check(config)[0], torch.device("cpu"))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.policy.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
        policy: Any = model.policy
        policy.action_net.bias.zero_()
        policy.action_net.weight[-1] /= 4  # stops now and then, not at once
    model.policy.set_training_mode(False)
    return model


def exported(agent: OnPolicyAlgorithm, encoder: str, *, mask: bool = False) -> ModelSolver:
    run, task = check(configured(encoder, mask=mask))
    policy: Any = agent.policy
    return ModelSolver(as_sequence_model(policy, task.tokenizer, run.build()), task.tokenizer, masked=mask)


def observations(n: int = 50) -> np.ndarray:
    """Prompts of the test split, each with the first part of its right answer."""
    tokenizer = BracketTokenizer(get_setting(SETTING).language())
    rows = np.zeros((n, CloseEnv(SETTING, max_answer=MAX_ANSWER).task.observation_length), dtype=np.uint8)
    for i, case in enumerate(get_setting(SETTING).evaluation_cases("test", n)):
        length = len(case.prefix) + 2 + i % (len(case.completion) + 1)
        rows[i, :length] = tokenizer.encode_case(*case)[:length]
    return rows


def play(agent: OnPolicyAlgorithm, prefix: str) -> tuple[str, bool]:
    """What the policy's deterministic actions write, and whether it stopped by itself."""
    env = CloseEnv(SETTING, on_mistake="continue", max_answer=MAX_ANSWER)
    obs, _ = env.reset(options={"prefix": prefix})
    tokenizer = env.task.tokenizer
    answer: list[int] = []
    for _ in range(len(prefix) + 1):  # the budget of a solver
        arguments: Any = {"action_masks": env.action_masks()} if isinstance(agent, MaskablePPO) else {}
        action, _ = agent.predict(obs, deterministic=True, **arguments)
        obs, _, ended, _, _ = env.step(int(action))
        if ended:
            return tokenizer.decode(answer), True
        answer.append(int(tokenizer.action_ids[int(action)]))
    return tokenizer.decode(answer), False


# Features ------------------------------------------------------------------------------------------------------------


@every_encoder
def test_trimming_changes_no_feature(encoder: str) -> None:
    """A row alone (cut to its own length), in a batch, and beside a row that fills the whole observation."""
    extractor = fresh(encoder).policy.features_extractor
    assert isinstance(extractor, EncoderFeatures)
    rows = torch.as_tensor(observations()).float()
    full = torch.full_like(rows[:1], 5.0)
    lengths = (rows != 0).sum(1)
    with torch.no_grad():
        together = extractor(rows)
        beside_a_long_one = extractor(torch.cat([rows, full]))[:-1]
        alone = torch.cat([extractor(row[None]) for row in rows])
        untrimmed = extractor.encoder(rows.long(), lengths)[torch.arange(len(rows)), lengths - 1]
    assert together.shape == (len(rows), extractor.features_dim)
    for other in (beside_a_long_one, alone, untrimmed):
        torch.testing.assert_close(together, other, rtol=1e-4, atol=1e-5)
    assert len(together.unique(dim=0)) == len(rows.unique(dim=0))


def test_only_the_columns_in_use_reach_the_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    extractor = fresh("gru").policy.features_extractor
    assert isinstance(extractor, EncoderFeatures)
    widths: list[int] = []
    last = extractor.encoder.last

    def recorded(ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        widths.append(ids.shape[1])
        return last(ids, lengths)

    monkeypatch.setattr(extractor.encoder, "last", recorded)
    rows = torch.as_tensor(observations())
    longest = int((rows != 0).sum(1).max())
    assert longest < rows.shape[1]
    extractor(rows.float())
    extractor(rows[:1].float())
    assert widths == [longest, int((rows[0] != 0).sum())]


def test_gradients_reach_every_weight_of_the_encoder() -> None:
    for encoder in ENCODERS:
        extractor = fresh(encoder).policy.features_extractor
        extractor(torch.as_tensor(observations()).float()).square().sum().backward()
        for name, parameter in extractor.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.abs().sum() > 0, name


def test_an_option_that_the_encoder_refuses() -> None:
    space: Any = CloseEnv(SETTING).observation_space
    with pytest.raises(InputError, match="gru does not use the option 'heads'"):
        EncoderFeatures(space, "gru", {"heads": 2}, 11)


# Heads and export ----------------------------------------------------------------------------------------------------


@every_encoder
def test_the_first_policy_is_nearly_uniform(encoder: str) -> None:
    agent = fresh(encoder)
    policy: Any = agent.policy
    initialise_heads(policy)
    torch.nn.init.normal_(policy.value_net.bias)
    initialise_heads(policy)
    probabilities = policy.get_distribution(torch.as_tensor(observations())).distribution.probs
    torch.testing.assert_close(probabilities, torch.full_like(probabilities, 0.25), rtol=0, atol=0.05)
    assert not policy.value_net.bias.any()


@every_encoder
def test_logits_of_the_exported_model_are_the_policys(encoder: str) -> None:
    agent = fresh(encoder)
    solver = exported(agent, encoder)
    rows = torch.as_tensor(observations())
    policy: Any = agent.policy
    with torch.no_grad():
        expected = policy.get_distribution(rows).distribution.logits
        lengths = (rows != 0).sum(1)
        logits = solver.model(rows.long(), lengths)[torch.arange(len(rows)), lengths - 1]
    ids = torch.as_tensor(solver.tokenizer.action_ids.astype(np.int64))
    torch.testing.assert_close(logits[:, ids].log_softmax(1), expected, rtol=1e-4, atol=1e-4)
    others = torch.ones(solver.tokenizer.vocab_size, dtype=torch.bool)
    others[ids] = False
    assert (logits[:, others] == NEVER).all()


@masked_or_not
@every_encoder
def test_the_exported_model_answers_as_the_policy_plays(encoder: str, mask: bool) -> None:
    prefixes = ["", "()", *(case.prefix for case in get_setting(SETTING).evaluation_cases("test", 12))]
    answers, stops = set(), set()
    for seed in range(4):
        agent = fresh(encoder, mask=mask, seed=seed)
        assert type(agent) is (MaskablePPO if mask else PPO)
        for prefix, answer in zip(prefixes, exported(agent, encoder, mask=mask).complete(prefixes), strict=True):
            played, stopped = play(agent, prefix)
            assert answer == played
            answers.add(answer)
            stops.add(stopped)
    assert len(answers) > 6  # these agents do answer differently
    assert stops == ({True} if mask else {True, False})  # by the mask, an answer ends at the latest when all is closed


def test_exporting_copies() -> None:
    agent = fresh("gru")
    solver = exported(agent, "gru")
    before = {name: tensor.clone() for name, tensor in solver.model.state_dict().items()}
    with torch.no_grad():
        for parameter in agent.policy.parameters():
            parameter.zero_()
    assert all(torch.equal(before[name], tensor) for name, tensor in solver.model.state_dict().items())
