"""Finds processes by their environment, which descendants keep however they detach themselves."""

import psutil


def processes_with(variable: str, start: str) -> list[psutil.Process]:
    """The live processes in which a variable's value starts so."""
    return [each for each in psutil.process_iter() if _value(each, variable).startswith(start)]


def _value(process: psutil.Process, variable: str) -> str:
    try:
        return "" if process.status() == psutil.STATUS_ZOMBIE else process.environ().get(variable, "")
    except psutil.Error:
        return ""
