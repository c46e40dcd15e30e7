"""Exit codes other than 0."""

USER_ERROR = 2
INTERRUPTED = 130  # what shells expect after Ctrl-C
