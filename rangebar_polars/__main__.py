"""``python -m rangebar_polars``: the command line."""

from rangebar_polars._cli import main

if __name__ == "__main__":
    main()
