"""The command line ``rangebar-polars``: a thin shell over the functions of the package."""
