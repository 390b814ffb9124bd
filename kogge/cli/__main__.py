"""`python -m kogge.cli`: how one command starts another of the same installation."""

from kogge.cli import main

main()
