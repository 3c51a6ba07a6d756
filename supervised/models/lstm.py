"""LSTM: long short-term memory (Hochreiter & Schmidhuber 1997, with forget gates) over an embedding.

:class:`_TreeLSTM` is the recurrence of ``torch.nn.LSTM`` on its parameters over the distinct prefixes of a batch
(:mod:`supervised.models.parts.prefix_tree`), with a hand-written gradient instead of a graph over the steps.
Forward plus backward of 1024 prompts like the default Close task's (longest 21 tokens, mean 13; width 96; one CPU
thread) took 72-74 ms, against 183-197 for nn.LSTM on the padded batch and 169-201 on a packed one. With nothing shared
and no row short it still gained a sixth or more; on 32 such rows it lost a third to a half (9-13 ms against 6).

Those were figures of a CPU with AVX2. With AVX-512 torch computes the whole layer in one call of oneDNN, and 256 rows
of a training batch, of which a quarter of the cells is shared, take 13 ms instead of 23. There the tree serves only
where one state a row is asked for (``last``), among prompts that have far more in common.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from supervised.models.parts.recurrent import RecurrentEncoder


class _TreeLSTM(torch.autograd.Function):
    """One layer of nn.LSTM over a prefix tree: inputs ``(nodes, I)`` -> hidden states ``(nodes, H)``.

    With h' and c' the parent's hidden state and cell (zeros above the root), and nn.LSTM's weights in its order:

        i, f, o = σ(W x + U h'),  g = tanh(W_g x + U_g h'),  c = f c' + i g,  h = o tanh(c)

    (biases beside every product). A node's gates are kept as one row i, f, g, o.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, u: Tensor, bias_w: Tensor, bias_u: Tensor, *parents: Tensor) -> Tensor:
        size = u.shape[1]
        gates = torch.addmm(bias_w + bias_u, x, w.t())  # (nodes, 4H)
        states, cells = x.new_empty(len(x), size), x.new_empty(len(x), size)
        state, cell, begin = x.new_zeros(1, size), x.new_zeros(1, size), 0
        for parent in parents:
            here = slice(begin, begin + len(parent))
            gates[here].addmm_(state.index_select(0, parent), u.t())
            gates[here, : 2 * size].sigmoid_()
            gates[here, 2 * size : 3 * size].tanh_()
            gates[here, 3 * size :].sigmoid_()
            i, f, g, o = gates[here].chunk(4, 1)
            cell = torch.mul(i, g, out=cells[here]).addcmul_(f, cell.index_select(0, parent))
            state = torch.tanh(cell, out=states[here]).mul_(o)
            begin = here.stop
        ctx.save_for_backward(x, w, u, gates, states, cells, *parents)
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_states: Tensor) -> tuple[Tensor | None, ...]:
        x, w, u, gates, states, cells, *parents = ctx.saved_tensors
        size = u.shape[1]
        d_gates, d_u = torch.empty_like(gates), torch.zeros_like(u)
        end = len(x)
        d_state_later: Tensor | float = 0.0  # what the next step sends back to this one's hidden states and cells
        d_cell_later: Tensor | float = 0.0
        for parent, above in zip(reversed(parents), [*reversed(parents[:-1]), None], strict=True):
            here = slice(end - len(parent), end)
            end = here.start
            if above is None:
                states_above = cells_above = x.new_zeros(1, size)
            else:
                states_above, cells_above = states[end - len(above) : end], cells[end - len(above) : end]
            i, f, g, o = gates[here].chunk(4, 1)
            squashed = cells[here].tanh()
            d_state = d_states[here] + d_state_later
            d_cell = d_state * o * (1 - squashed * squashed) + d_cell_later
            d_i, d_f, d_g, d_o = d_gates[here].chunk(4, 1)
            torch.mul(d_cell * g, i * (1 - i), out=d_i)
            torch.mul(d_cell * cells_above.index_select(0, parent), f * (1 - f), out=d_f)
            torch.mul(d_cell * i, 1 - g * g, out=d_g)
            torch.mul(d_state * squashed, o * (1 - o), out=d_o)
            d_u.addmm_(d_gates[here].t(), states_above.index_select(0, parent))
            d_state_later = torch.zeros_like(states_above).index_add_(0, parent, d_gates[here] @ u)
            d_cell_later = torch.zeros_like(cells_above).index_add_(0, parent, d_cell * f)
        d_bias = d_gates.sum(0)
        return d_gates @ w, d_gates.t() @ x, d_u, d_bias, d_bias, *(None for _ in parents)


class LSTMEncoder(RecurrentEncoder):
    """Embedding and LSTM. Its state carries the hidden states and the cells."""

    layer = nn.LSTM
    tree_layer = _TreeLSTM
    fused = torch.backends.mkldnn.is_available() and torch.backends.cpu.get_cpu_capability() == "AVX512"

    @staticmethod
    def cell(x: Tensor, carried: tuple[Tensor, ...], weights: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return torch.lstm_cell(x, carried, *weights)


ENCODER = LSTMEncoder
