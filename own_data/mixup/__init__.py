"""How many samples do plain training, Mixup and linear discriminant analysis need to find the best
direction?

`samples_needed` answers for known classes, `samples_needed_on` for the classes estimated from a
user's data, and `AngleCurves` are the predictions behind both.
"""

from own_data.mixup.calculator import SampleSizes, samples_needed
from own_data.mixup.curves import AngleCurves
from own_data.mixup.from_data import SampleEstimates, samples_needed_on
