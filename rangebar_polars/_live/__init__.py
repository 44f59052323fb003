"""Bars of a live feed, kept in files that survive a kill at any moment."""
