"""What `thrift --gen py` makes of the IDL files in protocol/."""

import atexit
import functools
import importlib
import os
import shutil
import subprocess
import sys
import tempfile

PROTOCOL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../protocol")


@functools.lru_cache(maxsize=None)
def _folder():
    """Where all of it is, until this program ends."""
    folder = tempfile.mkdtemp(prefix="presenter-thrift-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    sys.path.insert(0, folder)
    return folder


@functools.lru_cache(maxsize=None)
def generated(idl, *modules):
    """The modules of that IDL: generated("chat.thrift", "presenter_chat.ttypes")."""
    subprocess.run(["thrift", "--gen", "py", "-out", _folder(), os.path.join(PROTOCOL, idl)],
                   check=True, stdin=subprocess.DEVNULL)
    importlib.invalidate_caches()
    return tuple(importlib.import_module(module) for module in modules)
