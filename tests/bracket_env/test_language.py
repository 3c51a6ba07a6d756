"""The bracket language against a naive twin that deletes adjacent matched pairs, over all short strings."""

from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import product
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bracket_env import InputError
from bracket_env.language import DEFAULT_PAIRS, MAX_PAIRS, BracketLanguage

ONE = BracketLanguage(["()"])
TWO = BracketLanguage(["()", "【】"])
LONGEST = 8


def strings(language: BracketLanguage, longest: int) -> Iterator[str]:
    for length in range(longest + 1):
        yield from map("".join, product("".join(language.pairs), repeat=length))


@cache
def reduced(text: str, pairs: tuple[str, ...]) -> str:
    """What is left when adjacent matched pairs are deleted until there are none."""
    shorter = text
    for pair in pairs:
        shorter = shorter.replace(pair, "")
    return text if shorter == text else reduced(shorter, pairs)


@cache
def completable(language: BracketLanguage) -> list[str]:
    """All strings up to the longest length that reduce to openers alone."""
    return [s for s in strings(language, LONGEST) if set(reduced(s, language.pairs)) <= set(language.openers)]


@pytest.mark.parametrize("language", [ONE, TWO])
def test_prefixes_and_balanced_words_are_those_of_the_twin(language: BracketLanguage) -> None:
    prefixes = set(completable(language))
    for text in strings(language, LONGEST):
        assert language.is_prefix(text) == (text in prefixes)
        assert language.is_balanced(text) == (reduced(text, language.pairs) == "")


@pytest.mark.parametrize("language", [ONE, TWO])
def test_there_are_catalan_many_balanced_words(language: BracketLanguage) -> None:
    found = Counter(len(text) for text in strings(language, LONGEST) if language.is_balanced(text))
    # Catalan(n) shapes of n pairs, each pair of one of k types: 1, k, 2k², 5k³, 14k⁴
    assert found == {2 * n: comb(2 * n, n) // (n + 1) * len(language.pairs) ** n for n in range(LONGEST // 2 + 1)}


@pytest.mark.parametrize("language", [ONE, TWO])
def test_stack_completion_and_depth_are_those_of_the_twin(language: BracketLanguage) -> None:
    mirror = str.maketrans(language.openers, language.closers)
    for prefix in completable(language):
        still_open = reduced(prefix, language.pairs)
        assert language.open_stack(prefix) == still_open
        assert language.completion(prefix) == still_open[::-1].translate(mirror)
        starts = (prefix[:end] for end in range(len(prefix) + 1))
        assert language.depth(prefix) == max(len(reduced(start, language.pairs)) for start in starts)


@pytest.mark.parametrize("language", [ONE, TWO])
def test_distances_are_those_of_the_twin(language: BracketLanguage) -> None:
    def twin(word: str) -> list[int]:
        """For each closer, the shortest stretch ending in it that reduces to nothing."""
        return [
            next(d for d in range(1, end + 1) if not reduced(word[end - d : end + 1], language.pairs))
            for end, symbol in enumerate(word)
            if symbol in language.closers
        ]

    for prefix in completable(language):
        assert language.closer_distances(prefix) == twin(prefix)
        assert language.max_distance(prefix) == max(twin(prefix + language.completion(prefix)), default=0)


def test_the_completion_is_the_only_shortest_string_that_balances() -> None:
    endings = list(strings(TWO, 4))  # shortest first
    for prefix in completable(TWO):
        if len(prefix) <= 4:
            balancing = [ending for ending in endings if not reduced(prefix + ending, TWO.pairs)]
            assert balancing[0] == TWO.completion(prefix)
            assert [len(ending) for ending in balancing].count(len(balancing[0])) == 1


def test_worked_examples() -> None:
    language = BracketLanguage()
    assert language.pairs == DEFAULT_PAIRS == ("()", "【】", "{}")
    assert (language.openers, language.closers) == ("(【{", ")】}")
    assert language.open_stack("({【】") == "({"
    assert language.completion("({【】") == "})"
    assert language.completion("") == language.completion("(【】)") == ""
    assert language.depth("({【】") == 3
    assert language.closer_distances("({})") == [1, 3]
    assert language.max_distance("({【】") == 5
    assert language.max_distance("") == 0


@given(st.text("()【】{}", max_size=60))
def test_a_completed_prefix_is_balanced_and_needs_nothing_more(text: str) -> None:
    language = BracketLanguage()
    if language.is_prefix(text):
        word = text + language.completion(text)
        assert language.is_balanced(word)
        assert language.completion(word) == ""
        assert len(language.closer_distances(word)) == len(word) // 2


@pytest.mark.parametrize("method", ["open_stack", "completion", "depth", "closer_distances", "max_distance"])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(x", "symbol 'x' at position 2 is not in the language () 【】 {}"),
        ("( )", "symbol ' ' at position 2 is not in the language () 【】 {}"),
        ("())(", "')' at position 3 closes nothing, so it cannot be completed"),
        ("({】", "'】' at position 3 meets an open '{', so it cannot be completed"),
    ],
)
def test_what_cannot_be_completed_is_named(method: str, text: str, message: str) -> None:
    language = BracketLanguage()
    with pytest.raises(InputError) as caught:
        getattr(language, method)(text)
    assert str(caught.value) == message
    assert not language.is_prefix(text)
    assert not language.is_balanced(text)


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ("()", "pairs must be a sequence of two-character strings, not one string '()'"),
        ([], "a language has 1 to 100 pairs, not 0"),
        (["()"] * 101, "a language has 1 to 100 pairs, not 101"),
        (["("], "a pair is two different characters, not '('"),
        (["()["], "a pair is two different characters, not '()['"),
        (["(("], "a pair is two different characters, not '(('"),
        ([("(", ")")], "a pair is two different characters, not ('(', ')')"),
        (["()", "[("], "'(' occurs in '()' and again in '[('"),
        (["()", "()"], "'(' occurs in '()' and again in '()'"),
    ],
)
def test_pairs_that_make_no_language(pairs: list[str], message: str) -> None:
    with pytest.raises(InputError) as caught:
        BracketLanguage(pairs)
    assert str(caught.value) == message


