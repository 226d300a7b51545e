"""The Lua scripts of the Redis inbox, as shipped beside this file. Each says what it does, takes and returns at its top."""

from importlib.resources import files


def script(name: str) -> str:
    """The source of one script, by its file's name without the ending."""
    return files("store.inbox").joinpath("lua", f"{name}.lua").read_text()
