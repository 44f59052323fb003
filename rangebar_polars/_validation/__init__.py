"""Checks of bars: each gives a report of what was checked, and which rows offend."""
