"""Figures that anyone can measure again: real suites, real peers, ratios from one and the same run.

Rules: a figure is a ratio to a peer measured in the same run, alternating, median of several rounds; a lost
row is printed like a won one; nothing here is imported by the product.
"""
