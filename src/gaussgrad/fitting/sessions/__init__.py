"""Photographs from their files to `.gauss` files: one by one, or whole folders over processes and clusters."""
