"""Charts of bars and of their cuts, by Altair."""
