"""How any operation becomes a differentiable function of a framework: one module per framework, one adapter for all ops."""
