"""Hypothesis strategies for languages, prefixes and episodes, and the naive twin of partner finding."""

from __future__ import annotations

import itertools

from hypothesis import strategies as st

from bracket_env import BracketLanguage


@st.composite
def languages(draw: st.DrawFn) -> BracketLanguage:
    printable = st.characters(exclude_categories=["C", "Z"]).filter(str.isprintable)
    symbols = draw(
        st.lists(printable | st.sampled_from("()[]{}<>【】『』「」〈〉《》"), min_size=2, max_size=10, unique=True)
    )
    return BracketLanguage(["".join(pair) for pair in zip(symbols[::2], symbols[1::2], strict=False)])


@st.composite
def prefixes(draw: st.DrawFn, language: BracketLanguage, max_size: int = 30) -> str:
    prefix = ""
    for choice in draw(st.lists(st.integers(0, len(language.pairs)), max_size=max_size)):
        stack = language.open_stack(prefix)
        closes = choice == len(language.pairs) and stack
        prefix += language.closer_of[stack[-1]] if closes else language.openers[choice % len(language.pairs)]
    return prefix


@st.composite
def episodes(draw: st.DrawFn) -> tuple[BracketLanguage, str, str, bool]:
    language = draw(languages())
    prefix = draw(prefixes(language))
    completion = language.completion(prefix)
    right = completion[: draw(st.integers(0, len(completion)))]
    return language, prefix, right + draw(st.text(language.closers, max_size=5)), draw(st.booleans())


def brute_force_partners(language: BracketLanguage, word: str) -> list[int]:
    """The partner of each position: the other end of the shortest balanced stretch that starts or stops there."""
    partners = [-1] * len(word)
    for i, j in itertools.combinations(range(len(word)), 2):
        if partners[i] < 0 and word[i] in language.closer_of and language.is_balanced(word[i : j + 1]):
            partners[i], partners[j] = j, i
    return partners
