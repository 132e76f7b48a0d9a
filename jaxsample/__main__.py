"""`python -m jaxsample` is the command `jaxsample`."""

import sys

from jaxsample.cli.main import main

sys.exit(main())
