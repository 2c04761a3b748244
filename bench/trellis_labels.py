"""Two labels of the levels of a four-state trellis, each with an entropy coder of one or two tables.

`python3 bench/trellis_labels.py` (needs numpy, five minutes) prints bits per weight, and bits above the
Gaussian rate-distortion function at the same squared error, for sources without memory. `plain` is the grid
of ecq: integer k and branch bit q mean the level 2k + q. `mirrored` has the levels 2k - 1/2 with q = 0 and
their negatives with q = 1, so that k has the same distribution for both (Marcellin, IEEE Trans. Inf. Theory
40, 1994). The transitions are those of ecq. Costs are squared error plus `LAMBDAS` times the bits of k, which
come from the counts of the pass before.
"""

import numpy as np

ROWS, COLUMNS, PASSES = 384, 512, 6
NEXT = np.array([[0, 2], [2, 0], [1, 3], [3, 1]])  # [state][parity of k]; q is the upper bit of a state
INTEGERS = np.arange(-24, 25)
STEPS = [1.2, 0.9, 0.68, 0.5]
LAMBDAS = [0.2, 0.35, 0.5]


def levels(form):
    """Returns the levels of all integers, [q][integer]."""
    even = 2.0 * INTEGERS
    return np.stack([even, even + 1]) if form == "plain" else np.stack([even - 0.5, 0.5 - even])


def search(x, values, costs):
    """Returns the integers and branch bits of the cheapest path of each row."""
    rows, columns = x.shape
    every = np.arange(rows)
    total = np.full((rows, 4), 1e18)
    total[:, 0] = 0
    before = np.zeros((columns, rows, 4), np.int8)
    chosen = np.zeros((columns, rows, 4), np.int8)
    for j in range(columns):
        new = np.full((rows, 4), 1e18)
        for q in range(2):
            cost = (x[:, j, None] - values[q]) ** 2 + costs[q]
            for parity in range(2):
                of_parity = np.where((INTEGERS & 1) == parity)[0]
                best = of_parity[cost[:, of_parity].argmin(1)]
                for state in (2 * q, 2 * q + 1):
                    to = NEXT[state, parity]
                    sums = total[:, state] + cost[every, best]
                    better = sums < new[:, to]
                    new[better, to] = sums[better]
                    before[j, better, to], chosen[j, better, to] = state, best[better]
        total = new
    state = total.argmin(1)
    integers, branches = np.zeros((rows, columns), int), np.zeros((rows, columns), int)
    for j in reversed(range(columns)):
        integers[:, j] = chosen[j, every, state]
        state = before[j, every, state]
        branches[:, j] = state >> 1
    return integers, branches


def measure(x, form, tables, step, rate):
    """Returns bits per weight, and bits above the rate-distortion function at the same error."""
    values, bits = levels(form), np.tile(np.abs(INTEGERS) + 1.0, (2, 1))
    for _ in range(PASSES):
        integers, branches = search(x / step, values, rate * bits)
        counts = np.stack([np.bincount(integers[branches == q], minlength=len(INTEGERS)) for q in range(2)])
        if tables == 1:
            counts = np.tile(counts.sum(0), (2, 1))
        bits = -np.log2((counts + 0.02) / (counts + 0.02).sum(1, keepdims=True))
    spent = bits[branches, integers].mean()
    error = ((x - step * values[branches, integers]) ** 2).mean()
    return spent, spent - 0.5 * np.log2(1 / error)


def main():
    random = np.random.default_rng(0)
    normal = random.standard_normal((ROWS, COLUMNS))
    spread = np.exp(0.6 * random.standard_normal((ROWS, 1)) + 0.4 * random.standard_normal((1, COLUMNS)))
    sources = {
        "normal": normal,
        "Laplace": random.laplace(size=(ROWS, COLUMNS)) / np.sqrt(2),
        "normal, rows and columns of several scales": normal * spread,
    }
    for name, x in sources.items():
        for form, tables in (("plain", 2), ("plain", 1), ("mirrored", 1)):
            of_step = [min((measure(x, form, tables, step, rate) for rate in LAMBDAS), key=lambda m: m[1])
                       for step in STEPS]
            found = " | ".join(f"{bits:.2f}: {above:.3f}" for bits, above in of_step)
            print(f"| {name} | {form}, {tables} | {found} |", flush=True)


if __name__ == "__main__":
    main()
