"""Train an autoencoder that draws Gaussians, with Lightning: checkpoints, resuming, a log, and a report at the end."""
