"""The sentences that a degenerate head or run gets, before anything is compiled."""

from jaxtyping import ScalarLike

from sims.domain import require_count, require_in_range


def require_depth(depth: int, widths: tuple[int, ...]) -> None:
    """Raise `ValueError` unless there is one width per layer."""
    if len(widths) != depth:
        raise ValueError(f"widths must be {depth} numbers, one per weight decay, got {len(widths)}")


def require_start(
    widths: tuple[int, ...], n_classes: int, n_columns: int, *, weight_std: ScalarLike, feature_std: ScalarLike
) -> None:
    """Raise `ValueError` for a size below 1, no layer, or a standard deviation that is negative or not finite."""
    require_count("the number of layers", len(widths), 1, "widths lists the inputs of each layer")
    for width in widths:
        require_count("a width", width, 1, "a layer without inputs passes nothing on")
    require_count("n_classes", n_classes, 1, "nothing to tell apart otherwise")
    require_count("n_columns", n_columns, 1, "one column of features per sample or class")
    require_in_range("weight_std", weight_std, 0, float("inf"), includes_high=False)
    require_in_range("feature_std", feature_std, 0, float("inf"), includes_high=False)


def require_records(steps: int, every: int) -> None:
    """Raise `ValueError` unless `steps` is a positive multiple of a positive `every`."""
    require_count("every", every, 1, "steps between two records")
    if steps < 1 or steps % every:
        raise ValueError(f"steps must be a positive multiple of every = {every}, got {steps}")
