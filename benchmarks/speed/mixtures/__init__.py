"""Mixture densities beside the forms that people write: their digits and their speed."""
