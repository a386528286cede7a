"""`python -m receivers.cli`, the same as `xspress3-receiver`."""

import sys

from receivers.cli import main

sys.exit(main())
