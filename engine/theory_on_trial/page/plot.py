"""A row of the ledger as a picture: prediction, measured interval and controls on one axis, drawn
as inline SVG.
"""

import math
from typing import Any

from markupsafe import Markup

from theory_on_trial.ledger import Row, brief, brief_interval

_WIDTH = 168
_HEIGHT = 24
_EDGE = 5.0
# how much more is shown than reaches from the prediction to the nearest control or the interval's
# end
_BEYOND = 1.25


def interval_plot(row: Row) -> Markup:
    """Return the first coordinate of a row as SVG; empty where it has no numbers (a growth law, a
    stopped claim).

    The prediction is a line with its margin as a band, what was measured a dot on its interval,
    each control a tick below (of a row with one decision, whose coordinates it lists); what lies
    beyond the axis is an arrow at its end.
    """
    predicted = _first(row.predicted)
    measured = _first(row.measured)
    low, high = (_first(end) for end in row.interval or (None, None))
    if predicted is None or measured is None or low is None or high is None:
        return Markup("")
    margin = _first(row.margin) or 0.0
    # Those of other decisions or coordinates than the one that the row shows belong on another
    # axis.
    alone = not row.parts and "coordinate [" not in row.note
    controls = [
        number
        for control in row.controls * alone
        if (number := _first(control["predicted"])) is not None
    ]
    away = sorted(abs(control - predicted) for control in controls if control != predicted)
    reach = max([abs(end - predicted) for end in (low, high, measured)] + [margin] + away[:1])
    reach = _BEYOND * (reach or abs(predicted) or 1.0)

    def at(value: float) -> float:
        return _EDGE + (_WIDTH - 2 * _EDGE) * (0.5 + 0.5 * (value - predicted) / reach)

    middle = at(predicted)
    band = (max(at(predicted - margin), 0.0), min(at(predicted + margin), float(_WIDTH)))
    shapes = [
        Markup('<rect class="margin" x="{:.1f}" y="2" width="{:.1f}" height="{}"/>').format(
            band[0], band[1] - band[0], _HEIGHT - 8
        ),
        Markup('<path class="prediction" d="M{0:.1f} 1V{1}"/>').format(middle, _HEIGHT - 5),
        Markup('<path class="interval" d="M{:.1f} 9H{:.1f}"/>').format(
            at(low), max(at(high), at(low) + 0.5)
        ),
        Markup('<circle class="measured" cx="{:.1f}" cy="9" r="3.2"/>').format(at(measured)),
    ]
    bottom = _HEIGHT - 1
    for control in controls:
        place = at(control)
        if place > _WIDTH:
            path = f"M{_WIDTH - 5} {bottom - 6}l4 3l-4 3"
        elif place < 0:
            path = f"M5 {bottom - 6}l-4 3l4 3"
        else:
            path = f"M{place:.1f} {bottom - 8}v8"
        shapes.append(Markup('<path class="control" d="{}"/>').format(path))
    text = (
        f"predicted {brief(predicted)}, measured {brief(measured)} in {brief_interval([low, high])}"
    )
    text += f", controls at {', '.join(map(brief, controls))}" * bool(controls)
    picture = Markup('<svg class="plot" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>')
    return picture.format(_WIDTH, _HEIGHT, text, Markup("").join(shapes))


def _first(value: Any) -> float | None:
    """Return a number, or the first of a (nested) list, as a finite float; None for anything
    else.
    """
    while isinstance(value, list) and value:
        value = value[0]
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
