"""`python -m gaussgrad` is the command `gaussgrad`."""

from gaussgrad.cli import main

if __name__ == "__main__":
    main()
