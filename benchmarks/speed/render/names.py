"""What can be measured of the renderer, by name."""

from benchmarks.speed.render.alone import MEASUREMENTS
from benchmarks.speed.render.comparisons import COMPARISONS

ANATOMY = "anatomy"
MEASURED = (*(comparison.name for comparison in COMPARISONS), *MEASUREMENTS, ANATOMY)
SECONDS = 5.0  # for a line of the table
