"""Pictures for matplotlib: Gaussians as ellipses, images beside their reconstructions, and learning curves.

Each function takes axes, draws on them, and gives them back. Matplotlib comes with the extra `app`.
"""

from gaussgrad.plot.curves import learning_curve
from gaussgrad.plot.outlines import compare, ellipses, overlay

__all__ = ["compare", "ellipses", "learning_curve", "overlay"]
