"""How large the constructed transformers are: layers, register rows and width of the hidden state.

Theorems 1 and 2 of Akyurek et al. 2023 (arXiv 2211.15661) state constant depth with O(d) and O(d^2)
rows. The exact numbers, and the stacks over n examples that the paper sketches, are derived here
for one primitive per layer. The width adds to the registers a scratch as large as the widest value
that one attention reads, two LayerNorm pads, one position unit per token and a constant row.
`ValueError` if a size is below one.
"""

from typing import NamedTuple

from theory_on_trial.contract import Count, guarded

_PADS_AND_CONSTANT = 3


class ConstructionSize(NamedTuple):
    """Size of a constructed transformer: `layers`, `register_rows`, and `hidden_width`, the rows of
    the whole state.
    """

    layers: int
    register_rows: int
    hidden_width: int


@guarded
def theorem_one_counts(d: Count) -> ConstructionSize:
    """One SGD step on the ridge loss: 9 layers and 3 + 4d registers, three tokens. Source: Theorem
    1.
    """
    return _size(9, _gradient_rows(d), scratch=d, tokens=3)


@guarded
def theorem_two_counts(d: Count) -> ConstructionSize:
    """One Sherman-Morrison update: 14 layers and 3 + 5d + 3d^2 registers, three tokens. Source:
    Theorem 2.
    """
    return _size(14, _inverse_rows(d), scratch=d**2, tokens=3)


@guarded
def sgd_stack_counts(d: Count, n: Count) -> ConstructionSize:
    """One pass of SGD over n examples from w = 0: 8n layers in the registers of Theorem 1, 2n + 1
    tokens.

    Seven layers for the first example, eight for each later one (its weights are moved in), one for
    the answer.
    """
    return _size(8 * n, _gradient_rows(d), scratch=d, tokens=2 * n + 1)


@guarded
def ridge_stack_counts(d: Count, n: Count) -> ConstructionSize:
    """Recursive ridge in Theorem 2's registers: 11n + 3 layers, 2n + 1 tokens; inverse, X^T Y and x
    travel together.
    """
    payload = d**2 + d
    return _size(
        11 * n + 3, _inverse_rows(d), scratch=payload if n == 1 else payload + d, tokens=2 * n + 1
    )


def _gradient_rows(d: int) -> int:
    """The numbers y, w^T x and w^T x - y; the vectors x, x (w^T x - y), w and the gradient (later
    the answer).
    """
    return 3 + 4 * d


def _inverse_rows(d: int) -> int:
    """The numbers y, 1 + v^T A^-1 u and the answer, x and the four vectors and three matrices that
    are computed.
    """
    return 3 + 5 * d + 3 * d**2


def _size(layers: int, register_rows: int, *, scratch: int, tokens: int) -> ConstructionSize:
    return ConstructionSize(
        layers, register_rows, register_rows + scratch + tokens + _PADS_AND_CONSTANT
    )
