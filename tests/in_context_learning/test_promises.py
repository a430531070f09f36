"""Every public function of in-context learning keeps its promises."""

import numpy as np

import theory.in_context_learning as predicted
from theory_on_trial.audits.promises import Case, promises

(
    test_every_function_is_guarded,
    test_anything_else_gets_one_sentence,
    test_what_is_admissible_is_answered,
    test_what_is_extreme_is_answered_or_refused,
) = promises([predicted], {})
