"""Dataset folders: the same cases in three forms, for training and for the test.

    DIR/original/      bracket_dataset.json  test_bracket_dataset.json    strings "input:({,output:}),", as read
    DIR/preprocessed/  the same names                                     symbols apart, with the pairs of the language
    DIR/tokenize/      the same names                                     token ids, with the vocabulary

``original`` is what training reads; the other two follow from it and are there for people and other tools. Training
cases come from the train split and test cases from the test split, so no prefix is in both files.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from bracket_env.atomic import write_text
from bracket_env.cases import Case, read_cases, write_cases
from bracket_env.errors import InputError
from bracket_env.language import BracketLanguage
from bracket_env.random_streams import key
from bracket_env.settings import Setting
from bracket_env.tokenizer import BOS, EOS, SEP, BracketTokenizer

FORMS = ("original", "preprocessed", "tokenize")
MOST_CASES = 10**7
TRAIN_FILE, TEST_FILE = "bracket_dataset.json", "test_bracket_dataset.json"


def generate_dataset(
    folder: str | Path, setting: Setting, n: int, n_test: int, *, seed: int = 0, pairs: Sequence[str] | None = None
) -> None:
    """Write ``n`` training and ``n_test`` test cases of a setting into a new folder.

    The folder appears whole or not at all.

    Raises:
        InputError: the folder exists, cannot be written, or a count or the seed is out of range.
    """
    if not 1 <= n <= MOST_CASES or not 1 <= n_test <= MOST_CASES:
        raise InputError(f"a data set has 1 to {MOST_CASES} training and test cases, not {n} and {n_test}")
    if not 0 <= seed < 2**63:
        raise InputError(f"--seed must be a whole number from 0 to {2**63 - 1}, not {seed}")
    folder = Path(folder)
    if folder.exists():
        raise InputError(f"{folder} exists: choose another folder for the data set")
    tokenizer = BracketTokenizer(setting.language(pairs))
    temporary = folder.parent / f".{folder.name}.{secrets.token_hex(4)}.tmp"
    try:
        for form in FORMS:
            (temporary / form).mkdir(parents=True)
        for name, split, count in ((TRAIN_FILE, "train", n), (TEST_FILE, "test", n_test)):
            stream = key(seed, f"supervised/dataset/{setting.id}/{split}")
            cases = setting.sampler(split=split, pairs=pairs).cases(stream, count)  # type: ignore[arg-type]
            _write_forms(temporary, name, cases, tokenizer)
        os.rename(temporary, folder)
    except OSError as error:
        raise InputError(f"cannot write data set {folder}: {error.strerror or error}") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def read_dataset(folder: str | Path, language: BracketLanguage, *, test: bool = False) -> list[Case]:
    """The training (or test) cases of a folder.

    Raises:
        InputError: no data set there, a damaged file, or cases of another language (file, item and symbol named).
    """
    path = Path(folder) / "original" / (TEST_FILE if test else TRAIN_FILE)
    if not path.is_file():
        raise InputError(f"{folder} is not a data set folder: no {path}")
    return read_cases(path, language, format="array")


def _write_forms(folder: Path, name: str, cases: Sequence[Case], tokenizer: BracketTokenizer) -> None:
    pairs = list(tokenizer.language.pairs)
    write_cases(folder / "original" / name, cases, format="array")
    escaped = {symbol: json.dumps(symbol, ensure_ascii=False)[1:-1] for symbol in "".join(pairs)}.__getitem__
    spaced = [
        f'{{"input":"{" ".join(map(escaped, prefix))}","target":"{" ".join(map(escaped, completion))}"}}'
        for prefix, completion in cases
    ]
    _write_rows(folder / "preprocessed" / name, {"pairs": pairs}, spaced)
    vocabulary = {tokenizer.spell([i]): i for i in range(tokenizer.vocab_size)}
    number = {symbol: str(i) for symbol, i in vocabulary.items()}.__getitem__
    ids = [
        f"[{','.join([str(BOS), *map(number, prefix), str(SEP), *map(number, completion), str(EOS)])}]"
        for prefix, completion in cases
    ]
    _write_rows(folder / "tokenize" / name, {"pairs": pairs, "vocabulary": vocabulary}, ids)


def _write_rows(path: Path, head: Mapping[str, object], rows: Sequence[str]) -> None:
    """``head`` with one more key, ``cases``: its items are JSON already, which is much faster than the json module."""
    opened = json.dumps(head, ensure_ascii=False).removesuffix("}")
    joined = ",\n".join(rows)
    write_text(path, f'{opened}, "cases": [\n{joined}\n]}}\n')
