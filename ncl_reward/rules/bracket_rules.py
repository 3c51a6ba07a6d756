"""The six rules of bracket answers.

An answer is made of closers and END (EOS): that is the task, and the action space of the environments. So a rule
speaks about closers and EOS, and openers get no more than the noise; only ``closers_only`` says something about them.
With c_t the closer of type t, the allowed set A at a place is

    one_to_one         EOS and every c_t with a bracket of type t open
    nesting            EOS and the closer of the last opened bracket that is still open
    queue              EOS and the closer of the first opened bracket that is still open
    stop_when_closed   EOS if nothing is open, else every closer
    no_unopened        EOS and every c_t whose opener has occurred
    closers_only       EOS and every closer (against everything that can be written)

No rule claims more than its sentence: all but ``stop_when_closed`` leave open when to stop, ``one_to_one`` leaves the
order open, and where a rule rules nothing out (``nesting`` with nothing open) it does not apply.

For the prefix ``({(`` with the pairs ``() 【】 {}``:

    one_to_one EOS ) }   nesting EOS )   queue EOS )   stop_when_closed ) 】 }   no_unopened EOS ) }

A sentence that names pairs P narrows a rule to them. Closers outside P are then not its business: they stay allowed,
and those of P follow the rule (for ``nesting``: the closer of a type in P is allowed only if that bracket was opened
last). ``stop_when_closed`` of P forbids EOS while a bracket of P is open, and asks for EOS only when nothing at all is
open; ``closers_only`` of P forbids the openers of P.

The number of violations so far is the number of answer symbols outside A, of those that the rule speaks about;
``stop_when_closed`` adds what is still open.
"""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from bracket_env import EOS, FIRST_SYMBOL
from ncl_reward.rules.bracket_state import NOTHING, BracketInputs, BracketState
from ncl_reward.rules.rule import Domain, Rule, Slots, Target, target_of


class BracketRule(Rule[BracketInputs]):
    """A rule that is the set of closers and of EOS it allows."""

    domain: Domain = "brackets"

    @abstractmethod
    def closers(self, state: BracketState, named: np.ndarray) -> np.ndarray:
        """Closers allowed at n places, ``(n, k)`` bool; ``named`` ``(k,)`` bool says which types the rule is about."""

    def stop(self, state: BracketState, named: np.ndarray) -> np.ndarray:
        """Whether EOS is allowed, ``(n,)`` bool."""
        return np.ones(len(state.top), dtype=bool)

    def openers(self, named: np.ndarray) -> np.ndarray:
        """Openers allowed, ``(k,)`` bool."""
        return np.zeros(len(named), dtype=bool)

    def spoken_about(self, pairs: int) -> np.ndarray:
        """``(K,)`` bool: what the rule chooses among."""
        about = _writable(pairs)
        about[FIRST_SYMBOL::2] = False
        return about

    def allowed(self, state: BracketState, slots: Slots) -> np.ndarray:
        """The set A at n places, ``(n, K)`` bool."""
        pairs = state.open.shape[1]
        named = _named(slots, pairs)
        allowed = np.zeros((len(state.top), FIRST_SYMBOL + 2 * pairs), dtype=bool)
        allowed[:, EOS] = self.stop(state, named)
        allowed[:, FIRST_SYMBOL::2] = self.openers(named)
        allowed[:, FIRST_SYMBOL + 1 :: 2] = self.closers(state, named)
        return allowed

    def target(self, inputs: BracketInputs, slots: Slots) -> Target:
        """The target at each place of ``inputs``; K is the vocabulary."""
        return self.target_at(inputs.state, slots)

    def target_at(self, state: BracketState, slots: Slots) -> Target:
        """The target at n places whose state is known."""
        pairs = state.open.shape[1]
        return target_of(self.allowed(state, slots), self.spoken_about(pairs), _writable(pairs), slots.noise)

    def broken(self, state: BracketState, symbols: np.ndarray, slots: Slots) -> np.ndarray:
        """Whether writing ``symbols`` ``(n,)`` at n places breaks the rule, ``(n,)`` bool."""
        places = np.arange(len(symbols))
        wrong = ~self.allowed(state, slots)[places, symbols]
        return wrong & self.spoken_about(state.open.shape[1])[symbols]

    def still_asked(self, state: BracketState, slots: Slots) -> np.ndarray:
        """What the rule still asks for at n places, ``(n,)`` float64."""
        return np.zeros(len(state.top))

    def violations(self, inputs: BracketInputs, slots: Slots) -> np.ndarray:
        """``(B,)``: violations in each answer so far, whole sequences read; places do not matter."""
        written = inputs.answers
        symbols = written.ids[written.rows, written.positions + 1].astype(np.int64)
        broken = self.broken(written.state, symbols, slots)
        counts = np.bincount(written.rows[broken], minlength=len(inputs.ids)).astype(np.float64)
        return counts + self.still_asked(inputs.final, slots)


