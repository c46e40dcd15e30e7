"""The renderer beside its peers, alone, and beside what the machine could do at most."""
