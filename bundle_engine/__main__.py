"""``python -m bundle_engine``."""

import sys

from bundle_engine.cli import main

if __name__ == "__main__":
    sys.exit(main())
