"""The ten trades of the golden cases of statistics, footprints and what came before a bar."""

from typing import Final

from support.trades import trades

TEN: Final = trades(
    [100, 100.5, 100.2, 101, 101.1, 100.8, 100.9, 100.6, 100, 100.3],
    [0, 1000, 1500, 3000, 3000, 4000, 4500, 6000, 8000, 9000],
    quantity=[1, 2, 1, 3, 1, 2, 1, 4, 2, 1],
    sold=[False, False, True, False, False, True, False, True, True, False],
    counted=[
        *((1, 1), (2, 3), (4, 4), (5, 9), (10, 10)),
        *((11, 12), (13, 13), (14, 20), (21, 21), (22, 22)),
    ],
)
