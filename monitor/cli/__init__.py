"""One command, `lpbf-monitor`. Owns arguments, progress and exit codes; every verb calls a room and prints."""
