"""Endurance: everything that is promised, tried at random for as long as one likes."""
