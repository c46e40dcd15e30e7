"""What libraries that read files say of a damaged one, in one line."""


def first_line(error: Exception) -> str:
    """What went wrong, without the details that follow and without a full stop."""
    return (str(error).splitlines() or [type(error).__name__])[0].strip().rstrip(".")
