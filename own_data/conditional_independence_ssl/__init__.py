"""Is it worth predicting one view of your data from the other before you pay for labels?

`labels_saved` answers from unlabelled pairs and some labels. It says which risk each number of
labels would give on the raw input and on the features of the pretext, and from how many labels on
the raw input is as good.
"""

from own_data.conditional_independence_ssl.result import LabelsSaved, Risks
from own_data.conditional_independence_ssl.saved import labels_saved
