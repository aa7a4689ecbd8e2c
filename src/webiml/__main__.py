"""`python -m webiml` is the command `webiml`."""

from webiml.cli.main import main

if __name__ == "__main__":
    main()
