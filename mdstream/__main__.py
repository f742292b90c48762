"""`python -m mdstream` is the command `mdstream`."""

from mdstream.cli import main

if __name__ == "__main__":
    main()