@pytest.mark.parametrize("symbol", [" ", "\n", "\t", "\u3000", "\u2028", "\x85", "\x00", "\x7f", "\ufeff", "\ud800"])
def test_invisible_characters_are_no_brackets(symbol: str) -> None:
    for pair in (f"({symbol}", f"{symbol})"):
        with pytest.raises(InputError, match="whitespace and control characters cannot be brackets"):
            BracketLanguage([pair])


def test_the_largest_language() -> None:
    symbols = [chr(0x4E00 + i) for i in range(2 * MAX_PAIRS)]
    language = BracketLanguage([a + b for a, b in zip(symbols[::2], symbols[1::2], strict=True)])
    assert language.completion(language.openers) == language.closers[::-1]
    assert language.depth(language.openers) == MAX_PAIRS == 100


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("({【】", "({【】"),
        ("（ ｛", "({"),
        (" ( {\u3000【\xa0】 \r\n", "({【】"),
        ("\ufeff（", "("),
        ("︷﹙︻", "{(【"),
        ("", ""),
        ("\ufeff \n", ""),
        ("(\t{", "(\t{"),
        ("(\u2028{\x85}", "(\u2028{\x85}"),
        ("［（x", "［(x"),
    ],
)
def test_what_keyboards_and_programs_write_is_read_as_it_is_meant(text: str, meant: str) -> None:
    assert BracketLanguage().reading(text) == meant


def test_a_symbol_that_the_language_has_in_two_widths_stays_what_it_is() -> None:
    wide = BracketLanguage(["（）", "()", "{}"])
    assert wide.reading("（({ ｛") == "（({{"
    assert BracketLanguage(["（）"]).reading("( (") == "（（"


def test_languages_are_equal_when_their_ordered_pairs_are() -> None:
    assert BracketLanguage(["()", "[]"]) == BracketLanguage(("()", "[]"))
    assert BracketLanguage(["()", "[]"]) != BracketLanguage(["[]", "()"])
    assert BracketLanguage() != DEFAULT_PAIRS
    assert len({BracketLanguage(), BracketLanguage(DEFAULT_PAIRS)}) == 1
    assert repr(ONE) == "BracketLanguage(('()',))"
