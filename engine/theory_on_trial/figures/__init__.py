"""Figures: a decorator that registers a drawing function, the house style, and the command that redraws them."""
