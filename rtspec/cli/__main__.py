"""``python -m rtspec.cli`` is ``rtspec``."""

import sys

from . import main

sys.exit(main())
