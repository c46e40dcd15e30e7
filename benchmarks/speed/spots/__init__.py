"""How fast spots are found, and in how much memory."""
