"""The log of the package, which prints nothing until a program asks for it.

``logging.basicConfig(level=logging.INFO)`` shows a line for each day that is fetched and for each
chain whose bars are computed, and a warning for each symbol of `populate` whose process was killed.
"""

import logging
from typing import Final

LOG: Final = logging.getLogger("rangebar_polars")
LOG.addHandler(logging.NullHandler())
