"""One optimiser step at a time: accumulation, rollback, lack of memory, snapshots."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from torch import Tensor

from bracket_env import InputError, get_setting
from bracket_env.random_streams import key
from supervised.data.batches import Batches, StreamSource
from supervised.learning.objective import NextToken, TokenLoss
from supervised.learning.trainer import MOST_ROLLBACKS, DivergedError, Trainer, seed_device
from supervised.runs.files import checkpoint
from supervised.train.check import check
from supervised.train.options import Train

SETTING = get_setting("bracket/CloseTiny-v0")
SMALL = Train(setting=SETTING.id, units=6, embedding_size=4, batch_size=12, steps=40, warmup_steps=5)
SMALL_OTHERS = {"units": None, "embedding_size": None, "width": 8, "heads": 2}
ARCHITECTURES = ("gru", "lstm", "transformer", "gpt", "bert", "stack", "tree")


def make(config: Train = SMALL, **changes: Any) -> Trainer:
    config = replace(config, **changes)
    if config.arch not in ("gru", "lstm", "stack", "tree"):
        config = replace(config, **{**SMALL_OTHERS, **changes})
    torch.manual_seed(key(config.seed, "test") >> 1)
    model = check(config).build()
    source = StreamSource(SETTING.sampler(split="train"), config.seed)
    batches = Batches(source, config.batch_size, config.seed)
    objective = NextToken(everywhere=config.loss == "all", label_smoothing=config.label_smoothing)
    return Trainer(config, model, batches, objective, Accelerator(cpu=True), seed=config.seed)


def weights(trainer: Trainer) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in trainer.model.state_dict().items()}


def gradients(trainer: Trainer) -> list[Tensor]:
    assert trainer.advance()
    return [torch.zeros(()) if p.grad is None else p.grad.clone() for p in trainer.model.parameters()]


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def close(a: list[Tensor], b: list[Tensor], tolerance: float = 1e-6) -> bool:
    return all(torch.allclose(x, y, rtol=0, atol=tolerance) for x, y in zip(a, b, strict=True))


def spoil(monkeypatch: pytest.MonkeyPatch, calls: set[int], factor: float) -> None:
    """Multiplies the loss of some training forward passes, counted from 0."""
    forward, count = TokenLoss.forward, iter(range(10**9))

    def spoilt(self: TokenLoss, *inputs: Tensor) -> Tensor:
        loss = forward(self, *inputs)
        return loss * factor if self.training and next(count) in calls else loss

    monkeypatch.setattr(TokenLoss, "forward", spoilt)


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("loss", ["answer", "all"])
def test_accumulated_gradients_are_those_of_the_whole_batch(arch: str, loss: str) -> None:
    expected = gradients(make(arch=arch, loss=loss))
    for micro_batch in (1, 5, 12):
        assert close(gradients(make(arch=arch, loss=loss, micro_batch=micro_batch)), expected)


@pytest.mark.parametrize("loss", ["answer", "all"])
def test_the_loss_is_the_mean_cross_entropy_of_the_scored_tokens(loss: str) -> None:
    trainer = make(loss=loss)
    batch = trainer.batches[0]
    total = count = 0.0
    with torch.no_grad():
        for ids, begin, length in zip(batch.ids.tolist(), batch.prompt_length, batch.length, strict=True):
            log_p = trainer.model(torch.tensor([ids[: length - 1]]))[0].log_softmax(-1)
            for position in range(1 if loss == "all" else begin, length):
                total -= float(log_p[position - 1, ids[position]])
                count += 1
    trainer.advance()
    assert trainer.mean_loss() == pytest.approx(total / count, rel=1e-5)


@pytest.mark.parametrize("arch", ["gru", "transformer"])
def test_lack_of_memory_halves_the_micro_batch_and_changes_nothing_else(
    arch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = gradients(make(arch=arch))
    forward = TokenLoss.forward

    def limited(self: TokenLoss, ids: Tensor, *rest: Tensor) -> Tensor:
        if len(ids) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(self, ids, *rest)

    monkeypatch.setattr(TokenLoss, "forward", limited)
    trainer = make(arch=arch)
    assert trainer.sound()
    assert close(gradients(trainer), expected)
    assert trainer.micro_batch == 3


def test_too_little_memory_for_one_case_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def impossible(self: TokenLoss, *inputs: Tensor) -> Tensor:
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes")

    monkeypatch.setattr(TokenLoss, "forward", impossible)
    with pytest.raises(InputError, match="out of memory with one case at a time"):
        make().advance()


def test_other_errors_are_not_taken_for_lack_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: TokenLoss, *inputs: Tensor) -> Tensor:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(TokenLoss, "forward", broken)
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        make().advance()


@pytest.mark.parametrize("factor", [float("nan"), float("inf"), 1e4])
def test_a_bad_loss_goes_back_with_half_the_learning_rate(monkeypatch: pytest.MonkeyPatch, factor: float) -> None:
    spoil(monkeypatch, {3}, factor)
    trainer = make()
    trainer.snapshot({"note": 1})
    start, rate = weights(trainer), trainer.learning_rate
    assert [trainer.advance() for _ in range(4)] == [True, True, True, False]
    assert (trainer.step, trainer.rollbacks, trainer.learning_rate) == (0, 1, rate / 2)
    assert same(weights(trainer), start)
    assert all(trainer.advance() for _ in range(5))


def test_the_fourth_bad_loss_ends_the_training(monkeypatch: pytest.MonkeyPatch) -> None:
    spoil(monkeypatch, set(range(1000)), float("nan"))
    trainer = make()
    trainer.snapshot({})
    assert [trainer.advance() for _ in range(MOST_ROLLBACKS)] == [False] * MOST_ROLLBACKS
    with pytest.raises(DivergedError, match=r"diverged at step 0 \(loss nan\) after 3 rollbacks: try a smaller"):
        trainer.advance()
    assert all(torch.isfinite(tensor).all() for tensor in weights(trainer).values())


def test_a_bad_gradient_never_reaches_the_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = make()
    trainer.snapshot({})
    start = weights(trainer)
    next(trainer.model.parameters()).register_hook(lambda gradient: gradient * float("inf"))
    assert not trainer.advance()
    assert same(weights(trainer), start)


def test_a_ruined_model_is_not_sound() -> None:
    trainer = make()
    assert trainer.sound()
    trainer.snapshot({})
    start = weights(trainer)
    with torch.no_grad():
        trainer.model.head.weight.mul_(1e6)
    assert not trainer.sound()
    assert same(weights(trainer), start)
    assert trainer.rollbacks == 1


def test_soundness_changes_nothing() -> None:
    asked, plain = make(layers=2, dropout=0.5), make(layers=2, dropout=0.5)
    for _ in range(3):
        asked.sound()
        assert asked.advance()
        assert plain.advance()
    assert same(weights(asked), weights(plain))


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_a_restored_trainer_goes_on_bit_for_bit(arch: str, tmp_path: Path) -> None:
    trainer = make(arch=arch, dropout=0.4)
    for _ in range(3):
        trainer.advance()
    (tmp_path / "c").write_bytes(trainer.snapshot({"best": [0.5, -1.0]}))
    for _ in range(4):
        trainer.advance()
    other = make(arch=arch, dropout=0.4, seed=SMALL.seed)
    other.advance()
    assert other.resume(tmp_path / "c") == {"best": [0.5, -1.0]}
    for _ in range(4):
        other.advance()
    assert other.step == trainer.step == 7
    mine, theirs = (checkpoint.unpack(t.snapshot({})) for t in (trainer, other))
    assert same(mine.tensors, theirs.tensors)
    assert mine.state == theirs.state


def test_a_resumed_trainer_can_roll_back_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "c").write_bytes(make().snapshot({}))
    spoil(monkeypatch, {0}, float("nan"))
    trainer = make()
    trainer.resume(tmp_path / "c")
    assert not trainer.advance()


def test_a_rollback_remembers_the_smaller_micro_batch() -> None:
    trainer = make(micro_batch=8)
    trainer.snapshot({})
    trainer.micro_batch = 2
    with torch.no_grad():
        trainer.model.head.bias.fill_(float("nan"))
    assert not trainer.sound()
    assert trainer.micro_batch == 2


@pytest.mark.parametrize("damage", ["cut", "empty", "other model", "noise", "missing"])
def test_an_unusable_checkpoint_is_one_line(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "c"
    saved = make(units=7).snapshot({}) if damage == "other model" else make().snapshot({})
    data = {"cut": saved[: len(saved) // 2], "empty": b"", "noise": bytes(range(256)) * 4}.get(damage, saved)
    if damage != "missing":
        path.write_bytes(data)
    with pytest.raises(InputError, match=str(path)) as caught:
        make().resume(path)
    assert "\n" not in str(caught.value)


def test_only_weight_matrices_decay() -> None:
    trainer = make(weight_decay=0.5)
    decaying, rest = trainer.optimizer.param_groups
    assert (decaying["weight_decay"], rest["weight_decay"]) == (0.5, 0.0)
    assert all(parameter.ndim == 2 for parameter in decaying["params"])
    assert any(parameter is trainer.model.get_parameter("encoder.embedding.weight") for parameter in rest["params"])


def test_seeding_a_device_is_torchs_own_seeding_of_it() -> None:
    seed_device(torch.device("cpu"), 2**62 + 5)
    drawn = torch.rand(3)
    torch.manual_seed(2**62 + 5)
    assert torch.equal(drawn, torch.rand(3))
