"""How good: the autoencoder's reconstructions, refinement of them, blobs found from random places."""
