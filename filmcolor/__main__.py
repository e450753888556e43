"""`python -m filmcolor` is the command `filmcolor`."""

import sys

from filmcolor.cli import main

if __name__ == "__main__":
    sys.exit(main())
