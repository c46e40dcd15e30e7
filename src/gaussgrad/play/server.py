"""A server of the page for this machine alone: it answers GET for the files of the page and for one of the user."""

import contextlib
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from gaussgrad import checks

HOST = "127.0.0.1"
PAGE = Path(__file__).parent / "static" / "play"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
IMAGES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".bmp": "image/bmp",
    ".gauss": "application/octet-stream",
}
"""What a browser opens, and what the page does."""
GIVEN = "given"  # the address of the user's file


def start(image: Path | None = None, port: int = 0) -> ThreadingHTTPServer:
    """A server that has its port and serves when told to; any free port for 0.

    Raises
    ------
    ValueError
        For an image that a browser cannot read.
    OSError
        For an image that is not there, or a port that is taken.
    """
    known = page_files() | ({} if image is None else {f"/{GIVEN}": (image, type_of(image))})
    try:
        return ThreadingHTTPServer((HOST, port), partial(Answers, known))
    except OSError as error:
        raise OSError(error.errno, f"{error.strerror}; take another --port, or none", f"port {port}") from error


def address(server: ThreadingHTTPServer, image: Path | None = None) -> str:
    """Where the page is, with the name of the file that it opens."""
    opened = "" if image is None else f"?open={quote(image.name, safe='')}"
    return f"http://{HOST}:{server.server_port}/{opened}"


def page_files() -> dict[str, tuple[Path, str]]:
    """Path in an address -> file and type, of everything that the page has."""
    files = [path for path in sorted(PAGE.rglob("*")) if path.suffix in TYPES]
    known = {f"/{path.relative_to(PAGE).as_posix()}": (path, TYPES[path.suffix]) for path in files}
    return {"/": known["/index.html"], **known}


def type_of(image: Path) -> str:
    """The type of an image, which is there."""
    kind = IMAGES.get(image.suffix.lower())
    if kind is None:
        wanted = f"a file that a browser opens: {', '.join(IMAGES)}"
        raise ValueError(checks.complain("IMAGE", wanted, str(image), "Save it as .png."))
    with image.open("rb"):  # the system's own words for what is missing or a folder
        return kind


class Answers(BaseHTTPRequestHandler):
    """Answers GET for what is known, to who asks for this machine by its own name; refuses all else."""

    protocol_version = "HTTP/1.1"

    def __init__(self, known: dict[str, tuple[Path, str]], *arguments: Any) -> None:
        self.known = known
        super().__init__(*arguments)

    def handle(self) -> None:
        # A browser that is closed or loads the page anew hangs up: nobody is left to be told.
        with contextlib.suppress(ConnectionError):
            super().handle()

    def do_GET(self) -> None:
        # A page of the network whose name leads here shall read nothing (DNS rebinding).
        host = self.headers.get("Host", "").rpartition(":")[0]
        found = self.known.get(urlsplit(self.path).path)
        if host not in (HOST, "localhost"):
            self.send_error(HTTPStatus.FORBIDDEN)
        elif found is None:
            self.send_error(HTTPStatus.NOT_FOUND)
        else:
            self.answer(*found)

    def answer(self, path: Path, kind: str) -> None:
        try:
            content = path.read_bytes()
        except OSError:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Say nothing: the terminal is for the address."""
