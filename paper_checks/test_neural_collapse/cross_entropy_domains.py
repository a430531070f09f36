"""Numbers of classes and samples that claims on the cross-entropy admit."""

from typing import Annotated

from theory_on_trial.contract import Interval

Classes = Annotated[int, Interval(2, 16)]
PerClass = Annotated[int, Interval(1, 1000, why="each point is a column of a dense matrix")]
