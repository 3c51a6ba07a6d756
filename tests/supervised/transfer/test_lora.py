"""Adapters: the base stays, merging is exact, the adapter is saved alone, what does not fit is refused."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor

from bracket_env import BracketTokenizer, InputError
from supervised.models import SequenceModel
from supervised.runs import RunConfig, RunFolder, load_best
from supervised.train.check import check
from supervised.train.options import Train
from supervised.transfer.adapter_files import (
    Base,
    base_digest,
    copy_head,
    read_base,
    save_adapter,
    widened,
    with_adapters,
)
from supervised.transfer.lora import NEVER, adapters_off, add_adapter, digest, merged, target_names, use_adapter

TINY = "bracket/CloseTiny-v0"
ARCHS = ("transformer", "gpt", "bert")
OLD, NEW = ("()", "[]"), ("()", "[]", "{}")
MAPS = {
    "transformer": "encoder.blocks.0.query_key_value",
    "gpt": "encoder.gpt2.h.0.attn.c_attn",
    "bert": "encoder.bert.encoder.layer.0.attention.self.query",
}
each = pytest.mark.parametrize("arch", ARCHS)


def config(arch: str, pairs: tuple[str, ...], width: int = 8) -> RunConfig:
    return check(Train(arch=arch, setting=TINY, pairs=pairs, width=width, heads=2, layers=1))  # type: ignore[arg-type]


def base_run(root: Path, arch: str, seed: int = 1, width: int = 8) -> RunFolder:
    torch.manual_seed(seed)
    run = config(arch, OLD, width)
    folder = RunFolder.create(f"base{seed}", run, ["train"], root=root)
    folder.save_best(run.build(), {"best_loss": 1.0})
    return folder


def adapted(run: RunFolder, pairs: tuple[str, ...] = NEW, seed: int = 5) -> SequenceModel:
    """A base with an adapter that does something: its weights are drawn."""
    arch, params = run.config.architecture, run.config.params
    model, start = widened(run, config(arch, pairs, params["width"]))
    rows = model.head.out_features
    added = 2 * (len(pairs) - len(OLD))
    targets = target_names(model, arch, None, 2)
    add_adapter(model, "one", targets=targets, rank=2, alpha=6.0, new_ids=range(rows - added, rows))
    head: Any = model.head
    copy_head(head.modules_to_save["one"], start)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.requires_grad and not name.startswith("head."):
                parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return model.eval()


def words(texts: list[str], pairs: tuple[str, ...] = NEW) -> Tensor:
    tokenizer = BracketTokenizer(config("gpt", pairs).language)
    return torch.tensor([[1, *tokenizer.encode(text), 2] for text in texts])


@each
def test_with_the_adapter_off_the_base_is_back_bit_for_bit(arch: str, tmp_path: Path) -> None:
    run = base_run(tmp_path, arch)
    base, model, ids = load_best(run), adapted(run), words(["([()", "[[[("])
    known = base.head.out_features
    before = base(ids)
    assert not torch.allclose(model(ids)[..., :known], before, atol=0.01)
    with adapters_off(model):
        off = model(ids)
        assert torch.equal(off[..., :known], before)
        assert (off[..., known:] == NEVER).all()  # no new symbol is ever written
    assert (model(ids)[..., known:] > NEVER / 2).all()


@each
def test_a_step_changes_the_adapter_and_nothing_else(arch: str, tmp_path: Path) -> None:
    model = adapted(base_run(tmp_path, arch)).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=0.1)
    model(words(["({{(", "[[[("])).logsumexp(-1).sum().backward()
    optimizer.step()
    changed = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert changed == trained
    assert all(any(word in name for word in ("lora_", "trainable_tokens_delta", "modules_to_save")) for name in trained)


@each
def test_merging_adds_b_a_and_merging_thrice_is_merging_once(arch: str, tmp_path: Path) -> None:
    run = base_run(tmp_path, arch)
    base, model, ids = load_best(run), adapted(run), words(["({()", "[{[("])
    untouched = copy.deepcopy(model.state_dict())
    plain = merged(model)
    assert all(torch.equal(tensor, untouched[name]) for name, tensor in model.state_dict().items())
    assert plain.state_dict().keys() == config(arch, NEW).build().state_dict().keys()
    layer: Any = model.get_submodule(MAPS[arch])
    update = 6.0 / 2 * (layer.lora_B.one.weight @ layer.lora_A.one.weight)
    update = update.T if arch == "gpt" else update  # Conv1D keeps its matrix transposed
    before, after = (m.get_submodule(MAPS[arch]).weight for m in (base, plain))
    assert torch.equal(after, before + update)
    assert torch.allclose(plain(ids), model(ids), atol=1e-4)
    once = plain.state_dict()
    thrice = merged(merged(plain)).state_dict()
    assert once.keys() == thrice.keys()
    assert all(torch.equal(tensor, thrice[name]) for name, tensor in once.items())


@each
def test_peft_itself_reads_the_saved_adapter(arch: str, tmp_path: Path) -> None:
    from peft import PeftModel

    run = base_run(tmp_path, arch)
    model, ids = adapted(run), words(["({()", "[{[("])
    save_adapter(tmp_path / "adapter", model, "one", Base("base1", base_digest(run), TINY, NEW))
    saved = safetensors.torch.load_file(tmp_path / "adapter" / "adapter_model.safetensors")
    assert sum(tensor.numel() for tensor in saved.values()) == sum(
        parameter.numel() for parameter in model.parameters() if parameter.requires_grad
    )
    plain, _ = widened(run, config(arch, NEW))
    again = PeftModel.from_pretrained(plain, str(tmp_path / "adapter")).eval()  # type: ignore[arg-type]
    assert torch.equal(again(ids), model(ids))


@each
def test_several_adapters_share_one_base(arch: str, tmp_path: Path) -> None:
    run = base_run(tmp_path, arch)
    made = {"few": adapted(run, OLD, 6), "more": adapted(run, NEW, 7), "most": adapted(run, (*NEW, "<>", "«»"), 8)}
    pairs = {"few": OLD, "more": NEW, "most": (*NEW, "<>", "«»")}
    for name, model in made.items():
        save_adapter(tmp_path / name, model, "one", Base("base1", base_digest(run), TINY, pairs[name]))
    together = with_adapters(run, {name: tmp_path / name for name in made})
    ids = words(["([()", "[[[("], OLD)
    for name in ("more", "few", "most", "more"):
        use_adapter(together, name)
        expected = made[name](ids)
        known = expected.shape[-1]
        assert torch.allclose(together(ids)[..., :known], expected, atol=1e-5), name
        assert (together(ids)[..., known:] < NEVER / 2).all()
    with adapters_off(together):
        assert torch.equal(together(ids)[..., :9], load_best(run)(ids))


def test_an_adapter_for_another_base_is_refused(tmp_path: Path) -> None:
    run, other = base_run(tmp_path, "gpt", 1), base_run(tmp_path, "gpt", 2)
    save_adapter(tmp_path / "adapter", adapted(run), "one", Base("base1", base_digest(run), TINY, NEW))
    with pytest.raises(InputError, match="belongs to another base: base1, not base2"):
        with_adapters(other, {"one": tmp_path / "adapter"})


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("base.json", "{}", "base.json is missing or damaged"),
        ("adapter_config.json", "{}", "is damaged or does not fit"),
        ("adapter_model.safetensors", "nothing", "is damaged or does not fit"),
    ],
)
def test_a_damaged_adapter_is_one_line(file: str, content: str, message: str, tmp_path: Path) -> None:
    run = base_run(tmp_path, "gpt")
    save_adapter(tmp_path / "adapter", adapted(run), "one", Base("base1", base_digest(run), TINY, NEW))
    (tmp_path / "adapter" / file).write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=message) as caught:
        with_adapters(run, {"one": tmp_path / "adapter"})
    assert "\n" not in str(caught.value)


def test_what_an_adapter_belongs_to_is_read_back(tmp_path: Path) -> None:
    run = base_run(tmp_path, "gpt")
    base = Base("base1", base_digest(run), TINY, NEW)
    save_adapter(tmp_path / "adapter", adapted(run), "one", base)
    assert read_base(tmp_path / "adapter") == base
    described = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text(encoding="utf-8"))
    assert described["trainable_token_indices"] == {"encoder.gpt2.wte": [9, 10]}


@each
def test_the_default_targets_train_less_than_a_twentieth(arch: str, tmp_path: Path) -> None:
    run = check(Train(arch=arch, width=128, pairs=("()", "【】", "{}")))  # type: ignore[arg-type]
    model = run.build()
    targets = target_names(model, arch, None, 8)
    add_adapter(model, "one", targets=targets, rank=8, alpha=16.0, new_ids=[9, 10])
    parameters = dict(model.named_parameters())
    trained = sum(p.numel() for p in parameters.values() if p.requires_grad)
    assert trained < 0.05 * sum(p.numel() for p in parameters.values())
    rows = [p for name, p in parameters.items() if "trainable_tokens" in name]
    assert [tuple(row.shape) for row in rows] == [(2, 128)]  # counted with the rest


@pytest.mark.parametrize(
    ("arch", "targets", "rank", "message"),
    [
        ("gpt", ("query",), 2, "'query' matches no linear map of gpt: it has attn.c_attn, attn.c_proj, mlp.c_fc, mlp."),
        ("bert", ("nothing",), 2, "it has attention.self.query, attention.self.key"),
        ("transformer", ("c_attn",), 2, "it has query_key_value, project, expand, shrink"),
        ("transformer", None, 9, "--lora-rank 9 is above the width 8 of blocks.0.query_key_value"),
        ("transformer", ("project", "expand"), 9, "--lora-rank 9 is above the width 8"),
    ],
)
def test_targets_that_cannot_be_adapted(arch: str, targets: Any, rank: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        target_names(config(arch, OLD).build(), arch, targets, rank)


def test_a_target_may_name_one_layer_or_all() -> None:
    model = check(Train(arch="transformer", width=8, heads=2, layers=2)).build()
    assert target_names(model, "transformer", ("blocks.1.project", "project"), 1) == [
        "encoder.blocks.1.project", "encoder.blocks.0.project"
    ]  # fmt: skip


def test_the_digest_tells_names_shapes_and_values_apart() -> None:
    tensor = torch.arange(6.0)
    found = {
        digest({"a": tensor}), digest({"b": tensor}), digest({"a": tensor.view(2, 3)}), digest({"a": tensor + 1}),
        digest({"a": tensor.view(3, 2)}),
    }  # fmt: skip
    assert len(found) == 5
    assert digest({"a": tensor, "b": tensor}) == digest({"b": tensor, "a": tensor.clone()})
