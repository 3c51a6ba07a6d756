"""From a sentence to weights: closed forms of the head, thresholds, clauses, contradictions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from encoders_for_tests import HashedWords

from bracket_env import BracketLanguage
from ncl_reward import book
from ncl_reward.encoders.encoders import CachedEncoder, SentenceEncoder, make_encoder
from ncl_reward.grounding import head
from ncl_reward.grounding.head import (
    CLASSES,
    RULE_NAMES,
    Head,
    Readings,
    fit_readings,
    fitted_head,
    held_out_probabilities,
    softmax,
)
from ncl_reward.grounding.stated import THRESHOLD, Grounded, contradictions, ground
from ncl_reward.reading.sentence import parse_sentence
from ncl_reward.reading.words import DIMENSIONS

LANGUAGE = BracketLanguage()
UNRELATED = CLASSES.index(book.UNRELATED)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> SentenceEncoder:
    return make_encoder(cache=tmp_path_factory.mktemp("cache"))


def stated(text: str, encoder: SentenceEncoder) -> list[Grounded]:
    [entries] = ground([parse_sentence(text, LANGUAGE)], encoder, LANGUAGE)
    assert {entry.rule for entry in entries} == set(RULE_NAMES)
    assert [entry.weight for entry in entries] == sorted((entry.weight for entry in entries), reverse=True)
    return [entry for entry in entries if entry.weight > 0]


# The head


def small_head(rows: int = 40) -> Head:
    """A head of random sentences with every class among them."""
    random = np.random.default_rng(0)
    codes = random.integers(-127, 128, (rows, 8)).astype(np.int8)
    counts = random.integers(-2, 3, (rows, DIMENSIONS)).astype(np.int8)
    words = random.integers(-2, 3, (rows, DIMENSIONS)).astype(np.int8)
    return fit_readings(codes, counts, words, np.arange(rows) % len(CLASSES))


def test_held_out_probabilities_are_those_of_a_head_fitted_without_the_family() -> None:
    whole = small_head()
    families = np.arange(40) // 3
    probabilities = held_out_probabilities(whole, families)
    for family in (0, 5, 13):
        inside, rest = families == family, families != family
        without = fit_readings(*(part[rest] for part in (whole.codes, whole.counts, whole.words, whole.classes)))
        left_out = Readings(*(part[inside] for part in whole.book))
        assert probabilities[inside] == pytest.approx(without.probabilities(left_out), abs=1e-4)  # duals are float32


def test_probabilities_and_similarities() -> None:
    whole = small_head()
    probabilities = whole.probabilities(whole.book)
    assert probabilities.sum(axis=1) == pytest.approx(1)
    assert (probabilities >= 0).all()
    similarities = whole.similarities(whole.book.vectors)
    own = whole.classes < len(RULE_NAMES)
    assert similarities[own, whole.classes[own]] == pytest.approx(1)


def test_softmax_of_large_scores() -> None:
    assert softmax(np.array([[1e4, 1e4], [0, -1e4]])) == pytest.approx(np.array([[0.5, 0.5], [1, 0]]))


def test_a_head_comes_back_from_the_cache(encoder: SentenceEncoder, tmp_path: Path) -> None:
    fitted = fitted_head(encoder)
    path = tmp_path / "head.npz"
    path.write_bytes(head._bytes(fitted, "key"))
    again = head._read(path, "key")
    assert again is not None
    assert (again.codes == fitted.codes).all()
    assert (again.which == fitted.which).all()
    assert head._read(path, "another") is None
    path.write_bytes(path.read_bytes()[:-100])
    assert head._read(path, "key") is None


def test_another_encoders_head_is_fitted_once_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fits = []
    monkeypatch.setattr(head, "fit", lambda encoder: fits.append(1) or small_head())
    for _ in range(2):
        monkeypatch.setattr(head, "_FITTED", {})
        kept = fitted_head(CachedEncoder(HashedWords(), tmp_path))
        assert (kept.which == small_head().which).all()
    assert len(fits) == 1
    [path] = (tmp_path / "heads").iterdir()
    path.write_bytes(path.read_bytes()[:1000])
    monkeypatch.setattr(head, "_FITTED", {})
    fitted_head(CachedEncoder(HashedWords(), tmp_path))
    assert len(fits) == 2


def test_sentences_left_out_of_the_book_are_understood(encoder: SentenceEncoder) -> None:
    """One family of sentences at a time is left out, nesting and queue together: what was chosen by this, holds."""
    entries = book.entries()
    pairs = {"nesting": "order", "queue": "order"}
    names = [(pairs.get(e.rule, e.rule), e.language, e.family) for e in entries]
    numbers = {name: i for i, name in enumerate(dict.fromkeys(names))}
    probabilities = held_out_probabilities(fitted_head(encoder), np.array([numbers[name] for name in names]))
    classes = fitted_head(encoder).classes
    unrelated = classes == UNRELATED
    right = probabilities[:, :UNRELATED].argmax(axis=1) == classes
    order = np.isin(classes, [CLASSES.index("nesting"), CLASSES.index("queue")])
    quiet = (probabilities[:, :UNRELATED] < THRESHOLD).all(axis=1)
    assert right[~unrelated & ~order].mean() >= 0.95
    assert right[order].mean() >= 0.88
    assert quiet[unrelated].mean() >= 0.97


# Sentences


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("【←このトークンには必ず】←このトークンが一対一対応する", "one_to_one"),
        ("4時間以上、電力が少ないまま一定だったら不在の可能性が高い", "low_constant_absent"),
        ("The bracket opened last is the one to close first.", "nesting"),
        ("先に開いた括弧から順番に閉じる。", "queue"),
        ("Stop as soon as all brackets are closed.", "stop_when_closed"),
    ],
)
def test_the_sentences_of_the_documentation(text: str, rule: str, encoder: SentenceEncoder) -> None:
    first = stated(text, encoder)[0]
    assert first.rule == rule
    assert THRESHOLD <= first.weight <= 1
    assert 0 < first.similarity <= 1 + 1e-6


@pytest.mark.parametrize(
    "text", ["I like tea.", "明日は雨が降るそうだ。", "12345", "Die Klammer wird zuletzt geschlossen"]
)
def test_other_sentences_weigh_exactly_nothing(text: str, encoder: SentenceEncoder) -> None:
    assert stated(text, encoder) == []


def test_the_same_sentence_weighs_the_same_alone_and_among_others(encoder: SentenceEncoder) -> None:
    texts = ["Stop when all is closed.", "Last opened, first closed.", "I like tea."]
    sentences = [parse_sentence(text, LANGUAGE) for text in texts]
    together = ground(sentences, encoder, LANGUAGE)
    assert together == [ground([sentence], encoder, LANGUAGE)[0] for sentence in sentences]


def test_clauses_state_rules_of_their_own(encoder: SentenceEncoder) -> None:
    text = "The bracket opened last is always closed first, and stop when every ( is closed."
    found = {entry.rule: entry.sentence for entry in stated(text, encoder)}
    assert set(found) == {"nesting", "stop_when_closed"}
    assert found["stop_when_closed"].pairs == ("()",)
    assert found["nesting"].pairs == ()
    assert found["stop_when_closed"].certainty == "certain"  # as the whole sentence


def test_two_sentences_in_one_text(encoder: SentenceEncoder) -> None:
    text = "答えには閉じ括弧だけを書く。すべて閉じたら終わる。"
    assert {entry.rule for entry in stated(text, encoder)} == {"closers_only", "stop_when_closed"}


def test_two_sentences_that_state_one_rule_of_different_pairs(encoder: SentenceEncoder) -> None:
    found = stated("( and ) correspond one to one. 【 and 】 correspond one to one.", encoder)
    assert {(entry.rule, entry.sentence.pairs) for entry in found} == {
        ("one_to_one", ("()",)),
        ("one_to_one", ("【】",)),
    }


def test_a_language_that_the_encoder_does_not_know_states_nothing() -> None:
    english = HashedWords()
    english.languages = frozenset({"en"})
    assert stated("最後に開いた括弧を最初に閉じる。", english) == []
    assert english.asked == []


def test_contradictions_are_found_within_and_between_sentences(encoder: SentenceEncoder) -> None:
    texts = ["Last opened, first closed.", "Stop when all is closed.", "First opened, first closed."]
    grounded = ground([parse_sentence(text, LANGUAGE) for text in texts], encoder, LANGUAGE)
    [(first, second)] = contradictions(grounded)
    assert (first.sentence.text, second.sentence.text) == (texts[0], texts[2])
    assert contradictions(grounded[:2]) == []
