"""Starting from another run's weights: what both languages know stays, what is new is fresh."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from bracket_env import BracketTokenizer, InputError
from supervised.models import SequenceModel
from supervised.runs import RunConfig, RunFolder
from supervised.train.check import check
from supervised.train.options import Train
from supervised.transfer.transplant import initialise_from

TINY = "bracket/CloseTiny-v0"
SIZES: dict[str, dict[str, Any]] = {
    "gru": {"units": 6, "embedding_size": 4, "attention": True},
    "lstm": {"units": 6, "embedding_size": 4},
    "transformer": {"width": 8, "heads": 2, "positions": "learned"},
    "gpt": {"width": 8, "heads": 2},
    "bert": {"width": 8, "heads": 2},
    "stack": {"units": 6, "embedding_size": 4, "cell_size": 3},
    "tree": {"units": 6, "embedding_size": 4},
}


def config(arch: str, pairs: tuple[str, ...], **more: Any) -> RunConfig:
    return check(Train(arch=arch, setting=TINY, pairs=pairs, **{**SIZES[arch], **more}))  # type: ignore[arg-type]


def old_run(root: Path, run: RunConfig) -> tuple[RunFolder, SequenceModel]:
    torch.manual_seed(1)
    model = run.build()
    folder = RunFolder.create("old", run, ["train"], root=root)
    folder.save_best(model, {"best_loss": 1.0})
    return folder, model.eval()


@pytest.mark.parametrize("arch", SIZES)
@pytest.mark.parametrize("room", [11, 30])  # 11 is also the size of the new vocabulary
def test_old_symbols_keep_their_meaning(arch: str, room: int, tmp_path: Path) -> None:
    long = {"max_length": max(room, 14)} if arch in ("gpt", "bert", "transformer") else {}
    folder, old = old_run(tmp_path, config(arch, ("()", "[]")))
    run = config(arch, ("{}", "[]", "()"), **long)
    torch.manual_seed(2)
    new = run.build().eval()
    fresh = new.head.bias.detach().clone()
    initialise_from(new, run, folder)
    before, after = BracketTokenizer(folder.config.language), BracketTokenizer(run.language)
    text = "([()"
    ours, theirs = (torch.tensor([[1, *tokenizer.encode(text), 2]]) for tokenizer in (after, before))
    kept = [*range(5), *after.encode("()[]")]
    was = [*range(5), *before.encode("()[]")]
    assert torch.allclose(new(ours)[..., kept], old(theirs)[..., was], atol=1e-6)
    added = after.encode("{}")
    assert torch.equal(new.head.bias[added], fresh[added])


def test_the_same_language_gives_the_same_model(tmp_path: Path) -> None:
    run = config("gru", ("()", "[]"))
    folder, old = old_run(tmp_path, run)
    new = run.build()
    initialise_from(new, run, folder)
    assert all(torch.equal(tensor, new.state_dict()[name]) for name, tensor in old.state_dict().items())


def test_an_agents_impossible_tokens_become_improbable(tmp_path: Path) -> None:
    run = config("gru", ("()", "[]"))
    folder, old = old_run(tmp_path, run)
    with torch.no_grad():
        old.head.bias[:3] = -1e4
    folder.save_best(old, {"best_loss": 1.0})
    new = run.build()
    initialise_from(new, run, folder)
    assert new.head.bias[:3].tolist() == [-10.0] * 3
    assert torch.equal(new.head.bias[3:], old.head.bias[3:])


@pytest.mark.parametrize(
    ("arch", "pairs", "more", "message"),
    [
        ("lstm", ("()", "[]"), {}, "is of architecture gru, not lstm$"),
        ("gru", ("()", "[]"), {"units": 7}, "has units 6, not 7"),
        ("gru", ("()", "{}"), {}, r"knows the pair '\[\]', which the new language lacks: see --pairs"),
    ],
)
def test_what_does_not_fit_is_refused(
    arch: str, pairs: tuple[str, ...], more: dict[str, Any], message: str, tmp_path: Path
) -> None:
    folder, _ = old_run(tmp_path, config("gru", ("()", "[]")))
    run = config(arch, pairs, **more)
    with pytest.raises(InputError, match=message):
        initialise_from(run.build(), run, folder)
