"""Which textbook algorithm does a user's in-context learner resemble, and does it still where the
inputs are larger?

`which_algorithm` asks any predictor, a transformer or a function of the user's, and compares its
answers with those of least squares, ridge regression, gradient descent and nearest neighbours.
"""

from own_data.in_context_learning.comparison import Match, Resemblance, which_algorithm
