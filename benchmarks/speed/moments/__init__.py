"""Moments of heatmaps beside the forms that people write."""