class OneToOne(BracketRule):
    """A closer only for a type that is still open, as often as it is open."""

    name = "one_to_one"

    def closers(self, state: BracketState, named: np.ndarray) -> np.ndarray:
        return (state.open > 0) | ~named


class Nesting(BracketRule):
    """Last opened, first closed."""

    name = "nesting"

    def closers(self, state: BracketState, named: np.ndarray) -> np.ndarray:
        return _only(state.top, named)


class Queue(BracketRule):
    """First opened, first closed: what contradicts nesting."""

    name = "queue"

    def closers(self, state: BracketState, named: np.ndarray) -> np.ndarray:
        return _only(state.front, named)


class StopWhenClosed(BracketRule):
    """EOS if and only if nothing is open."""

    name = "stop_when_closed"

    def closers(self, state: BracketState, named: np.ndarray) -> np.ndarray:
        return np.repeat(~state.closed[:, None], len(named), axis=1)

    def stop(self, state: BracketState, named: np.ndarray) -> np.ndarray:
        return np.equal(state.open[:, named].sum(axis=1), 0)

    def still_asked(self, state: BracketState, slots: Slots) -> np.ndarray:
        """The number of brackets still open, of the named types."""
        return state.open[:, _named(slots, state.open.shape[1])].sum(axis=1).astype(np.float64)


class NoUnopened(BracketRule):
    """No closer of a type whose opener has not occurred."""

    name = "no_unopened"

    def closers(self, state: BracketState, named: np.ndarray) -> np.ndarray:
        return state.seen | ~named


class ClosersOnly(BracketRule):
    """The answer opens nothing."""

    name = "closers_only"

    def closers(self, state: BracketState, named: np.ndarray) -> np.ndarray:
        return np.ones_like(state.seen)

    def openers(self, named: np.ndarray) -> np.ndarray:
        return ~named

    def spoken_about(self, pairs: int) -> np.ndarray:
        return _writable(pairs)


BRACKET_RULES: dict[str, BracketRule] = {
    rule.name: rule for rule in (OneToOne(), Nesting(), Queue(), StopWhenClosed(), NoUnopened(), ClosersOnly())
}


def _only(wanted: np.ndarray, named: np.ndarray) -> np.ndarray:
    """The closer of ``wanted`` among the named ones; all where nothing is open."""
    types = np.arange(len(named))
    return (types == wanted[:, None]) | ~named | (wanted == NOTHING)[:, None]


def _named(slots: Slots, pairs: int) -> np.ndarray:
    named = np.zeros(pairs, dtype=bool)
    named[list(range(pairs) if slots.pairs is None else slots.pairs)] = True
    return named


def _writable(pairs: int) -> np.ndarray:
    """``(K,)`` bool: EOS and brackets."""
    writable = np.ones(FIRST_SYMBOL + 2 * pairs, dtype=bool)
    writable[:FIRST_SYMBOL] = False
    writable[EOS] = True
    return writable
