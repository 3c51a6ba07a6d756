"""Token ids: the table that environments, models and agents share."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bracket_env import InputError
from bracket_env.language import MAX_PAIRS, BracketLanguage
from bracket_env.tokenizer import BOS, EOS, FIRST_SYMBOL, MASK, PAD, SEP, BracketTokenizer, closer_id, opener_id

TOKENIZER = BracketTokenizer(BracketLanguage())
TEXT = st.text("()【】{}", max_size=12)


def many_pairs(count: int) -> BracketLanguage:
    return BracketLanguage([chr(0x4E00 + 2 * i) + chr(0x4E01 + 2 * i) for i in range(count)])


def test_the_ids_are_the_documented_table() -> None:
    assert (PAD, BOS, SEP, EOS, MASK) == (0, 1, 2, 3, 4)
    assert {symbol: TOKENIZER.encode(symbol)[0] for symbol in "()【】{}"} == {
        "(": 5,
        ")": 6,
        "【": 7,
        "】": 8,
        "{": 9,
        "}": 10,
    }
    assert TOKENIZER.vocab_size == 11


@pytest.mark.parametrize("count", [1, 2, 8, MAX_PAIRS])
def test_pair_i_has_the_ids_5_plus_2i_and_6_plus_2i(count: int) -> None:
    tokenizer = BracketTokenizer(many_pairs(count))
    for i, pair in enumerate(tokenizer.language.pairs):
        assert tokenizer.encode(pair) == [opener_id(i), closer_id(i)] == [5 + 2 * i, 6 + 2 * i]
    assert tokenizer.vocab_size == 5 + 2 * count
    assert tokenizer.action_ids.tolist() == [*(6 + 2 * i for i in range(count)), EOS]
    assert tokenizer.action_ids.dtype == tokenizer.dtype


def test_ids_take_one_byte_for_every_possible_language() -> None:
    assert {BracketTokenizer(many_pairs(count)).dtype for count in (1, MAX_PAIRS)} == {np.dtype(np.uint8)}


@given(TEXT)
def test_encoding_is_undone_by_decoding(text: str) -> None:
    ids = TOKENIZER.encode(text)
    assert all(FIRST_SYMBOL <= i < TOKENIZER.vocab_size for i in ids)
    assert TOKENIZER.decode(ids) == TOKENIZER.decode(np.array(ids, dtype=TOKENIZER.dtype)) == text


@given(TEXT, TEXT)
def test_a_case_is_written_bos_prefix_sep_completion_eos(prefix: str, completion: str) -> None:
    ids = TOKENIZER.encode_case(prefix, completion)
    assert ids == [1, *TOKENIZER.encode(prefix), 2, *TOKENIZER.encode(completion), 3]
    assert TOKENIZER.decode(ids) == prefix + completion


def test_decoding_leaves_out_special_tokens() -> None:
    assert TOKENIZER.encode_case("({", "})") == [1, 5, 9, 2, 10, 6, 3]
    assert TOKENIZER.decode([BOS, 5, MASK, 9, SEP, EOS, PAD, PAD]) == "({"


def test_prompts_are_padded_on_the_right() -> None:
    ids, lengths = TOKENIZER.encode_prompts(["", "({", "【"])
    assert ids.tolist() == [[1, 2, 0, 0], [1, 5, 9, 2], [1, 7, 2, 0]]
    assert lengths.tolist() == [2, 4, 3]
    assert (ids.dtype, lengths.dtype) == (np.uint8, np.int64)


@given(st.lists(TEXT, max_size=6))
def test_each_row_of_the_prompts_is_its_own_prefix(prefixes: list[str]) -> None:
    ids, lengths = TOKENIZER.encode_prompts(prefixes)
    assert ids.shape == (len(prefixes), max((len(prefix) + 2 for prefix in prefixes), default=0))
    assert lengths.tolist() == [len(prefix) + 2 for prefix in prefixes]
    for row, length, prefix in zip(ids, lengths, prefixes, strict=True):
        assert row[:length].tolist() == [BOS, *TOKENIZER.encode(prefix), SEP]
        assert not row[length:].any()


@pytest.mark.parametrize("text", ["(x", "(\n", "([)"])
def test_a_foreign_symbol_is_named_with_its_position(text: str) -> None:
    calls = [
        lambda: TOKENIZER.encode(text),
        lambda: TOKENIZER.encode_case("", text),
        lambda: TOKENIZER.encode_prompts(["(", text]),
    ]
    for call in calls:
        with pytest.raises(InputError) as caught:
            call()
        assert str(caught.value) == f"symbol {text[1]!r} at position 2 is not in the language () 【】 {{}}"


@pytest.mark.parametrize("bad", [-1, 11, 255])
def test_an_id_outside_the_vocabulary_is_named(bad: int) -> None:
    with pytest.raises(InputError, match=f"^token id {bad} is outside the vocabulary of 11$"):
        TOKENIZER.decode([5, bad, 3])


def test_repr_names_the_pairs() -> None:
    assert repr(TOKENIZER) == "BracketTokenizer(BracketLanguage(('()', '【】', '{}')))"
