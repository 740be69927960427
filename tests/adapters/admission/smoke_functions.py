"""What a model does when it is asked, in functions that it calls: each is stopped in its own way."""

import os
import socket

import numpy as np


def opens_a_socket(rows):
    socket.create_connection(("127.0.0.1", 9))
    return rows


def catches_what_stops_it(rows):
    try:
        os.system("/bin/true")  # noqa: S605
    except BaseException:
        return rows
    return rows


def starts_a_program(rows):
    import subprocess

    subprocess.run(["true"])
    return rows


def reads_secrets(rows):
    with open(os.path.expanduser("~root/.netrc")) as file:
        return rows + len(file.read())


def writes_a_file(rows):
    with open("evil", "w") as file:
        file.write("x")
    return rows


def reads_the_environment(rows):
    return rows * float("nan") if "MLMON_TEST_SECRET" in os.environ else rows


def takes_memory(rows):
    return rows + np.ones(1 << 31)[: len(rows), None]


def never_ends(rows):
    while True:
        pass


def dies(rows):
    import ctypes

    return ctypes.string_at(0)


def dies_natively(rows):
    os.abort()


def is_not_finite(rows):
    return rows * np.nan


def raises(rows):
    raise RuntimeError("no")
