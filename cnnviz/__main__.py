"""`python -m cnnviz`: the command line, which stands in `cnnviz.cli.main`."""

import sys

from cnnviz.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
