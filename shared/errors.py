"""The errors that a user can cause or must act on; anything else is a bug and ends its process."""


class MienError(Exception):
    """Base of all errors meant for a person: one sentence that names the thing and the remedy.

    The command line prints the text alone, without a traceback, and exits with `exit_code`.
    """

    exit_code = 2


class ConfigError(MienError):
    """A setting is unknown, malformed or out of range."""


class SourceError(MienError):
    """A camera, video or picture can't be opened or read."""


class ArtefactError(MienError):
    """A model folder lacks a file, or its card and its files disagree."""


class DataError(MienError):
    """A training or evaluation data set can't be used as it is."""


class DecodeError(MienError):
    """A message from the wire is not what its kind promises."""


class StoreError(MienError):
    """Redis can't be reached or refused a command."""


class StoreLoadingError(StoreError):
    """Redis is there, but still reads its data."""


class StackError(MienError):
    """The running stack is not there, or can't do what was asked."""
