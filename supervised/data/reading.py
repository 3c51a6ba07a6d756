"""Cases to train on, from any case file or from a folder of them.

A folder is one that :mod:`~supervised.data.dataset_folder` wrote, or one of BracketCloser-LLM, which called its files
``bracket_dataset.json``, ``test_bracket_dataset_1.json`` or ``test_bracket_dataset_epoch_1.json``:

    DIR/original/  else DIR/tokenize/  else DIR/preprocessed/  else DIR itself

Training reads the files there whose name does not begin with ``test_``, or all where there are no others; which of
their prefixes may be trained on, the split of each prefix says.
"""

from __future__ import annotations

import os
import re
from functools import lru_cache
from pathlib import Path

from bracket_env import BracketLanguage, Case, InputError
from bracket_env.cases import ReadFormat, judge_cases
from bracket_env.sampling.splits import split_of
from bracket_env.wrong_targets import CaseFile, WrongTargets
from supervised.data.dataset_folder import TRAIN_FILE
from supervised.options.groups import TrainingCases

_FORMS = ("original", "tokenize", "preprocessed", "")  # the last one needs this project's vocabulary
_NAME = re.compile(r"(test_)?bracket_dataset.*\.jsonl?")


def case_files(path: str | Path, *, test: bool = False) -> list[Path]:
    """The files to read: the one that is named, or those of a folder.

    Args:
        test: the test cases of a folder, not the training cases.

    Raises:
        InputError: there is no such file or folder, or the folder holds no data set.
    """
    path = Path(path)
    if path.is_file():
        return [path]
    for form in _FORMS:
        folder = path / form
        found = [file for file in sorted(folder.glob("*"), key=_in_order) if _NAME.fullmatch(file.name)]
        tests = [file for file in found if file.name.startswith("test_")]
        wanted = tests if test else [file for file in found if file not in tests] or tests
        if wanted:
            return wanted
    if not path.exists():
        raise InputError(f"there is no case file or data set folder {path}")
    raise InputError(
        f"{path} is not a data set folder: neither in it nor in its original, tokenize or preprocessed is a file "
        f"called like {TRAIN_FILE}; name the case file itself"
    )


def _in_order(file: Path) -> list[tuple[int, str]]:
    """``_2`` before ``_10``."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", file.name)]


def judge_dataset(
    path: str | Path, language: BracketLanguage, *, test: bool = False, format: ReadFormat = "auto"
) -> CaseFile:
    """The cases of a file or folder with what is wrong with their targets.

    Raises:
        InputError: as :func:`case_files` and :func:`bracket_env.cases.judge_cases`.
    """
    files = case_files(path, test=test)
    return _judged(tuple((str(file), *_signature(file)) for file in files), language, format, str(path))


@lru_cache(maxsize=1)  # a training asks several times
def _judged(
    files: tuple[tuple[str, int, int], ...], language: BracketLanguage, format: ReadFormat, name: str
) -> CaseFile:
    rows = [row for file, *_ in files for row in judge_cases(file, language, format=format).rows]
    return CaseFile(files[0][0] if len(files) == 1 else name, rows)


def _signature(file: Path) -> tuple[int, int]:
    found = os.stat(file)
    return found.st_mtime_ns, found.st_size


def read_dataset(
    path: str | Path,
    language: BracketLanguage,
    *,
    test: bool = False,
    format: ReadFormat = "auto",
    wrong_targets: WrongTargets = "refuse",
) -> list[Case]:
    """The training (or test) cases of a folder, or the cases of a file.

    Raises:
        InputError: nothing to read there, a damaged file, or cases of another language (file, item and symbol named);
            wrong targets, as :func:`bracket_env.read_cases`.
    """
    found = judge_dataset(path, language, test=test, format=format)
    return [Case(row.prefix, row.target or "") for row in found.settled(wrong_targets)]


def reading_notes(options: TrainingCases, language: BracketLanguage) -> list[str]:
    """What the report says of ``--dataset``: which files of a folder were read, what became of wrong targets, and how
    many cases no model may be trained on."""
    if options.dataset is None:
        return []
    files = case_files(options.dataset)
    names = ", ".join(file.name for file in files[:3]) + (", …" if len(files) > 3 else "")
    found = judge_dataset(options.dataset, language, format=options.format)
    count = "1 file" if len(files) == 1 else f"{len(files)} files"
    read = (
        f"{len(found.rows)} cases of {count} of {files[0].parent}: {names}"
        if files != [Path(options.dataset)]
        else None
    )
    usable = found.settled(options.wrong_targets)
    held_out = sum(split_of(row.prefix) != "train" for row in usable)
    left = f"{held_out} of {len(usable)} prefixes belong to the validation and test splits and are left out"
    told = (read, found.note(options.wrong_targets), left if held_out else None)
    return [line for line in told if line is not None]
