"""The feature that a penalty on the unchosen weights brings in next, the penalties for which it
stays alone, and the order that softmax attention finds.

Yasuda, Bateni, Chen, Fahrbach, Fu & Mirrokni 2023, "Sequential Attention for Feature Selection",
ICLR 2023, arXiv 2209.14881. Its abstract and its released code were read; the formulas were derived
for this collection, or are classical, as each says.
"""

from theory.sequential_attention.coherence import (
    certified_size,
    coherence,
    outside_ratio,
    recovery_coherence,
)
from theory.sequential_attention.greedy import (
    Leftover,
    entry_levels,
    forward_order,
    leftover,
    omp_order,
    second_entry_level,
)
from theory.sequential_attention.plane import (
    differing_share,
    mean_differing_share,
    mean_rising_share,
    rising_share,
)
from theory.sequential_attention.softmax import early_logits, features_chosen, pick_steps
