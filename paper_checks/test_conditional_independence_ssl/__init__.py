"""Lee, Lei, Saunshi & Zhuo 2021, "Predicting what you already know helps" (arXiv 2008.01064).

Every statement is derived here: of the paper only the abstract was read, and of its theorems two
reading notes.
"""
