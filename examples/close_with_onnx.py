"""Close brackets with an exported model: onnxruntime and NumPy only, nothing of this project.

    python -m supervised.compress gru-1 --onnx gru.onnx
    python examples/close_with_onnx.py gru.onnx '({【' '【()'

The file says itself how it is run, in its metadata: which brackets there are, and whether the function in it reads one
more token of each row and hands on its states (``step``) or reads all tokens so far (``prefix``).

Prints each prefix and what closes it, separated by a space.
"""

from __future__ import annotations

import json
import sys

import numpy as np
import onnxruntime


def close(session: onnxruntime.InferenceSession, prefixes: list[str]) -> list[str]:
    """What the model writes after each prefix: its likeliest tokens, until the one that ends an answer."""
    said = json.loads(session.get_modelmeta().custom_metadata_map["bracketgym"])
    special, symbols = said["special"], "".join(said["pairs"])
    number = {symbol: special["FIRST_SYMBOL"] + i for i, symbol in enumerate(symbols)}
    for prefix in prefixes:
        if unknown := [symbol for symbol in prefix if symbol not in number]:
            raise ValueError(f"{unknown[0]!r} in {prefix!r} is none of {' '.join(symbols)}")
        # BOS, SEP and an answer that may be as long as the prefix, without EOS, which is not read
        if said["max_length"] is not None and 2 * len(prefix) + 2 > said["max_length"]:
            raise ValueError(
                f"{prefix!r} and its answer may be longer than the {said['max_length']} tokens that it reads"
            )
    rows = [[special["BOS"], *(number[symbol] for symbol in prefix), special["SEP"]] for prefix in prefixes]
    prompts = [len(row) for row in rows]
    states = {
        state["name"]: np.full((len(rows), *state["shape"]), state["fill"], dtype=state["dtype"])
        for state in said["states"]
    }
    read, done = 0, [False] * len(rows)
    while not all(done):
        if said["form"] == "step":  # each row reads its own next token; one that is done reads on for nothing
            read += 1
            token = np.array([row[min(read, len(row)) - 1] for row in rows])
            logits, *following = session.run(None, {"token": token, **states})
            states = dict(zip(states, following, strict=True))
            at_end = [len(row) == read for row in rows]
        else:
            ids = np.full((len(rows), max(map(len, rows))), special["PAD"])
            for filled, row in zip(ids, rows, strict=True):
                filled[: len(row)] = row
            (logits,) = session.run(None, {"ids": ids, "lengths": np.array([len(row) for row in rows])})
            at_end = [True] * len(rows)
        for i, row in enumerate(rows):
            if done[i] or not at_end[i]:
                continue
            if said["masked"]:
                logits[i, ~possible(row, logits.shape[1], special)] = -np.inf
            row.append(int(logits[i].argmax()))
            # n symbols need at most n closers and the end.
            done[i] = row[-1] == special["EOS"] or len(row) - prompts[i] == prompts[i] - 1
    answers = ([id_ for id_ in row[n:] if id_ != special["EOS"]] for row, n in zip(rows, prompts, strict=True))
    return ["".join(symbols[id_ - special["FIRST_SYMBOL"]] for id_ in answer) for answer in answers]


def possible(row: list[int], vocabulary: int, special: dict[str, int]) -> np.ndarray:
    """What the count mask allows after a row: the end, and a closer while its type has been opened more often."""
    first = special["FIRST_SYMBOL"]
    counts = np.bincount(row, minlength=vocabulary)
    allowed = np.zeros(vocabulary, dtype=bool)
    allowed[special["EOS"]] = True
    allowed[first + 1 :: 2] = counts[first::2] > counts[first + 1 :: 2]
    return allowed


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: close_with_onnx.py FILE PREFIX...")
    try:
        model = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
        answers = close(model, sys.argv[2:])
    except Exception as error:  # onnxruntime's own errors have no class in common
        sys.exit(f"error: {error}")
    for prefix, answer in zip(sys.argv[2:], answers, strict=True):
        print(prefix, answer)
