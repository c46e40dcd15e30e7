"""How any operation becomes a differentiable function of a framework: one module each, for all operations."""
