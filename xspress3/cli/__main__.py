"""`python -m xspress3.cli`, the same as `xspress3`."""

import sys

from xspress3.cli import main

sys.exit(main())
