"""The contract of a function: the annotation of each argument declares its domain, once.

People read it there; `guarded` refuses arguments outside it with one sentence; the
fuzzing tests and Hypothesis draw from it (`promises`, of the tests). A domain is a marker
beside the type:

    Points = Annotated[int, Interval(2, why="one point has no variance")]
    Spectrum = Annotated[Float[np.ndarray, " components"], POSITIVE]

    @guarded
    def rate(n_points: Points, kappa: Positive, spectrum: Spectrum) -> float: ...

Without a marker a number is finite, an array is finite and not empty, and an integer has 64 bits.
Shapes are those of jaxtyping: axes of one name must have one length, and those of a name with #
(`"*#batch"`) broadcast. What two arguments owe to each other is one line in the body,
`require(dim >= n_classes, ...)`. Traced values pass: their numbers are not known. Options that are
handed on, `**options: Unpack[Options]`, have their domains in the fields of that `TypedDict`;
`*values: Positive` is the domain of each value.
"""

from theory_on_trial.contract.arguments import Alternative as Alternative
from theory_on_trial.contract.arguments import Argument as Argument
from theory_on_trial.contract.domains import ANY_NUMBER as ANY_NUMBER
from theory_on_trial.contract.domains import COVARIANCE as COVARIANCE
from theory_on_trial.contract.domains import DEFINITE as DEFINITE
from theory_on_trial.contract.domains import FLOAT_TYPE as FLOAT_TYPE
from theory_on_trial.contract.domains import FRACTION as FRACTION
from theory_on_trial.contract.domains import LARGEST as LARGEST
from theory_on_trial.contract.domains import LONGEST as LONGEST
from theory_on_trial.contract.domains import MAY_BE_EMPTY as MAY_BE_EMPTY
from theory_on_trial.contract.domains import MAY_BE_INFINITE as MAY_BE_INFINITE
from theory_on_trial.contract.domains import MOST as MOST
from theory_on_trial.contract.domains import NON_NEGATIVE as NON_NEGATIVE
from theory_on_trial.contract.domains import ORTHONORMAL as ORTHONORMAL
from theory_on_trial.contract.domains import POSITIVE as POSITIVE
from theory_on_trial.contract.domains import PROBABILITIES as PROBABILITIES
from theory_on_trial.contract.domains import RISING as RISING
from theory_on_trial.contract.domains import SMALLEST as SMALLEST
from theory_on_trial.contract.domains import SYMMETRIC as SYMMETRIC
from theory_on_trial.contract.domains import UNIT_INTERVAL as UNIT_INTERVAL
from theory_on_trial.contract.domains import USABLE_SCALE as USABLE_SCALE
from theory_on_trial.contract.domains import Count as Count
from theory_on_trial.contract.domains import Fraction as Fraction
from theory_on_trial.contract.domains import Holds as Holds
from theory_on_trial.contract.domains import Interval as Interval
from theory_on_trial.contract.domains import Is as Is
from theory_on_trial.contract.domains import Marker as Marker
from theory_on_trial.contract.domains import Natural as Natural
from theory_on_trial.contract.domains import NonNegative as NonNegative
from theory_on_trial.contract.domains import Positive as Positive
from theory_on_trial.contract.domains import Size as Size
from theory_on_trial.contract.domains import UnitInterval as UnitInterval
from theory_on_trial.contract.domains import norm as norm
from theory_on_trial.contract.domains import spectrum as spectrum
from theory_on_trial.contract.guard import contract_of as contract_of
from theory_on_trial.contract.guard import guarded as guarded
from theory_on_trial.contract.joint import is_traced as is_traced
from theory_on_trial.contract.joint import require as require
from theory_on_trial.contract.joint import require_room as require_room
