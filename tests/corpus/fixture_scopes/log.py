import os
import pathlib

PATH = pathlib.Path(__file__).with_name("fixture-log.txt")


def write(*words):
    with PATH.open("a") as file:
        file.write(" ".join(words) + f" pid={os.getpid()}\n")
