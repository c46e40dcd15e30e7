"""The server of the page: what it gives, to whom, and what it refuses."""

import http.client
import signal
import socket
import struct
import subprocess
import sys
import threading

import pytest

from gaussgrad.play import server


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    """A function from method, path and host to status, type and content."""
    image = tmp_path_factory.mktemp("image") / "a.png"
    image.write_bytes(b"\x89PNG")
    with server.start(image) as serving:
        thread = threading.Thread(target=serving.serve_forever)
        thread.start()

        def request(path, method="GET", host=server.HOST):
            connection = http.client.HTTPConnection(server.HOST, serving.server_port, timeout=10)
            connection.request(method, path, headers={"Host": f"{host}:{serving.server_port}"})
            answer = connection.getresponse()
            content = answer.read()
            connection.close()
            return answer.status, answer.getheader("Content-Type"), content

        yield request
        serving.shutdown()
        thread.join()


def test_every_file_of_the_page_comes_with_its_type(ask):
    assert ask("/")[:2] == ask("/index.html")[:2] == (200, "text/html; charset=utf-8")
    for path, (file, kind) in server.page_files().items():
        assert ask(path) == (200, kind, file.read_bytes())
    assert ask("/gaussians/render.js")[1] == "text/javascript; charset=utf-8"
    assert ask("/given?x=1") == (200, "image/png", b"\x89PNG")


@pytest.mark.parametrize("path", ["/../server.py", "/%2e%2e/server.py", "//etc/passwd", "/package.json", "/none"])
def test_no_other_file_is_given(ask, path):
    assert ask(path)[0] == 404


def test_other_methods_and_other_names_of_this_machine_are_refused(ask):
    assert ask("/", method="POST")[0] == 501
    assert ask("/", host="example.org")[0] == 403


def test_a_browser_that_hangs_up_is_no_error(tmp_path, capsys):
    (tmp_path / "large.png").write_bytes(bytes(2**25))
    with server.start(tmp_path / "large.png") as serving:
        thread = threading.Thread(target=serving.serve_forever)
        thread.start()
        with socket.create_connection((server.HOST, serving.server_port)) as browser:
            browser.sendall(f"GET /given HTTP/1.1\r\nHost: {server.HOST}:{serving.server_port}\r\n\r\n".encode())
            assert browser.recv(8) == b"HTTP/1.1"
            browser.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # no goodbye
        serving.shutdown()
        thread.join()
    for answering in threading.enumerate():
        if "process_request_thread" in answering.name:
            answering.join(10)
    assert capsys.readouterr().err == ""


def test_the_page_is_small_and_fetches_nothing():
    files = [path for path, _ in server.page_files().values()]
    assert sum(path.stat().st_size for path in {*files}) <= 300_000
    addresses = [path.name for path in files if path.suffix != ".svg" and "http" in path.read_text(encoding="utf-8")]
    assert [name for name in addresses if name not in ("svg.js", "index.html")] == []


def test_an_image_that_no_browser_reads_a_missing_one_and_a_taken_port_are_told_in_one_line(call, tmp_path):
    (tmp_path / "a.tif").touch()
    assert "a file that a browser opens" in call("play", tmp_path / "a.tif", "--no-browser")[2]
    assert "No such file" in call("play", tmp_path / "none.png", "--no-browser")[2]
    with server.start() as taken:
        code, _, err = call("play", "--no-browser", "--port", taken.server_port)
    assert code == 2
    assert f"port {taken.server_port}: " in err
    assert "take another --port" in err


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_ctrl_c_ends_the_page_politely(tmp_path):
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # ignored behind `&`
        "from gaussgrad.cli import main; main(['play', '--no-browser'])"
    )
    command = [sys.executable, "-u", "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline().startswith("The page is at http://127.0.0.1:")
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, out, err) == (0, "\nThe page is closed.\n", "")
