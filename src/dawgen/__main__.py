"""`python -m dawgen`: the same as the command `dawgen`."""

from dawgen.cli import main

if __name__ == "__main__":
    main()
