"""Stratified draws. In terms of NumPy alone, for scripts that must run without hpsearch take this text over."""

import numpy as np


def draw(labels: np.ndarray, count: int, seed: int, keep_rest: bool = True) -> np.ndarray:
    """True for `count` labels, drawn in proportion to the classes: at least one of each, and one left over of each."""
    members = np.unique(labels, return_inverse=True)[1]
    sizes = np.bincount(members)
    most = sizes - 1 if keep_rest else sizes
    exact = count * sizes / sizes.sum()
    quotas = np.clip(np.floor(exact).astype(int), 1, most)
    while (missing := count - quotas.sum()) != 0:  # to the largest remainders
        step = 1 if missing > 0 else -1
        movable = quotas < most if step > 0 else quotas > 1
        quotas[np.argmax(np.where(movable, step * (exact - quotas), -np.inf))] += step
    order = np.random.default_rng(seed).permutation(len(labels))
    by_class = order[np.argsort(members[order], kind="stable")]
    rank = np.arange(len(labels)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    is_drawn = np.zeros(len(labels), bool)
    is_drawn[by_class[rank < np.repeat(quotas, sizes)]] = True
    return is_drawn
