"""Cases of the parametrisations of covariances, and of coordinates: there and back, and by NumPy's matrices."""

KINDS = {}
