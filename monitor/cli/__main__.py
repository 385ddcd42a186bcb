"""`python -m monitor.cli`: the same command, for the supervisor."""

from monitor.cli.main import main

main()
