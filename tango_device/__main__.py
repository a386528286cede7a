"""`python -m tango_device INSTANCE`."""

import sys

from tango_device.server import main

sys.exit(main())
