"""`python -m crossline`."""

from crossline.cli import main

main(prog_name="crossline")
