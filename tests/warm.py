"""A Python that has the libraries loaded: `python -m pipeline` of the tests is a fork of it, and starts in no time.

The pipeline itself is loaded by each process, from where its PYTHONPATH says; only what others wrote is there
already. A test of the start-up, of kills or of signals takes the true interpreter instead.
"""

from __future__ import annotations

import atexit
import importlib
import marshal
import os
import runpy
import shlex
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LIBRARIES = "click importlib.metadata jinja2 jsonschema_rs orjson pluggy together together.resources yaml"
# It stands for the interpreter in a test: hands over its words, folder, environment and files, and takes the code.
CLIENT = """
import _socket, array, marshal, posix, sys
door = _socket.socket(_socket.AF_UNIX)
door.connect(sys.argv[1])
said = marshal.dumps((sys.argv[2:], posix.getcwd(), posix.environ))
files = _socket.SOL_SOCKET, _socket.SCM_RIGHTS, array.array("i", (0, 1, 2))
door.sendmsg([len(said).to_bytes(4, "big")], [files])
door.send(said)
posix._exit((door.recv(1) or b"\\x01")[0])
"""


@contextmanager
def warm(folder: Path) -> Iterator[str]:
    """Lines of a shell script that go on as `python "$@"`, until this ends."""
    door, client = folder / "door", folder / "client.py"
    client.write_text(CLIENT)
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with subprocess.Popen([sys.executable, __file__, door], env=env, stdout=subprocess.PIPE) as server:
        server.stdout.readline()
        cold = shlex.quote(sys.executable)
        yield f'[ "$1 $2" != "-m pipeline" ] || exec {cold} -I -S {client} {door} "$@"\nexec {cold} "$@"\n'
        server.terminate()


def serve(path: str) -> None:
    """Fork for each that calls; the children do the work, and nothing is waited for."""
    for name in LIBRARIES.split():
        importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(path)
        door.listen(64)
        print("ready", flush=True)
        while True:
            caller, _ = door.accept()
            if not os.fork():
                caller.send(bytes([_work(caller)]))
                os._exit(0)
            caller.close()


def _work(caller: socket.socket) -> int:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    size, files, _, _ = socket.recv_fds(caller, 4, 3)
    said = b""
    while len(said) < int.from_bytes(size, "big"):
        said += caller.recv(1 << 20)
    words, folder, environment = marshal.loads(said)
    for place, file in enumerate(files):
        os.dup2(file, place)
    os.chdir(folder)
    os.environb.clear()
    os.environb.update(environment)
    sys.path[0:1] = [*filter(None, os.environ.get("PYTHONPATH", "").split(":"))]
    sys.argv = words[1:]
    return _code()


def _code() -> int:
    """Run the pipeline; its exit code, as the interpreter would give it."""
    sys.stdout, sys.stderr = (os.fdopen(place, "w", 1, closefd=False) for place in (1, 2))
    try:
        runpy.run_module("pipeline", run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        traceback.print_exc()
        code = 1
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    return code


if __name__ == "__main__":
    serve(sys.argv[1])
