"""`python -m connectors.sandbox`: the same as `pql sandbox`, for a test that wants a process of its own."""

import argparse
import signal
from pathlib import Path

from connectors.sandbox.serve import run


def main() -> None:
    """Read the three options and serve until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="connectors.sandbox", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder that keeps the state; without it everything is forgotten")
    parser.add_argument("--hubspot-port", type=int, default=0)
    parser.add_argument("--salesforce-port", type=int, default=0)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    run(options.data, options.hubspot_port, options.salesforce_port)


if __name__ == "__main__":
    main()
