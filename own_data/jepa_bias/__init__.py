"""What would JEPA or MAE learn first from a user's two views, and would it stay learned?

`learning_order` answers for covariances, `learning_order_of_views` for two paired data matrices,
with intervals. The features that the answer speaks of are those of `shared_features`.
"""

from own_data.jepa_bias.features import SharedFeatures, shared_features
from own_data.jepa_bias.order import learning_order
from own_data.jepa_bias.result import LearningOrder
from own_data.jepa_bias.views import ViewsLearningOrder, learning_order_of_views
