"""The compose modes as the kernels know them."""

SUM, MAX, UNION = 0, 1, 2
MODES = {"sum": SUM, "max": MAX, "union": UNION}
