"""Dataset folders: the same cases in three forms, for training and for the test.

    DIR/original/      bracket_dataset.json  test_bracket_dataset.json    strings "input:({,output:}),", as read
    DIR/preprocessed/  the same names                                     symbols apart, with the pairs of the language
    DIR/tokenize/      the same names                                     token ids, with the vocabulary

``original`` is what training reads (:mod:`~supervised.data.reading`); the other two follow from it and are there for
people and other tools. Training
cases come from the train split and test cases from the test split, so no prefix is in both files.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path

from bracket_env import BracketTokenizer, Case, InputError, Setting
from bracket_env.atomic import new_folder
from bracket_env.random_streams import key
from supervised.data.dataset_forms import SEPARATOR, dataset_forms

Progress = Callable[[int], object]
MOST_CASES = 10**7
_CASES_AT_ONCE = 1 << 15
TRAIN_FILE, TEST_FILE = "bracket_dataset.json", "test_bracket_dataset.json"


def generate_dataset(
    folder: str | Path,
    setting: Setting,
    n: int,
    n_test: int,
    *,
    seed: int = 0,
    pairs: Sequence[str] | None = None,
    progress: Progress = lambda cases: None,
) -> None:
    """Write ``n`` training and ``n_test`` test cases of a setting into a new folder.

    The folder appears whole or not at all.

    Args:
        progress: gets how many more cases have been written.

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
    with new_folder(folder, "cannot write data set") as beside:
        for form in dataset_forms(tokenizer):
            (beside / form).mkdir()
        for name, split, count in ((TRAIN_FILE, "train", n), (TEST_FILE, "test", n_test)):
            stream = key(seed, f"supervised/dataset/{setting.id}/{split}")
            sampler = setting.sampler(split=split, pairs=pairs)  # type: ignore[arg-type]
            starts = range(0, count, _CASES_AT_ONCE)
            chunks = (sampler.cases(stream, min(_CASES_AT_ONCE, count - start), start=start) for start in starts)
            _write_split(beside, name, tokenizer, chunks, progress)


def _write_split(
    folder: Path, name: str, tokenizer: BracketTokenizer, chunks: Iterable[Sequence[Case]], progress: Progress
) -> None:
    """The file ``name`` of every form, written as the cases come."""
    forms = dataset_forms(tokenizer)
    with ExitStack() as stack:
        files = {
            form: stack.enter_context(open(folder / form / name, "x", encoding="utf-8", newline="\n")) for form in forms
        }
        for number, cases in enumerate(chunks):
            for form, writer in forms.items():
                files[form].write((SEPARATOR if number else writer.opening) + writer.rows(cases))
            progress(len(cases))
        for form, writer in forms.items():
            files[form].write(writer.closing)
            files[form].flush()
            os.fsync(files[form].fileno())
