"""Solve the chroma tables that come with the package, and write them there.

    python scripts/make_chroma_tables.py

Needed after a change of the solver, of the tables' nodes, or of which tables are shipped.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from filmcolor.color.chroma_table import SHIPPED, packed, solve_nodes, table_name

TABLES = Path(__file__).parents[1] / "filmcolor" / "color" / "chroma_tables.npz"


def main() -> None:
    """Write the file, and say how large it is."""
    tables = {table_name(*tags): packed(solve_nodes(*tags).numpy()) for tags in SHIPPED}
    np.savez_compressed(TABLES, **tables)
    print(f"{TABLES.name}: {len(tables)} tables, {TABLES.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
