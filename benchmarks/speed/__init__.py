"""How fast: rendering beside peers, mixtures beside other forms, this state of the code beside another."""
