"""What is computed at every pixel of frames: kernels over [start, stop) frames, each frame by itself."""
